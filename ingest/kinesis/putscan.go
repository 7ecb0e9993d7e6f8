package kinesis

import (
	"bytes"
	"encoding/base64"
)

// scanPutRecords reads a PutRecords in JSON as clients write it: the members that are
// named here, each at most once, and texts without escapes. It does so several times
// faster than encoding/json, which reads all the rest: ok is false for whatever is
// unusual, also where it is wrong; in is to be cleared then.
func scanPutRecords(body []byte, in *putRecords) (ok bool) {
	s := scanner{b: body, data: make([]byte, 0, len(body)/4*3)}
	seen := 0
	if !s.members(func(name []byte) bool {
		switch string(name) {
		case "StreamName":
			return once(&seen, 1) && s.string(&in.StreamName)
		case "StreamARN":
			return once(&seen, 2) && s.string(&in.StreamARN)
		case "Records":
			return once(&seen, 4) && s.records(&in.Records)
		}
		return false
	}) {
		return false
	}
	s.space()
	return s.at == len(s.b)
}

// once tells whether a bit is not set, and sets it.
func once(seen *int, bit int) bool {
	before := *seen
	*seen |= bit
	return before&bit == 0
}

// scanner is at a place of a text in JSON.
type scanner struct {
	b    []byte
	at   int
	data []byte // what base64 was decoded to; it has room for all of it
}

func (s *scanner) space() {
	for s.at < len(s.b) && (s.b[s.at] == ' ' || s.b[s.at] == '\n' || s.b[s.at] == '\t' || s.b[s.at] == '\r') {
		s.at++
	}
}

// next takes a character that must follow.
func (s *scanner) next(c byte) bool {
	s.space()
	if s.at == len(s.b) || s.b[s.at] != c {
		return false
	}
	s.at++
	return true
}

// more tells whether a list goes on, and takes the comma, or takes its end.
func (s *scanner) more(end byte) (more, ok bool) {
	if s.next(',') {
		return true, true
	}
	return false, s.next(end)
}

// members takes an object, whose values value takes.
func (s *scanner) members(value func(name []byte) bool) bool {
	if !s.next('{') {
		return false
	}
	for more := true; more; {
		name, ok := s.text()
		if !ok || !s.next(':') || !value(name) {
			return false
		}
		if more, ok = s.more('}'); !ok {
			return false
		}
	}
	return true
}

// text takes a text of plain ASCII.
func (s *scanner) text() ([]byte, bool) {
	if !s.next('"') {
		return nil, false
	}
	begin := s.at
	for ; s.at < len(s.b); s.at++ {
		switch c := s.b[s.at]; {
		case c == '"':
			s.at++
			return s.b[begin : s.at-1], true
		case c < 0x20 || c >= 0x7f || c == '\\':
			return nil, false
		}
	}
	return nil, false
}

func (s *scanner) string(into *string) bool {
	text, ok := s.text()
	*into = string(text)
	return ok
}

// base64 takes a text that is bytes.
func (s *scanner) base64(into **[]byte) bool {
	if !s.next('"') {
		return false
	}
	size := bytes.IndexByte(s.b[s.at:], '"')
	if size < 0 {
		return false
	}
	text := s.b[s.at : s.at+size]
	s.at += size + 1
	// The decoder lets line ends pass, which JSON does not.
	if bytes.IndexByte(text, '\n') >= 0 || bytes.IndexByte(text, '\r') >= 0 {
		return false
	}
	begin := len(s.data)
	room := s.data[begin : begin+base64.StdEncoding.DecodedLen(len(text))]
	n, err := base64.StdEncoding.Decode(room, text)
	if err != nil {
		return false
	}
	s.data = s.data[:begin+n]
	data := s.data[begin : begin+n : begin+n]
	*into = &data
	return true
}

// records takes the list of records.
func (s *scanner) records(into *[]entry) bool {
	if !s.next('[') {
		return false
	}
	out := make([]entry, 0, requestRecords)
	for more := true; more; {
		out = append(out, entry{})
		e, seen := &out[len(out)-1], 0
		ok := s.members(func(name []byte) bool {
			switch string(name) {
			case "Data":
				return once(&seen, 1) && s.base64(&e.Data)
			case "PartitionKey":
				return once(&seen, 2) && s.string(&e.PartitionKey)
			case "ExplicitHashKey":
				return once(&seen, 4) && s.string(&e.ExplicitHashKey)
			}
			return false
		})
		if !ok || len(out) > requestRecords {
			return false
		}
		if more, ok = s.more(']'); !ok {
			return false
		}
	}
	*into = out
	return true
}
