package expr

import (
	"testing"
	"time"

	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
)

// FuzzDateBy adds amounts of every unit to times, and holds the sums against
// package time. Of a month that is too short the last day is meant.
func FuzzDateBy(f *testing.F) {
	f.Add(int64(0), int64(1), uint8(7), false)
	f.Add(int64(951_782_400_000_000), int64(-12), uint8(7), true) // 2000-02-29
	f.Add(microsMax, int64(1), uint8(0), false)
	f.Add(microsMin, int64(1), uint8(9), true)
	f.Add(int64(-1), int64(-1<<63), uint8(4), true)
	units := []string{"MICROSECOND", "MILLISECOND", "SECOND", "MINUTE", "HOUR", "DAY", "WEEK", "MONTH", "QUARTER", "YEAR"}
	f.Fuzz(func(t *testing.T, micros, n int64, which uint8, subtract bool) {
		micros = microsMin + int64(uint64(micros-microsMin)%uint64(microsMax-microsMin+1))
		unit, fn := units[int(which)%len(units)], "date_add_by"
		if subtract {
			fn = "date_sub_by"
		}
		dt := types.DatetimeType(6)
		lit := func(t types.Type, v any) physical.Expr { return &physical.Literal{T: t, Value: v} }
		var ledger stream.Ledger
		root, err := build(call(fn, dt, lit(dt, micros), bigint(n), lit(types.VarcharType, unit)), &ledger)
		if err != nil {
			t.Fatal(err)
		}
		v, err := root.eval(&frame{n: 1})
		if err != nil {
			t.Fatal(err)
		}
		want, ok := summed(micros, n, unit, subtract)
		got := v.value(0)
		switch {
		case !ok && (got != nil || ledger.Nulled != 1):
			t.Errorf("%s(%d, %d %s) is %v and counted %d times, want NULL", fn, micros, n, unit, got, ledger.Nulled)
		case ok && got != want:
			t.Errorf("%s(%d, %d %s) is %v, want %d", fn, micros, n, unit, got, want)
		}
		if !ok {
			return
		}
		back, err := build(call("timestampdiff", types.BigintType, lit(types.VarcharType, unit), lit(dt, micros), lit(dt, want)), &ledger)
		if err != nil {
			t.Fatal(err)
		}
		if v, err = back.eval(&frame{n: 1}); err != nil {
			t.Fatal(err)
		}
		if subtract {
			n = -n
		}
		// Where the day was cut off, a month is not quite over.
		if diff := v.value(0).(int64); diff != n && (which%10 < 7 || time.UnixMicro(micros).UTC().Day() <= 28) {
			t.Errorf("TIMESTAMPDIFF(%s, %d, %d) is %d, want %d", unit, micros, want, diff, n)
		}
	})
}

// summed is micros and n units; ok is false outside of the years 0 to 9999.
func summed(micros, n int64, unit string, subtract bool) (sum int64, ok bool) {
	const most = 1 << 60 // no step of more than a microsecond goes so far
	if n > most || n < -most {
		return 0, false
	}
	if subtract {
		n = -n
	}
	one, _ := unitSpan(unit)
	if one.Months == 0 {
		if n > (microsMax-microsMin)/one.Micros || n < -(microsMax-microsMin)/one.Micros {
			return 0, false
		}
		sum = micros + n*one.Micros
		return sum, microsMin <= sum && sum <= microsMax
	}
	if n > 12*9999 || n < -12*9999 {
		return 0, false
	}
	t := time.UnixMicro(micros).UTC()
	month := time.Date(t.Year(), t.Month()+time.Month(n*one.Months), 1, 0, 0, 0, 0, time.UTC)
	day := min(t.Day(), month.AddDate(0, 1, -1).Day())
	clock := micros - time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC).UnixMicro()
	sum = month.AddDate(0, 0, day-1).UnixMicro() + clock
	return sum, microsMin <= sum && sum <= microsMax
}
