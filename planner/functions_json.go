package planner

import "weir/sql/types"

// jsonFunctions registers the functions of JSON.
func jsonFunctions(m map[string]function) {
	m["JSON_EXTRACT"] = function{fn: "json_extract", usage: "(json, 'path', …)", doc: "The value at a path, as JSON; of several paths an array of what is there. json->'path' is the same.", min: 2, max: 1 + jsonPathsMax, bind: jsonPaths}
	m["JSON_VALUE"] = function{fn: "json_value", usage: "(json, 'path')", doc: "The scalar at a path, as text; NULL if there is an object, an array or nothing.", min: 2, max: 2, bind: jsonPaths}
	m["JSON_UNQUOTE"] = function{fn: "json_unquote", usage: "(json)", doc: "A JSON string without quotes and escapes, other values as text. json->>'path' takes it of what is at a path.", min: 1, max: 1, bind: jsonUnquote}
	m["JSON_TYPE"] = function{fn: "json_type", usage: "(json)", doc: "OBJECT, ARRAY, STRING, INTEGER, UNSIGNED INTEGER, DOUBLE, BOOLEAN or NULL.", min: 1, max: 1, bind: jsonOf}
	m["JSON_LENGTH"] = function{fn: "json_length", usage: "(json[, 'path'])", doc: "How many members or elements there are; 1 for a scalar.", min: 1, max: 2, bind: jsonPaths}
	m["JSON_VALID"] = function{fn: "json_valid", usage: "(value)", doc: "Whether a text is JSON.", min: 1, max: 1, bind: jsonValid}
	jsonMakers(m)
	jsonQuestions(m)
}

// jsonMakers registers what makes JSON, or other JSON of it.
func jsonMakers(m map[string]function) {
	m["JSON_ARRAY"] = function{fn: "json_array", usage: "(value, …)", doc: "An array of values; NULL is null.", min: 0, max: -1, bind: jsonArray}
	m["JSON_OBJECT"] = function{fn: "json_object", usage: "(name, value, …)", doc: "An object; of members with one name the last stays.", min: 0, max: -1, bind: jsonObject}
	m["JSON_QUOTE"] = function{fn: "to_json", usage: "(s)", doc: "A text as a JSON string, as text.", min: 1, max: 1, params: []types.Kind{types.Varchar}, result: types.VarcharType}
	edit := func(fn, doc string) function {
		return function{fn: fn, usage: "(json, 'path', value, …)", doc: doc, min: 3, max: 1 + 2*jsonPathsMax, bind: jsonEdit}
	}
	m["JSON_SET"] = edit("json_set", "JSON with values put at paths, whatever is there; a path of which only the last step is missing makes a new member or element.")
	m["JSON_INSERT"] = edit("json_insert", "As JSON_SET, but what is there stays.")
	m["JSON_REPLACE"] = edit("json_replace", "As JSON_SET, but only where something is.")
	m["JSON_ARRAY_APPEND"] = edit("json_array_append", "JSON with values appended to the arrays at paths; another value becomes an array first.")
	m["JSON_ARRAY_INSERT"] = edit("json_array_insert", "JSON with values put in front of the elements at paths.")
	m["JSON_REMOVE"] = function{fn: "json_remove", usage: "(json, 'path', …)", doc: "JSON without what is at paths.", min: 2, max: 1 + jsonPathsMax, bind: jsonPaths}
	merge := func(fn, doc string) function {
		return function{fn: fn, usage: "(json, json, …)", doc: doc, min: 2, max: 1 + jsonPathsMax, bind: jsonAll}
	}
	m["JSON_MERGE_PATCH"] = merge("json_merge_patch", "The first value changed by the others (RFC 7396): their members take the place of its own, null takes one away.")
	m["JSON_MERGE_PRESERVE"] = merge("json_merge_preserve", "All values as one: members of objects together, everything else in one array.")
}

// jsonQuestions registers what asks something about JSON.
func jsonQuestions(m map[string]function) {
	m["JSON_KEYS"] = function{fn: "json_keys", usage: "(json[, 'path'])", doc: "An array of the names of an object's members, in their order; NULL if there is no object.", min: 1, max: 2, bind: jsonPaths}
	m["JSON_DEPTH"] = function{fn: "json_depth", usage: "(json)", doc: "How deep JSON nests; 1 for a scalar and for what is empty.", min: 1, max: 1, bind: jsonOf}
	m["JSON_PRETTY"] = function{fn: "json_pretty", usage: "(json)", doc: "JSON as text over several lines.", min: 1, max: 1, bind: jsonOf}
	m["JSON_CONTAINS"] = function{fn: "json_contains", usage: "(json, candidate[, 'path'])", doc: "Whether JSON, or what is at a path, contains another value: an object its members, an array its elements.", min: 2, max: 3, bind: jsonContains}
	m["JSON_OVERLAPS"] = function{fn: "json_overlaps", usage: "(json, json)", doc: "Whether two values have an element or a member in common, or are equal scalars.", min: 2, max: 2, bind: jsonAll}
	m["MEMBER_OF"] = function{fn: "json_overlaps", usage: "(value, json)", doc: "value MEMBER OF (json): whether a value is an element of an array, or equal to what is no array.", min: 2, max: 2, bind: memberOf}
	m["JSON_CONTAINS_PATH"] = function{fn: "json_contains_path", usage: "(json, 'one' or 'all', 'path', …)", doc: "Whether there is something at one of the paths, or at all.", min: 3, max: 2 + jsonPathsMax, bind: jsonContainsPath}
	m["JSON_SEARCH"] = function{fn: "json_search", usage: "(json, 'one' or 'all', pattern[, escape])", doc: "The path of a string that is LIKE a pattern, or of all, as JSON.", min: 3, max: 4, bind: jsonSearch}
}
