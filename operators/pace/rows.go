package pace

const (
	// chunkRows is how many rows lie together, and in one page of a snapshot.
	chunkRows = 4096
	// heldMax is how many rows are held back at most. It counts rows, not bytes, so
	// that it follows from the log.
	heldMax = 1 << 25
)

// rows are encoded rows in the order in which they came. A row has a number.
type rows struct {
	chunks []chunk
	n      int // all of them
	live   int // those with a net that is not 0, as often as it says
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

// add changes the net of a row and returns what it is now.
func (r *rows) add(number int, sign int32) int32 {
	c, i := &r.chunks[number/chunkRows], number%chunkRows
	r.live -= times(c.net[i])
	c.net[i] += sign
	c.saved = false
	r.live += times(c.net[i])
	return c.net[i]
}

// times is how many rows a net stands for.
func times(net int32) int { return int(max(net, -net)) }

// bag finds equal rows. What is left of a row that came as often as it went is
// forgotten, so it takes as much memory as there are changes.
type bag struct {
	numbers map[string]int
}

func newBag() bag { return bag{numbers: make(map[string]int)} }

// add counts a row that came or went.
func (b *bag) add(held *rows, row []byte, prefix int, sign int32) {
	if at, ok := b.numbers[string(row)]; ok {
		if held.add(at, sign) == 0 {
			delete(b.numbers, string(row))
		}
		return
	}
	b.numbers[string(row)] = held.append(row, prefix, sign)
}

// tidy drops rows without a net once they are most of what is there.
func (b *bag) tidy(held *rows) {
	if held.n < 2*chunkRows || held.n < 2*len(b.numbers) {
		return
	}
	var kept rows
	numbers := make(map[string]int, len(b.numbers))
	for i := range held.n {
		if row, prefix, net := held.at(i); net != 0 {
			numbers[string(row)] = kept.append(row, prefix, net)
		}
	}
	*held, b.numbers = kept, numbers
}
