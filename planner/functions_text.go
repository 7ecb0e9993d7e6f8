package planner

import (
	"weir/planner/physical"
	"weir/sql/ast"
	"weir/sql/types"
)

// textFunctions registers the functions of text.
func textFunctions(m map[string]function) {
	s, n := types.Varchar, types.Bigint
	str := func(fn, usage, doc string, low, high int, params ...types.Kind) function {
		return function{fn: fn, usage: usage, doc: doc, min: low, max: high, params: params, result: types.VarcharType}
	}
	m["CONCAT"] = str("concat", "(a, …)", "The arguments one after the other; NULL if one is NULL.", 1, -1, s)
	m["UPPER"] = str("upper", "(s)", "Text in upper case.", 1, 1, s)
	m["LOWER"] = str("lower", "(s)", "Text in lower case.", 1, 1, s)
	m["SUBSTRING"] = str("substring", "(s, position[, length])", "A part of a text; positions count characters from 1, negative ones from the end.", 2, 3, s, n)
	m["REPLACE"] = str("replace", "(s, from, to)", "Text with each occurrence of a part replaced.", 3, 3, s)
	m["CONCAT_WS"] = str("concat_ws", "(separator, a, …)", "The arguments that are not NULL with the separator between; NULL if that is NULL.", 2, -1, s)
	m["TRIM"] = function{fn: "trim", usage: "([BOTH part FROM] s)", doc: "Text without spaces, or without a part, at both ends; with LEADING or TRAILING for BOTH at one end.", min: 1, max: 2, params: []types.Kind{s}, result: types.VarcharType, bind: trim}
	m["LTRIM"] = rest(str("trim_leading", "(s)", "Text without spaces in front.", 1, 2, s), text(" "))
	m["RTRIM"] = rest(str("trim_trailing", "(s)", "Text without spaces behind.", 1, 2, s), text(" "))
	m["LPAD"] = rest(str("lpad", "(s, n[, pad])", "Text of exactly n characters: cut off, or filled in front with spaces or another text. NULL if n is negative.", 2, 3, s, n, s), text(" "))
	m["RPAD"] = rest(str("rpad", "(s, n[, pad])", "The same as LPAD, filled behind.", 2, 3, s, n, s), text(" "))
	m["REPEAT"] = str("repeat", "(s, n)", "A text n times.", 2, 2, s, n)
	m["SPACE"] = function{fn: "repeat", usage: "(n)", doc: "n spaces.", min: 1, max: 1, params: []types.Kind{n}, bind: space}
	m["REVERSE"] = str("reverse", "(s)", "The characters in the other order.", 1, 1, s)
	m["INSERT"] = str("insert", "(s, position, length, new)", "A text with so many characters from a position on replaced; as it is if the position lies outside.", 4, 4, s, n, n, s)
	m["INITCAP"] = str("initcap", "(s)", "The first letter of each word large, the others small.", 1, 1, s)
	m["TRANSLATE"] = str("translate", "(s, from, to)", "Each character that is in from replaced by the one at its place in to, or left out where to is shorter.", 3, 3, s)
	m["SPLIT_PART"] = str("split_part", "(s, delimiter, n)", "The n-th part between delimiters, from the end if n is negative; empty where there are fewer, NULL for 0.", 3, 3, s, s, n)
	m["QUOTE"] = str("quote", "(s)", "A text as a literal of SQL, in quotes; the word NULL for NULL.", 1, 1, s)
	m["SOUNDEX"] = str("soundex", "(s)", "The sound of an English word: alike ones have the same.", 1, 1, s)
	m["FORMAT_BYTES"] = str("format_bytes", "(n)", "A number of bytes for people: 1.50 KiB.", 1, 1, types.Double)
	placeFunctions(m)
	codeFunctions(m)
	regexpFunctions(m)
	m["SUBSTRING_INDEX"] = str("substring_index", "(s, delimiter, n)", "What stands in front of the n-th delimiter; behind the n-th from the end if n is negative.", 3, 3, s, s, n)
	m["LEFT"] = str("left", "(s, n)", "The first n characters.", 2, 2, s, n)
	m["RIGHT"] = str("right", "(s, n)", "The last n characters.", 2, 2, s, n)
	count := func(fn, doc string) function {
		return function{fn: fn, usage: "(s)", doc: doc, min: 1, max: 1, params: []types.Kind{s}, result: types.BigintType}
	}
	m["LENGTH"] = function{fn: "length", usage: "(s)", doc: "How many bytes a text has in UTF-8, or a VARBINARY.", min: 1, max: 1, params: []types.Kind{types.Varbinary}, result: types.BigintType}
	m["CHAR_LENGTH"] = count("char_length", "How many characters a text has.")
	alias(m, "UCASE", "UPPER")
	alias(m, "LCASE", "LOWER")
	alias(m, "OCTET_LENGTH", "LENGTH")
	alias(m, "CHARACTER_LENGTH", "CHAR_LENGTH")
	alias(m, "SUBSTR", "SUBSTRING")
	alias(m, "MID", "SUBSTRING")
}

