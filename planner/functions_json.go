package planner

// jsonFunctions registers the functions of JSON.
func jsonFunctions(m map[string]function) {
	m["JSON_EXTRACT"] = function{fn: "json_extract", usage: "(json, 'path', …)", doc: "The value at a path, as JSON; of several paths an array of what is there. json->'path' is the same.", min: 2, max: 1 + jsonPathsMax, bind: jsonPaths}
	m["JSON_VALUE"] = function{fn: "json_value", usage: "(json, 'path')", doc: "The scalar at a path, as text; NULL if there is an object, an array or nothing.", min: 2, max: 2, bind: jsonPaths}
	m["JSON_UNQUOTE"] = function{fn: "json_unquote", usage: "(json)", doc: "A JSON string without quotes and escapes, other values as text. json->>'path' takes it of what is at a path.", min: 1, max: 1, bind: jsonUnquote}
	m["JSON_TYPE"] = function{fn: "json_type", usage: "(json)", doc: "OBJECT, ARRAY, STRING, INTEGER, UNSIGNED INTEGER, DOUBLE, BOOLEAN or NULL.", min: 1, max: 1, bind: jsonOf}
	m["JSON_LENGTH"] = function{fn: "json_length", usage: "(json[, 'path'])", doc: "How many members or elements there are; 1 for a scalar.", min: 1, max: 2, bind: jsonPaths}
	m["JSON_VALID"] = function{fn: "json_valid", usage: "(value)", doc: "Whether a text is JSON.", min: 1, max: 1, bind: jsonValid}
}
