package app

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"
)

// kinesisOperations are the methods of Amazon's client that take a request.
func kinesisOperations() map[string]reflect.Type {
	out := map[string]reflect.Type{}
	of := reflect.TypeFor[*kinesis.Client]()
	for i := range of.NumMethod() {
		m := of.Method(i)
		if m.Type.NumIn() == 4 && m.Type.NumOut() == 2 && m.Type.In(1) == reflect.TypeFor[context.Context]() {
			out[m.Name] = m.Type.In(2).Elem()
		}
	}
	return out
}

// callKinesis calls an operation by its name.
func callKinesis(ctx context.Context, k *kinesis.Client, name string, in any) (any, error) {
	out := reflect.ValueOf(k).MethodByName(name).Call([]reflect.Value{reflect.ValueOf(ctx), reflect.ValueOf(in)})
	err, _ := out[1].Interface().(error)
	return out[0].Interface(), err
}

// kinesisWorld is a server with streams, in which requests are tried.
type kinesisWorld struct {
	s        *server
	k        *kinesis.Client
	stream   *string // provisioned, of 4 shards
	arn      *string
	demand   *string // the ARN of one on demand
	consumer *string // an ARN
}

func newKinesisWorld(t *testing.T, s *server) *kinesisWorld {
	t.Helper()
	w := &kinesisWorld{s: s, k: kinesis.New(kinesisClient(s.url()).Options(), onceOnly), stream: aws.String("plain")}
	for name, in := range map[string]*kinesis.CreateStreamInput{
		"plain":  {ShardCount: aws.Int32(4)},
		"demand": {StreamModeDetails: &types.StreamModeDetails{StreamMode: types.StreamModeOnDemand}},
	} {
		in.StreamName = &name
		if _, err := w.k.CreateStream(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	d, err := w.k.DescribeStreamSummary(t.Context(), &kinesis.DescribeStreamSummaryInput{StreamName: w.stream})
	if err != nil {
		t.Fatal(err)
	}
	w.arn = d.StreamDescriptionSummary.StreamARN
	w.demand = aws.String(strings.Replace(*w.arn, "stream/plain", "stream/demand", 1))
	w.consumer = aws.String(*w.arn + "/consumer/nobody:1700000000")
	return w
}

// TestKinesisOperations goes over every operation that the client has: requests with
// members that are missing, that are of another type, and that are nothing sensible
// are answered with success or with one of the errors that the API has.
func TestKinesisOperations(t *testing.T) {
	w := newKinesisWorld(t, serveHere(t, t.TempDir()))
	documented := map[string]bool{"<nil>": true, "ok": true}
	for _, e := range []smithy.APIError{
		&types.AccessDeniedException{}, &types.DryRunOperationException{}, &types.ExpiredIteratorException{}, &types.ExpiredNextTokenException{},
		&types.InvalidArgumentException{}, &types.LimitExceededException{}, &types.ProvisionedThroughputExceededException{},
		&types.ResourceInUseException{}, &types.ResourceNotFoundException{}, &types.ValidationException{},
	} {
		documented[e.ErrorCode()] = true
	}
	all := kinesisOperations()
	if len(all) < 45 {
		t.Fatalf("the client has %d operations", len(all))
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		t.Run(name, func(t *testing.T) {
			for _, fill := range []func(reflect.Value, int){fillStrange, w.fillSensible} {
				in := reflect.New(all[name])
				fill(in.Elem(), 0)
				_, err := callKinesis(t.Context(), w.k, name, in.Interface())
				if code := codeOf(err); !documented[code] {
					t.Errorf("%+v: %s: %v", in.Interface(), code, err)
				}
			}
			for _, body := range []string{"", "{}", "null", `{"StreamName":null}`, `{"StreamName":"plain"}`, `{"StreamARN":"plain","ResourceARN":"x","ChannelARN":"arn:aws:kinesis"}`, `{"StreamName":{},"ResourceARN":[]}`, "[", `"x"`} {
				if name == "DeleteStream" {
					body = strings.Replace(body, `"plain"}`, `"other"}`, 1) // the others need it
				}
				if code := rawKinesis(t, w.s.url(), name, body); !documented[code] && code != "SerializationException" {
					t.Errorf("%q: %s", body, code)
				}
			}
		})
	}
	if status, body := post(t, w.s.url()+"/v1/sql", "", "SHOW STREAMS", nil); status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
}

// rawKinesis posts a body that no client would write, and returns the type of the
// error, "ok" for none.
func rawKinesis(t *testing.T, url, operation, body string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Amz-Target", "Kinesis_20131202."+operation)
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var e struct {
		Type string `json:"__type"`
	}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &e); err != nil {
			t.Fatalf("%s %s: %s: %v", operation, body, text, err)
		}
	}
	if (res.StatusCode == http.StatusOK) != (e.Type == "") || res.StatusCode >= 500 {
		t.Errorf("%s %s: status %d, %s", operation, body, res.StatusCode, text)
	}
	return cmp.Or(e.Type, "ok")
}

func fillStrange(v reflect.Value, depth int) {
	if !v.CanSet() || depth > 12 {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fillStrange(v.Elem(), depth+1)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(1, 0)))
			return
		}
		for i := range v.NumField() {
			fillStrange(v.Field(i), depth+1)
		}
	case reflect.String:
		v.SetString("{\"nul\":\"\x00\u2028\U0001F4A5 ' \\ ; DROP STREAM plain")
	case reflect.Int32, reflect.Int64:
		v.SetInt(-1 << 31)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte{0, 255})
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fillStrange(v.Index(i), depth+1)
		}
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{"\x00": "\u2028"}))
	}
}

// fillSensible sets members to what they are for, by their names.
func (w *kinesisWorld) fillSensible(v reflect.Value, depth int) {
	fillStrange(v, depth)
	var set func(v reflect.Value)
	set = func(v reflect.Value) {
		for i := range v.NumField() {
			f := v.Field(i)
			switch v.Type().Field(i).Name {
			case "StreamName", "StreamARN", "ResourceARN", "ShardId":
				f.Set(reflect.ValueOf(map[string]*string{"StreamName": w.stream, "StreamARN": w.arn, "ResourceARN": w.arn, "ShardId": aws.String("shardId-000000000000")}[v.Type().Field(i).Name]))
			case "StreamId":
				f.Set(reflect.ValueOf(aws.String("any")))
			case "StreamModeDetails", "ShardFilter":
				set(f.Elem())
			case "RetentionPeriodHours":
				f.Set(reflect.ValueOf(aws.Int32(24)))
			}
		}
	}
	if v.Type().Name() != "DeleteStreamInput" { // the others need it
		set(v)
	}
}
