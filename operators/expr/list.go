package expr

// operatorFunctions lists the operators, and what compares.
func operatorFunctions() []function {
	return []function{
		{"+", 2, 2, buildArith}, {"-", 2, 2, buildArith}, {"*", 2, 2, buildArith},
		{"/", 2, 2, buildDivide}, {"div", 2, 2, buildDivide}, {"%", 2, 2, buildDivide},
		{"neg", 1, 1, buildUnary},

		{"=", 2, 2, buildCompare}, {"<>", 2, 2, buildCompare}, {"<", 2, 2, buildCompare}, {"<=", 2, 2, buildCompare},
		{">", 2, 2, buildCompare}, {">=", 2, 2, buildCompare}, {"<=>", 2, 2, buildCompare},
		{"and", 2, -1, buildAndOr}, {"or", 2, -1, buildAndOr}, {"xor", 2, 2, buildXor}, {"not", 1, 1, buildNot},
		{"is_null", 1, 1, buildIs}, {"is_true", 1, 1, buildIs}, {"is_false", 1, 1, buildIs},
		{"in", 2, -1, buildIn}, {"like", 2, 3, buildLike}, {"cast", 1, 1, buildCast}, {"try_cast", 1, 1, buildTryCast},
	}
}

// choiceFunctions lists what chooses among its arguments.
func choiceFunctions() []function {
	return []function{
		{"case", 2, -1, buildCase}, {"if", 3, 3, buildCase}, {"coalesce", 1, -1, buildCoalesce},
		{"nullif", 2, 2, buildNullif}, {"field", 2, -1, buildPlace}, {"interval", 2, -1, buildPlace},
		{"greatest", 1, -1, buildExtreme}, {"least", 1, -1, buildExtreme},
	}
}
