package app

import (
	"fmt"
	"time"

	"weir/operators/engine"
	"weir/operators/stream"
	"weir/planner/physical"
	"weir/windows"
)

// waitingFor says in words what the windows of a query wait for, "" where they
// wait for nothing: the shard that holds the watermark back, and what lets it go.
func waitingFor(p engine.Progress, plan *physical.Plan) string {
	if !windowed(plan.Root) || !p.Held || p.W == stream.MaxTime {
		return ""
	}
	scans, h := physical.Scans(plan.Root), p.Holder
	scan, of := scans[p.HolderInput], ""
	if len(scans) > 1 {
		of = " of " + physical.FormatName(scan.Relation)
	}
	switch {
	case p.Inputs[p.HolderInput].Ledger.In == 0:
		return "the first row" + of
	case h.W == stream.MinTime: // Last does not tell: a start of the server counts as well
		return fmt.Sprintf("a row in shard %d%s, which has had none with an event time%s", h.Shard, of, unlessIdle(scan.IdleTimeout, "the stream's first row"))
	case h.Idle:
		return fmt.Sprintf("newer rows%s: the watermark is at %s, and all shards are idle", of, showTime(h.W))
	}
	return fmt.Sprintf("newer rows in shard %d%s, whose watermark is at %s%s", h.Shard, of, showTime(h.W), unlessIdle(scan.IdleTimeout, "its last row"))
}

// unlessIdle says how a shard without rows stops holding the watermark back.
func unlessIdle(timeout time.Duration, since string) string {
	if timeout <= 0 {
		return "; idle_timeout is '0', so it is waited for without end"
	}
	return fmt.Sprintf("; it is passed over %s after %s (idle_timeout)", timeout, since)
}

// windowed tells whether rows leave the plan when a window closes.
func windowed(n physical.Node) bool {
	is := false
	physical.Walk(n, func(n physical.Node) {
		if f, ok := n.(*physical.WindowFinal); ok {
			is = is || f.Window.Kind != windows.None && !f.Updates
		}
	})
	return is
}
