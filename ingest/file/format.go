package file

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
)

// byName returns the format that the end of a path stands for, if any.
func byName(path string) string {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".csv":
		return CSV
	case ".tsv":
		return TSV
	case ".json", ".jsonl", ".ndjson":
		return JSON
	}
	return ""
}

// byContent guesses the format from how the input begins. What begins like an
// object or an array is JSON.
func byContent(begin []byte) string {
	begin = trimSpace(begin)
	if len(begin) == 0 || begin[0] == '{' || begin[0] == '[' {
		return JSON
	}
	return CSV
}

// comma returns what stands between the fields of a format, 0 for JSON.
func comma(format string) (byte, error) {
	switch format {
	case JSON:
		return 0, nil
	case CSV:
		return ',', nil
	case TSV:
		return '\t', nil
	}
	return 0, fmt.Errorf("format %q is none of json, csv, tsv", format)
}

// trimSpace returns b without the white space of JSON in front.
func trimSpace(b []byte) []byte { return bytes.TrimLeft(b, " \t\r\n") }

// trimBOM returns b without a byte order mark in front.
func trimBOM(b []byte) []byte { return bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")) }
