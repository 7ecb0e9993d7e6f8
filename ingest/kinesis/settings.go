package kinesis

import (
	"maps"
	"slices"

	"weir/ingest"
	"weir/operators/stream"
)

// Settings is what Kinesis keeps of a stream and SQL does not know. The zero value
// is that of a stream that CREATE STREAM made.
type Settings struct {
	OnDemand         bool              `json:"on_demand,omitempty"`
	Tags             map[string]string `json:"tags,omitempty"`
	Consumers        []Consumer        `json:"consumers,omitempty"`         // by name
	MaxRecordKiB     int               `json:"max_record_kib,omitempty"`    // 0 is 1024
	Monitoring       []string          `json:"monitoring,omitempty"`        // shard-level metrics that were asked for
	KeyID            string            `json:"key_id,omitempty"`            // of server-side encryption; "": none
	Policy           string            `json:"policy,omitempty"`            // of the stream
	WarmMiBps        int               `json:"warm_mibps,omitempty"`        // asked for, of an on-demand stream
	AutoDistribution bool              `json:"auto_distribution,omitempty"` // records are spread, whatever their keys
	Scaling          *Scaling          `json:"scaling,omitempty"`           // the stream is UPDATING; nil: it is not
	Scaled           []stream.Time     `json:"scaled,omitempty"`            // when UpdateShardCount was last called
	Switched         []stream.Time     `json:"switched,omitempty"`          // when the capacity mode was last changed
}

// Consumer is a registered reader with a throughput of its own.
type Consumer struct {
	Name    string            `json:"name"`
	Created stream.Time       `json:"created"`
	Policy  string            `json:"policy,omitempty"`
	Tags    map[string]string `json:"tags,omitempty"`
}

// consumer returns a consumer, nil where there is none. One that was made in another second
// than created is another one; 0: whenever it was made.
func (s *Settings) consumer(name string, created uint64) *Consumer {
	for i := range s.Consumers {
		if k := &s.Consumers[i]; k.Name == name && (created == 0 || ingest.Seconds(k.Created) == created) {
			return k
		}
	}
	return nil
}

// Clone returns a copy that may be changed.
func (s *Settings) Clone() *Settings {
	out := *s
	out.Tags = maps.Clone(s.Tags)
	out.Monitoring = slices.Clone(s.Monitoring)
	out.Consumers = slices.Clone(s.Consumers)
	out.Scaled, out.Switched = slices.Clone(s.Scaled), slices.Clone(s.Switched)
	for i := range out.Consumers {
		out.Consumers[i].Tags = maps.Clone(out.Consumers[i].Tags)
	}
	return &out
}

const defaultRecordKiB = 1024

// maxRecord returns how many bytes a record of the stream may have, with its key.
func (s *Settings) maxRecord() int {
	if s.MaxRecordKiB == 0 {
		return defaultRecordKiB << 10
	}
	return s.MaxRecordKiB << 10
}

// encryption returns the type that answers name of what is put now.
func (s *Settings) encryption() string { return encryptionOf(s.KeyID != "") }

// encryptionOf returns the name of what is encrypted, or not.
func encryptionOf(encrypted bool) string {
	if encrypted {
		return byKMS
	}
	return "NONE"
}

func (s *Settings) mode() string {
	if s.OnDemand {
		return onDemand
	}
	return provisioned
}

// strategy returns the name of how records are dealt to shards.
func (s *Settings) strategy() string {
	if s.AutoDistribution {
		return byService
	}
	return byUserKey
}

const (
	onDemand    = "ON_DEMAND"
	provisioned = "PROVISIONED"
)
