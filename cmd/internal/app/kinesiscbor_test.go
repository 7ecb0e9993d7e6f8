package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
	"github.com/fxamacker/cbor/v2"
)

const cborType = "application/x-amz-cbor-1.1"

// cborPost sends a request in CBOR, and returns the answer as it comes.
func cborPost(t *testing.T, url, operation string, request map[string]any) *http.Response {
	t.Helper()
	body, err := cbor.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", cborType)
	req.Header.Set("X-Amz-Target", "Kinesis_20131202."+operation)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// cborCall is cborPost for operations whose answer ends.
func cborCall(t *testing.T, url, operation string, request map[string]any) (status int, answer map[string]any) {
	t.Helper()
	resp := cborPost(t, url, operation, request)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && len(body) > 0 {
		err = cbor.Unmarshal(body, &answer)
	}
	if err != nil || resp.Header.Get("Content-Type") != cborType {
		t.Fatalf("%s: %q %x: %v", operation, resp.Header.Get("Content-Type"), body, err)
	}
	return resp.StatusCode, answer
}

// epochMillis is an instant as clients write it in CBOR.
func epochMillis(at time.Time) cbor.Tag { return cbor.Tag{Number: 1, Content: at.UnixMilli()} }

// cborRecords returns the records of an answer as "key data", and checks when they came.
func cborRecords(t *testing.T, answer []byte, from time.Time) (out []string) {
	t.Helper()
	var a struct {
		Records []struct {
			ApproximateArrivalTimestamp  cbor.RawTag
			Data                         []byte
			PartitionKey, SequenceNumber string
		}
	}
	if err := cbor.Unmarshal(answer, &a); err != nil {
		t.Fatalf("%x: %v", answer, err)
	}
	for _, r := range a.Records {
		var at int64
		if err := cbor.Unmarshal(r.ApproximateArrivalTimestamp.Content, &at); err != nil || r.ApproximateArrivalTimestamp.Number != 1 {
			t.Fatalf("%+v is no instant: %v", r.ApproximateArrivalTimestamp, err)
		}
		if at < from.UnixMilli() || at > time.Now().UnixMilli()+1 {
			t.Errorf("arrived at %d, and the test began at %d", at, from.UnixMilli())
		}
		out = append(out, r.PartitionKey+" "+string(r.Data))
	}
	return out
}

// Requests in CBOR, as SDKs for Java write them: bytes are bytes, and instants count
// milliseconds, in both directions and in the frames of a subscription.
func TestKinesisCBOR(t *testing.T) {
	url := serveHere(t, t.TempDir()).url()
	began := time.Now().Truncate(time.Millisecond)
	must := func(operation string, request map[string]any) map[string]any {
		t.Helper()
		status, answer := cborCall(t, url, operation, request)
		if status != http.StatusOK {
			t.Fatalf("%s: %d %v", operation, status, answer)
		}
		return answer
	}
	must("CreateStream", map[string]any{"StreamName": "c", "ShardCount": 1, "Unknown": []any{nil, map[string]any{}}})
	put := must("PutRecord", map[string]any{"StreamName": "c", "PartitionKey": "k\x00ü", "Data": []byte{0, 255, 10}})
	time.Sleep(20 * time.Millisecond)
	between := time.Now()
	time.Sleep(20 * time.Millisecond)
	many := must("PutRecords", map[string]any{"StreamName": "c", "Records": []any{
		map[string]any{"PartitionKey": "a", "Data": []byte("one"), "ExplicitHashKey": "0"}, map[string]any{"PartitionKey": "b", "Data": []byte{}},
	}})
	if len(many["Records"].([]any)) != 2 || fmt.Sprint(many["FailedRecordCount"]) != "0" || put["ShardId"] != "shardId-000000000000" {
		t.Errorf("%v %v", put, many)
	}
	for at, want := range map[time.Time]int{time.Now(): 1, began.Add(-time.Hour): 1} {
		got := must("ListShards", map[string]any{"StreamName": "c", "ShardFilter": map[string]any{"Type": "FROM_TIMESTAMP", "Timestamp": epochMillis(at)}})
		if len(got["Shards"].([]any)) != want {
			t.Errorf("shards at %s: %v", at, got)
		}
	}
	all := []string{"k\x00ü \x00\xff\n", "a one", "b "}
	read := func(position map[string]any) []string {
		position["StreamName"], position["ShardId"] = "c", "shardId-000000000000"
		resp := cborPost(t, url, "GetRecords", map[string]any{"ShardIterator": must("GetShardIterator", position)["ShardIterator"], "Limit": 10})
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return cborRecords(t, body, began)
	}
	for _, c := range []struct {
		at   any
		want []string
	}{{epochMillis(between), all[1:]}, {float64(between.UnixMilli()), all[1:]}, {epochMillis(began.Add(-time.Second)), all}} {
		if got := read(map[string]any{"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": c.at}); !slices.Equal(got, c.want) {
			t.Errorf("at %v: %q, want %q", c.at, got, c.want)
		}
	}
	if status, answer := cborCall(t, url, "DescribeStream", map[string]any{"StreamName": "nobody"}); status != 400 || answer["__type"] != "ResourceNotFoundException" {
		t.Errorf("%d %v", status, answer)
	}
	d := must("DescribeStream", map[string]any{"StreamName": "c"})["StreamDescription"].(map[any]any)
	consumer := must("RegisterStreamConsumer", map[string]any{"StreamARN": d["StreamARN"], "ConsumerName": "app"})["Consumer"].(map[any]any)
	resp := cborPost(t, url, "SubscribeToShard", map[string]any{
		"ConsumerARN": consumer["ConsumerARN"], "ShardId": "shardId-000000000000",
		"StartingPosition": map[string]any{"Type": "AT_TIMESTAMP", "Timestamp": epochMillis(between)},
	})
	defer resp.Body.Close()
	decoder := eventstream.NewDecoder()
	var got []string
	for i := 0; len(got) < 2; i++ {
		m, err := decoder.Decode(resp.Body, nil)
		if err != nil {
			t.Fatal(err)
		}
		if kind := m.Headers.Get(":content-type").String(); kind != cborType {
			t.Errorf("frame %d is %s", i, kind)
		}
		got = append(got, cborRecords(t, m.Payload, began)...)
	}
	if !slices.Equal(got, all[1:]) {
		t.Errorf("subscribed: %q", got)
	}
}

// The same by an encoder that has nothing in common with ours.
func TestKinesisCBORByOthers(t *testing.T) {
	var got map[string]any
	if err := json.Unmarshal([]byte(outputOf(t, nodeClient(t, "cbor.mjs", serveHere(t, t.TempDir()).url(), "c"))), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"all": 501.0, "first": []any{0.0, 255.0, 1.0}, "key": "ключ", "same": true, "rest": true, "later": 500.0, "after": true, "time": "",
		"wrong": "InvalidArgumentException",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
}
