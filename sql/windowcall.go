package sql

import "weir/sql/diag"

func (pp *prepass) refuseWindow(t token, at diag.Span) error {
	return unsupported(at, "the windows are TUMBLE(ts, size) and HOP(ts, slide, size), in GROUP BY", "the window %s is not supported", t.word)
}
