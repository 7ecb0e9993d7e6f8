package expr

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir/sql/types"
)

// export copies n rows of v into Arrow memory. The caller owns the array.
func export(alloc memory.Allocator, v *vec, t types.Type, dt arrow.DataType, n int) arrow.Array {
	var buffers [3]*memory.Buffer
	nulls := 0
	if valid := validOf(v, n); valid != nil {
		if nulls = n - valid.count(n); nulls > 0 {
			buffers[0] = newBuffer(alloc, (n+7)/8)
			storeBits(buffers[0].Bytes(), valid, n)
		}
	}
	last := 2
	switch v.class {
	case bools:
		buffers[1] = newBuffer(alloc, (n+7)/8)
		cells := v.bools
		if v.one {
			cells = make(bitmap, words(n))
			if v.bools.get(0) {
				cells.fill(^uint64(0))
			}
		}
		storeBits(buffers[1].Bytes(), cells, n)
	case ints, uints:
		if t.Kind == types.Date {
			buffers[1] = newBuffer(alloc, 4*n)
			days := arrow.Date32Traits.CastFromBytes(buffers[1].Bytes())
			for i := range days {
				days[i] = arrow.Date32(v.ints[v.at(i)])
			}
			break
		}
		buffers[1] = newBuffer(alloc, 8*n)
		fill(arrow.Int64Traits.CastFromBytes(buffers[1].Bytes()), v.ints, v.one)
	case floats:
		buffers[1] = newBuffer(alloc, 8*n)
		fill(arrow.Float64Traits.CastFromBytes(buffers[1].Bytes()), v.nums, v.one)
	case decs:
		buffers[1] = newBuffer(alloc, 16*n)
		fill(arrow.Decimal128Traits.CastFromBytes(buffers[1].Bytes()), v.decs, v.one)
	case texts:
		last = 3
		buffers[1], buffers[2] = exportTexts(alloc, v, n)
	}
	data := array.NewData(dt, n, buffers[:last], nil, nulls, 0)
	defer data.Release()
	for _, b := range buffers[:last] {
		if b != nil {
			b.Release() // data holds its own reference
		}
	}
	return array.MakeFromData(data)
}

// validOf returns the validity of n rows, nil if there is no NULL.
func validOf(v *vec, n int) bitmap {
	if v.one && v.null {
		return make(bitmap, words(n))
	}
	if v.one {
		return nil
	}
	return v.valid
}

func fill[T int64 | float64 | decimal128.Num](dst, src []T, one bool) {
	if !one {
		copy(dst, src)
		return
	}
	for i := range dst {
		dst[i] = src[0]
	}
}

func exportTexts(alloc memory.Allocator, v *vec, n int) (offsets, bytes *memory.Buffer) {
	offsets = newBuffer(alloc, 4*(n+1))
	offs := arrow.Int32Traits.CastFromBytes(offsets.Bytes())
	if v.one {
		text := v.text(0)
		bytes = newBuffer(alloc, n*len(text))
		for i := range n {
			copy(bytes.Bytes()[i*len(text):], text)
			offs[i+1] = int32((i + 1) * len(text))
		}
		offs[0] = 0
		return offsets, bytes
	}
	first, end := v.offs[0], v.offs[n]
	bytes = newBuffer(alloc, int(end-first))
	copy(bytes.Bytes(), v.data[first:end])
	for i := range offs {
		offs[i] = v.offs[i] - first
	}
	return offsets, bytes
}

func newBuffer(alloc memory.Allocator, size int) *memory.Buffer {
	b := memory.NewResizableBuffer(alloc)
	b.Resize(size)
	return b
}
