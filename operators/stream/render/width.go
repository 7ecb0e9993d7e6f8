package render

import "unicode"

// displayWidth returns how many columns of a terminal s takes.
func displayWidth(s string) int {
	width, ascii := 0, true
	for i := 0; i < len(s) && ascii; i++ {
		ascii = s[i] < 0x80
	}
	if ascii {
		return len(s)
	}
	joined := false // behind a zero-width joiner, which glues emoji into one
	for _, r := range s {
		switch {
		case joined && isWide(r):
		case r >= 0x1f3fb && r <= 0x1f3ff && width >= 2: // skin tones change the emoji before
		default:
			width += runeWidth(r)
		}
		joined = r == 0x200d
	}
	return width
}

// runeWidth is 0 for marks that stand on the character before, 2 for East
// Asian wide characters and emoji, else 1.
func runeWidth(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case isWide(r):
		return 2
	}
	return 1
}

// isWide tells whether r takes two columns: the blocks of Unicode's
// EastAsianWidth.txt that are W or F, joined where nothing narrow lies between,
// and the emoji that are shown as pictures by default.
func isWide(r rune) bool {
	switch {
	case r < 0x1100:
		return false
	case r <= 0x115f, // Hangul Jamo
		r == 0x231a, r == 0x231b, r == 0x2329, r == 0x232a,
		r >= 0x23e9 && r <= 0x23ec, r == 0x23f0, r == 0x23f3,
		r >= 0x25fd && r <= 0x25fe, r >= 0x2614 && r <= 0x2615,
		r >= 0x2648 && r <= 0x2653, r == 0x267f, r == 0x2693, r == 0x26a1,
		r >= 0x26aa && r <= 0x26ab, r >= 0x26bd && r <= 0x26be,
		r >= 0x26c4 && r <= 0x26c5, r == 0x26ce, r == 0x26d4, r == 0x26ea,
		r >= 0x26f2 && r <= 0x26f3, r == 0x26f5, r == 0x26fa, r == 0x26fd,
		r == 0x2705, r >= 0x270a && r <= 0x270b, r == 0x2728, r == 0x274c,
		r == 0x274e, r >= 0x2753 && r <= 0x2755, r == 0x2757,
		r >= 0x2795 && r <= 0x2797, r == 0x27b0, r == 0x27bf,
		r >= 0x2b1b && r <= 0x2b1c, r == 0x2b50, r == 0x2b55,
		r >= 0x2e80 && r <= 0x303e, // CJK radicals, punctuation
		r >= 0x3041 && r <= 0xa4cf, // kana, CJK, Yi
		r >= 0xa960 && r <= 0xa97f,
		r >= 0xac00 && r <= 0xd7a3, // Hangul syllables
		r >= 0xf900 && r <= 0xfaff,
		r >= 0xfe10 && r <= 0xfe19, r >= 0xfe30 && r <= 0xfe6f,
		r >= 0xff01 && r <= 0xff60, r >= 0xffe0 && r <= 0xffe6,
		r >= 0x16fe0 && r <= 0x1b2ff, // Tangut, kana supplement
		r == 0x1f004, r == 0x1f0cf, r == 0x1f18e, r >= 0x1f191 && r <= 0x1f19a,
		r >= 0x1f1e6 && r <= 0x1f265, // flags, squared letters
		r >= 0x1f300 && r <= 0x1f64f, // pictures, faces
		r >= 0x1f680 && r <= 0x1f6fc,
		r >= 0x1f7e0 && r <= 0x1f7f0, r >= 0x1f90c && r <= 0x1f9ff,
		r >= 0x1fa70 && r <= 0x1faff,
		r >= 0x20000 && r <= 0x3fffd:
		return true
	}
	return false
}
