package badger_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"weir/operators/state"
	"weir/operators/state/badger"
)

// child is another process with a store: one that writes until it is killed, or
// one that reads what may be damaged, since Badger ends the process at some kinds.
func child(dir string) {
	s, err := badger.Open(badger.Config{Dir: dir})
	if err != nil {
		fmt.Println("open:", err)
		return
	}
	if os.Getenv("WEIR_BADGER_WRITE") != "" {
		writeForEver(s)
	}
	err = s.Scan(nil, func(k, v []byte) error {
		h := fnv.New64a()
		h.Write(v)
		fmt.Printf("%x %x\n", k, h.Sum64())
		return nil
	})
	fmt.Println("done:", err)
	_ = s.Close()
}

// writeForEver says after each write what is durable.
func writeForEver(s *badger.Store) {
	from := 0
	if v, err := s.Get([]byte("n")); err == nil {
		from, _ = strconv.Atoi(string(v))
	}
	for i := from + 1; ; i++ {
		if err := s.Write(context.Background(), numbered(i)); err != nil {
			fmt.Println("write:", err)
			os.Exit(1)
		}
		fmt.Println(i)
	}
}

// numbered is the i-th batch: the number, pages that it names, one of them long.
func numbered(i int) *state.Batch {
	var b state.Batch
	b.Page(fmt.Appendf(nil, "p%d", i), bytes.Repeat([]byte{byte(i)}, 1000))
	b.Page(fmt.Appendf(nil, "q%d", i), bytes.Repeat([]byte{byte(i)}, 600<<10))
	b.Put([]byte("n"), fmt.Append(nil, i))
	b.Put([]byte("long"), bytes.Repeat([]byte{byte(i)}, 300<<10))
	b.Delete(fmt.Appendf(nil, "p%d", i-1))
	b.Delete(fmt.Appendf(nil, "q%d", i-1))
	return &b
}

func command(t testing.TB, dir string, env ...string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), append(env, "WEIR_BADGER_CHILD="+dir)...)
	return cmd
}

// TestKill kills a process that writes, and looks at what it left.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	said := 0
	for trial := range 6 {
		cmd := command(t, dir, "WEIR_BADGER_WRITE=1")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for range 3 + trial*5 {
			if !lines.Scan() {
				break
			}
			if said, err = strconv.Atoi(lines.Text()); err != nil {
				t.Fatalf("the child says %q", lines.Text())
			}
		}
		_ = cmd.Process.Kill()
		for lines.Scan() {
			if n, err := strconv.Atoi(lines.Text()); err == nil {
				said = n
			}
		}
		_ = cmd.Wait()
		checkNumbered(t, dir, said)
	}
}

// checkNumbered checks that a store holds the batch that was acknowledged last, or
// the one after it, and all of it.
func checkNumbered(t *testing.T, dir string, said int) {
	t.Helper()
	s := open(t, dir)
	defer s.Close()
	v, err := s.Get([]byte("n"))
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(string(v))
	if err != nil || n != said && n != said+1 {
		t.Fatalf("after %d was acknowledged the store holds %s (%v)", said, v, err)
	}
	want := numbered(n)
	for _, p := range append(want.Pages, want.Puts...) {
		if got, err := s.Get(p.Key); err != nil || !bytes.Equal(got, p.Value) {
			t.Errorf("batch %d, key %s: %d bytes, error %v", n, p.Key, len(got), err)
		}
	}
	for _, k := range want.Deletes {
		if _, err := s.Get(k); !errors.Is(err, state.ErrNotFound) {
			t.Errorf("batch %d, key %s is there: %v", n, k, err)
		}
	}
}

