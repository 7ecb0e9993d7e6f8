package physical

import (
	"hash/maphash"

	"weir/sql/types"
)

var hashSeed = maphash.MakeSeed()

// Hash returns a number that is the same for expressions that are Equal, as long as
// the process lives.
func Hash(e Expr) uint64 {
	c, ok := e.(*Call)
	if !ok {
		return hashLeaf(e)
	}
	args := make([]uint64, len(c.Args))
	for i, a := range c.Args {
		args[i] = Hash(a)
	}
	return HashCall(c, args)
}

func hashLeaf(e Expr) uint64 {
	type column struct {
		index int
		t     types.Type
	}
	type literal struct {
		value any
		t     types.Type
	}
	switch e := e.(type) {
	case *Column:
		return maphash.Comparable(hashSeed, column{e.Index, e.T})
	case *Literal:
		return maphash.Comparable(hashSeed, literal{e.Value, e.T})
	}
	return 0
}

// HashCall returns the Hash of a call whose arguments have these.
func HashCall(c *Call, args []uint64) uint64 {
	h := maphash.Comparable(hashSeed, c.T) ^ maphash.String(hashSeed, c.Fn)
	for _, a := range args {
		h = maphash.Comparable(hashSeed, [2]uint64{h, a})
	}
	return h
}
