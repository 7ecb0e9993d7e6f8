package kinesis

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// resource is what tags and policies are of: a stream, or a consumer of one.
type resource struct {
	arn      string
	stream   Stream
	consumer string // its name; "": the stream
	created  uint64 // the consumer's second
}

const resourcePattern = `arn:aws.*:kinesis:.*:\d{12}:.*stream/\S+`

// parseResource reads an ARN: of a stream, or of a consumer.
func parseResource(arn string) (name, consumer string, created uint64, err error) {
	if arn == "" {
		return "", "", 0, missing("resourceARN")
	}
	if strings.Contains(arn, "/consumer/") {
		name, consumer, created, err = parseConsumerARN(arn)
	} else {
		name, err = parseStreamARN(arn)
	}
	if err != nil {
		err = invalid(arn, "resourceARN", "satisfy regular expression pattern: %s", resourcePattern)
	}
	return name, consumer, created, err
}

// resource finds what an ARN names.
func (c *call) resource(arn string) (resource, error) {
	name, consumer, created, err := parseResource(arn)
	r := resource{arn: arn, consumer: consumer, created: created}
	if err != nil {
		return r, err
	}
	var ok bool
	if r.stream, ok = c.h.cfg.Streams.Stream(name); !ok {
		return r, notFound(name, c.account)
	}
	if consumer != "" && r.consumerIn(r.stream.Settings) == nil {
		return r, c.noConsumer(name, r.consumer)
	}
	return r, nil
}

// consumerIn returns the consumer in settings, nil where there is none.
func (r *resource) consumerIn(set *Settings) *Consumer { return set.consumer(r.consumer, r.created) }

// tags returns the tags, not to be changed.
func (r *resource) tags() map[string]string {
	if r.consumer == "" {
		return r.stream.Settings.Tags
	}
	return r.consumerIn(r.stream.Settings).Tags
}

// policy returns the policy, "" if there is none.
func (r *resource) policy() string {
	if r.consumer == "" {
		return r.stream.Settings.Policy
	}
	return r.consumerIn(r.stream.Settings).Policy
}

// amendResource changes tags and policy of a resource.
func (c *call) amendResource(r resource, change func(tags *map[string]string, policy *string) error) error {
	return c.amend(r.stream, func(set *Settings) error {
		if r.consumer == "" {
			return change(&set.Tags, &set.Policy)
		}
		if k := r.consumerIn(set); k != nil {
			return change(&k.Tags, &k.Policy)
		}
		return c.noConsumer(r.stream.Name, r.consumer)
	})
}

type addTags struct {
	Named
	Tags map[string]string
}

func (c *call) addTagsToStream(in *addTags) (any, error) {
	s, err := c.stream(in.Named)
	if err != nil {
		return nil, err
	}
	return c.tag(resource{stream: s}, in.Tags)
}

type removeTags struct {
	Named
	TagKeys []string
}

func (c *call) removeTagsFromStream(in *removeTags) (any, error) {
	s, err := c.stream(in.Named)
	if err != nil {
		return nil, err
	}
	return c.untag(resource{stream: s}, in.TagKeys)
}

// Tag is a tag on the wire.
type Tag struct {
	Key, Value string
}

type listTags struct {
	Named
	ExclusiveStartTagKey string
	Limit                *int
}

func (c *call) listTagsForStream(in *listTags) (any, error) {
	s, err := c.stream(in.Named)
	if err != nil {
		return nil, err
	}
	limit := tagsMax
	if in.Limit != nil {
		limit = *in.Limit
	}
	tags := tagsAfter(s.Settings.Tags, in.ExclusiveStartTagKey)
	return struct {
		Tags        []Tag
		HasMoreTags bool
	}{tags[:min(limit, len(tags))], len(tags) > limit}, nil
}

