package kinesis

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

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

// The limits of tags; the lengths are in characters.
const (
	tagsMax     = 50
	tagKeyMax   = 128
	tagValueMax = 256
)

// checkTags says what is wrong with the tags of a request.
func checkTags(tags map[string]string) error {
	if len(tags) > tagsMax {
		return invalid(itoa(len(tags)), "tags", "have length less than or equal to %d", tagsMax)
	}
	for k, v := range tags {
		if err := checkTag(k, v); err != nil {
			return err
		}
	}
	return nil
}

func checkTag(key, value string) error {
	switch n := utf8.RuneCountInString(key); {
	case n < 1 || n > tagKeyMax:
		return invalid(key, "tags", "have keys of 1 to %d characters", tagKeyMax)
	case utf8.RuneCountInString(value) > tagValueMax:
		return invalid(value, "tags", "have values of at most %d characters", tagValueMax)
	case strings.ContainsFunc(key, notTag), strings.ContainsFunc(value, notTag):
		return fail(invalidArgument, "Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, _ . / = + - @ :.")
	case len(key) >= 4 && strings.EqualFold(key[:4], "aws:"):
		return fail(invalidArgument, "The tag key %s begins with aws:, which is reserved.", clip(key))
	}
	return nil
}

// notTag tells whether a character cannot stand in a tag.
func notTag(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsSpace(r) && !strings.ContainsRune("_.:/=+-@", r)
}
