package app

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// toolsDir is where the clients are that are no packages of this module.
var toolsDir = filepath.Join("..", "..", "..", "tools")

// nodeClient starts a script of tools/kinesisclients, or skips.
func nodeClient(t *testing.T, script string, args ...string) *exec.Cmd {
	t.Helper()
	dir := filepath.Join(toolsDir, "kinesisclients")
	node, err := exec.LookPath("node")
	if err == nil {
		_, err = os.Stat(filepath.Join(dir, "node_modules"))
	}
	if err != nil {
		t.Skipf("SKIPPED, no Kinesis clients of npm: %v (.ci/setup installs them)", err)
	}
	cmd := exec.Command(node, append([]string{script}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "NODE_NO_WARNINGS=1")
	return cmd
}

// startKeyed starts a server that lets in who signs with the key that clients have here,
// so that what they sign is checked.
func startKeyed(t *testing.T, flags ...string) *child {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, keyFileName), []byte("clientkey clientsecret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return startServer(t, dir, freePort(t), flags...)
}

// outputOf runs a client, which is killed if it hangs, and returns what it printed.
func outputOf(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(5*time.Minute, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%s: %v\n%s%s", strings.Join(cmd.Args, " "), err, out.Bytes(), errs.Bytes())
	}
	return out.String()
}

// Amazon's client for JavaScript goes all the way round: with the handler that it has by
// itself, which speaks HTTP/2 also where there is no TLS, and with that for HTTP/1.1.
func TestKinesisJavaScript(t *testing.T) {
	url := startKeyed(t).url
	for how, handler := range map[string]string{"h2c": "NodeHttp2Handler", "http1": "NodeHttpHandler"} {
		var got map[string]any
		if err := json.Unmarshal([]byte(outputOf(t, nodeClient(t, "tour.mjs", url, "tour-"+how, how))), &got); err != nil {
			t.Fatal(err)
		}
		if want := map[string]any{"put": 510.0, "got": true, "pushed": true, "handler": handler}; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v, want %v", how, got, want)
		}
	}
}

// So does botocore, Amazon's client for Python.
func TestKinesisPython(t *testing.T) {
	const python = "/usr/bin/python3"
	if out, err := exec.Command(python, "-c", "import botocore.session").CombinedOutput(); err != nil {
		t.Skipf("SKIPPED, no botocore: %v %s (.ci/setup installs it)", err, out)
	}
	cmd := exec.Command(python, filepath.Join("testdata", "botocore_tour.py"), startKeyed(t).url, "tour")
	cmd.Env = append(os.Environ(), "AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull, "AWS_EC2_METADATA_DISABLED=true")
	var got map[string]any
	if err := json.Unmarshal([]byte(outputOf(t, cmd)), &got); err != nil {
		t.Fatal(err)
	}
	if want := map[string]any{"put": 510.0, "got": true, "pushed": true, "gone": true}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// Debian's awscli makes a stream, puts and gets.
func TestKinesisCommandLine(t *testing.T) {
	const program = "/usr/bin/aws"
	if _, err := os.Stat(program); err != nil {
		t.Skipf("SKIPPED, no awscli: %v (.ci/setup installs it)", err)
	}
	url := startKeyed(t).url
	run := func(args ...string) map[string]any {
		t.Helper()
		cmd := exec.Command(program, append([]string{"--endpoint-url", url, "--output", "json", "--cli-binary-format", "raw-in-base64-out", "kinesis"}, args...)...)
		cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=clientkey", "AWS_SECRET_ACCESS_KEY=clientsecret", "AWS_DEFAULT_REGION=eu-west-1", "AWS_PAGER=",
			"AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull, "AWS_EC2_METADATA_DISABLED=true")
		text := outputOf(t, cmd)
		got := map[string]any{}
		if text != "" {
			if err := json.Unmarshal([]byte(text), &got); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
		}
		return got
	}
	run("create-stream", "--stream-name", "cli", "--shard-count", "1")
	one := run("put-record", "--stream-name", "cli", "--partition-key", "k", "--data", "hello")
	many := run("put-records", "--stream-name", "cli", "--records", "Data=two,PartitionKey=a", "Data=three,PartitionKey=b")
	d := run("describe-stream", "--stream-name", "cli")["StreamDescription"].(map[string]any)
	if d["StreamStatus"] != "ACTIVE" || len(d["Shards"].([]any)) != 1 || d["RetentionPeriodHours"] != 24.0 || many["FailedRecordCount"] != 0.0 {
		t.Errorf("%v, %v", d, many)
	}
	it := run("get-shard-iterator", "--stream-name", "cli", "--shard-id", "shardId-000000000000", "--shard-iterator-type", "TRIM_HORIZON")
	var got []string
	for _, r := range run("get-records", "--shard-iterator", it["ShardIterator"].(string))["Records"].([]any) {
		got = append(got, fmt.Sprint(r.(map[string]any)["Data"]))
		if len(got) == 1 && r.(map[string]any)["SequenceNumber"] != one["SequenceNumber"] {
			t.Errorf("%v, and %v was put", r, one)
		}
	}
	if want := []string{"aGVsbG8=", "dHdv", "dGhyZWU="}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// Libraries that keep checkpoints of their own read all of a stream, through a split: a
// Go one over GetRecords, and one of npm by enhanced fan-out.
func TestKinesisConsumerLibraries(t *testing.T) {
	reader := filepath.Join(t.TempDir(), "reader")
	build := exec.Command("go", "build", "-o", reader, ".")
	build.Dir = filepath.Join(toolsDir, "kinesisreader")
	if out, err := build.CombinedOutput(); err != nil {
		reader = ""
		t.Logf("no reader in Go: %v %s", err, out)
	}
	// The library of npm calls the name that AWS has.
	c := startKeyed(t, "--allow-host", "kinesis.eu-west-1.amazonaws.com")
	const batches, each = 8, 30
	for name, client := range map[string]func(t *testing.T, stream string) *exec.Cmd{
		"kinesis-consumer": func(t *testing.T, stream string) *exec.Cmd {
			if reader == "" {
				t.Skip("SKIPPED: kinesis-consumer could not be built")
			}
			return exec.Command(reader, c.url, stream, fmt.Sprint(batches*each))
		},
		"lifion-kinesis": func(t *testing.T, stream string) *exec.Cmd {
			return nodeClient(t, "fanout.cjs", c.url, stream, fmt.Sprint(batches*each))
		},
	} {
		t.Run(name, func(t *testing.T) {
			k := signedClient(c.url, "clientkey", "clientsecret", nil)
			stream := aws.String(name)
			if _, err := k.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: stream, ShardCount: aws.Int32(2)}); err != nil {
				t.Fatal(err)
			}
			cmd := client(t, name)
			var want []string
			put := func() {
				in := &kinesis.PutRecordsInput{StreamName: stream}
				for range each {
					data := fmt.Sprintf("record %d", len(want))
					want = append(want, data)
					in.Records = append(in.Records, types.PutRecordsRequestEntry{PartitionKey: aws.String(fmt.Sprint(len(want) % 11)), Data: []byte(data)})
				}
				if out, err := k.PutRecords(t.Context(), in); err != nil || *out.FailedRecordCount > 0 {
					t.Errorf("%+v, %v", out, err)
				}
			}
			put() // there when the client comes
			written := make(chan struct{})
			go func() {
				defer close(written)
				for i := 1; i < batches; i++ {
					time.Sleep(400 * time.Millisecond)
					if i == batches/2 {
						if _, err := k.SplitShard(t.Context(), &kinesis.SplitShardInput{StreamName: stream, ShardToSplit: aws.String("shardId-000000000000"), NewStartingHashKey: aws.String("60000000000000000000000000000000000000")}); err != nil {
							t.Error(err)
						}
					}
					put()
				}
			}()
			var got []string
			for line := range strings.Lines(outputOf(t, cmd)) {
				got = append(got, regexp.MustCompile(`record \d+`).FindString(line))
			}
			<-written
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("%d records are put, and these are read: %q", len(want), got)
			}
		})
	}
}

