package expr

// timeFunctions lists the functions of times.
func timeFunctions() []function {
	return []function{
		{"date_add", 2, 2, buildDateAdd}, {"date", 1, 1, buildDate}, {"date_format", 2, 2, buildDateFormat},
		{"year", 1, 1, buildTimePart}, {"month", 1, 1, buildTimePart}, {"day", 1, 1, buildTimePart},
		{"hour", 1, 1, buildTimePart}, {"minute", 1, 1, buildTimePart}, {"second", 1, 1, buildTimePart},
		{"unix_timestamp", 1, 1, buildTimePart}, {"from_unixtime", 1, 1, buildFromUnixtime},
		{"str_to_date", 2, 2, buildStrToDate},
	}
}

// jsonFunctions lists the functions of JSON.
func jsonFunctions() []function {
	return []function{
		{"json_extract", 2, -1, buildJSONExtract}, {"json_value", 2, 2, buildJSONValue}, {"json_unquote", 1, 1, buildJSONUnquote},
		{"json_type", 1, 1, buildJSONType}, {"json_length", 1, 2, buildJSONLength}, {"json_valid", 1, 1, buildJSONValid},
	}
}
