package sql

import (
	"weir/sql/ast"
	"weir/sql/diag"
)

// heads are the first words of the statements.
var heads = []string{"SELECT", "CREATE", "INSERT", "ALTER", "DROP", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "SUBSCRIBE", "KILL"}

// statement reads one statement by its first word.
func (p *parser) statement() (ast.Statement, error) {
	if p.startsQuery(p.pos) {
		return p.parseSelect()
	}
	switch t := p.peek(); t.word {
	case "CREATE":
		return p.create()
	case "INSERT":
		return p.insert(p.pos)
	case "ALTER":
		return p.alter()
	case "SUBSCRIBE":
		return p.subscribe()
	case "DROP":
		return p.drop()
	case "SHOW":
		return p.show()
	case "KILL":
		return p.kill()
	case "DESCRIBE", "DESC":
		return p.describeStatement()
	case "EXPLAIN":
		return p.explain()
	}
	return nil, p.refuseHead()
}

// refuseHead explains a statement that weir does not have.
func (p *parser) refuseHead() error {
	t := p.peek()
	hint, name := "", t.word
	switch t.word {
	case "(":
		return unsupported(t.span(), "write the statement without them", "parentheses around a statement are not supported")
	case "REPLACE", "UPSERT":
		hint = "write INSERT INTO: a stream only grows"
	case "UPDATE", "DELETE", "MERGE", "TRUNCATE":
		hint = "a stream only grows"
	case "SET", "USE", "RESET":
		hint = "there are no variables and no databases; options stand in WITH (…)"
	case "BEGIN", "START", "COMMIT", "ROLLBACK", "SAVEPOINT", "LOCK", "UNLOCK":
		hint = "each statement stands for itself"
	case "LOAD", "COPY", "IMPORT", "EXPORT":
		hint = "read a file with SELECT … FROM 'file.jsonl'"
	case "VALUES", "TABLE":
		hint = "write SELECT"
	case "RENAME":
		hint = "DROP it and CREATE it again"
	case "TERMINATE":
		hint = "write DROP QUERY q"
	case "GRANT", "REVOKE", "CALL", "DO", "EXECUTE", "PREPARE", "DEALLOCATE", "HANDLER", "FLUSH", "ANALYZE", "OPTIMIZE",
		"CHECK", "LIST", "PRINT", "PAUSE", "RESUME", "HELP", "DECLARE", "FETCH", "PURGE", "RESTORE", "BACKUP", "SHUTDOWN", "BATCH", "TRACE":
		hint = "the statements are SELECT, CREATE, INSERT, ALTER, DROP, SHOW, DESCRIBE, EXPLAIN, SUBSCRIBE and KILL"
	default:
		return p.expectedOneOf(heads...).WithHint("for example: SHOW STREAMS, or with `weir query` SELECT * FROM 'file.jsonl' LIMIT 10")
	}
	return unsupported(t.span(), hint, "%s is not supported", name)
}

func (p *parser) drop() (ast.Statement, error) {
	first := p.pos
	p.pos++
	d := &ast.Drop{}
	switch {
	case p.accept("STREAM"):
		d.Kind = ast.StreamObject
	case p.accept("VIEW"):
		d.Kind = ast.ViewObject
	case p.accept("MATERIALIZED"):
		if err := p.expect("VIEW"); err != nil {
			return nil, err
		}
		d.Kind = ast.MaterializedView
	case p.accept("SINK"):
		d.Kind = ast.SinkObject
	case p.accept("QUERY"), p.accept("PUMP"):
		d.Kind = ast.QueryObject
	default:
		return nil, p.refuseKind("DROP", "STREAM", "VIEW", "MATERIALIZED VIEW", "SINK", "QUERY")
	}
	if p.peek().is("IF") {
		if err := p.expect("IF", "EXISTS"); err != nil {
			return nil, err
		}
		d.IfExists = true
	}
	var err error
	if d.Name, err = p.name("the name of what to drop"); err != nil {
		return nil, err
	}
	if t := p.peek(); t.is("CASCADE") || t.is("RESTRICT") {
		return nil, unsupported(t.span(), "drop what reads it first", "%s is not supported", t.word)
	}
	d.Node = p.from(first)
	return d, nil
}

