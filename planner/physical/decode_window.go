package physical

import (
	"errors"
	"fmt"

	"weir/sql/types"
	"weir/windows"
)

// decodeWindowRows reads the rows of windows, whose time stands where a filter has
// its predicate.
func decodeWindowRows(n *nodeJSON, input Node) (*WindowRows, error) {
	agg, err := decodeWindow(n.Agg)
	if err != nil {
		return nil, err
	}
	at, err := decodeExpr(n.Pred, input.Schema())
	switch {
	case err != nil:
		return nil, err
	case at == nil || at.Type().Kind != types.Datetime || !agg.Window.Sliced() || len(agg.Keys)+len(agg.Aggs) > 0:
		return nil, errors.New("rows of windows need a window and a time")
	}
	return &WindowRows{In: input, Window: agg.Window, Time: at}, nil
}

// decodeFill reads a fill; its window stands where that of an aggregation does.
func decodeFill(n *nodeJSON, input Node) (*Fill, error) {
	agg, err := decodeWindow(n.Agg)
	if err != nil {
		return nil, err
	}
	out := &Fill{In: input, Window: agg.Window, Keys: n.FillKeys}
	if out.Mode, err = meaning[FillMode](n.Fill, fillWords()); err != nil {
		return nil, err
	}
	for i, e := range n.Exprs {
		v, err := decodeExpr(e, nil)
		if err != nil {
			return nil, fmt.Errorf("value %d: %w", i, err)
		}
		out.Values = append(out.Values, v)
	}
	final, ok := input.(*WindowFinal)
	switch {
	case !ok || len(agg.Keys)+len(agg.Aggs) > 0 || final.Window != agg.Window || final.Updates || final.Lateness != 0,
		agg.Window.Kind != windows.Tumble && agg.Window.Kind != windows.Hop, n.FillKeys != len(final.Keys),
		len(out.Values) != 0 && len(out.Values) != len(final.Aggs), (len(out.Values) != 0) != (out.Mode == FillValue && len(final.Aggs) > 0):
		return nil, errors.New("a fill stands behind windows of a fixed grid that never change")
	}
	for i, v := range out.Values {
		if v == nil || v.Type() != final.Aggs[i].Out && v.Type().Kind != final.Aggs[i].Out.Kind {
			return nil, fmt.Errorf("value %d is no %s", i, final.Aggs[i].Out)
		}
	}
	return out, nil
}

func decodeWindow(in *windowJSON) (out WindowAgg, err error) {
	if in == nil {
		return out, errors.New("the aggregation is missing")
	}
	out = WindowAgg{
		Window: windows.Spec{
			Size: in.Size, Slide: in.Slide, Offset: in.Offset,
			SizeMonths: in.SizeMonths, SlideMonths: in.SlideMonths, OffsetMonths: in.OffsetMonths,
			Zone: string(in.Zone), Gap: in.Gap, Rows: in.Rows, Every: in.Every,
		},
		Lateness: in.Lateness, Updates: in.Updates, Retracts: in.Retracts, Keys: in.Keys,
		KeyNames: plain(in.KeyNames), AggNames: plain(in.AggNames),
	}
	if out.Window.Kind, err = meaning[windows.Kind](in.Kind, windowWords()); err != nil {
		return out, err
	}
	if out.Window.Sliced() {
		if _, err := out.Window.Grid(); err != nil {
			return out, fmt.Errorf("a window: %w", err)
		}
	}
	if out.Window.Kind == windows.Session && (out.Window.Gap <= 0 || out.Window.Size < 0 || out.Retracts) {
		return out, fmt.Errorf("a session with a gap of %s, of at most %s", out.Window.Gap, out.Window.Size)
	}
	if w := out.Window; w.Kind == windows.Count && (w.Rows <= 0 || w.Every <= 0 || w.Every > w.Rows || out.Retracts || out.Updates || out.Lateness != 0) {
		return out, fmt.Errorf("windows of %d rows, each %d", w.Rows, w.Every)
	}
	for _, t := range in.KeyTypes {
		kt, err := decodeType(t)
		if err != nil {
			return out, err
		}
		out.KeyTypes = append(out.KeyTypes, kt)
	}
	for _, a := range in.Aggs {
		agg, err := decodeAgg(a)
		if err != nil {
			return out, err
		}
		if agg.Fn == AggRows && (out.Window.Kind != windows.Session || len(in.Aggs) > 1 || out.Updates || out.Lateness != 0) {
			return out, errors.New("rows are those of sessions that close once")
		}
		out.Aggs = append(out.Aggs, agg)
	}
	if len(out.Keys) != len(out.KeyNames) || len(out.Keys) != len(out.KeyTypes) || len(out.Aggs) != len(out.AggNames) {
		return out, errors.New("keys or aggregates lack names or types")
	}
	return out, nil
}
