package app

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// BenchmarkQueryTumble runs `weir query` in a process of its own over a file of
// Nexmark-like bids of about 245 bytes, and reports rows and bytes per second of
// wall time, CPU seconds, and the greatest resident memory. WEIR_BENCH_BYTES
// sets the size of the file (64 MiB unless given).
func BenchmarkQueryTumble(b *testing.B) {
	size := int64(64 << 20)
	if v := os.Getenv("WEIR_BENCH_BYTES"); v != "" {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		size = n
	}
	path := filepath.Join(b.TempDir(), "bids.jsonl")
	rows := writeBids(b, path, size)
	exe, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	declare := fmt.Sprintf("CREATE STREAM bids (auction BIGINT, bidder BIGINT, price BIGINT, channel VARCHAR, url VARCHAR, "+
		"ts DATETIME(3), extra VARCHAR, WATERMARK FOR ts AS ts - INTERVAL 4 SECOND) WITH (connector = 'file', path = '%s', format = 'json'); ", path)
	queries := []struct{ name, sql string }{
		{"count_by_1000_keys", "SELECT window_start, auction, COUNT(*) AS n, SUM(price) AS total FROM bids GROUP BY auction, TUMBLE(ts, INTERVAL 10 SECOND)"},
		{"global", "SELECT window_start, COUNT(*) AS n, MAX(price) AS top FROM bids GROUP BY TUMBLE(ts, INTERVAL 10 SECOND)"},
		{"by_channel_hop", "SELECT window_start, channel, AVG(price) AS mean FROM bids GROUP BY channel, HOP(ts, INTERVAL 10 SECOND, INTERVAL 1 MINUTE)"},
	}
	for _, q := range queries {
		b.Run(q.name, func(b *testing.B) {
			var peak int64
			var cpu float64
			for b.Loop() {
				cmd := exec.Command(exe, "query", "--format", "csv", declare+q.sql)
				cmd.Env = append(os.Environ(), asWeir+"=1")
				cmd.Stderr = os.Stderr
				if err := cmd.Run(); err != nil {
					b.Fatal(err)
				}
				use := cmd.ProcessState.SysUsage().(*syscall.Rusage)
				peak = max(peak, use.Maxrss)
				cpu += cmd.ProcessState.SystemTime().Seconds() + cmd.ProcessState.UserTime().Seconds()
			}
			wall := b.Elapsed().Seconds() / float64(b.N)
			b.ReportMetric(float64(rows)/wall, "rows/s")
			b.ReportMetric(float64(size)/1e6/wall, "MB/s")
			b.ReportMetric(cpu/float64(b.N), "cpu-s")
			b.ReportMetric(float64(peak)/1024, "peak-MiB")
		})
	}
}

// writeBids writes bids until the file has that many bytes, 10,000 a second of
// event time, and returns how many.
func writeBids(b *testing.B, path string, size int64) int {
	b.Helper()
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	r := rand.New(rand.NewPCG(1, 2))
	channels := []string{"Google", "Facebook", "Baidu", "Apple"}
	rows, written := 0, int64(0)
	for ; written < size; rows++ {
		channel := channels[r.IntN(4)]
		if r.IntN(2) == 0 {
			channel = "channel-" + strconv.Itoa(r.IntN(300))
		}
		n, err := fmt.Fprintf(w, `{"auction":%d,"bidder":%d,"price":%d,"channel":"%s","url":"https://www.nexmark.com/abc/def/ghi/item.htm?query=1&channel_id=%d","ts":%d,"extra":"%s"}`+"\n",
			1000+r.IntN(1000), 1000+r.IntN(5000), 100+r.IntN(100000000), channel, r.IntN(1<<30), 1763596800000+int64(rows)/10,
			"aaaabbbbccccddddeeeeffffgggghhhhiiiijjjjkkkkllllmmmmnnnn"[:20+r.IntN(30)])
		if err != nil {
			b.Fatal(err)
		}
		written += int64(n)
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	return rows
}
