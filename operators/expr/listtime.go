package expr

// timeFunctions lists the functions of times.
func timeFunctions() []function {
	return []function{
		{"date_add", 2, 2, buildDateAdd}, {"date_add_by", 3, 3, buildDateBy}, {"date_sub_by", 3, 3, buildDateBy},
		{"date", 1, 1, buildDate}, {"last_day", 1, 1, buildDayMade}, {"from_days", 1, 1, buildDayMade}, {"makedate", 2, 2, buildDayMade},
		{"year", 1, 1, buildTimePart}, {"quarter", 1, 1, buildTimePart}, {"month", 1, 1, buildTimePart}, {"day", 1, 1, buildTimePart},
		{"dayofyear", 1, 1, buildTimePart}, {"dayofweek", 1, 1, buildTimePart}, {"weekday", 1, 1, buildTimePart},
		{"weekofyear", 1, 1, buildTimePart}, {"week", 2, 2, buildWeek}, {"yearweek", 2, 2, buildWeek},
		{"hour", 1, 1, buildTimePart}, {"minute", 1, 1, buildTimePart}, {"second", 1, 1, buildTimePart}, {"microsecond", 1, 1, buildTimePart},
		{"to_days", 1, 1, buildTimePart}, {"to_seconds", 1, 1, buildTimePart}, {"extract", 2, 2, buildExtract},
		{"unix_timestamp", 1, 1, buildTimePart}, {"from_unixtime", 1, 1, buildFromUnixtime},
		{"datediff", 2, 2, buildDateDiff}, {"timestampdiff", 3, 3, buildTimestampDiff},
		{"period_add", 2, 2, buildPeriod}, {"period_diff", 2, 2, buildPeriod},
		{"date_trunc", 2, 3, buildDateTrunc}, {"date_ceil", 2, 2, buildDateTrunc}, {"date_bin", 3, 3, buildDateBin},
		{"convert_tz", 3, 3, buildConvertTZ},
		{"addtime", 2, 2, buildTimeSum}, {"subtime", 2, 2, buildTimeSum}, {"timediff", 2, 2, buildTimeSum},
		{"time_to_sec", 1, 1, buildTimeToSec}, {"sec_to_time", 1, 1, buildSecToTime}, {"maketime", 3, 3, buildMakeTime},
		{"time_format", 2, 2, buildTimeFormat},
		{"dayname", 1, 1, buildDateName}, {"monthname", 1, 1, buildDateName},
		{"date_format", 2, 2, buildDateFormat}, {"str_to_date", 2, 2, buildStrToDate},
	}
}

// jsonFunctions lists the functions of JSON.
func jsonFunctions() []function {
	return []function{
		{"json_extract", 2, -1, buildJSONExtract}, {"json_value", 2, 2, buildJSONValue}, {"json_unquote", 1, 1, buildJSONUnquote},
		{"json_type", 1, 1, buildJSONType}, {"json_length", 1, 2, buildJSONLength}, {"json_valid", 1, 1, buildJSONValid},
		{"to_json", 1, 1, buildToJSON}, {"json_array", 0, -1, buildJSONArray}, {"json_object", 0, -1, buildJSONObject},
		{"json_keys", 1, 2, buildJSONKeys}, {"json_depth", 1, 1, buildJSONDepth}, {"json_pretty", 1, 1, buildJSONPretty},
		{"json_contains", 2, 2, buildJSONCompare}, {"json_overlaps", 2, 2, buildJSONCompare},
		{"json_contains_path", 3, -1, buildJSONContainsPath}, {"json_search", 4, 4, buildJSONSearch},
		{"json_set", 3, -1, buildJSONEdit}, {"json_insert", 3, -1, buildJSONEdit}, {"json_replace", 3, -1, buildJSONEdit},
		{"json_array_append", 3, -1, buildJSONEdit}, {"json_array_insert", 3, -1, buildJSONEdit}, {"json_remove", 2, -1, buildJSONRemove},
		{"json_merge_patch", 2, -1, buildJSONMerge}, {"json_merge_preserve", 2, -1, buildJSONMerge},
	}
}