// tagsAfter returns the tags behind a key, by their keys.
func tagsAfter(tags map[string]string, key string) []Tag {
	out := []Tag{}
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		if k > key {
			out = append(out, Tag{k, tags[k]})
		}
	}
	return out
}

type tagResource struct {
	ResourceARN string
	Tags        map[string]string
}

type untagResource struct {
	ResourceARN string
	TagKeys     []string
}

type namedResource struct {
	ResourceARN string
}

func (c *call) tagResource(in *tagResource) (any, error) {
	r, err := c.resource(in.ResourceARN)
	if err != nil {
		return nil, err
	}
	return c.tag(r, in.Tags)
}

func (c *call) untagResource(in *untagResource) (any, error) {
	r, err := c.resource(in.ResourceARN)
	if err != nil {
		return nil, err
	}
	return c.untag(r, in.TagKeys)
}

func (c *call) listTagsForResource(in *namedResource) (any, error) {
	r, err := c.resource(in.ResourceARN)
	if err != nil {
		return nil, err
	}
	return struct{ Tags []Tag }{tagsAfter(r.tags(), "")}, nil
}

func (c *call) tag(r resource, add map[string]string) (any, error) {
	return empty{}, c.amendResource(r, func(tags *map[string]string, _ *string) error {
		all := maps.Clone(*tags)
		if all == nil {
			all = map[string]string{}
		}
		maps.Copy(all, add)
		switch {
		case len(all) > tagsMax:
			return fail(invalidArgument, "Failed to add tags to stream %s under account %s because a given stream cannot have more than %d tags associated with it.",
				r.stream.Name, c.account, tagsMax)
		case maps.Equal(all, *tags):
			return errUnchanged
		}
		*tags = all
		return nil
	})
}

func (c *call) untag(r resource, keys []string) (any, error) {
	return empty{}, c.amendResource(r, func(tags *map[string]string, _ *string) error {
		before := len(*tags)
		for _, k := range keys {
			delete(*tags, k)
		}
		if len(*tags) == before {
			return errUnchanged
		}
		return nil
	})
}

// policyMax is how many bytes a policy has at most.
const policyMax = 20 << 10

type resourcePolicy struct {
	ResourceARN string
	Policy      *string
}

func (c *call) putResourcePolicy(in *resourcePolicy) (any, error) {
	r, err := c.resource(in.ResourceARN)
	if err != nil {
		return nil, err
	}
	if len(*in.Policy) > policyMax {
		return nil, fail(limitExceeded, "A resource policy has at most %d bytes, this one has %d.", policyMax, len(*in.Policy))
	}
	var document struct{ Statement json.RawMessage }
	if err := json.Unmarshal([]byte(*in.Policy), &document); err != nil {
		return nil, fail(invalidArgument, "The resource policy is no JSON object: %s", err)
	}
	if len(document.Statement) == 0 || document.Statement[0] != '[' && document.Statement[0] != '{' {
		return nil, fail(invalidArgument, "The resource policy has no Statement.")
	}
	return empty{}, c.amendResource(r, func(_ *map[string]string, policy *string) error {
		if *policy == *in.Policy {
			return errUnchanged
		}
		*policy = *in.Policy
		return nil
	})
}

func (c *call) getResourcePolicy(in *namedResource) (any, error) {
	r, err := c.resource(in.ResourceARN)
	if err != nil {
		return nil, err
	}
	if r.policy() == "" {
		return nil, r.noPolicy()
	}
	return struct{ Policy string }{r.policy()}, nil
}

func (r *resource) noPolicy() error {
	return fail(resourceNotFound, "No resource policy found for resource ARN %s.", r.arn)
}

func (c *call) deleteResourcePolicy(in *namedResource) (any, error) {
	r, err := c.resource(in.ResourceARN)
	if err != nil {
		return nil, err
	}
	return empty{}, c.amendResource(r, func(_ *map[string]string, policy *string) error {
		if *policy == "" {
			return r.noPolicy()
		}
		*policy = ""
		return nil
	})
}
