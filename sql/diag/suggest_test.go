package diag

import "testing"

func TestSuggest(t *testing.T) {
	columns := []string{"device", "site", "temp", "ts", "humidity"}
	for _, c := range []struct{ word, want string }{
		{"devce", "device"},
		{"DEVICE", "device"},
		{"tmep", "temp"}, // neighbours swapped: one change
		{"temperature", ""},
		{"t", "ts"},
		{"sites", "site"},
		{"x", ""},
		{"", ""},
		{"humditiy", "humidity"},
		{"tz", "ts"},
	} {
		if got := Suggest(c.word, columns); got != c.want {
			t.Errorf("Suggest(%q) = %q, want %q", c.word, got, c.want)
		}
	}
}

func TestSuggestTakesTheFirstOfEquals(t *testing.T) {
	if got := Suggest("ab", []string{"ac", "ad", "abc"}); got != "ac" {
		t.Errorf("got %q", got)
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"a", "", 1}, {"", "abc", 3}, {"kitten", "sitting", 3}, {"ca", "abc", 3}, {"abcd", "abdc", 1}, {"abcd", "acbd", 1},
	} {
		if got := distance(c.a, c.b, 10); got != c.want {
			t.Errorf("distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
		if got := distance(c.b, c.a, 10); got != c.want {
			t.Errorf("distance(%q, %q) = %d, want %d", c.b, c.a, got, c.want)
		}
	}
}
