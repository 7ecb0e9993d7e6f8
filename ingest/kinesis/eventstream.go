package kinesis

import (
	"encoding/binary"
	"hash/crc32"
	"net/http"
)

// The frames of an answer that goes on (vnd.amazon.eventstream), numbers big endian:
//
//	length of all       u32
//	length of headers   u32
//	CRC-32 of these
//	headers             for each: length of the name u8, the name, 7 for text, length u16, the value
//	payload
//	CRC-32 of everything before
const (
	eventStreamType = "application/vnd.amazon.eventstream"
	headerIsText    = 7
)

// appendFrame adds a frame to b. Headers are pairs of name and value.
func appendFrame(b []byte, payload []byte, headers ...string) []byte {
	start := len(b)
	b = append(b, make([]byte, 12)...)
	for i := 0; i < len(headers); i += 2 {
		name, value := headers[i], headers[i+1]
		b = append(b, byte(len(name)))
		b = append(b, name...)
		b = append(b, headerIsText)
		b = binary.BigEndian.AppendUint16(b, uint16(len(value)))
		b = append(b, value...)
	}
	size := len(b) - start - 12
	b = append(b, payload...)
	frame := b[start:]
	binary.BigEndian.PutUint32(frame, uint32(len(frame)+4))
	binary.BigEndian.PutUint32(frame[4:], uint32(size))
	binary.BigEndian.PutUint32(frame[8:], crc32.ChecksumIEEE(frame[:8]))
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(frame))
}

// eventStream is an answer of frames.
type eventStream struct {
	c   *call
	buf []byte
}

// events begins the answer. The first frame says that it has begun: clients wait for it.
func (c *call) events() (*eventStream, error) {
	c.w.Header().Set("Content-Type", eventStreamType)
	c.w.WriteHeader(http.StatusOK)
	e := &eventStream{c: c}
	err := e.send("initial-response", empty{})
	return e, err
}

// send writes an event.
func (e *eventStream) send(kind string, v any) error {
	payload := []byte("{}")
	if _, nothing := v.(empty); !nothing || e.c.codec == cborCodec {
		var err error
		if payload, err = e.c.codec.encode(v); err != nil {
			return err
		}
	}
	return e.write(payload, ":message-type", "event", ":event-type", kind, ":content-type", e.c.codec.eventType)
}

// fail writes an error, which is the last frame.
func (e *eventStream) fail(err *Error) error {
	payload, encodeErr := e.c.codec.encode(struct {
		Message string `json:"message"`
	}{err.Message})
	if encodeErr != nil {
		return encodeErr
	}
	return e.write(payload, ":message-type", "exception", ":exception-type", err.Type, ":content-type", e.c.codec.eventType)
}

func (e *eventStream) write(payload []byte, headers ...string) error {
	e.buf = appendFrame(e.buf[:0], payload, headers...)
	if err := write(e.c.w, e.buf); err != nil {
		return err
	}
	return http.NewResponseController(e.c.w).Flush()
}
