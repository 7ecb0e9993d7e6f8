package kinesis

import (
	"time"

	"weir/ingest"
	"weir/operators/stream"
)

// Account is what Kinesis keeps of an account, of which a server is one: the
// commitment to pay for a minimum of throughput. Nothing is paid here; the
// commitment is what lets an on-demand stream have warm throughput.
type Account struct {
	Committed bool        `json:"committed,omitempty"`
	Started   stream.Time `json:"started,omitempty"` // 0: never
	// Ends is when the commitment is over that was ended before it could be, or when
	// it was ended; 0: it goes on.
	Ends stream.Time `json:"ends,omitempty"`
}

// commitmentLeast is how long a commitment lasts at least.
const commitmentLeast = 24 * time.Hour

// active tells whether the commitment holds at a moment.
func (a *Account) active(now stream.Time) bool {
	return a.Committed && (a.Ends == 0 || now < a.Ends)
}

// Commitment is an account's commitment on the wire.
type Commitment struct {
	Status               string
	StartedAt            *Timestamp `json:",omitempty"`
	EndedAt              *Timestamp `json:",omitempty"`
	EarliestAllowedEndAt *Timestamp `json:",omitempty"`
}

type accountSettings struct {
	MinimumThroughputBillingCommitment Commitment
}

func (a *Account) onWire(now stream.Time) accountSettings {
	at := func(t stream.Time) *Timestamp { return (*Timestamp)(&t) }
	out := Commitment{Status: "DISABLED"}
	if a.Committed {
		out.StartedAt = at(a.Started)
	}
	switch {
	case a.active(now):
		out.EarliestAllowedEndAt = at(a.Started.Add(commitmentLeast))
		out.Status = "ENABLED"
		if a.Ends > 0 {
			out.Status = "ENABLED_UNTIL_EARLIEST_ALLOWED_END"
		}
	case a.Committed:
		out.EndedAt = at(a.Ends)
	}
	return accountSettings{out}
}

func (c *call) describeAccountSettings(*struct{}) (any, error) {
	return c.h.cfg.Streams.Account().onWire(c.now()), nil
}

type updateAccountSettings struct {
	MinimumThroughputBillingCommitment *struct{ Status string }
}

func (c *call) updateAccountSettings(in *updateAccountSettings) (any, error) {
	want := in.MinimumThroughputBillingCommitment
	if want == nil {
		return nil, missing("minimumThroughputBillingCommitment")
	}
	if want.Status != "ENABLED" && want.Status != "DISABLED" {
		return nil, invalid(want.Status, "minimumThroughputBillingCommitment.status", "satisfy enum value set: [ENABLED, DISABLED]")
	}
	now := c.now()
	err := c.h.cfg.Streams.AmendAccount(c.ctx, func(a *Account) error {
		switch {
		case want.Status == "ENABLED" && a.active(now):
			if a.Ends == 0 {
				return errUnchanged
			}
			a.Ends = 0
		case want.Status == "ENABLED":
			*a = Account{Committed: true, Started: now}
		case !a.active(now) || a.Ends > 0:
			return errUnchanged
		default:
			a.Ends = max(now, a.Started.Add(commitmentLeast))
		}
		return nil
	})
	if err := changed(err); err != nil {
		return nil, err
	}
	return c.h.cfg.Streams.Account().onWire(now), nil
}

func (c *call) describeLimits(*struct{}) (any, error) {
	var out struct {
		ShardLimit, OpenShardCount                    int
		OnDemandStreamCount, OnDemandStreamCountLimit int
		ChannelCount, ChannelCountLimit               int
	}
	most := c.h.cfg.StreamsMax
	out.ShardLimit, out.OnDemandStreamCountLimit = ingest.ShardsMax*most, most
	for _, name := range c.h.cfg.Streams.Names() {
		s, ok := c.h.cfg.Streams.Stream(name)
		if !ok {
			continue // it was dropped in this moment
		}
		if out.OpenShardCount += len(s.Shards.Map().Open()); s.Settings.OnDemand {
			out.OnDemandStreamCount++
		}
	}
	return out, nil
}
