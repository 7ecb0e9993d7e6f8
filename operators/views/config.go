package views

import (
	"errors"
	"fmt"
	"time"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/operators/state"
	"weir/operators/stream"
)

// What a Config has where it says nothing.
const (
	pageRowsDefault  = 4096
	pageBytesDefault = 256 << 10
	logBytesDefault  = 64 << 20
	logTimeDefault   = 10 * time.Minute
	holdBytesDefault = 1 << 30

	// spillBytesDefault is how much a view that has a store keeps in memory alone.
	spillBytesDefault = 32 << 20

	pageRowsMax = 1 << rowBits
)

// Config describes a view.
type Config struct {
	// ID names the view in the store. It is never used for another view.
	ID     uint32
	Schema stream.Schema
	Key    []int // columns that identify a row; nil: a bag, where all columns do

	// Retention is for how long rows stay behind the watermark: a row whose
	// TimeColumn is older than W - Retention leaves the content. 0: for ever.
	Retention  time.Duration
	TimeColumn int // a DATETIME or DATE column; of no matter where Retention is 0

	// Store keeps the view; nil: it lives in memory alone.
	Store state.Store
	// Cache holds pages of all views of a store in memory; nil: one of its own.
	Cache *Cache
	// Alloc makes what the view copies; nil: the Go allocator.
	Alloc memory.Allocator

	// The changelog keeps the newest changes, at most LogBytes of them in memory's
	// terms and none older than LogTime by the log's clock. 0: 64 MiB, 10 minutes.
	LogBytes int64
	LogTime  time.Duration
	// HoldBytes is how long the changelog may grow for the sake of holds. 0: 1 GiB.
	HoldBytes int64

	// PageRows and PageBytes bound a page. 0: 4096 rows, 256 KiB.
	PageRows  int
	PageBytes int64
	// SpillBytes is how much the view holds that no flush has written; beyond it
	// Step writes pages itself. 0: 32 MiB.
	SpillBytes int64
}

// withDefaults checks the config and fills in what it leaves open.
func (c Config) withDefaults() (Config, error) {
	if c.PageRows < 0 || c.PageRows > pageRowsMax {
		return c, fmt.Errorf("views: a page of %d rows; it has at most %d", c.PageRows, pageRowsMax)
	}
	if c.Retention < 0 {
		return c, errors.New("views: retention is negative")
	}
	if c.Retention > 0 && (c.TimeColumn < 0 || c.TimeColumn >= len(c.Schema) || !c.Schema[c.TimeColumn].Type.IsTime()) {
		return c, errors.New("views: retention needs a time column")
	}
	for _, k := range c.Key {
		if k < 0 || k >= len(c.Schema) {
			return c, fmt.Errorf("views: key column %d of %d columns", k, len(c.Schema))
		}
	}
	if c.Cache == nil {
		c.Cache = NewCache(0)
	}
	if c.Alloc == nil {
		c.Alloc = memory.DefaultAllocator
	}
	or(&c.LogBytes, logBytesDefault)
	or(&c.LogTime, logTimeDefault)
	or(&c.HoldBytes, holdBytesDefault)
	or(&c.PageRows, pageRowsDefault)
	or(&c.PageBytes, pageBytesDefault)
	or(&c.SpillBytes, spillBytesDefault)
	return c, nil
}

// or sets what is not set.
func or[T int | int64 | time.Duration](to *T, value T) {
	if *to == 0 {
		*to = value
	}
}