// Enhanced fan-out over TLS, with HTTP/2 by ALPN and with HTTP/1.1.
func TestKinesisFanOutOverTLS(t *testing.T) {
	dir := t.TempDir()
	c := startServer(t, dir, freePort(t), "--tls-listen", "127.0.0.1:0")
	m := regexp.MustCompile(`https://127\.0\.0\.1:\d+`).FindString(c.output())
	ca, err := os.ReadFile(filepath.Join(dir, "tls", "ca.pem"))
	pool := x509.NewCertPool()
	if err != nil || !pool.AppendCertsFromPEM(ca) {
		t.Fatalf("no authority: %v", err)
	}
	for i, want := range []string{"HTTP/2.0", "HTTP/1.1"} {
		protocols := new(http.Protocols)
		protocols.SetHTTP1(true)
		protocols.SetHTTP2(i == 0) // both offered: ALPN chooses
		tr := &http.Transport{Protocols: protocols, TLSClientConfig: &tls.Config{RootCAs: pool}}
		defer tr.CloseIdleConnections()
		spy := &protocolSpy{next: tr}
		k, ctx := signedClient(m, "key", "secret", &http.Client{Transport: spy}), t.Context()
		name := aws.String(fmt.Sprint("tls", i))
		if _, err := k.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: name, ShardCount: aws.Int32(1)}); err != nil {
			t.Fatal(err)
		}
		d, err := k.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: name})
		if err != nil {
			t.Fatal(err)
		}
		consumer, err := k.RegisterStreamConsumer(ctx, &kinesis.RegisterStreamConsumerInput{StreamARN: d.StreamDescriptionSummary.StreamARN, ConsumerName: aws.String("app")})
		if err != nil {
			t.Fatal(err)
		}
		out, err := k.SubscribeToShard(ctx, &kinesis.SubscribeToShardInput{
			ConsumerARN: consumer.Consumer.ConsumerARN, ShardId: aws.String("shardId-000000000000"),
			StartingPosition: &types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon},
		})
		if err != nil {
			t.Fatal(err)
		}
		events := out.GetStream()
		for n := range 50 {
			if _, err := k.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: name, PartitionKey: aws.String("k"), Data: fmt.Append(nil, n)}); err != nil {
				t.Fatal(err)
			}
		}
		for n := 0; n < 50; {
			e, ok := (<-events.Events()).(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent)
			if !ok {
				t.Fatalf("it ended behind %d records: %v", n, events.Err())
			}
			for _, r := range e.Value.Records {
				if string(r.Data) != fmt.Sprint(n) {
					t.Errorf("record %d is %s", n, r.Data)
				}
				n++
			}
		}
		events.Close()
		if spy.proto != want {
			t.Errorf("%s was spoken, want %s", spy.proto, want)
		}
	}
}
