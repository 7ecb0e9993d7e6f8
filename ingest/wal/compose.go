package wal

import (
	"encoding/binary"
	"slices"

	"github.com/klauspost/compress/s2"

	"weir/operators/stream"
)

// composer builds frames. Its buffers are used again and again.
type composer struct {
	buf   []byte
	join  []byte
	items []*prepared
	dir   []dirEntry
	runs  []int // where the items of each entry end
}

// keepBytesMax is how large a buffer may be and still be kept for the next frame.
const keepBytesMax = 8 << 20

// compose returns the frame of a batch, or of a control, and fills in h. The
// bytes are valid until the next call. next is only read.
func (c *composer) compose(h *header, batch []*pending, control *Control, next map[shardKey]stream.Seq, seed uint32) []byte {
	if cap(c.buf) > keepBytesMax {
		c.buf = nil
	}
	c.group(batch, next)
	b := slices.Grow(c.buf[:0], fixedSize)[:fixedSize]
	for _, p := range batch {
		if p.key.key != "" {
			b = appendKey(b, &p.key)
			h.keys++
		}
	}
	h.keysLen = uint32(len(b) - fixedSize)
	for _, p := range batch {
		if p.mark.producer != 0 {
			b = appendMark(b, &p.mark)
			h.marks++
		}
	}
	h.blocks = uint32(len(c.dir))
	dirOff := len(b)
	b = slices.Grow(b, len(c.dir)*dirEntrySize)[:dirOff+len(c.dir)*dirEntrySize]
	if control != nil {
		h.payloadLen = uint32(len(control.Payload))
		b = append(b, control.Payload...)
	}
	h.bodyOff = uint32(len(b))
	start := 0
	for i := range c.dir {
		e := &c.dir[i]
		e.off = uint32(len(b)) - h.bodyOff
		b = c.block(b, e, c.items[start:c.runs[i]])
		start = c.runs[i]
		e.stored = uint32(len(b)) - h.bodyOff - e.off
		h.sealed = h.sealed || e.cipherKey != 0
		putDirEntry(b[dirOff+i*dirEntrySize:], e)
	}
	h.size = uint32(len(b) + crcSize)
	h.put(b, seed)
	b = binary.LittleEndian.AppendUint32(b, checksum(seed, b))
	c.buf = b
	clear(c.items)
	return b
}

// group sorts the blocks by shard, in the order they came, and decides which
// are stored as one.
func (c *composer) group(batch []*pending, next map[shardKey]stream.Seq) {
	c.items, c.dir, c.runs = c.items[:0], c.dir[:0], c.runs[:0]
	for _, p := range batch {
		for i := range p.blocks {
			c.items = append(c.items, &p.blocks[i])
		}
	}
	slices.SortStableFunc(c.items, func(a, b *prepared) int {
		switch {
		case a.stream != b.stream && a.stream < b.stream, a.stream == b.stream && a.shard < b.shard:
			return -1
		case a.stream == b.stream && a.shard == b.shard:
			return 0
		}
		return 1
	})
	for i, it := range c.items {
		first, known := stream.Seq(0), false
		if n := len(c.dir); n > 0 && c.dir[n-1].stream == it.stream && c.dir[n-1].shard == it.shard {
			last := &c.dir[n-1]
			if prev := c.items[i-1]; !prev.sole && !it.sole && prev.encoding == it.encoding {
				it.first = last.first + stream.Seq(last.count)
				last.count += it.count
				c.runs[n-1] = i + 1
				continue
			}
			first, known = last.first+stream.Seq(last.count), true
		}
		if !known {
			first = next[shardKey{it.stream, it.shard}]
		}
		it.first = first
		c.dir = append(c.dir, dirEntry{stream: it.stream, shard: it.shard, first: first, count: it.count, encoding: it.encoding})
		c.runs = append(c.runs, i+1)
	}
}

// block appends the stored bytes of one entry to b.
func (c *composer) block(b []byte, e *dirEntry, items []*prepared) []byte {
	if len(items) == 1 {
		e.raw, e.codec, e.cipherKey = items[0].raw, items[0].codec, items[0].cipherKey
		return append(b, items[0].data...)
	}
	j := c.join[:0]
	for _, it := range items {
		if n := len(j); n > 0 && j[n-1] != '\n' && e.encoding == JSON {
			j = append(j, '\n')
		}
		j = append(j, it.data...)
	}
	c.join = j
	e.raw = uint32(len(j))
	if len(j) < compressBytes {
		return append(b, j...)
	}
	n := len(b)
	b = slices.Grow(b, s2.MaxEncodedLen(len(j)))
	out, how := compress(b[n:n+s2.MaxEncodedLen(len(j))], j)
	e.codec = how
	return b[:n+len(out)]
}

// padded returns the frame that compose returned with n zero bytes behind it.
func (c *composer) padded(frame []byte, n int) []byte {
	b := slices.Grow(frame, n)
	b = b[:len(frame)+n]
	clear(b[len(frame):])
	c.buf = b
	return b
}