// rest says what the last arguments are where they are left out.
func rest(f function, values ...physical.Expr) function {
	f.rest = values
	return f
}

// placeFunctions registers what finds a text, or takes one of several.
func placeFunctions(m map[string]function) {
	s, n := types.Varchar, types.Bigint
	count := func(fn, usage, doc string, low, high int, params ...types.Kind) function {
		return function{fn: fn, usage: usage, doc: doc, min: low, max: high, params: params, result: types.BigintType}
	}
	m["LOCATE"] = count("locate", "(part, s[, position])", "Where a part stands in a text, in characters from 1, not before a position; 0 if it does not.", 2, 3, s, s, n)
	m["POSITION"] = count("locate", "(part IN s)", "The same as LOCATE(part, s).", 2, 2, s)
	m["INSTR"] = function{fn: "locate", usage: "(s, part)", doc: "The same as LOCATE(part, s).", min: 2, max: 2, params: []types.Kind{s}, result: types.BigintType, bind: swapped}
	m["FIND_IN_SET"] = count("find_in_set", "(s, list)", "Which part of a list with commas a text is, from 1; 0 if it is none.", 2, 2, s)
	m["STRCMP"] = count("strcmp", "(a, b)", "-1, 0 or 1, as a is less than, equal to or greater than b, by bytes.", 2, 2, s)
	m["ASCII"] = count("ascii", "(s)", "The first byte as a number; 0 of an empty text.", 1, 1, s)
	m["ORD"] = count("ord", "(s)", "The bytes of the first character as one number.", 1, 1, s)
	m["BIT_LENGTH"] = function{fn: "*", usage: "(s)", doc: "How many bits a text has in UTF-8.", min: 1, max: 1, bind: bitLength}
	m["STARTS_WITH"] = test("starts_with", "(s, part)", "Whether a text begins with a part.", 2, s)
	m["ENDS_WITH"] = test("ends_with", "(s, part)", "Whether a text ends with a part.", 2, s)
	m["FIELD"] = function{fn: "field", usage: "(x, a, b, …)", doc: "Which of the other arguments x equals, from 1; 0 if none or x is NULL.", min: 2, max: -1, bind: field}
	m["ELT"] = function{fn: "elt", usage: "(n, a, b, …)", doc: "The n-th of the other arguments, as text; NULL if there is none.", min: 2, max: -1, params: []types.Kind{n, s}, result: types.VarcharType}
	m["MAKE_SET"] = function{fn: "make_set", usage: "(bits, a, b, …)", doc: "Those of the other arguments whose bits are set, with commas between; NULL ones are left out.", min: 2, max: -1, params: []types.Kind{n, s}, result: types.VarcharType}
	m["EXPORT_SET"] = rest(function{fn: "export_set", usage: "(bits, on, off[, separator[, n]])", doc: "For each of the first n bits, of 64 without n, one of two texts, with commas or another separator between.", min: 3, max: 5, params: []types.Kind{n, s, s, s, n}, result: types.VarcharType}, text(","), bigint(64))
}

func test(fn, usage, doc string, args int, params ...types.Kind) function {
	return function{fn: fn, usage: usage, doc: doc, min: args, max: args, params: params, result: types.BooleanType}
}

