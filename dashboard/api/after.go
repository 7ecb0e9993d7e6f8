package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"weir/operators/stream"
	"weir/sql/diag"
	"weir/sql/types"
)

// How long a statement waits for a commit.
const (
	afterTimeout    = 10 * time.Second
	afterTimeoutMax = 10 * time.Minute
)

// after is ?after=COMMIT&timeout=10s: the commit that views must show.
type after struct {
	commit  stream.Commit
	timeout time.Duration
}

// readAfter reads the parameters of the URL; nil if there are none. Others are
// refused, for a misspelt `after` would not wait.
func readAfter(r *http.Request) (*after, error) {
	if r.URL.RawQuery == "" {
		return nil, nil
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, httpError(CodeBadQuery, "the query of the URL cannot be read: %v", err)
	}
	for name, values := range query {
		if name != "after" && name != "timeout" {
			e := httpError(CodeBadQuery, "there is no parameter %s", quote(name))
			if near := diag.Suggest(name, []string{"after", "timeout"}); near != "" {
				return nil, e.WithHint("did you mean %s?", near)
			}
			return nil, e.WithHint("the parameters are after and timeout")
		}
		if len(values) > 1 {
			return nil, httpError(CodeBadQuery, "%s is given %d times", name, len(values))
		}
	}
	out := &after{timeout: afterTimeout}
	n, err := strconv.ParseUint(query.Get("after"), 10, 63)
	if err != nil {
		if !query.Has("after") {
			return nil, httpError(CodeBadQuery, "timeout goes with after").WithHint("for example ?after=17&timeout=2s")
		}
		return nil, httpError(CodeBadQuery, "after is %s, which is no commit", quote(query.Get("after"))).
			WithHint("take the commit of the answer to POST /v1/streams/{name}/records, for example ?after=17")
	}
	out.commit = stream.Commit(n)
	if query.Has("timeout") {
		out.timeout, err = types.ParseDuration(query.Get("timeout"))
		if err != nil || out.timeout <= 0 || out.timeout > afterTimeoutMax {
			return nil, httpError(CodeBadQuery, "timeout is %s", quote(query.Get("timeout"))).
				WithHint("it takes 1ms to %s, for example timeout=2s", afterTimeoutMax)
		}
	}
	return out, nil
}

// run executes the text, behind a commit if the client wants that.
func (a *API) run(ctx context.Context, text string, wait *after) (Result, error) {
	if wait == nil {
		return a.engine.Execute(ctx, text)
	}
	e, ok := a.engine.(AfterEngine)
	if !ok {
		return nil, httpError(CodeBadQuery, "this server cannot wait for a commit").WithHint("leave after out")
	}
	return e.ExecuteAfter(ctx, text, wait.commit, wait.timeout)
}
