package demo

import (
	"math"
	"math/rand/v2"
	"strconv"
	"time"

	"weir/sql/types"
)

const (
	// tickEvery is the time between two bodies of a scene.
	tickEvery = 100 * time.Millisecond

	spikeEvery = 20 * time.Second
	spikeFor   = 2 * time.Second

	lateShare  = 0.01
	latestLate = 6 * time.Second
	leastLate  = 3 * time.Second
	jitter     = 800 * time.Millisecond
)

// scene is one stream's story.
type scene struct {
	stream string
	// spikeAt is when the first spike begins; the scenes take turns.
	spikeAt time.Duration
	// season is the length of this scene's day.
	season time.Duration
	// each writes one row for each key, then as many others as the season wants.
	each func(g *tick)
}

func scenes() []scene {
	return []scene{
		{"sensors", 12 * time.Second, 40 * time.Second, readings},
		{"orders", 17 * time.Second, 90 * time.Second, orders},
		{"requests", 5 * time.Second, time.Minute, requests},
	}
}

// tick is one tick of one scene while its rows are written.
type tick struct {
	*rand.Rand
	at    time.Time
	day   float64 // where in the season, 0 to 2 pi
	spike bool
	rate  float64
	rows  []byte
}

// rows appends the rows of tick n, whose time is at, as NDJSON.
func (s scene) rows(dst []byte, seed int64, rate float64, n int64, at time.Time) []byte {
	since := time.Duration(n) * tickEvery
	g := tick{
		Rand:  rand.New(rand.NewPCG(uint64(seed), mix(uint64(n))^mix(uint64(s.spikeAt)))),
		at:    at,
		day:   2 * math.Pi * float64(since%s.season) / float64(s.season),
		spike: since >= s.spikeAt && (since-s.spikeAt)%spikeEvery < spikeFor,
		rate:  rate,
		rows:  dst,
	}
	s.each(&g)
	return g.rows
}

// mix spreads neighbouring numbers (the finaliser of SplitMix64; Steele, Lea and
// Flood 2014), so that the generators of neighbouring ticks have nothing in common.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// count returns a whole number that is mean on average.
func (g *tick) count(mean float64) int {
	mean *= g.rate
	whole := math.Floor(mean)
	if g.Float64() < mean-whole {
		whole++
	}
	return int(whole)
}

// near returns v with a relative error of that many percent, normally distributed.
func (g *tick) near(v, percent float64) float64 { return v * math.Exp(g.NormFloat64()*percent/100) }

// some returns a time for a row that is not its key's first of this tick.
func (g *tick) some() time.Time {
	if g.Float64() < lateShare {
		return g.at.Add(-leastLate - time.Duration(g.Int64N(int64(latestLate-leastLate))))
	}
	return g.at.Add(-time.Duration(g.Int64N(int64(jitter))))
}

// The fields of a row. None of the texts needs an escape.

func (g *tick) begin(name, value string) { g.rows = append(g.rows, '{'); g.text(name, value) }

func (g *tick) text(name, value string) {
	g.name(name)
	g.rows = append(append(append(g.rows, '"'), value...), '"', ',')
}

func (g *tick) whole(name string, value int) {
	g.name(name)
	g.rows = append(strconv.AppendInt(g.rows, int64(value), 10), ',')
}

func (g *tick) number(name string, value float64, digits int) {
	g.name(name)
	g.rows = append(strconv.AppendFloat(g.rows, value, 'f', digits, 64), ',')
}

func (g *tick) end(ts time.Time) {
	g.name("ts")
	g.rows = append(g.rows, '"')
	g.rows = types.AppendDatetime(g.rows, ts.UnixMicro(), 3)
	g.rows = append(g.rows, '"', '}', '\n')
}

func (g *tick) name(name string) {
	g.rows = append(append(append(g.rows, '"'), name...), '"', ':')
}
