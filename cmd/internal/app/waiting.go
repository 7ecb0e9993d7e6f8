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
	scan, h := scanOf(plan.Root), p.Holder
	switch {
	case p.Ledger.In == 0:
		return "the first row"
	case h.W == stream.MinTime: // Last does not tell: a start of the server counts as well
		return fmt.Sprintf("a row in shard %d, which has had none with an event time%s", h.Shard, unlessIdle(scan.IdleTimeout, "the stream's first row"))
	case h.Idle:
		return fmt.Sprintf("newer rows: the watermark is at %s, and all shards are idle", showTime(h.W))
	}
	return fmt.Sprintf("newer rows in shard %d, whose watermark is at %s%s", h.Shard, showTime(h.W), unlessIdle(scan.IdleTimeout, "its last row"))
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
	for ; n != nil; n = n.Input() {
		if f, ok := n.(*physical.WindowFinal); ok {
			return f.Window.Kind != windows.None && !f.Updates
		}
	}
	return false
}
