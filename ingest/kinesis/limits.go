package kinesis

import (
	"strconv"
	"time"
	"unicode/utf8"
)

func itoa(n int) string { return strconv.Itoa(n) }

// hours returns a retention in whole hours, at least one. A stream that keeps its
// records for ever has the longest that Kinesis knows.
func hours(d time.Duration) int {
	if d == 0 {
		return retentionMaxHours
	}
	return max(int((d+time.Hour-1)/time.Hour), 1)
}

const (
	retentionMinHours = 24
	retentionMaxHours = 8760
)

const (
	recordMinKiB = 1024
	recordMaxKiB = 10240
)

func checkRecordSize(kib int) error {
	if kib < recordMinKiB || kib > recordMaxKiB {
		return invalid(itoa(kib), "maxRecordSizeInKiB", "have value between %d and %d", recordMinKiB, recordMaxKiB)
	}
	return nil
}

func checkMode(mode string) error {
	if mode != onDemand && mode != provisioned {
		return invalid(mode, "streamModeDetails.streamMode", "satisfy enum value set: [%s, %s]", provisioned, onDemand)
	}
	return nil
}

const (
	byUserKey = "USER_PARTITION_KEY"
	byService = "AUTO"
)

// distribution reads a strategy by which records are dealt to shards.
func distribution(s string, onDemand bool) (auto bool, err error) {
	switch {
	case s == "" || s == byUserKey:
		return false, nil
	case s != byService:
		return false, invalid(s, "recordDistributionStrategy", "satisfy enum value set: [%s, %s]", byUserKey, byService)
	case !onDemand:
		return false, fail(invalidArgument, "The record distribution strategy AUTO is for ON_DEMAND streams.")
	}
	return true, nil
}

func strategy(s *Settings) string {
	if s.AutoDistribution {
		return byService
	}
	return byUserKey
}

// tagsMax is how many tags a stream may have.
const tagsMax = 50

func checkTags(tags map[string]string) error {
	if len(tags) > tagsMax {
		return fail(invalidArgument, "a stream has at most %d tags", tagsMax)
	}
	for k, v := range tags {
		if n := utf8.RuneCountInString(k); n < 1 || n > 128 {
			return invalid(k, "tags", "have keys of 1 to 128 characters")
		}
		if utf8.RuneCountInString(v) > 256 {
			return invalid(v, "tags", "have values of at most 256 characters")
		}
	}
	return nil
}
