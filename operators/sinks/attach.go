package sinks

import (
	"context"
	"errors"
	"fmt"

	"weir/operators/stream"
)

// input is a feed, and where in it the sink begins.
type input struct {
	feed  Feed
	mode  Mode
	first *stream.StepData // the content, where the sink gets that; else nil
	skip  stream.Commit    // steps up to here are at the destination
}

// attach finds the place in the view where the destination stands.
func (r *Runner) attach(ctx context.Context, cursor stream.Commit, ok bool) (*input, error) {
	if !ok {
		return r.content(ctx, Content)
	}
	feed, err := r.cfg.Source.After(cursor)
	if err == nil {
		return &input{feed: feed}, nil
	}
	if !errors.Is(err, ErrForgotten) {
		return nil, sourceError(ctx, err)
	}
	// A view that runs again after a restart may not have come as far as the
	// destination has: its changes up to there are known there.
	in, err := r.content(ctx, Resync)
	if err != nil {
		return nil, err
	}
	if in.first.Commit <= cursor {
		in.first.Release()
		return &input{feed: in.feed, skip: cursor}, nil
	}
	// It may have come by the cursor in between.
	if feed, err = r.cfg.Source.After(cursor); err == nil {
		in.drop()
		return &input{feed: feed}, nil
	}
	if !r.cfg.Resync {
		in.drop()
		return nil, Permanent(fmt.Errorf("%w %d: rows would be missing; drop the sink and create it again with another destination, which then begins with the view's content", ErrForgotten, cursor))
	}
	r.cfg.Logger.Warn("sink begins anew from the view's content", "sink", r.cfg.Name, "cursor", uint64(cursor))
	return in, nil
}

// content opens a feed and reads its first step.
func (r *Runner) content(ctx context.Context, mode Mode) (*input, error) {
	feed, err := r.cfg.Source.Content()
	if err != nil {
		return nil, sourceError(ctx, err)
	}
	first, err := feed.Next(ctx)
	if err != nil {
		_ = feed.Close() // it was only read
		return nil, sourceError(ctx, err)
	}
	return &input{feed: feed, mode: mode, first: first}, nil
}

func (in *input) drop() {
	in.first.Release()
	_ = in.feed.Close() // it was only read
}
