package planner

import (
	"weir/operators/stream"
	"weir/planner/logical"
	"weir/planner/physical"
	"weir/sql/ast"
	"weir/sql/diag"
	"weir/sql/types"
)

// branch is one query of a UNION: the scope that reads it, and the projection that
// brings its columns to the types of the whole.
type branch struct {
	scope *scope
	list  *logical.Project
}

// union binds L UNION [ALL] R. The rows are those of both, by position; a UNION
// without ALL is a SELECT DISTINCT of them.
func (b *binder) union(q *ast.Select) (*bound, error) {
	var branches []*branch
	var spans []diag.Span
	live := false
	for _, in := range unionTerms(q.Set) {
		s, err := b.inFrom(in, in.At)
		if err != nil {
			return nil, err
		}
		if len(branches) > 0 {
			if b.live != live {
				return nil, diag.New(diag.Unsupported, in.At, "a UNION of a live stream and of what ends by itself").
					WithHint("a live query reads streams; send the other rows to a stream, too")
			}
			if n := len(branches[0].scope.columns); n != len(s.columns) {
				return nil, diag.New(diag.WrongArguments, in.At, "the queries of a UNION have %d and %d columns", n, len(s.columns)).
					WithLabel("%d columns", len(s.columns))
			}
		}
		live = b.live
		branches, spans = append(branches, &branch{scope: s, list: &logical.Project{In: s.node}}), append(spans, in.At)
	}
	s := &scope{branches: branches, rel: branches[0].scope.rel, table: ""}
	for i, f := range branches[0].scope.columns {
		ops := make([]operand, len(branches))
		for j, br := range branches {
			ops[j] = operand{br.scope.field(i), spans[j]}
		}
		exprs, t, err := merge("column `"+f.Name+"` of a UNION", ops)
		if err != nil {
			return nil, err
		}
		if t.Kind == types.Null {
			t = types.VarcharType
		}
		s.columns = append(s.columns, stream.Field{Name: f.Name, Type: t})
		for j, br := range branches {
			br.list.Exprs, br.list.Names = append(br.list.Exprs, asType(exprs[j], t)), append(br.list.Names, f.Name)
		}
	}
	u := &logical.Union{}
	for _, br := range branches {
		u.Ins = append(u.Ins, br.list)
		s.aggregated = s.aggregated || br.scope.aggregated
		s.windowed = s.windowed || br.scope.windowed
	}
	s.node = u
	r := &bound{scope: s, list: &logical.Project{In: u}, names: newNamer()}
	for i, f := range s.columns {
		r.list.Exprs = append(r.list.Exprs, s.field(i))
		r.list.Names = append(r.list.Names, r.names.unique(f.Name))
	}
	r.width = len(r.list.Exprs)
	if err := b.emit(q, r); err != nil || q.Set.All {
		return r, err
	}
	return r, b.distinct(q, r)
}

// unionTerms returns the queries of a UNION ALL, those of one on its left side
// among them.
func unionTerms(set *ast.SetOp) []*ast.Select {
	l := set.L
	if l.Set == nil || set.All != l.Set.All || len(l.CTEs) > 0 || len(l.OrderBy) > 0 || l.Limit != nil || l.Emit != nil {
		return []*ast.Select{l, set.R}
	}
	return append(unionTerms(l.Set), set.R)
}

// asType gives an expression exactly that type.
func asType(e physical.Expr, t types.Type) physical.Expr {
	if e = castTo(e, t); e.Type() != t {
		e = &physical.Call{Fn: "cast", Args: []physical.Expr{e}, T: t}
	}
	return e
}

// both makes what each branch has of a kind readable in the union: nil where one of
// them has none. It may be among the columns already.
func (s *scope) both(name string, of func(*scope) physical.Expr) physical.Expr {
	exprs := make([]physical.Expr, len(s.branches))
	var t types.Type
	for i, br := range s.branches {
		if exprs[i] = of(br.scope); exprs[i] == nil {
			return nil
		}
		if i == 0 {
			t = exprs[i].Type()
			continue
		}
		var ok bool
		if t, ok = resultType(t, exprs[i].Type()); !ok {
			return nil
		}
	}
	lists := s.branches[0].list
	at := -1
	for i := range lists.Exprs {
		same := true
		for j, br := range s.branches {
			same = same && physical.Equal(br.list.Exprs[i], asType(exprs[j], t))
		}
		if same {
			at = i
			break
		}
	}
	if at < 0 {
		at = len(lists.Exprs)
		for j, br := range s.branches {
			br.list.Exprs, br.list.Names = append(br.list.Exprs, asType(exprs[j], t)), append(br.list.Names, name)
		}
	}
	return &physical.Column{Index: at, T: t, Name: lists.Names[at]}
}
