package kinesis

import "time"

type retentionPeriod struct {
	Named
	RetentionPeriodHours *int
}

func (c *call) increaseRetention(in *retentionPeriod) (any, error) {
	return c.retention(in, func(s Stream, old, hours int) error {
		if hours < old {
			return fail(invalidArgument, "Requested retention period (%d hours) for stream %s can not be shorter than existing retention period (%d hours). Use DecreaseRetentionPeriod API.",
				hours, s.Name, old)
		}
		return nil
	})
}

func (c *call) decreaseRetention(in *retentionPeriod) (any, error) {
	return c.retention(in, func(s Stream, old, hours int) error {
		if hours > old {
			return fail(invalidArgument, "Requested retention period (%d hours) for stream %s can not be longer than existing retention period (%d hours). Use IncreaseRetentionPeriod API.",
				hours, s.Name, old)
		}
		return nil
	})
}

// retention changes how long a stream keeps its records, unless check is against it.
func (c *call) retention(in *retentionPeriod, check func(s Stream, old, hours int) error) (any, error) {
	s, err := c.stream(in.Named)
	if err != nil {
		return nil, err
	}
	want := *in.RetentionPeriodHours
	switch {
	case want < retentionMinHours:
		return nil, fail(invalidArgument, "Minimum allowed retention period is %d hours. Requested retention period (%d hours) is too short.", retentionMinHours, want)
	case want > retentionMaxHours:
		return nil, fail(invalidArgument, "Maximum allowed retention period is %d hours. Requested retention period (%d hours) is too long.", retentionMaxHours, want)
	}
	return empty{}, changed(c.h.cfg.Streams.Retain(c.ctx, s.ID, func(now Stream) (time.Duration, error) {
		if now.Settings.Scaling != nil {
			return 0, c.notActive(s)
		}
		told := hours(now.Retention)
		if err := check(s, told, want); err != nil {
			return 0, err
		}
		kept := time.Duration(want) * time.Hour
		// Who asks for what it was told does not want less, where the stream keeps its
		// records longer than can be told.
		if kept == now.Retention || want == told && (now.Retention == 0 || now.Retention > kept) {
			return 0, errUnchanged
		}
		return kept, nil
	}))
}
