package app

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// Records of an encrypted stream are not on the disk as they are, and come back also
// after a restart; without the key they do not, and the error says which is missing.
func TestKinesisEncryption(t *testing.T) {
	dir, name := t.TempDir(), aws.String("hits")
	put := func(t *testing.T, s *server, text, want string) {
		t.Helper()
		out, err := kinesisClient(s.url()).PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: name, PartitionKey: aws.String("k"), Data: []byte(text)})
		if err != nil || string(out.EncryptionType) != want {
			t.Fatalf("%+v, %v", out, err)
		}
	}
	get := func(t *testing.T, s *server) ([]string, error) {
		t.Helper()
		k := signedClient(s.url(), "a", "b", nil)
		it, err := k.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{StreamName: name, ShardId: aws.String("shardId-000000000000"), ShardIteratorType: types.ShardIteratorTypeTrimHorizon})
		if err != nil {
			t.Fatal(err)
		}
		out, err := k.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it.ShardIterator})
		if err != nil {
			return nil, err
		}
		var got []string
		for _, r := range out.Records {
			got = append(got, string(r.EncryptionType)+" "+string(r.Data))
		}
		return got, nil
	}
	want := "NONE open secret|KMS sealed secret|NONE open again"
	t.Run("live", func(t *testing.T) {
		s := serveHere(t, dir)
		k := kinesisClient(s.url())
		if _, err := k.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: name, ShardCount: aws.Int32(1)}); err != nil {
			t.Fatal(err)
		}
		put(t, s, "open secret", "NONE")
		if _, err := k.StartStreamEncryption(t.Context(), &kinesis.StartStreamEncryptionInput{StreamName: name, EncryptionType: types.EncryptionTypeKms, KeyId: aws.String("alias/aws/kinesis")}); err != nil {
			t.Fatal(err)
		}
		put(t, s, "sealed secret", "KMS")
		if _, err := k.StopStreamEncryption(t.Context(), &kinesis.StopStreamEncryptionInput{StreamName: name, EncryptionType: types.EncryptionTypeKms, KeyId: aws.String("alias/aws/kinesis")}); err != nil {
			t.Fatal(err)
		}
		put(t, s, "open again", "NONE")
		if got, err := get(t, s); err != nil || strings.Join(got, "|") != want {
			t.Errorf("%q, %v", got, err)
		}
	})
	if n := countIn(t, dir, "open secret"); n == 0 {
		t.Error("what is not encrypted is not on the disk, so this test looks in the wrong place")
	}
	if n := countIn(t, dir, "sealed secret"); n > 0 {
		t.Errorf("the secret is on the disk %d times", n)
	}
	t.Run("again", func(t *testing.T) {
		if got, err := get(t, serveHere(t, dir)); err != nil || strings.Join(got, "|") != want {
			t.Errorf("after a restart: %q, %v", got, err)
		}
	})
	path := filepath.Join(dir, encryptionFileName)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the keys: %v, %v", info, err)
	}
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	t.Run("without the key", func(t *testing.T) {
		s, log := serveWith(t, func(cfg *serverConfig) { cfg.Dir, cfg.Kinesis.Open = dir, true })
		if got, err := get(t, s); codeOf(err) != "KMSNotFoundException" {
			t.Errorf("%q, %v", got, err)
		}
		_, body := post(t, s.url()+"/v1/sql", "text/plain", "SELECT data FROM hits WITH (start = 'earliest')", nil)
		if text := string(body); !strings.Contains(text, "E3001") || !strings.Contains(text, "is not in "+path) || !strings.Contains(text, "put the file of encryption keys back") {
			t.Errorf("SQL is told: %s", text)
		}
		if text := log.String(); !strings.Contains(text, "is not in "+path) {
			t.Errorf("the log says: %s", text)
		}
	})
}

// A server whose encrypted streams have lost their keys says so, and makes no new ones
// in silence. Who goes on without them and finds them later reads everything.
func TestKinesisLostKeys(t *testing.T) {
	dir, name := t.TempDir(), "hits"
	path := filepath.Join(dir, encryptionFileName)
	t.Run("before", func(t *testing.T) {
		s := serveHere(t, dir)
		k := kinesisClient(s.url())
		if _, err := k.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: &name, ShardCount: aws.Int32(1)}); err != nil {
			t.Fatal(err)
		}
		if _, err := k.StartStreamEncryption(t.Context(), &kinesis.StartStreamEncryptionInput{StreamName: &name, EncryptionType: types.EncryptionTypeKms, KeyId: aws.String("alias/aws/kinesis")}); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(path); err != nil {
			t.Errorf("there is no key before the first record: %v", err)
		}
		putAll(t, k, name, "a", "1")
	})
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	_, stderr, code := weir(t, "", "serve", "--listen", "127.0.0.1:0", "--data", dir)
	if code != 1 || !strings.Contains(stderr, "no file of encryption keys "+path) || !strings.Contains(stderr, "`hits`") || strings.Contains(stderr, "--data names") {
		t.Errorf("%d: %s", code, stderr)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("there are new keys")
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for earlier := time.Now().Unix(); time.Now().Unix() == earlier; { // numbers are seconds
		time.Sleep(20 * time.Millisecond)
	}
	t.Run("without", func(t *testing.T) {
		putAll(t, kinesisClient(serveHere(t, dir).url()), name, "b", "2")
	})
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Write(old)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	t.Run("found", func(t *testing.T) {
		got := serveHere(t, dir).csvOf(t, "SELECT CAST(data AS VARCHAR) AS text FROM hits WITH (start = 'earliest') LIMIT 2")
		if strings.ReplaceAll(got, "\r", "") != "_op,text\ninsert,1\ninsert,2\n" {
			t.Error(got)
		}
	})
}

// countIn returns how often a text is in the files of a directory.
func countIn(t *testing.T, dir, text string) (n int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		n += bytes.Count(b, []byte(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
