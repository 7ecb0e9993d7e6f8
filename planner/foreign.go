package planner

// foreign are functions that other engines have by these names, and what to write
// here. MySQL's are in Refused.
func foreign() map[string]string {
	out := map[string]string{}
	for _, f := range []struct {
		names []string
		hint  string
	}{
		{[]string{"TO_CHAR", "DATE_TO_STRING", "TIMESTAMPTOSTRING", "FORMAT_TIMESTAMP", "STRFTIME"}, "write DATE_FORMAT(ts, '%Y-%m-%d %H:%i:%s')"},
		{[]string{"TO_DATE", "STRINGTOTIMESTAMP", "STRINGTODATE", "PARSE_TIMESTAMP", "PARSE_DATE", "STRPTIME"}, "write STR_TO_DATE(text, '%Y-%m-%d %H:%i:%s'), or CAST(text AS DATETIME)"},
		{[]string{"GETDATE", "SYSTIMESTAMP", "CURRENT_ROW_TIMESTAMP", "UNIX_NOW"}, "write NOW(6), or _arrival for when a record came"},
		{[]string{"DATE_DIFF", "DATEDIFF_BIG", "TIMESTAMP_DIFF", "AGE"}, "write TIMESTAMPDIFF(DAY, a, b)"},
		{[]string{"MAKE_TIMESTAMP", "MAKE_DATE"}, "write CAST(CONCAT(year, '-', LPAD(month, 2, '0'), '-', LPAD(day, 2, '0')) AS DATE)"},
		{[]string{"MZ_NOW"}, "NOW() is when the row arrived; rows do not leave as time goes on: a window in GROUP BY, or a view with a retention, bounds what is kept"},
		{[]string{"CURRENT_WATERMARK"}, "EXPLAIN WATERMARK FOR QUERY q shows the watermark; a late row is in v$late"},
		{[]string{"TUMBLE_PROCTIME", "HOP_PROCTIME", "SESSION_PROCTIME"}, "a window over _arrival follows the clock; its times are window_start, window_end and window_time"},
		{[]string{"JSONB_BUILD_OBJECT", "JSON_BUILD_OBJECT", "OBJECT_CONSTRUCT"}, "write JSON_OBJECT('name', x)"},
		{[]string{"TO_UNIXTIME", "EPOCH", "TO_UNIX_TIMESTAMP"}, "write UNIX_TIMESTAMP(ts)"},
		{[]string{"STRPOS", "CHARINDEX", "INDEX_OF", "INDEXOF"}, "write LOCATE(part, text)"},
		{[]string{"SPLIT", "SPLIT_INDEX", "STRING_SPLIT"}, "write SPLIT_PART(text, ',', 1), or SUBSTRING_INDEX(text, ',', 1)"},
		{[]string{"LEN"}, "write CHAR_LENGTH(text)"},
		{[]string{"TRUNC"}, "write TRUNCATE(x, 0), and DATE_TRUNC('day', ts) for a time"},
		{[]string{"TOSTRING", "STR"}, "write CAST(x AS CHAR)"},
		{[]string{"REGEXP_EXTRACT"}, "write REGEXP_SUBSTR(text, 'pattern')"},
		{[]string{"NVL2", "IIF"}, "write IF(condition, a, b)"},
		{[]string{"COLLECT", "COLLECT_LIST", "LIST"}, "write ARRAY_AGG(x)"},
		{[]string{"COLLECT_SET", "GROUP_UNIQ_ARRAY"}, "write JSON_ARRAYAGG(DISTINCT x)"},
		{[]string{"COUNT_DISTINCT", "UNIQEXACT"}, "write COUNT(DISTINCT x)"},
		{[]string{"APPROX_DISTINCT", "UNIQ", "HLL"}, "write APPROX_COUNT_DISTINCT(x)"},
		{[]string{"COUNTIF", "SUMIF"}, "write COUNT(*) FILTER (WHERE condition)"},
		{[]string{"QUANTILE", "PERCENTILE", "QUANTILES"}, "write APPROX_PERCENTILE(x, 0.5), which is at most 1 % off"},
		{[]string{"TOPK"}, "TOP_K(x, 3) lists the most frequent values; the greatest are the rows of ORDER BY x DESC LIMIT 3"},
		{[]string{"EXTRACTJSONFIELD", "GET_JSON_OBJECT", "JSON_EXTRACT_SCALAR", "JSONEXTRACTSTRING"}, "write JSON_VALUE(doc, '$.name')"},
		{[]string{"JSON_QUERY"}, "write JSON_EXTRACT(doc, '$.name')"},
		{[]string{"JSON_EXISTS"}, "write JSON_CONTAINS_PATH(doc, 'one', '$.name')"},
		{[]string{"ARRAY_LENGTH", "ARRAY_SIZE", "ELEMENT_COUNT"}, "write JSON_LENGTH(doc)"},
		{[]string{"UNNEST", "EXPLODE", "FLATTEN", "GENERATE_SERIES"}, "one row does not become several; JSON_EXTRACT(doc, '$[0]') takes an element"},
	} {
		for _, name := range f.names {
			out[name] = f.hint
		}
	}
	return out
}
