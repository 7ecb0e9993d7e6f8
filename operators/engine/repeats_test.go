package engine

import (
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/operators/stream"
	"weir/planner/physical"
	"weir/sql/types"
	"weir/windows"
)

// TestRepeatedRowsHaveALimit: what comes in a step has a limit, and so has what
// leaves a lane where each row is shown for many windows.
func TestRepeatedRowsHaveALimit(t *testing.T) {
	rows := &physical.WindowRows{
		In: eventScan(5), Window: windows.Spec{Kind: windows.Hop, Size: time.Hour, Slide: time.Second},
		Time: &physical.Column{Index: 0, T: types.DatetimeType(6), Name: "ts"},
	}
	alloc := memory.NewCheckedAllocator(memory.NewGoAllocator())
	src := &steps{make: func(n int) *stream.StepData {
		if n > 0 {
			return nil
		}
		return &stream.StepData{Clock: stream.MinTime, Rows: []stream.SourceBatch{eventBatch(alloc, 0, make([]event, 5000)...)}}
	}}
	_, _, err := runPlan(t, Config{Plan: planOf(rows, true), Source: src, Shards: []stream.Shard{0}, Alloc: alloc})
	if err == nil || !strings.Contains(err.Error(), "512 MiB") {
		t.Errorf("18,000,000 rows left a lane in one step: %v", err)
	}
	alloc.AssertSize(t, 0)
}
