package app

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"weir/operators/engine"
	"weir/operators/stream"
	"weir/planner/physical"
)

// input is what the scans of a query read, opened, and what the query needs to
// know of it.
type input struct {
	inputs []engine.Input // by the number of the scan
	after  stream.Commit  // of streams of the log: the commit behind which they start
	ended  bool           // of streams of the log: all of them end before that
	report func(stream.Ledger) []string
	lives  []context.Context // that end with what is read; none: that is as long as the query
	ends   []func()          // what is to be called when the query has ended
}

// oneInput is that of a plan with one scan.
func oneInput(source engine.Source, shards ...stream.Shard) *input {
	return &input{inputs: []engine.Input{{Source: source, Shards: shards}}}
}

// partial tells whether a source starts behind its stream's first record.
func (in *input) partial() bool {
	return slices.ContainsFunc(in.inputs, func(i engine.Input) bool { return i.Partial })
}

// close closes every source.
func (in *input) close() error {
	for _, end := range in.ends {
		end()
	}
	var errs []error
	for _, i := range in.inputs {
		errs = append(errs, i.Source.Close())
	}
	return errors.Join(errs...)
}

// within returns the context for a query over the input: it ends with what is
// read, and else with ctx.
func (in *input) within(ctx context.Context) context.Context {
	switch len(in.lives) {
	case 0:
		return ctx
	case 1:
		return in.lives[0]
	}
	all, end := context.WithCancelCause(ctx)
	in.ends = append(in.ends, func() { end(nil) })
	for _, life := range in.lives {
		stop := context.AfterFunc(life, func() { end(context.Cause(life)) })
		in.ends = append(in.ends, func() { stop() })
	}
	return all
}

// open opens what the plan's scans read, which rel found. start is where live
// streams begin.
func (db *database) open(ctx context.Context, p *physical.Plan, rel *relations, start string) (*input, error) {
	scans := physical.Scans(p.Root)
	if scans[0].Kind == physical.SourceStream {
		return db.openStreams(scans, rel, start)
	}
	all := &input{}
	var reports []func(stream.Ledger) []string
	for i, scan := range scans {
		in, err := db.openBounded(ctx, scan, rel.of(scans, i))
		if err != nil {
			return nil, errors.Join(err, all.close())
		}
		all.inputs = append(all.inputs, in.inputs...)
		if in.report != nil {
			reports = append(reports, in.report)
		}
	}
	switch len(reports) {
	case 0:
	case 1:
		all.report = reports[0]
	default: // a ledger is of all of them, so each says what its file says alone
		all.report = func(stream.Ledger) (lines []string) {
			for _, r := range reports {
				lines = append(lines, r(stream.Ledger{})...)
			}
			return lines
		}
	}
	return all, nil
}

// openBounded opens what ends by itself.
func (db *database) openBounded(ctx context.Context, scan *physical.Scan, rel relation) (*input, error) {
	switch scan.Kind {
	case physical.SourceFile:
		return db.openFile(scan, rel)
	case physical.SourceView:
		m, err := db.materialized(rel.view)
		if err != nil {
			return nil, err
		}
		if err := m.caughtUp(ctx, db); err != nil {
			return nil, err
		}
		feed, err := m.view.Feed(scan.Columns, false, db.alloc)
		if err != nil {
			return nil, viewError(rel.view.Name, err)
		}
		return oneInput(namedFeed{feed, rel.view.Name}, 0), nil
	case physical.SourceOne:
		return oneInput(new(oneRow), 0), nil
	}
	return nil, fmt.Errorf("no bounded source reads kind %d", scan.Kind)
}
