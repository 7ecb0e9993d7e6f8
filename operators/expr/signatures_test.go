package expr

import (
	"weir/planner/physical"
	"weir/sql/types"
)

// signature is a function with the kinds of its arguments.
type signature struct {
	fn     string
	result types.Type
	args   []types.Type
	// written are the arguments that must be written out, by their places, each
	// with the values that there are.
	written map[int][]any
}

// signatures lists the functions that the model does not know: what holds them is
// that every way to compute them gives the same.
func signatures() []signature { return allSignatures }

var allSignatures = func() []signature {
	return append(append(append(valueSignatures(), timeSignatures()...), zoneSignatures()...), jsonSignatures()...)
}()

func of(result types.Type, fn string, args ...types.Type) signature {
	return signature{fn: fn, result: result, args: args}
}

// with returns s with argument i written out.
func (s signature) with(i int, values ...any) signature {
	written := map[int][]any{i: values}
	for k, v := range s.written {
		written[k] = v
	}
	s.written = written
	return s
}

func spelled(list ...string) []any {
	out := make([]any, len(list))
	for i, w := range list {
		out[i] = w
	}
	return out
}

// valueSignatures are functions of numbers and text.
func valueSignatures() []signature {
	s, n, f, b := types.VarcharType, types.BigintType, types.DoubleType, types.BooleanType
	d, u, raw := types.DecimalType(12, 3), types.UbigintType, types.VarbinaryType
	list := []signature{
		of(d, "truncate", d, n), of(f, "truncate", f, n), of(n, "truncate", n, n),
		of(n, "sign", d), of(n, "sign", f), of(n, "sign", n), of(f, "power", f, f),
		of(f, "atan2", f, f), of(f, "log", f, f), of(n, "width_bucket", f, f, f, n),
		of(s, "conv", s, n, n), of(s, "format", d, n), of(s, "format", f, n), of(s, "format", n, n),
		of(f, "rand", n, n, n), of(s, "uuid", n, n, n), of(f, "rand", n, n, n, n), of(s, "uuid", n, n, n, n), of(n, "bit_count", n), of(u, "~", n),
		of(s, "concat_ws", s, s, s, s), of(s, "trim_both", s, s), of(s, "trim_leading", s, s), of(s, "trim_trailing", s, s),
		of(s, "lpad", s, n, s), of(s, "rpad", s, n, s), of(s, "repeat", s, n), of(s, "reverse", s),
		of(s, "insert", s, n, n, s), of(s, "initcap", s), of(s, "translate", s, s, s), of(s, "split_part", s, s, n),
		of(s, "quote", s), of(s, "soundex", s), of(s, "make_set", n, s, s), of(s, "export_set", n, s, s, s, n),
		of(s, "elt", n, s, s), of(s, "format_bytes", f), of(n, "locate", s, s), of(n, "locate", s, s, n),
		of(n, "find_in_set", s, s), of(n, "strcmp", s, s), of(n, "ascii", s), of(n, "ord", s),
		of(b, "starts_with", s, s), of(b, "ends_with", s, s),
		of(n, "field", s, s, s), of(n, "field", d, d, d), of(n, "interval", n, n, n), of(n, "interval", f, f, f),
		of(s, "md5", s), of(s, "sha1", s), of(s, "sha2", s, n), of(n, "crc32", s), of(s, "hex", s),
		of(raw, "unhex", s), of(s, "to_base64", s), of(raw, "from_base64", s), of(s, "char", n, n),
		of(n, "inet_aton", s), of(s, "inet_ntoa", n), of(b, "is_ipv4", s), of(b, "is_ipv6", s), of(b, "is_uuid", s),
		of(b, "regexp_like", s, s, s), of(s, "regexp_substr", s, s, n, n, s),
		of(n, "regexp_instr", s, s, n, n, n, s), of(s, "regexp_replace", s, s, s, n, n, s),
	}
	for _, op := range []string{"&", "|", "^", "<<", ">>"} {
		list = append(list, of(u, op, n, n))
	}
	for _, c := range curves() {
		list = append(list, of(f, c.name, f))
	}
	return list
}