// refuseKind explains a kind of object that a statement does not take.
func (p *parser) refuseKind(head string, kinds ...string) error {
	t := p.peek()
	hint := ""
	switch t.word {
	case "TABLE", "SOURCE":
		hint = "write " + head + " STREAM"
	case "CONNECTOR":
		hint = "write " + head + " SINK"
	case "FUNCTION", "AGGREGATE":
		hint = "the functions are those of the reference; an expression can be kept in a view"
	case "INDEX", "DATABASE", "SCHEMA", "USER", "ROLE", "TRIGGER", "PROCEDURE", "SEQUENCE", "TYPE", "SECRET", "TEMPORARY", "UNIQUE", "EVENT", "CATALOG", "CONNECTION", "LIVE", "DICTIONARY", "WINDOW":
		hint = "the objects are streams, views, materialized views, sinks and queries"
	default:
		return p.expectedOneOf(kinds...)
	}
	return unsupported(p.at(p.pos-1).span().Join(t.span()), hint, "%s %s is not supported", head, t.word)
}

func (p *parser) show() (ast.Statement, error) {
	first := p.pos
	p.pos++
	s := &ast.Show{}
	switch {
	case p.accept("CREATE"):
		return p.showCreate(first)
	case p.accept("STREAMS"):
		s.Kind = ast.StreamObject
	case p.accept("VIEWS"):
		s.Kind = ast.ViewObject
	case p.accept("QUERIES"):
		s.Kind = ast.QueryObject
	case p.accept("PUMPS"):
		s.Kind = ast.PumpObject
	case p.accept("SINKS"):
		s.Kind = ast.SinkObject
	case p.accept("PROCESSLIST"), p.accept("FULL", "PROCESSLIST"):
		return &ast.Show{Node: p.from(first), Kind: ast.ProcessList}, nil
	case p.accept("MATERIALIZED"):
		if err := p.expect("VIEWS"); err != nil {
			return nil, err
		}
		s.Kind = ast.MaterializedView
	default:
		return nil, p.refuseShow()
	}
	if p.accept("LIKE") {
		t := p.peek()
		if t.kind != tokString {
			return nil, p.expected("a pattern behind LIKE").WithHint("for example: LIKE 'bid%%'")
		}
		p.pos++
		pattern := stringOf(p.text, t)
		s.Like = &pattern
	}
	s.Node = p.from(first)
	return s, nil
}

func (p *parser) refuseShow() error {
	t := p.peek()
	switch t.word {
	case "TABLES", "SOURCES", "TOPICS":
		return unsupported(t.span(), "write SHOW STREAMS", "SHOW %s is not supported", t.word)
	case "COLUMNS", "FIELDS":
		return unsupported(t.span(), "write DESCRIBE x", "SHOW %s is not supported", t.word)
	case "DATABASES", "SCHEMAS", "VARIABLES", "STATUS", "WARNINGS", "FUNCTIONS", "INDEXES", "JOBS", "FULL", "GRANTS", "ENGINES":
		return unsupported(t.span(), "write SHOW STREAMS, SHOW VIEWS, SHOW QUERIES or SHOW SINKS", "SHOW %s is not supported", t.word)
	}
	return p.expectedOneOf("STREAMS", "VIEWS", "QUERIES", "SINKS", "PUMPS", "PROCESSLIST", "CREATE")
}

func (p *parser) showCreate(first int) (ast.Statement, error) {
	switch {
	case p.at(p.pos+1).kind == tokEnd: // an object may be called stream or view
	case p.accept("STREAM"), p.accept("VIEW"), p.accept("MATERIALIZED", "VIEW"), p.accept("SINK"), p.accept("PUMP"), p.accept("QUERY"):
	case p.peek().is("TABLE"):
		return nil, unsupported(p.peek().span(), "write SHOW CREATE STREAM x", "SHOW CREATE TABLE is not supported")
	}
	s := &ast.ShowCreate{}
	var err error
	if s.Name, s.File, err = p.fileInQuotes(); err != nil {
		return nil, err
	}
	if !s.File {
		if s.Name, err = p.name("the name of a stream, view, sink or pump, or 'file.jsonl'"); err != nil {
			return nil, err
		}
	}
	s.Node = p.from(first)
	return s, nil
}

// fileInQuotes reads the path of a file, if one is next.
func (p *parser) fileInQuotes() (name ast.Name, ok bool, err error) {
	t := p.peek()
	if t.kind != tokString || t.quote != '\'' {
		return name, false, nil
	}
	p.pos++
	if name = filePath(t.span(), stringOf(p.text, t)); name.Text == "" {
		return name, false, diag.New(diag.BadLiteral, t.span(), "the path of the file is empty")
	}
	return name, true, nil
}

