package kinesis

import "slices"

// switchesADay is how often AWS lets a stream change its capacity mode within a day.
const switchesADay = 2

type updateStreamMode struct {
	StreamARN           string
	StreamModeDetails   *StreamMode
	WarmThroughputMiBps *int
}

func (c *call) updateStreamMode(in *updateStreamMode) (any, error) {
	s, err := c.streamByARN(in.StreamARN)
	if err != nil {
		return nil, err
	}
	want := in.StreamModeDetails.StreamMode == onDemand
	warm := 0
	if in.WarmThroughputMiBps != nil {
		if warm = *in.WarmThroughputMiBps; !want {
			return nil, fail(validation, "WarmThroughputMiBps is only valid when the stream mode is updated to ON_DEMAND.")
		}
		if err := c.checkWarm(warm); err != nil {
			return nil, err
		}
	}
	return empty{}, c.amend(s, func(set *Settings) error {
		if set.OnDemand == want {
			if want && warm > 0 && warm != set.WarmMiBps {
				set.WarmMiBps = warm
				return nil
			}
			return errUnchanged
		}
		if !want && set.AutoDistribution {
			return fail(invalidArgument, "Stream %s under account %s has the record distribution strategy AUTO, which PROVISIONED streams do not support; update it to %s first.",
				s.Name, c.account, byUserKey)
		}
		now := c.now()
		set.Switched = inDay(set.Switched, now, switchesADay)
		if c.h.cfg.AWSLimits && len(set.Switched) == switchesADay {
			return fail(limitExceeded, "The mode of stream %s under account %s can be changed only %d times within a rolling 24-hour period.", s.Name, c.account, switchesADay)
		}
		set.Switched = inDay(append(set.Switched, now), now, switchesADay)
		set.OnDemand, set.WarmMiBps = want, warm
		return nil
	})
}

// streamByARN is for requests that name a stream by its ARN alone.
func (c *call) streamByARN(arn string) (Stream, error) {
	if arn == "" {
		return Stream{}, missing("streamARN")
	}
	return c.stream(Named{StreamARN: arn})
}

type updateMaxRecordSize struct {
	StreamARN          string
	MaxRecordSizeInKiB *int
}

func (c *call) updateMaxRecordSize(in *updateMaxRecordSize) (any, error) {
	s, err := c.streamByARN(in.StreamARN)
	if err != nil {
		return nil, err
	}
	return empty{}, c.amend(s, func(set *Settings) error {
		if set.maxRecord()>>10 == *in.MaxRecordSizeInKiB {
			return errUnchanged
		}
		set.MaxRecordKiB = *in.MaxRecordSizeInKiB
		return nil
	})
}

// warmMax is the most warm throughput, 10 GiB/s.
const warmMax = 10 << 10

// checkWarm says what is wrong with a warm throughput.
func (c *call) checkWarm(mibps int) error {
	if err := warmRule(mibps); err != nil {
		return err
	}
	switch {
	case mibps > warmMax:
		return fail(limitExceeded, "Warm throughput cannot exceed %d MiBps. Requested: %d.", warmMax, mibps)
	case !c.h.cfg.Streams.Account().active(c.now()):
		return fail(invalidArgument, "Warm throughput is only supported in accounts with MinimumThroughputBillingCommitment enabled; see UpdateAccountSettings.")
	}
	return nil
}

type updateWarmThroughput struct {
	Named
	WarmThroughputMiBps *int
}

func (c *call) updateWarmThroughput(in *updateWarmThroughput) (any, error) {
	s, err := c.stream(in.Named)
	if err != nil {
		return nil, err
	}
	if !s.Settings.OnDemand {
		return nil, fail(validation, "Warm throughput is only supported for ON_DEMAND streams; stream %s under account %s is PROVISIONED.", s.Name, c.account)
	}
	warm := *in.WarmThroughputMiBps
	if err := c.checkWarm(warm); err != nil {
		return nil, err
	}
	err = c.amend(s, func(set *Settings) error {
		if set.WarmMiBps == warm {
			return errUnchanged
		}
		set.WarmMiBps = warm
		return nil
	})
	if err != nil {
		return nil, err
	}
	return struct {
		StreamName, StreamARN string
		WarmThroughput        warmThroughput
	}{s.Name, c.streamARN(s.Name), warmThroughput{warm, warm}}, nil
}

type updateDistribution struct {
	StreamARN                  string
	RecordDistributionStrategy string
}

func (c *call) updateDistribution(in *updateDistribution) (any, error) {
	s, err := c.streamByARN(in.StreamARN)
	if err != nil {
		return nil, err
	}
	return empty{}, c.amend(s, func(set *Settings) error {
		auto, err := distribution(in.RecordDistributionStrategy, set.OnDemand)
		if err != nil {
			return err
		}
		if auto == set.AutoDistribution {
			return errUnchanged
		}
		set.AutoDistribution = auto
		return nil
	})
}

const allMetrics = "ALL"

type enhancedMonitoring struct {
	Named
	ShardLevelMetrics []string
}

func (c *call) enableMonitoring(in *enhancedMonitoring) (any, error) {
	return c.monitor(in, func(metric string, had, named bool) bool { return had || named })
}

func (c *call) disableMonitoring(in *enhancedMonitoring) (any, error) {
	return c.monitor(in, func(metric string, had, named bool) bool { return had && !named })
}

// monitor changes which metrics a stream has.
func (c *call) monitor(in *enhancedMonitoring, has func(metric string, had, named bool) bool) (any, error) {
	s, err := c.stream(in.Named)
	if err != nil {
		return nil, err
	}
	all := metrics()
	every := slices.Contains(in.ShardLevelMetrics, allMetrics)
	var before, after []string
	err = c.amend(s, func(set *Settings) error {
		before, after = append([]string{}, set.Monitoring...), []string{}
		for _, m := range all {
			if has(m, slices.Contains(before, m), every || slices.Contains(in.ShardLevelMetrics, m)) {
				after = append(after, m)
			}
		}
		if slices.Equal(before, after) {
			return errUnchanged
		}
		set.Monitoring = after
		return nil
	})
	if err != nil {
		return nil, err
	}
	return struct {
		StreamName, StreamARN                              string
		CurrentShardLevelMetrics, DesiredShardLevelMetrics []string
	}{s.Name, c.streamARN(s.Name), before, after}, nil
}

type streamEncryption struct {
	Named
	EncryptionType string
	KeyId          string
}

const byKMS = "KMS"

func (c *call) startEncryption(in *streamEncryption) (any, error) { return c.encrypt(in, in.KeyId) }

func (c *call) stopEncryption(in *streamEncryption) (any, error) { return c.encrypt(in, "") }

// encrypt sets the key that answers name, "" for none. Keys are named and not looked up.
func (c *call) encrypt(in *streamEncryption, key string) (any, error) {
	s, err := c.stream(in.Named)
	if err != nil {
		return nil, err
	}
	return empty{}, c.amend(s, func(set *Settings) error {
		if set.KeyID == key {
			return errUnchanged
		}
		set.KeyID = key
		return nil
	})
}
