package kpl

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/ingest"
)

type put struct {
	Key  string `json:"key"`
	Hash string `json:"hash,omitempty"`
	Data []byte `json:"data"`
}

// What Amazon's module for Node.js puts together is taken apart again.
func TestNodeProducer(t *testing.T) {
	dir := install(t, "aws-kinesis-agg@4.2.8")
	script, err := filepath.Abs("testdata/aggregate.js")
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	aggregated := 0
	for range 5 {
		var want []put
		for range 1 + r.IntN(400) {
			p := put{Key: fmt.Sprintf("käy-%d", r.IntN(20)), Data: make([]byte, 1+r.IntN(2000))}
			for i := range p.Data {
				p.Data[i] = byte(r.Uint32())
			}
			p.Hash = ingest.Hash{Hi: r.Uint64(), Lo: r.Uint64()}.String()
			want = append(want, p)
		}
		in, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, "node", script)
		cmd.Stdin, cmd.Env = bytes.NewReader(in), append(os.Environ(), "NODE_PATH="+filepath.Join(dir, "node_modules"))
		var said bytes.Buffer
		cmd.Stderr = &said
		text, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v\n%s", err, said.Bytes())
		}
		var sent []struct {
			Key  string
			Data []byte
		}
		if err := json.Unmarshal(text, &sent); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		var got []put
		var s Splitter
		for _, b := range sent {
			records, ok := s.Split(nil, b.Data)
			if !ok {
				t.Fatalf("%d bytes are a plain record", len(b.Data))
			}
			aggregated++
			for _, r := range records {
				got = append(got, put{string(r.Key), r.Hash.String(), r.Data})
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("%d records in %d: %s", len(want), len(sent), d)
		}
	}
	if aggregated < 5 {
		t.Errorf("only %d aggregated records", aggregated)
	}
}

// install has npm put a package into a folder, and skips the test where that cannot be.
func install(t *testing.T, name string) (dir string) {
	t.Helper()
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("SKIPPED: there is no %s here, so no blob of another producer is read", tool)
		}
	}
	dir = t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "npm", "install", "--prefix", dir, "--ignore-scripts", "--no-audit", "--no-fund", "--silent", name)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: npm does not install %s here, so no blob of another producer is read: %v\n%s", name, err, text)
	}
	return dir
}
