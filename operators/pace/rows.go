package pace

const (
	// chunkRows is how many rows lie together, and in one page of a snapshot.
	chunkRows = 4096
	// heldMax and heldBytesMax are how many rows are held back at most, and how many
	// bytes of different ones. Both follow from the log, and are looked at in cuts.
	heldMax      = 1 << 25
	heldBytesMax = 1 << 30
)

// rows are encoded rows in the order in which they came. A row has a number.
type rows struct {
	chunks []chunk
	n      int // all of them
	live   int // those with a net that is not 0, as often as it says
	bytes  int // of those with a net that is not 0
}

// chunk is up to chunkRows rows.
type chunk struct {
	bytes  []byte
	ends   []int // of each row in bytes
	prefix []int // how many bytes of each row order it
	net    []int32
	saved  bool // the last snapshot has it as it is
}

// append adds a row and returns its number.
func (r *rows) append(row []byte, prefix int, net int32) int {
	if r.n%chunkRows == 0 {
		r.chunks = append(r.chunks, chunk{})
	}
	c := &r.chunks[len(r.chunks)-1]
	c.bytes = append(c.bytes, row...)
	c.ends, c.prefix, c.net, c.saved = append(c.ends, len(c.bytes)), append(c.prefix, prefix), append(c.net, net), false
	r.n++
	r.live += times(net)
	if net != 0 {
		r.bytes += len(row)
	}
	return r.n - 1
}

// at returns a row, how many bytes of it order it, and its net.
func (r *rows) at(number int) (row []byte, prefix int, net int32) {
	c, i := &r.chunks[number/chunkRows], number%chunkRows
	from := 0
	if i > 0 {
		from = c.ends[i-1]
	}
	return c.bytes[from:c.ends[i]], c.prefix[i], c.net[i]
}

// net returns the net of a row.
func (r *rows) net(number int) int32 { return r.chunks[number/chunkRows].net[number%chunkRows] }

// add changes the net of a row and returns what it is now.
func (r *rows) add(number int, sign int32) int32 {
	c, i := &r.chunks[number/chunkRows], number%chunkRows
	r.live -= times(c.net[i])
	c.net[i] += sign
	c.saved = false
	r.live += times(c.net[i])
	if c.net[i] == 0 {
		row, _, _ := r.at(number)
		r.bytes -= len(row)
	}
	return c.net[i]
}

// times is how many rows a net stands for.
func times(net int32) int { return int(max(net, -net)) }
