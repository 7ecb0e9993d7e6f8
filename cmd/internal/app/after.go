package app

import (
	"context"
	"time"

	"weir/dashboard/api"
	"weir/operators/stream"
	"weir/sql/diag"
)

// reach is the commit that the views of a statement must show, and how long it
// waits for that.
type reach struct {
	commit  stream.Commit
	timeout time.Duration
}

// reachKey is the key of a reach in a context: it belongs to one request, and
// only the place where a view is opened looks at it.
type reachKey struct{}

func reachOf(ctx context.Context) *reach {
	r, _ := ctx.Value(reachKey{}).(*reach)
	return r
}

// ExecuteAfter runs a text whose views show a commit.
func (e engineAPI) ExecuteAfter(ctx context.Context, text string, after stream.Commit, timeout time.Duration) (api.Result, error) {
	head := stream.Commit(0)
	if e.s.db.log != nil {
		head, _ = e.s.db.log.Head()
	}
	if after > head {
		return nil, diag.New(api.CodeAhead, diag.Span{}, "commit %d is ahead of the log, whose last is %d", after, head).
			WithHint("take the commit that this server answered to POST /v1/streams/{name}/records")
	}
	return e.Execute(context.WithValue(ctx, reachKey{}, &reach{after, timeout}), text)
}

// tooLate is the error of a view that did not come to a commit in time.
func tooLate(view string, at stream.Commit, r *reach) error {
	return diag.New(api.CodeAfterTimeout, diag.Span{}, "`%s` shows commit %d and not yet %d, after %s", view, at, r.commit, r.timeout).
		WithHint("ask again, with a longer timeout=…; SHOW QUERIES says how far each query is")
}