// codeFunctions registers hashes, and what reads and writes bytes as text.
func codeFunctions(m map[string]function) {
	s, n, raw := types.Varchar, types.Bigint, types.Varbinary
	str := func(fn, usage, doc string, params ...types.Kind) function {
		return function{fn: fn, usage: usage, doc: doc, min: len(params), max: len(params), params: params, result: types.VarcharType}
	}
	binary := func(f function) function {
		f.result = types.VarbinaryType
		return f
	}
	m["MD5"] = str("md5", "(s)", "The MD5 hash, as hexadecimal digits.", raw)
	m["SHA1"] = str("sha1", "(s)", "The SHA-1 hash, as hexadecimal digits.", raw)
	alias(m, "SHA", "SHA1")
	m["SHA2"] = str("sha2", "(s, bits)", "The SHA-2 hash of 224, 256, 384 or 512 bits (0 is 256), as hexadecimal digits; NULL for other bits.", raw, n)
	m["CRC32"] = function{fn: "crc32", usage: "(s)", doc: "The CRC-32 check sum, a BIGINT from 0 to 4294967295.", min: 1, max: 1, params: []types.Kind{raw}, result: types.BigintType}
	m["HEX"] = function{fn: "hex", usage: "(x)", doc: "The bytes of a text in hexadecimal digits; of a number its value, rounded, in base 16.", min: 1, max: 1, params: []types.Kind{raw}, result: types.VarcharType, bind: hex}
	m["UNHEX"] = binary(str("unhex", "(s)", "The bytes that hexadecimal digits stand for, a VARBINARY; NULL for other characters. CAST(… AS VARCHAR) makes text of it.", s))
	m["TO_BASE64"] = str("to_base64", "(s)", "Bytes or text in base64, in lines of 76 characters.", raw)
	m["FROM_BASE64"] = binary(str("from_base64", "(s)", "The bytes that base64 stands for, a VARBINARY; NULL for what is not base64.", s))
	m["CHAR"] = function{fn: "char", usage: "(n, …)", doc: "The text of these bytes; a number above 255 is several. NULL for bytes that are not UTF-8.", min: 1, max: -1, params: []types.Kind{n}, result: types.VarcharType}
	m["INET_ATON"] = function{fn: "inet_aton", usage: "(s)", doc: "An IPv4 address as a number; NULL for what is none.", min: 1, max: 1, params: []types.Kind{s}, result: types.BigintType}
	m["INET_NTOA"] = str("inet_ntoa", "(n)", "The IPv4 address of a number; NULL for what is none.", n)
	m["IS_IPV4"] = test("is_ipv4", "(s)", "Whether a text is an IPv4 address; FALSE for NULL.", 1, s)
	m["IS_IPV6"] = test("is_ipv6", "(s)", "Whether a text is an IPv6 address; FALSE for NULL.", 1, s)
	m["IS_UUID"] = test("is_uuid", "(s)", "Whether a text is a UUID.", 1, s)
}

// trim of two arguments takes off the second one.
func trim(_ *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error) {
	if len(args) == 2 {
		f.fn = "trim_both"
	}
	return f.apply(c.Name.Text, args)
}

func space(_ *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error) {
	n, err := args[0].as(types.Bigint, c.Name.Text)
	if err != nil {
		return nil, err
	}
	return &physical.Call{Fn: f.fn, Args: []physical.Expr{text(" "), n}, T: types.VarcharType}, nil
}

func swapped(_ *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error) {
	return f.apply(c.Name.Text, []operand{args[1], args[0]})
}

func bitLength(_ *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error) {
	s, err := args[0].as(types.Varchar, c.Name.Text)
	if err != nil {
		return nil, err
	}
	length := &physical.Call{Fn: "length", Args: []physical.Expr{s}, T: types.BigintType}
	return &physical.Call{Fn: f.fn, Args: []physical.Expr{length, bigint(8)}, T: types.BigintType}, nil
}

// hex of a number is its value in base 16.
func hex(_ *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error) {
	if t := args[0].e.Type(); !t.IsNumeric() && t.Kind != types.Boolean {
		return f.apply(c.Name.Text, args)
	}
	n, err := bitsOf(args[0], c.Name.Text)
	if err != nil {
		return nil, err
	}
	return &physical.Call{Fn: "conv", Args: []physical.Expr{castTo(n, types.VarcharType), bigint(10), bigint(16)}, T: types.VarcharType}, nil
}

// field compares, and so converts as comparisons do.
func field(_ *exprs, c *ast.Call, f function, args []operand) (physical.Expr, error) {
	same, _, err := sameType(c.Name.Text, args)
	if err != nil {
		return nil, err
	}
	return &physical.Call{Fn: f.fn, Args: same, T: types.BigintType}, nil
}
