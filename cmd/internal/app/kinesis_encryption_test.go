package app

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
			got = append(got, string(r.Data))
		}
		return got, nil
	}
	want := "open secret|sealed secret|open again"
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
		if got, err := get(t, s); codeOf(err) != "InternalFailure" {
			t.Errorf("%q, %v", got, err)
		}
		if text := log.String(); !strings.Contains(text, "its key has number 1, which") {
			t.Errorf("the log says: %s", text)
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
