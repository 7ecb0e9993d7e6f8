package kinesis

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"weir/ingest"
	"weir/operators/stream"
)

// shardID returns the name of a shard.
func shardID(s stream.Shard) string { return ingest.ShardID(s) }

// parseShardID reads the name of a shard; ok is false where it is none.
func parseShardID(id string) (s stream.Shard, ok bool) {
	digits, found := strings.CutPrefix(id, "shardId-")
	n, err := strconv.ParseUint(digits, 10, 32)
	s = stream.Shard(n)
	return s, found && err == nil && shardID(s) == id
}

func itoa(n int) string { return strconv.Itoa(n) }

// invalid is the text of AWS for a member that breaks a rule of the model.
func invalid(value, member, rule string, args ...any) *Error {
	return fail(validation, "1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: Member must %s",
		clip(value), member, fmt.Sprintf(rule, args...))
}

// missing is the text of AWS for a member that must be there.
func missing(member string) *Error {
	return fail(validation, "1 validation error detected: Value null at '%s' failed to satisfy constraint: Member must not be null", member)
}

func checkName(name, member string) error {
	switch {
	case name == "":
		return invalid(name, member, "have length greater than or equal to 1")
	case len(name) > 128:
		return invalid(name, member, "have length less than or equal to 128")
	case strings.ContainsFunc(name, notName):
		return invalid(name, member, "satisfy regular expression pattern: [a-zA-Z0-9_.-]+")
	}
	return nil
}

// streamARN returns the name of a stream in the whole world, as this client sees it.
func (c *call) streamARN(name string) string {
	return "arn:aws:kinesis:" + c.region + ":" + c.account + ":stream/" + name
}

// arnMax is how many bytes an ARN has at most.
const arnMax = 2048

// parseStreamARN returns the stream that an ARN names. Any region and account will
// do: one server is one of each.
func parseStreamARN(arn string) (name string, err error) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) == 6 && len(arn) <= arnMax && parts[0] == "arn" && strings.HasPrefix(parts[1], "aws") && parts[2] == "kinesis" && isAccount(parts[4]) {
		if name, ok := strings.CutPrefix(parts[5], "stream/"); ok && checkName(name, "streamARN") == nil {
			return name, nil
		}
	}
	return "", invalid(arn, "streamARN", "satisfy regular expression pattern: arn:aws.*:kinesis:.*:\\d{12}:stream/\\S+")
}

// Named is in each request that is about a stream.
type Named struct {
	StreamName string `json:",omitempty"`
	StreamARN  string `json:",omitempty"`
}

// stream returns the stream that a request is about.
func (c *call) stream(n Named) (Stream, error) {
	name, err := c.nameOf(n)
	if err != nil {
		return Stream{}, err
	}
	s, ok := c.h.cfg.Streams.Stream(name)
	if !ok {
		e := notFound(name, c.account)
		if what := c.h.cfg.Streams.Instead(name); what != "" {
			e.Message += " " + what
		}
		return Stream{}, e
	}
	return s, nil
}

// madeAt returns an error if a request says when its stream was made, and this one was
// made in another second: then it is another one of the same name.
func (c *call) madeAt(s Stream, at *Timestamp) error {
	if at != nil && ingest.Seconds(stream.Time(*at)) != ingest.Seconds(s.Created) {
		return notFound(s.Name, c.account)
	}
	return nil
}

func (c *call) nameOf(n Named) (string, error) {
	if n.StreamARN == "" && n.StreamName == "" {
		return "", fail(invalidArgument, "Either StreamARN or StreamName must be specified.")
	}
	if n.StreamARN == "" {
		return n.StreamName, checkName(n.StreamName, "streamName")
	}
	name, err := parseStreamARN(n.StreamARN)
	if err == nil && n.StreamName != "" && n.StreamName != name {
		err = fail(invalidArgument, "StreamARN and StreamName name two streams, %s and %s.", name, clip(n.StreamName))
	}
	return name, err
}

// shard returns a shard of a stream by its name.
func (c *call) shard(s Stream, id string) (stream.Shard, error) {
	if id == "" || len(id) > 128 {
		return 0, invalid(id, "shardId", "have length greater than or equal to 1 and less than or equal to 128")
	}
	shard, ok := parseShardID(id)
	if !ok || int(shard) >= len(s.Shards.Map().All()) {
		return 0, fail(resourceNotFound, "Could not find shard %s in stream %s under account %s.", clip(id), s.Name, c.account)
	}
	return shard, nil
}

// The scope of a request that names none.
const (
	defaultRegion  = "us-east-1"
	defaultAccount = "000000000000"
)

// scopeOf returns the region that a request was signed for, and the account: the
// access key where that is 12 digits, as other local servers have it.
func scopeOf(r *http.Request) (region, account string) {
	region, account = defaultRegion, defaultAccount
	credential := r.URL.Query().Get("X-Amz-Credential")
	if _, after, ok := strings.Cut(r.Header.Get("Authorization"), "Credential="); ok {
		credential, _, _ = strings.Cut(after, ",")
	}
	parts := strings.Split(credential, "/")
	if len(parts) < 5 {
		return region, account
	}
	if isAccount(parts[0]) {
		account = parts[0]
	}
	if len(parts[2]) > 0 && len(parts[2]) <= 32 && !strings.ContainsFunc(parts[2], notName) {
		region = parts[2]
	}
	return region, account
}

func isAccount(s string) bool {
	return len(s) == 12 && !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

// notName tells whether a character cannot stand in the name of a stream.
func notName(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_', r == '.', r == '-':
		return false
	}
	return true
}

// clip cuts a text that a client sent to what a message can bear.
func clip(s string) string {
	if len(s) > 100 {
		return strings.ToValidUTF8(s[:100], "") + "…"
	}
	return s
}
