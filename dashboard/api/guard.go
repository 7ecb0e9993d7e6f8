package api

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
)

// Guard lets through only requests that are meant for this server, that no other
// site's page sent, and whose sender has a token where tokens are asked for. It
// is the one place where requests are let in, but for those that GuardConfig.Signed
// knows: their handler checks a signature.
//
// The Host header must name the address that the connection came in on, a
// loopback address, or localhost, with the same port; or it is on a list. A page
// that rebinds its own DNS name to one of these still sends its own name. Origin
// must be absent, as from curl, or the server's own: browsers send it with every
// websocket handshake and every POST.
type Guard struct {
	hosts   []string
	access  *Access
	signed  func(*http.Request) bool
	refuse  func(w http.ResponseWriter, r *http.Request, status int, why string) bool
	refused [refusals]atomic.Int64
}

// GuardConfig is what a Guard lets in. The zero value asks for no token.
type GuardConfig struct {
	// Hosts are further values of Host that are let in, for a server behind
	// another name: "name:port", or "name" with whatever port.
	Hosts []string
	// Access knows the tokens; nil: nobody has to have one.
	Access *Access
	// Signed tells which requests bring no token, because their handler checks a
	// signature; nil: none do.
	Signed func(*http.Request) bool
	// Refuse answers a request that is not let in as its sender understands it, if it
	// is of another protocol than this API, and tells whether it was; nil: none is.
	Refuse func(w http.ResponseWriter, r *http.Request, status int, why string) bool
}

// NewGuard returns a guard.
func NewGuard(cfg GuardConfig) *Guard {
	hosts := make([]string, len(cfg.Hosts))
	for i, h := range cfg.Hosts {
		hosts[i] = strings.ToLower(h)
	}
	return &Guard{hosts: hosts, access: cfg.Access, signed: cfg.Signed, refuse: cfg.Refuse}
}

// Wrap returns next behind the guard, with the headers that every answer carries.
func (g *Guard) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		if err := g.check(r); err != nil {
			g.count(err)
			if !g.refusedAs(w, r, err) {
				WriteError(w, err)
			}
			return
		}
		if g.access != nil && (g.signed == nil || !g.signed(r)) {
			var err error
			if r, err = g.access.admit(r); err != nil {
				g.count(err)
				if !g.refusedAs(w, r, err) {
					g.access.refuse(w, r, err)
				}
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// refusedAs answers a request of another protocol in that.
func (g *Guard) refusedAs(w http.ResponseWriter, r *http.Request, err error) bool {
	if g.refuse == nil {
		return false
	}
	f := failureOf(err)
	why := f.Message
	if f.Hint != "" {
		why += "; " + f.Hint
	}
	return g.refuse(w, r, statusOf(f.Code), why)
}

// check returns why the request may not come in.
func (g *Guard) check(r *http.Request) error {
	if !g.hostAllowed(r) {
		return httpError(CodeForbiddenHost,
			"the request's Host is %s, which is no name of this server", quote(r.Host)).
			WithHint("weir answers to localhost and to its own addresses, with its own port, so that no web page can reach it through a name of its own; --allow-host adds a name")
	}
	if err := checkOrigin(r); err != nil {
		return err
	}
	// A request that changes something and that the browser itself calls foreign.
	site := r.Header.Get("Sec-Fetch-Site")
	if (site == "cross-site" || site == "same-site") && !isSafe(r.Method) {
		return httpError(CodeForbiddenOrigin, "the browser says that another site's page sent the request")
	}
	return nil
}

func isSafe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

func (g *Guard) hostAllowed(r *http.Request) bool {
	host := strings.ToLower(r.Host)
	for _, h := range g.hosts {
		if h == host {
			return true
		}
	}
	name, port := splitHost(host)
	for _, h := range g.hosts {
		if name != "" && h == name {
			return true
		}
	}
	at := listeningAddr(r)
	return at.IsValid() && port == strconv.Itoa(int(at.Port())) && (isLoopback(name) || isAddr(name, at.Addr()))
}

// splitHost splits a Host header; without a port it is HTTP's own. A name that
// is malformed comes back empty.
func splitHost(host string) (name, port string) {
	if name, port, err := net.SplitHostPort(host); err == nil {
		return name, port
	}
	if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		return host[1 : len(host)-1], "80"
	}
	if strings.Contains(host, ":") {
		return "", ""
	}
	return host, "80"
}

func isLoopback(name string) bool {
	if name == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(name)
	return err == nil && addr.Zone() == "" && addr.Unmap().IsLoopback()
}

// isAddr tells whether a host is an address, written as one. A page cannot have
// an address as its name unless it came from there.
func isAddr(name string, at netip.Addr) bool {
	addr, err := netip.ParseAddr(name)
	return err == nil && addr.Zone() == "" && addr.Unmap() == at.Unmap().WithZone("")
}

// listeningAddr returns what the connection came in on, nothing if the request
// came from no net/http server.
func listeningAddr(r *http.Request) netip.AddrPort {
	addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return netip.AddrPort{}
	}
	at, err := netip.ParseAddrPort(addr.String())
	if err != nil {
		return netip.AddrPort{}
	}
	return at
}

// checkOrigin returns why the Origin header shuts the request out.
func checkOrigin(r *http.Request) error {
	values := r.Header.Values("Origin")
	if len(values) == 0 {
		return nil
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	if len(values) == 1 {
		u, err := url.Parse(values[0])
		if err == nil && u.Scheme == scheme && u.User == nil && strings.EqualFold(u.Host, r.Host) {
			return nil
		}
	}
	return httpError(CodeForbiddenOrigin,
		"the request comes from a page of %s, not from %s://%s", quote(strings.Join(values, ", ")), scheme, r.Host).
		WithHint("pages of other sites may not talk to weir; send the request without an Origin header, as curl does")
}

// quote prints a header's value, cut to what a message can bear.
func quote(s string) string {
	if len(s) > 100 {
		s = s[:100]
	}
	return strconv.Quote(s)
}
