package file

import "bytes"

// walk follows brackets and strings. Whether they are right is for the decoder
// to say; all that matters here is where elements end if they are.
type walk struct {
	depth   int
	text    bool // inside a string
	escaped bool // behind a backslash
}

// element returns the position of the comma or the bracket that ends the
// element that is being walked through, or len(b).
func (w *walk) element(b []byte, i int) int {
	for i < len(b) {
		if w.escaped {
			w.escaped = false
			i++
			continue
		}
		c := b[i]
		switch {
		case w.text:
			switch c {
			case '"':
				w.text = false
			case '\\':
				w.escaped = true
			}
		case c == '"':
			w.text = true
		case c == '{' || c == '[':
			w.depth++
		case c == '}' || c == ']':
			if w.depth == 0 {
				return i
			}
			w.depth--
		case c == ',' && w.depth == 0:
			return i
		}
		i++
	}
	return i
}

// nextElements cuts elements off an array: a chunk is what stands between two
// of its commas. A chunk of white space alone is an error that the decoder
// finds, unless the array is empty.
func (r *reader) nextElements() (j *job, more bool) {
	if r.closed {
		// Nothing may stand behind the array; with the bracket it is no row.
		if len(r.buf) == 0 {
			return nil, false
		}
		return &job{data: append([]byte("]"), r.buf[:min(len(r.buf), 1024)]...)}, false
	}
	window := r.buf[:min(len(r.buf), r.cfg.ChunkBytes)]
	cut := -1 // the last comma
	for i := 0; i < len(window); i++ {
		r.walk = walk{}
		if i = r.walk.element(window, i); i == len(window) {
			break
		}
		if window[i] != ',' {
			return r.closeArray(i)
		}
		cut = i
	}
	switch {
	case cut >= 0:
		r.started = true
		data := r.take(cut)
		r.drop(1)
		return &job{data: data}, true
	case r.eof && len(r.buf) > 0 && len(r.buf) <= r.cfg.ChunkBytes:
		// The array is not closed: what is left, and then nothing, which is an error.
		r.started = true
		return &job{data: r.take(len(r.buf))}, true
	case r.eof && len(r.buf) == 0:
		return &job{}, false
	}
	r.started, r.skip = true, true
	return &job{data: r.take(r.cfg.ChunkBytes), truncated: true}, true
}

// closeArray cuts off the last elements, which end at i.
func (r *reader) closeArray(i int) (j *job, more bool) {
	empty := !r.started && len(bytes.TrimSpace(r.buf[:i])) == 0
	r.closed = true
	data := r.take(i)
	r.drop(1)
	if empty {
		r.recycle(data)
		return nil, true
	}
	return &job{data: data}, true
}
