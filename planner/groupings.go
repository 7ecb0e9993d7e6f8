package planner

import (
	"slices"
	"strings"

	"weir/planner/logical"
	"weir/planner/physical"
	"weir/sql/ast"
	"weir/sql/diag"
	"weir/sql/types"
)

const (
	// setsMax bounds the grouping sets of a query: each row is counted once for each.
	setsMax = 64
	// setKeysMax bounds the keys of a query with grouping sets.
	setKeysMax = 63
)

// groupingSets is what ROLLUP, CUBE and GROUPING SETS in GROUP BY come to: which keys
// each set has, one bit a key. Several of them, and keys beside them, are combined:
// every set of one with every set of the other.
type groupingSets struct {
	sets []uint64
	at   diag.Span
	q    *ast.Select
}

// addSets binds the keys of grouping sets and combines them with those that came
// before.
func (b *binder) addSets(g *grouping, q *ast.Select, s *scope, gs *ast.GroupingSets) error {
	var own []uint64
	for _, set := range gs.Sets {
		bits := uint64(0)
		for _, e := range set {
			e, err := groupEntry(q, s, e)
			if err != nil {
				return err
			}
			if _, ok := e.(*ast.Window); ok || isBound(e) && !resolves(s, e) {
				return diag.New(diag.BadWindow, e.Span(), "a window is in every grouping set").
					WithHint("write it beside them: GROUP BY ROLLUP(a, b), TUMBLE(…)")
			}
			at, err := b.keyAt(g, q, s, e)
			if err != nil {
				return err
			}
			if at >= setKeysMax {
				return diag.New(diag.TooLarge, e.Span(), "a query with grouping sets has at most %d keys", setKeysMax)
			}
			bits |= 1 << at
		}
		own = append(own, bits)
	}
	if g.sets == nil {
		g.sets = &groupingSets{sets: []uint64{0}, at: gs.At, q: q}
	}
	if len(g.sets.sets)*len(own) > setsMax {
		return diag.New(diag.TooLarge, gs.At, "more than %d grouping sets", setsMax).
			WithHint("each row is counted once for each set: name the sets that are wanted in GROUPING SETS")
	}
	var all []uint64
	for _, before := range g.sets.sets {
		for _, bits := range own {
			all = append(all, before|bits)
		}
	}
	g.sets.sets = all
	return nil
}

// keyAt binds a key and returns its place among the keys.
func (b *binder) keyAt(g *grouping, q *ast.Select, s *scope, e ast.Expr) (int, error) {
	before := len(g.agg.Keys)
	if err := b.addKey(g, q, s, e); err != nil {
		return 0, err
	}
	if len(g.agg.Keys) > before {
		return before, nil
	}
	key, err := (&exprs{b: b, s: s, clause: "GROUP BY", aliases: g.aliases}).bind(e)
	if err != nil {
		return 0, err
	}
	if key.Type().Kind == types.Null {
		key = castTo(key, types.VarcharType)
	}
	return g.key(key), nil
}

// setKey is the key that tells the groups of one set from those of another: NULL in
// a column of the data is not the NULL of a key that a set leaves out. No
// expression of a query equals it.
func setKey() physical.Expr { return &physical.Call{Fn: logical.SetKey, T: types.BigintType} }

// closeSets completes the aggregation once all keys are known. Those that stood
// beside the sets are in all of them.
func (g *grouping) closeSets(beside []int) {
	if g.sets == nil {
		return
	}
	for i := range g.sets.sets {
		for _, at := range beside {
			g.sets.sets[i] |= 1 << at
		}
	}
	g.agg.Sets = g.sets.sets
	g.agg.Keys = append(g.agg.Keys, setKey())
	g.agg.KeyNames = append(g.agg.KeyNames, g.keyNames.unique(logical.SetKey))
}

// isGrouping tells whether a call is GROUPING(key, …).
func isGrouping(c *ast.Call) bool { return strings.EqualFold(c.Name.Text, "GROUPING") }

// groupingOf binds GROUPING(a, b): a number whose bits say, from the right, whether
// the last argument, the one before it and so on are left out of the row's set.
func (x *exprs) groupingOf(c *ast.Call) (physical.Expr, error) {
	if x.g == nil || x.g.sets == nil {
		return nil, diag.New(diag.GroupMisuse, c.At, "GROUPING tells which keys a row's grouping set leaves out, and the query has no sets").
			WithHint("write GROUP BY ROLLUP(a, b), CUBE(a, b) or GROUPING SETS ((a), (b))")
	}
	if len(c.Args) == 0 || len(c.Args) > setKeysMax {
		return nil, diag.New(diag.WrongArguments, c.At, "GROUPING takes 1 to %d keys, not %d", setKeysMax, len(c.Args))
	}
	values := make([]int64, len(x.g.agg.Sets))
	for _, a := range c.Args {
		a, err := groupEntry(x.g.sets.q, x.s, a)
		if err != nil {
			return nil, err
		}
		key, err := (&exprs{b: x.b, s: x.s, clause: x.clause, aliases: x.g.aliases}).bind(a)
		if err != nil {
			return nil, err
		}
		at := x.g.key(key)
		if at < 0 {
			return nil, diag.New(diag.GroupMisuse, a.Span(), "GROUPING takes what is in GROUP BY").WithLabel("no key of the query")
		}
		for i, bits := range x.g.agg.Sets {
			values[i] = values[i]<<1 | int64(^bits>>at&1)
		}
	}
	last := len(x.g.agg.Keys) - 1
	id := &physical.Column{Index: x.g.agg.FirstKey() + last, T: types.BigintType, Name: x.g.agg.KeyNames[last]}
	out := &physical.Call{Fn: "case", T: types.BigintType}
	distinct := slices.Compact(slices.Sorted(slices.Values(values)))
	for _, v := range distinct[1:] {
		in := &physical.Call{Fn: "in", Args: []physical.Expr{id}, T: types.BooleanType}
		for i := range values {
			if values[i] == v {
				in.Args = append(in.Args, bigint(int64(i)))
			}
		}
		out.Args = append(out.Args, in, bigint(v))
	}
	if len(out.Args) == 0 {
		return bigint(distinct[0]), nil
	}
	out.Args = append(out.Args, bigint(distinct[0]))
	return out, nil
}
