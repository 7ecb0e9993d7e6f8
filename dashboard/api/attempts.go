package api

import (
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

const (
	attemptsBurst = 10              // wrong tokens that may come at once from one address,
	attemptEvery  = 6 * time.Second // and how fast they may go on
	addressesMax  = 4096            // addresses that are told apart; the rest share one
)

// attempts limits how fast tokens can be guessed, by the address of the guesser.
type attempts struct {
	now func() time.Time

	mu sync.Mutex
	by map[netip.Prefix]*attempt
}

// attempt holds the time at which all guesses so far are paid for: the generic
// cell rate algorithm of ITU-T I.371.
type attempt struct{ paid time.Time }

// take counts one guess and tells whether it may be looked at. If not, wait is
// the time until the next may.
func (a *attempts) take(from netip.Prefix) (wait time.Duration, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	b := a.bucket(from, now)
	if b.paid.Before(now) {
		b.paid = now
	}
	if over := b.paid.Add(attemptEvery).Sub(now) - attemptsBurst*attemptEvery; over > 0 {
		return over, false
	}
	b.paid = b.paid.Add(attemptEvery)
	return 0, true
}

// give takes back a guess that was right.
func (a *attempts) give(from netip.Prefix) {
	a.mu.Lock()
	defer a.mu.Unlock()
	b := a.bucket(from, a.now())
	b.paid = b.paid.Add(-attemptEvery)
}

// bucket returns the bucket of an address. Where there are too many addresses
// those that have been quiet make room, else the newcomers share one bucket.
func (a *attempts) bucket(from netip.Prefix, now time.Time) *attempt {
	if b, ok := a.by[from]; ok {
		return b
	}
	if len(a.by) >= addressesMax {
		for p, b := range a.by {
			if !b.paid.After(now) {
				delete(a.by, p)
			}
		}
		if len(a.by) >= addressesMax {
			from = netip.Prefix{}
			if b, ok := a.by[from]; ok {
				return b
			}
		}
	}
	b := &attempt{paid: now}
	a.by[from] = b
	return b
}

// address returns where a request comes from: an IPv4 address, or the /64 that
// an IPv6 client has for itself.
func address(r *http.Request) netip.Prefix {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return netip.Prefix{}
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Prefix{}
	}
	ip = ip.Unmap().WithZone("")
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	p, err := ip.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}