// timeSignatures are functions of times, days and clocks.
func timeSignatures() []signature {
	n, s, dt, day, clock := types.BigintType, types.VarcharType, types.DatetimeType(6), types.DateType, types.TimeType(6)
	steps := spelled("MICROSECOND", "MILLISECOND", "SECOND", "MINUTE", "HOUR", "DAY", "WEEK", "MONTH", "QUARTER", "YEAR")
	whole := spelled("DAY", "WEEK", "MONTH", "QUARTER", "YEAR", "YEAR_MONTH")[:5]
	several := spelled("DAY_HOUR", "DAY_MINUTE", "DAY_SECOND", "DAY_MICROSECOND", "HOUR_MINUTE", "HOUR_SECOND", "MINUTE_SECOND", "SECOND_MICROSECOND", "YEAR_MONTH")
	cut := append(spelled("DECADE", "CENTURY", "MILLENNIUM"), steps...)
	parts := append(spelled("DOW", "ISODOW", "DOY", "ISOYEAR", "YEAR_MONTH", "DAY_MICROSECOND", "HOUR_SECOND"), cut...)
	formats := spelled("%Y-%m-%d", "%d.%m.%y %H:%i:%s.%f", "%W %M %e %Y", "%X %V %w", "%r", "%T", "%j", "%%%", "%q%", "")
	spans := []any{physical.Span{Micros: 1}, physical.Span{Micros: 7 * microsPerDay}, physical.Span{Months: 1}, physical.Span{Months: 12 * 9999}, physical.Span{Micros: 900 * microsPerSecond}}
	list := []signature{
		of(dt, "date_add_by", dt, n, s).with(2, steps...), of(dt, "date_sub_by", dt, n, s).with(2, steps...),
		of(dt, "date_add_by", day, n, s).with(2, steps...), of(day, "date_sub_by", day, n, s).with(2, whole...),
		of(dt, "date_add_by", dt, types.DecimalType(38, 6), s).with(2, "SECOND"),
		of(dt, "date_add_by", dt, s, s).with(2, several...), of(dt, "date_sub_by", dt, s, s).with(2, several...),
		of(n, "extract", s, dt).with(0, parts...), of(n, "extract", s, day).with(0, parts[:8]...),
		of(n, "timestampdiff", s, dt, dt).with(0, steps...), of(n, "datediff", dt, dt),
		of(n, "week", dt, n).with(1, int64(0), int64(1), int64(2), int64(3), int64(7), int64(-1)), of(n, "yearweek", dt, n),
		of(day, "last_day", dt), of(day, "from_days", n), of(day, "makedate", n, n), of(n, "period_add", n, n), of(n, "period_diff", n, n),
		of(dt, "date_trunc", s, dt).with(0, cut...), of(dt, "date_ceil", s, dt).with(0, cut...),
		of(dt, "date_bin", types.Type{Kind: types.Interval}, dt, dt).with(0, spans...),
		of(clock, "addtime", clock, clock), of(dt, "addtime", dt, clock), of(dt, "subtime", dt, clock), of(clock, "subtime", clock, clock),
		of(clock, "timediff", clock, clock), of(clock, "timediff", dt, dt), of(n, "time_to_sec", clock),
		of(clock, "sec_to_time", types.DecimalType(38, 6)), of(clock, "maketime", n, n, types.DecimalType(20, 6)),
		of(s, "time_format", clock, s).with(1, formats...), of(s, "date_format", dt, s).with(1, formats...), of(s, "dayname", dt), of(s, "monthname", dt),
		of(dt, "str_to_date", s, s).with(1, formats...), of(dt, "from_unixtime", n), of(dt, "from_unixtime", types.DecimalType(38, 6)),
		of(n, "try_cast", s), of(dt, "try_cast", s), of(types.JSONType, "try_cast", s), of(clock, "try_cast", s), of(types.DecimalType(12, 3), "try_cast", s),
	}
	for _, fn := range []string{"dayofyear", "dayofweek", "weekday", "weekofyear", "quarter", "microsecond", "to_days", "to_seconds", "unix_timestamp", "year", "hour"} {
		list = append(list, of(n, fn, dt), of(n, fn, day))
	}
	return list
}

// zoneSignatures are functions of time zones.
func zoneSignatures() []signature {
	s, dt := types.VarcharType, types.DatetimeType(6)
	zones := spelled("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia", "+02:00", "-13:59")
	return []signature{
		of(dt, "convert_tz", dt, s, s).with(1, zones...).with(2, zones...),
		of(dt, "date_trunc", s, dt, s).with(0, spelled("MINUTE", "HOUR", "DAY", "WEEK", "MONTH", "YEAR", "CENTURY")...).with(2, zones...),
	}
}

// jsonSignatures are functions of JSON.
func jsonSignatures() []signature {
	s, n, b, j := types.VarcharType, types.BigintType, types.BooleanType, types.JSONType
	paths := spelled("$", "$.a", "$[0]", "$.a[1].b", "$[last]", `$."x y"`, "$[1].a")
	inner := paths[1:]
	many := append(spelled("$.*", "$[*]", "$**.a", "$[0 to 1]"), paths...)
	list := []signature{
		of(j, "json_extract", j, s).with(1, many...), of(j, "json_extract", j, s, s).with(1, many...).with(2, paths...),
		of(s, "json_value", j, s).with(1, paths...), of(s, "json_unquote", j), of(s, "json_unquote", s), of(s, "json_type", j),
		of(n, "json_length", j), of(n, "json_length", j, s).with(1, paths...), of(b, "json_valid", s), of(b, "json_valid", j), of(n, "json_depth", j),
		of(j, "to_json", s), of(j, "to_json", n), of(j, "to_json", b), of(j, "to_json", types.DoubleType), of(j, "to_json", types.DatetimeType(6)),
		of(j, "to_json", types.UbigintType), of(j, "to_json", types.DecimalType(12, 3)), of(j, "to_json", types.DateType), of(j, "to_json", types.TimeType(6)),
		of(j, "json_array", j, j), of(j, "json_object", s, j, s, j), of(j, "json_keys", j), of(j, "json_keys", j, s).with(1, paths...),
		of(s, "json_pretty", j), of(b, "json_contains", j, j), of(b, "json_overlaps", j, j),
		of(b, "json_contains_path", j, s, s, s).with(1, "one", "all").with(2, many...).with(3, paths...),
		of(j, "json_search", j, s, s, s).with(1, "one", "all").with(2, spelled("%", "a%", "_", "x y")...).with(3, "", "|"),
		of(j, "json_remove", j, s).with(1, inner...), of(j, "json_remove", j, s, s).with(1, inner...).with(2, inner...),
		of(j, "json_merge_patch", j, j), of(j, "json_merge_preserve", j, j, j), of(j, "cast", s), of(s, "cast", j),
		of(j, "coalesce", j, j), of(j, "if", b, j, j),
	}
	for _, fn := range []string{"json_set", "json_insert", "json_replace", "json_array_append"} {
		list = append(list, of(j, fn, j, s, j).with(1, paths...), of(j, fn, j, s, j, s, j).with(1, paths...).with(3, inner...))
	}
	return append(list, of(j, "json_array_insert", j, s, j).with(1, spelled("$[0]", "$.a[1]", "$[last]")...))
}
