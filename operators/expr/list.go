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
		{"in", 2, -1, buildIn}, {"like", 2, 3, buildLike}, {"cast", 1, 1, buildCast},
	}
}

// numberFunctions lists the functions of numbers.
func numberFunctions() []function {
	return []function{
		{"abs", 1, 1, buildUnary},
		{"floor", 1, 1, buildRound}, {"ceil", 1, 1, buildRound}, {"round", 1, 2, buildRound},
		{"power", 2, 2, buildPower}, {"sqrt", 1, 1, buildSqrt},
	}
}

// choiceFunctions lists what chooses among its arguments.
func choiceFunctions() []function {
	return []function{
		{"case", 2, -1, buildCase}, {"if", 3, 3, buildCase}, {"coalesce", 1, -1, buildCoalesce},
		{"nullif", 2, 2, buildNullif}, {"greatest", 1, -1, buildExtreme}, {"least", 1, -1, buildExtreme},
	}
}

// textFunctions lists the functions of text.
func textFunctions() []function {
	return []function{
		{"concat", 1, -1, buildConcat}, {"upper", 1, 1, buildMapText}, {"lower", 1, 1, buildMapText},
		{"length", 1, 1, buildLength}, {"char_length", 1, 1, buildLength}, {"substring", 2, 3, buildSubstring},
		{"trim", 1, 1, buildMapText}, {"replace", 3, 3, buildReplace}, {"left", 2, 2, buildEnds}, {"right", 2, 2, buildEnds},
		{"substring_index", 3, 3, buildSubstringIndex},
	}
}