// fill makes a store with tables and a write-ahead log, as a kill leaves it, and
// returns what a reader must say of it.
func fill(t *testing.T, dir string) string {
	t.Helper()
	live := t.TempDir()
	s := open(t, live)
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range 60 {
		var b state.Batch
		for j := range 20 {
			v := make([]byte, rnd.IntN(30_000))
			for k := range v {
				v[k] = byte(rnd.IntN(16))
			}
			b.Put(fmt.Appendf(nil, "k%02d/%02d", i%30, j), v)
		}
		if i%10 == 0 {
			b.Page(fmt.Appendf(nil, "long%d", i), make([]byte, 300_000))
		}
		if err := s.Write(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, live)
	for i := range 10 {
		var b state.Batch
		b.Put(fmt.Appendf(nil, "tail%02d", i), bytes.Repeat([]byte{byte(i)}, 5000))
		if err := s.Write(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.CopyFS(dir, os.DirFS(live)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	want := read(t, dir)
	if strings.Count(want, "\n") < 600 || !strings.HasSuffix(want, "done: <nil>\n") {
		t.Fatalf("the undamaged copy gives %d lines, the last %q", strings.Count(want, "\n"), want[max(0, len(want)-200):])
	}
	return want
}

func read(t *testing.T, dir string) string {
	t.Helper()
	copied := t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd := command(t, copied)
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil {
		return out.String() + "ended: " + err.Error() + "\n"
	}
	return out.String()
}

// TestDamage flips bits, cuts, and zeroes pages of a store's files: a reader sees
// the right values or an error, never a wrong value and never one less.
func TestDamage(t *testing.T) {
	dir := t.TempDir()
	want := fill(t, dir)
	rnd := rand.New(rand.NewPCG(3, 4))
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	noticed, trials := 0, 0
	for _, f := range files {
		if strings.HasSuffix(f.Name(), ".vlog") || f.Name() == "LOCK" || f.Name() == "DISCARD" {
			continue
		}
		path := filepath.Join(dir, f.Name())
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		used := len(bytes.TrimRight(whole, "\x00"))
		for kind := range 4 {
			damaged := bytes.Clone(whole)
			at := rnd.IntN(max(used, 1))
			switch kind {
			case 0, 1:
				damaged[at] ^= 1 << rnd.IntN(8)
			case 2:
				damaged = damaged[:at]
			case 3:
				clear(damaged[at:min(at+4096, len(damaged))])
			}
			if err := os.WriteFile(path, damaged, 0o644); err != nil {
				t.Fatal(err)
			}
			trials++
			got := read(t, dir)
			if got != want {
				noticed++
			}
			if got != want && strings.HasSuffix(got, "done: <nil>\n") {
				t.Errorf("%s, damage %d at %d of %d is not noticed", f.Name(), kind, at, used)
			}
			if got != want && !strings.HasPrefix(got, "open:") && !strings.HasPrefix(want, strings.Join(strings.SplitAfter(got, "\n")[:strings.Count(got, "\n")-1], "")) {
				t.Errorf("%s, damage %d at %d gives wrong values before an error", f.Name(), kind, at)
			}
		}
		if err := os.WriteFile(path, whole, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d of %d were noticed, the others did no harm", noticed, trials)
	if noticed < trials/2 {
		t.Errorf("%d of %d were noticed", noticed, trials)
	}
}

// TestMissingFiles takes files away as a whole.
func TestMissingFiles(t *testing.T) {
	dir := t.TempDir()
	want := fill(t, dir)
	for _, pattern := range []string{"*.sst", "*.mem", "MANIFEST", "HEAD"} {
		names, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil || len(names) == 0 {
			t.Fatalf("no %s: %v", pattern, err)
		}
		away := filepath.Join(t.TempDir(), "away")
		if err := os.Rename(names[0], away); err != nil {
			t.Fatal(err)
		}
		if got := read(t, dir); got == want || strings.HasSuffix(got, "done: <nil>\n") {
			t.Errorf("without %s nothing is said", pattern)
		}
		if err := os.Rename(away, names[0]); err != nil {
			t.Fatal(err)
		}
	}
}

// TestKeyRegistry damages each byte of the file that Badger reads first: its Open
// gives a database back that is half made, with an error.
func TestKeyRegistry(t *testing.T) {
	dir := t.TempDir()
	want := fill(t, dir)
	path := filepath.Join(dir, "KEYREGISTRY")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for at := range whole {
		damaged := bytes.Clone(whole)
		damaged[at] ^= 4
		if err := os.WriteFile(path, damaged, 0o644); err != nil {
			t.Fatal(err)
		}
		switch got := read(t, dir); {
		case strings.HasPrefix(got, "open:"):
			refused++
		case got != want:
			t.Errorf("byte %d: %s", at, got)
		}
	}
	if refused == 0 {
		t.Error("no damage is noticed")
	}
}
