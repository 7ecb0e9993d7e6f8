package kinesis

import (
	"errors"
	"time"

	"weir/operators/stream"
)

// errUnchanged is what a change returns that finds everything as it should be.
var errUnchanged = errors.New("nothing to change")

// changed returns the error of a change.
func changed(err error) error {
	if errors.Is(err, errUnchanged) {
		return nil
	}
	return err
}

// amend changes the settings of a stream that is ACTIVE.
func (c *call) amend(s Stream, change func(*Settings) error) error {
	return changed(c.h.cfg.Streams.Amend(c.ctx, s.ID, func(set *Settings) error {
		if set.Scaling != nil {
			return c.notActive(s)
		}
		return change(set)
	}))
}

// notActive says that a stream is UPDATING.
func (c *call) notActive(s Stream) error {
	return fail(resourceInUse, "Stream %s under account %s not ACTIVE, instead in state %s", s.Name, c.account, statusUpdating)
}

const (
	statusActive   = "ACTIVE"
	statusUpdating = "UPDATING"
)

func (s *Settings) status() string {
	if s.Scaling != nil {
		return statusUpdating
	}
	return statusActive
}

// provisionedOnly refuses what streams do not have whose capacity is on demand.
func (c *call) provisionedOnly(s Stream) error {
	if !s.Settings.OnDemand {
		return nil
	}
	return fail(validation, "Requested operation %s is not supported for stream %s under account %s in ON_DEMAND mode.", c.op, s.Name, c.account)
}

// day is the window of limits that are a number a day.
const day = 24 * time.Hour

// inDay returns those moments that are not older than a day, the newest most of them.
func inDay(at []stream.Time, now stream.Time, most int) []stream.Time {
	for len(at) > 0 && (at[0] <= now.Add(-day) || len(at) > most) {
		at = at[1:]
	}
	return at
}
