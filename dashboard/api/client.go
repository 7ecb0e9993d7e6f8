package api

import (
	"context"
	"net/http"
)

// clientKey is the key of the name of who sent the request that a context is of.
type clientKey struct{}

// ClientOf returns who sent the request that a context is of: an address with its port,
// behind the name of the token that came along, if it has one, as ann@127.0.0.1:50314. It
// returns "" where there is no request.
func ClientOf(ctx context.Context) string {
	name, _ := ctx.Value(clientKey{}).(string)
	return name
}

func withClient(r *http.Request) context.Context {
	name := r.RemoteAddr
	if token, _ := r.Context().Value(proved{}).(string); token != "" {
		name = token + "@" + name
	}
	return context.WithValue(r.Context(), clientKey{}, name)
}
