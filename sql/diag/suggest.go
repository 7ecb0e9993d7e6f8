package diag

import "strings"

// Suggest returns the candidate that somebody who typed word most likely meant,
// for "did you mean". It is the one with the smallest distance in single-letter
// changes and swaps of neighbours, letters' case aside, if that is at most a
// third of the word's length (and at least 1); the first of equals. It returns
// "" if none is that near.
func Suggest(word string, candidates []string) string {
	limit := max(1, len(word)/3)
	folded := strings.ToLower(word)
	best := ""
	for _, c := range candidates {
		if d := distance(folded, strings.ToLower(c), limit); d <= limit {
			best, limit = c, d-1
		}
	}
	return best
}

// distance is the optimal string alignment distance of a and b in bytes (Damerau
// 1964 and Levenshtein 1966, without editing a place twice), or limit+1 when it
// is larger than limit.
func distance(a, b string, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		least := row[0]
		for j := range len(b) {
			d := last[j]
			if a[i] != b[j] {
				d++
			}
			d = min(d, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				d = min(d, before[j-1]+1)
			}
			row[j+1] = d
			least = min(least, d)
		}
		if least > limit+1 {
			return limit + 1
		}
		before, last, row = last, row, before
	}
	return min(last[len(b)], limit+1)
}
