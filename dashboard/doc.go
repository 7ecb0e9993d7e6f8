// Package dashboard is everything that weir serves to people over HTTP: the page,
// the REST side under it and the websocket that moves it.
//
// Its nouns: a Handler is all of it as one http.Handler; Page is what the page
// shows at the start; an asset is a file of the committed build in web/dist.
//
// Its invariants: every request passes the guard for Host and Origin, those of
// handlers that others mount with Guard included; nothing is fetched from
// anywhere else, so the page works offline; the embedded build is the one that
// web/src makes, which a test checks.
//
// It must not know the engine, ingestion or the planner: it declares what it
// needs in api.Engine and hub.Source.
package dashboard

//go:generate sh -c "cd web && npm ci"
//go:generate sh -c "cd ../tools/webbuild && go run ."
