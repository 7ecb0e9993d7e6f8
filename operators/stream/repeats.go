package stream

// Verdict is what became of a row, as far as it is known.
type Verdict uint8

// The verdicts. A row that is repeated may have several.
const (
	Used   Verdict = 1 << iota // it reached a result or a state
	Missed                     // of a used one: at least one of its windows had closed
	Late                       // all of its windows had closed
)

// Repeats says which rows the rows of a batch repeat, and collects what becomes of
// these: a row counts once, however often it is repeated. The one that repeats rows
// makes it; who decides about rows behind it marks them.
type Repeats struct {
	Of       []int32 // by row of the batch: the row that it repeats
	Verdicts []Verdict
}

// Mark notes what became of the rows from lo to hi, which is nothing to note where
// no row is repeated.
func (b Batch) Mark(lo, hi int, v Verdict) {
	if b.Repeats == nil {
		return
	}
	for _, r := range b.Repeats.Of[lo:hi] {
		b.Repeats.Verdicts[r] |= v
	}
}

// Count adds rows that were repeated to the accounts, each once: used if one of its
// repetitions was, else late if one was, else filtered.
func (l *Ledger) Count(verdicts []Verdict) {
	for _, v := range verdicts {
		switch {
		case v&Used == 0 && v&Late == 0:
			l.Filtered++
		case v&Used == 0:
			l.Late++
		default:
			l.Used++
			if v != Used {
				l.PartlyLate++
			}
		}
	}
}
