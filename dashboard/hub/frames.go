package hub

import (
	"strconv"

	"github.com/gorilla/websocket"

	"weir/operators/stream"
)

// message is what goes to a client. Its bytes, and the websocket frame that they
// are put into, are made once and shared by everybody who gets it.
type message struct {
	data     []byte
	prepared *websocket.PreparedMessage // nil: it goes to one client
	rows     int
}

// head appends the first members of a message of a channel.
func channelHead(dst []byte, t string, ch uint64) []byte {
	dst = append(append(append(dst, `{"t":"`...), t...), `","ch":`...)
	return strconv.AppendUint(dst, ch, 10)
}

// framer makes the messages of one channel.
type framer struct {
	ch     uint64
	cols   int
	limits *limits
	count  *counters
}

// point is where a frame leads to.
type point struct {
	token string // "": the run cannot be resumed
	w     stream.Time
}

// snap returns a snapshot in messages of bounded size.
func (fr *framer) snap(rows []line, at point) []*message {
	return fr.pieces("snap", rows, at, func(msg []byte, piece []line, more bool) []byte {
		msg = append(msg, `,"more":`...)
		return strconv.AppendBool(msg, more)
	})
}

// delta returns one change in messages of bounded size. dropped is told by the first.
func (fr *framer) delta(rows []line, dropped int64, at point) []*message {
	return fr.pieces("delta", rows, at, func(msg []byte, piece []line, more bool) []byte {
		msg = appendOps(msg, piece)
		if more {
			msg = append(msg, `,"more":true`...)
		}
		msg = append(msg, `,"dropped":`...)
		msg = strconv.AppendInt(msg, dropped, 10)
		dropped = 0
		return msg
	})
}

// mark returns the message that time moved on.
func (fr *framer) mark(at point) *message {
	return fr.message(append(tail(channelHead(nil, "mark", fr.ch), at.token, at.w), '}'), 0)
}

// pieces cuts rows into messages; at stands in the last one alone.
func (fr *framer) pieces(t string, rows []line, at point, more func([]byte, []line, bool) []byte) []*message {
	var out []*message
	for {
		n, size := 0, 0
		for n < len(rows) && n < fr.limits.frameRows && size < fr.limits.frameBytes {
			size += rows[n].size()
			n++
		}
		piece := rows[:n]
		rows = rows[n:]
		msg := channelHead(make([]byte, 0, size+200), t, fr.ch)
		msg = append(msg, `,"n":`...)
		msg = strconv.AppendInt(msg, int64(n), 10)
		msg = appendColumns(append(msg, ','), fr.cols, piece)
		msg = more(msg, piece, len(rows) > 0)
		if len(rows) == 0 {
			msg = tail(msg, at.token, at.w)
		}
		out = append(out, fr.message(append(msg, '}'), n))
		if len(rows) == 0 {
			return out
		}
	}
}

func (fr *framer) message(data []byte, rows int) *message {
	fr.count.encoded.Add(1)
	p, err := websocket.NewPreparedMessage(websocket.TextMessage, data)
	if err != nil { // only for message types that do not exist
		panic(err)
	}
	return &message{data: data, prepared: p, rows: rows}
}

// appendOps appends a letter a row, unless all rows enter.
func appendOps(dst []byte, rows []line) []byte {
	plain := true
	for _, r := range rows {
		plain = plain && r.op == 'i'
	}
	if plain {
		return dst
	}
	dst = append(dst, `,"op":"`...)
	for _, r := range rows {
		dst = append(dst, r.op)
	}
	return append(dst, '"')
}

// appendColumns appends "cols":[[…],…] for the rows, one array a column.
func appendColumns(dst []byte, cols int, rows []line) []byte {
	dst = append(dst, `"cols":[`...)
	for c := range cols {
		if c > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '[')
		for i, r := range rows {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(dst, r.cell(c)...)
		}
		dst = append(dst, ']')
	}
	return append(dst, ']')
}

func bytesOf(msgs []*message) int {
	n := 0
	for _, m := range msgs {
		n += len(m.data)
	}
	return n
}