func (p *parser) describeStatement() (ast.Statement, error) {
	first := p.pos
	p.pos++
	d := &ast.Describe{}
	var err error
	if d.Name, d.File, err = p.fileInQuotes(); err != nil {
		return nil, err
	}
	switch t := p.peek(); {
	case d.File:
	case t.is("STDIN"):
		p.pos++
		d.File, d.Name = true, ast.Name{Node: ast.Node{At: t.span()}, Text: "stdin"}
	case t.is("SELECT"):
		return nil, unsupported(t.span(), "write EXPLAIN SELECT …", "DESCRIBE of a query is not supported")
	default:
		if d.Name, err = p.name("the name of a stream or view, or 'file.jsonl',"); err != nil {
			return nil, err
		}
	}
	d.Node = p.from(first)
	return d, nil
}

func (p *parser) explain() (ast.Statement, error) {
	first := p.pos
	p.pos++
	e := &ast.Explain{}
	switch t := p.peek(); t.word {
	case "REWRITE":
		p.pos++
		e.Mode = ast.ExplainRewrite
	case "ANALYZE", "ANALYSE":
		p.pos++
		e.Mode = ast.ExplainAnalyze
		if t := p.peek(); t.is("QUERY") || t.is("VIEW") {
			return p.explainRunning(first)
		}
	case "WATERMARK":
		return p.explainWatermark(first)
	case "FORMAT", "VERBOSE", "EXTENDED", "PARTITIONS", "FOR", "(":
		return nil, unsupported(t.span(), "write EXPLAIN, EXPLAIN ANALYZE or EXPLAIN REWRITE in front of a statement", "EXPLAIN %s is not supported", t.word)
	case "EXPLAIN":
		return nil, unsupported(t.span(), "write it once", "EXPLAIN of EXPLAIN is not supported")
	}
	if p.done() {
		return nil, p.expected("a statement").WithHint("for example: EXPLAIN SELECT COUNT(*) FROM bids")
	}
	if t := p.peek(); e.Mode == ast.ExplainAnalyze && (t.is("FORMAT") || t.is("VERBOSE")) {
		return nil, unsupported(t.span(), "leave it out; POST /v1/sql answers in JSON", "EXPLAIN ANALYZE %s is not supported", t.word)
	}
	if t := p.peek(); e.Mode == ast.ExplainAnalyze && t.isName() && p.pos+1 == len(p.toks) && !isReserved(t.word) {
		return nil, diag.New(diag.Syntax, t.span(), "expected a SELECT, found %s", p.describe(t)).
			WithHint("of a query that runs: EXPLAIN ANALYZE QUERY %s", p.raw(t))
	}
	if t := p.peek(); t.isName() && p.pos+1 == len(p.toks) && !isReserved(t.word) {
		return nil, diag.New(diag.Syntax, t.span(), "expected a statement, found %s", p.describe(t)).
			WithHint("to see the columns of a stream or view: DESCRIBE %s", p.raw(t))
	}
	s, err := p.statement()
	if err != nil {
		return nil, err
	}
	e.Statement, e.Rewrites = s, p.rewrites
	e.Node = p.from(first)
	return e, nil
}

// explainRunning reads QUERY name behind EXPLAIN ANALYZE.
func (p *parser) explainRunning(first int) (ast.Statement, error) {
	p.pos++
	n, err := p.name("the name of a query, as SHOW QUERIES lists it")
	if err != nil {
		return nil, err
	}
	return &ast.Explain{Node: p.from(first), Mode: ast.ExplainAnalyze, Query: &n}, nil
}

// explainWatermark reads WATERMARK FOR QUERY name.
func (p *parser) explainWatermark(first int) (ast.Statement, error) {
	p.pos++
	if p.accept("FOR") {
		p.acceptObject("QUERY", "VIEW", "PUMP")
	}
	if t := p.peek(); t.is("SELECT") || t.is("(") {
		return nil, unsupported(t.span(), "write EXPLAIN WATERMARK FOR QUERY q, with a name that SHOW QUERIES lists", "EXPLAIN WATERMARK of a query that does not run is not supported")
	}
	n, err := p.name("the name of a query, as SHOW QUERIES lists it,")
	if err != nil {
		return nil, err
	}
	return &ast.Explain{Node: p.from(first), Mode: ast.ExplainWatermark, Query: &n}, nil
}
