package checkpoint

import (
	"slices"
	"strings"
	"time"

	"weir/operators/state"
	"weir/operators/stream"
	"weir/windows"
)

// Snapshot is a query at a cut, and all that it takes to go on from there.
type Snapshot struct {
	Point
	// Pages are what the operators keep. Data is nil for a page that is what it was
	// in the query's snapshot before; a query that is to go on needs them all.
	Pages []Page
	// Paused is how long the query waited while it was copied.
	Paused time.Duration
}

// Point is what the engine knows at a cut.
type Point struct {
	Commit stream.Commit // everything up to here was read
	Step   stream.Step
	Clock  stream.Time // arrival time of that commit
	Input              // the plan's first scan
	More   []Input     // its others
	// Done is set if the query wants no more input; then there are no pages.
	Done bool
}

// Input is what a query knows of one of its inputs.
type Input struct {
	Ledger  stream.Ledger
	Tracker windows.TrackerState
	Lanes   []stream.Shard // shards that have a lane, in order
	// Partial is set if it was read from behind the first record of its log on.
	Partial bool
	// After is the commit behind which its rows count; 0: all that are read do.
	After stream.Commit
}

// InputAt returns the input of a number, from 0.
func (p *Point) InputAt(i int) *Input {
	if i == 0 {
		return &p.Input
	}
	return &p.More[i-1]
}

// Ended tells whether the input had ended, so that whatever row comes is late.
func (in *Input) Ended() bool { return in.Tracker.Merged == stream.MaxTime }

// Page is a part of an operator's state. Its path begins with the operator's
// place in the query and ends with the operator's own name for it.
type Page struct {
	Path string
	Data []byte
}

// Writer gathers the pages of one operator.
type Writer struct {
	Prefix string
	To     *[]Page
}

// Put adds a page. An empty one is data, too.
func (w Writer) Put(name string, data []byte) {
	if data == nil {
		data = []byte{}
	}
	*w.To = append(*w.To, Page{w.Prefix + name, data})
}

// Keep adds a page that did not change.
func (w Writer) Keep(name string) { *w.To = append(*w.To, Page{w.Prefix + name, nil}) }

// Reader gives an operator its pages back.
type Reader struct {
	prefix string
	pages  []Page // by path
}

// Reader returns the pages whose paths begin with prefix; nil if there are none.
// s.Pages must be in order of their paths, as Load returns them.
func (s *Snapshot) Reader(prefix string) state.Reader {
	lo, _ := slices.BinarySearchFunc(s.Pages, prefix, byPath)
	hi := lo
	for hi < len(s.Pages) && strings.HasPrefix(s.Pages[hi].Path, prefix) {
		hi++
	}
	if lo == hi {
		return nil
	}
	return &Reader{prefix, s.Pages[lo:hi]}
}

func byPath(p Page, path string) int { return strings.Compare(p.Path, path) }

// Names returns the operator's own names.
func (r *Reader) Names() []string {
	names := make([]string, len(r.pages))
	for i, p := range r.pages {
		names[i] = strings.TrimPrefix(p.Path, r.prefix)
	}
	return names
}

// Get returns a page.
func (r *Reader) Get(name string) ([]byte, error) {
	i, ok := slices.BinarySearchFunc(r.pages, r.prefix+name, byPath)
	if !ok {
		return nil, state.ErrNotFound
	}
	return r.pages[i].Data, nil
}
