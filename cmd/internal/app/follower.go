package app

import (
	"context"
	"slices"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/operators/stream"
	"weir/sql/ast"
	"weir/sql/diag"
	"weir/sql/types"
)

// The columns that SUBSCRIBE puts in front.
const (
	opName        = "_op"
	commitName    = "_commit"
	watermarkName = "_watermark"
)

// follower is the output of a subscription: each change becomes a row with what it
// does. The last row of a step has the commit, and the watermark if that is wanted,
// which say that everything up to there has come.
type follower struct {
	schema   stream.Schema
	arrow    *arrow.Schema
	alloc    memory.Allocator
	progress bool
	silentTo stream.Commit
	paced    bool               // between two steps with rows some may be held back
	w        func() stream.Time // nil: the cut's
	send     func(context.Context, stepRows) error

	mu     sync.Mutex
	commit stream.Commit // of the last step that was sent whole
	at     stream.Time   // its watermark
}

func newFollower(schema stream.Schema, s *ast.Subscribe, alloc memory.Allocator) (*follower, error) {
	own := stream.Schema{{Name: opName, Type: types.VarcharType}, {Name: commitName, Type: types.BigintType}}
	if s.Progress {
		own = append(own, stream.Field{Name: watermarkName, Type: types.DatetimeType(3)})
	}
	for _, c := range schema {
		for _, o := range own {
			if c.Name == o.Name {
				return nil, diag.New(diag.WrongObject, s.At, "a column is called `%s`, and so is one that SUBSCRIBE adds", c.Name).
					WithHint("give it another name: SUBSCRIBE (SELECT `%s` AS c, … FROM …)", c.Name)
			}
		}
	}
	out := slices.Concat(own, schema)
	return &follower{
		schema: out, arrow: out.Arrow(), alloc: alloc, progress: s.Progress,
		commit: 0, at: stream.MinTime,
	}, nil
}

// Step sends the rows of a step. A part of a content has no commit.
func (f *follower) Step(ctx context.Context, c stream.Cut, commit stream.Commit, changes []stream.Batch) error {
	w := c.W
	if f.w != nil {
		w = f.w()
	}
	for i, b := range changes {
		var of stream.Commit
		if i == len(changes)-1 {
			of = commit
		}
		if err := f.rows(ctx, b, of, w); err != nil {
			return err
		}
	}
	if commit > 0 && (len(changes) > 0 || !f.paced) {
		f.mu.Lock()
		f.commit, f.at = commit, w
		f.mu.Unlock()
	}
	return nil
}

// rows sends the rows of a batch; of is the commit that they complete, or 0.
func (f *follower) rows(ctx context.Context, b stream.Batch, of stream.Commit, w stream.Time) error {
	n := int(b.NumRows())
	ops := array.NewStringBuilder(f.alloc)
	defer ops.Release()
	ops.Reserve(n)
	for row := range n {
		if b.Ops != nil && b.Ops[row] == stream.Delete {
			ops.Append("delete")
		} else {
			ops.Append("insert")
		}
	}
	out := f.batch(ops.NewArray(), n, of, w, b.Columns())
	defer out.Release()
	return f.send(ctx, stepRows{out, of})
}

// batch puts SUBSCRIBE's own columns in front of others. It takes ops over.
func (f *follower) batch(ops arrow.Array, n int, of stream.Commit, w stream.Time, columns []arrow.Array) stream.Batch {
	commits := array.NewInt64Builder(f.alloc)
	defer commits.Release()
	for range n - 1 {
		commits.AppendNull()
	}
	if of > 0 {
		commits.Append(int64(of))
	} else {
		commits.AppendNull()
	}
	own := []arrow.Array{ops, commits.NewArray()}
	if f.progress {
		ws := array.NewTimestampBuilder(f.alloc, f.arrow.Field(len(own)).Type.(*arrow.TimestampType))
		defer ws.Release()
		for range n - 1 {
			ws.AppendNull()
		}
		if of > 0 && w != stream.MinTime && w != stream.MaxTime {
			ws.Append(arrow.Timestamp(w))
		} else {
			ws.AppendNull()
		}
		own = append(own, ws.NewArray())
	}
	defer func() {
		for _, a := range own {
			a.Release()
		}
	}()
	return stream.Batch{RecordBatch: array.NewRecordBatch(f.arrow, append(own[:len(own):len(own)], columns...), int64(n))}
}

// reached returns the last step that was sent whole.
func (f *follower) reached() (stream.Commit, stream.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.commit, f.at
}

// line is a row of progress: nothing has changed up to that commit.
func (f *follower) line(commit stream.Commit, w stream.Time) stepRows {
	ops := array.NewStringBuilder(f.alloc)
	defer ops.Release()
	ops.Append("progress")
	rest := f.arrow.Fields()[3:]
	nulls := make([]arrow.Array, len(rest))
	for i, c := range rest {
		nulls[i] = array.MakeArrayOfNull(f.alloc, c.Type, 1)
		defer nulls[i].Release()
	}
	return stepRows{f.batch(ops.NewArray(), 1, commit, w, nulls), commit}
}
