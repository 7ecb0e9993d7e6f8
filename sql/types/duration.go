package types

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// ParseDuration reads a duration as options have it: "24h", "30s", "5m", "7d",
// "500ms", "1d12h", "1.5h", "-15m", "0". A day is 24 hours and can only stand
// first; the other units are those of time.ParseDuration.
func ParseDuration(s string) (time.Duration, error) {
	bad := func() (time.Duration, error) {
		return 0, fmt.Errorf("%.60q is not a duration: write for example 500ms, 30s, 5m, 24h or 7d", s)
	}
	negative, text := false, s
	if strings.HasPrefix(s, "-") {
		negative, text = true, s[1:]
	}
	var sum time.Duration
	if count, rest, found := strings.Cut(text, "d"); found {
		days, err := time.ParseDuration(count + "h")
		if err != nil || strings.Trim(count, "0123456789.") != "" || days > math.MaxInt64/24 || rest == "0" {
			return bad()
		}
		sum, text = days*24, rest
	}
	if text != "" || sum == 0 && !strings.HasSuffix(s, "d") {
		if strings.HasPrefix(text, "-") || strings.HasPrefix(text, "+") {
			return bad()
		}
		rest, err := time.ParseDuration(text)
		if err != nil || rest > math.MaxInt64-sum {
			return bad()
		}
		sum += rest
	}
	if negative {
		sum = -sum
	}
	return sum, nil
}
