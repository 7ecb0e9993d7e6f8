package decode

import "bytes"

// Place says which record a row stands in.
type Place struct {
	Record int32 // the record's number
	Sub    int32 // the row's ordinal among the rows of records with that number, from 0
}

// places notes where good rows stand. In the usual case each record is one good row;
// then nothing is kept.
type places struct {
	list []Place
	kept bool
	of   []int32
}

// number returns the number of the k-th span.
func (p *places) number(k int) int32 {
	if p.of == nil {
		return int32(k)
	}
	return p.of[k]
}

// keep begins the list with the rows before row, the only ones of their spans.
func (p *places) keep(row int) {
	if p.kept {
		return
	}
	p.kept = true
	for k := range row {
		p.list = append(p.list, Place{Record: int32(k)})
	}
}

// Records decodes records, each of which lies in data[Start:End] and holds objects that
// follow each other with or without white space in between, or an array of them. A
// record without a row is a bad row; where the syntax is wrong, the rest of the record
// is one. Spans ascend and do not overlap. of gives each span the number of its record,
// ascending; nil: a span is a record. Result.Places tells where each good row stands; it
// is nil if each span is one good row, and of is nil. It fails only if data is larger
// than MaxInput.
func (d *JSON) Records(data []byte, spans []Span, of []int32) (Result, error) {
	if err := d.begin(len(data)); err != nil {
		return Result{}, err
	}
	p := places{of: of}
	if of != nil {
		p.keep(0)
	}
	sub, before := int32(0), int32(-1)
	for k, span := range spans {
		record := p.number(k)
		if record != before {
			sub, before = 0, record
		}
		row, total := d.row, d.res.Total
		end := data[:span.End]
		i := skipSpace(end, span.Start)
		if i < span.End && data[i] == '{' {
			if next := d.guess(end, i, false); next == span.End {
				if p.kept {
					p.list = append(p.list, Place{record, sub})
				}
				sub++
				continue
			} else if next >= 0 {
				i = skipSpace(end, next)
			}
		}
		if d.rowsOf(end, span.Start, i); !p.kept && (d.row != row+1 || d.res.Total != total+1) {
			p.keep(row)
		}
		if p.kept {
			p.rows(d, row, total, record, sub)
		}
		d.stand(total, record, sub)
		sub += int32(d.res.Total - total)
	}
	res := d.result()
	res.Places = p.list
	return res, nil
}

// rows notes the rows that a span gave: good ones from row on, all from total on.
func (p *places) rows(d *JSON, row, total int, record, sub int32) {
	for r := row; r < d.row; r++ {
		at := r - row
		if d.res.Rows != nil { // some row was bad, maybe one of these
			at = d.res.Rows[r] - total
		}
		p.list = append(p.list, Place{record, sub + int32(at)})
	}
}

// rowsOf decodes what is left of the record data[start:] from i on.
func (d *JSON) rowsOf(data []byte, start, i int) {
	switch {
	case i == len(data) && i > start && len(bytes.TrimSpace(data[start:])) > 0: // it was one row
	case i == len(data):
		d.room(start)
		d.bad(start, i, BadJSON, "", "the record is empty")
	case data[i] == '[' && len(bytes.TrimSpace(data[start:i])) == 0:
		total := d.res.Total
		if d.array(data, i+1); d.res.Total == total {
			d.room(start)
			d.bad(start, len(data), BadJSON, "", "the record is an array without a row")
		}
	default:
		for ; i < len(data) && !d.res.Broken; i = skipSpace(data, i) {
			i = d.element(data, i)
		}
	}
	d.res.Broken = false // the next record begins anew
}

// Rows decodes records, each of which lies in data[Start:End] and holds one row of CSV
// or several; else it is as JSON.Records.
func (d *CSV) Rows(data []byte, spans []Span, of []int32) (Result, error) {
	if err := d.begin(len(data)); err != nil {
		return Result{}, err
	}
	p := places{of: of}
	p.keep(0)
	sub, before := int32(0), int32(-1)
	for k, span := range spans {
		record := p.number(k)
		if record != before {
			sub, before = 0, record
		}
		total := d.res.Total
		for i := span.Start; i < span.End; {
			row := d.row
			i = d.next(data[:span.End], i)
			if d.row > row {
				p.list = append(p.list, Place{record, sub + int32(d.res.Total-1-total)})
			}
		}
		if d.res.Total == total {
			row := d.row
			if d.bad(span.Start, span.End, BadCSV, "", "the record is empty"); d.row > row {
				p.list = append(p.list, Place{record, sub})
			}
		}
		d.stand(total, record, sub)
		sub += int32(d.res.Total - total)
	}
	res := d.finish()
	res.Places = p.list
	return res, nil
}
