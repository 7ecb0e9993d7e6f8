package demo

import (
	"fmt"
	"strings"
)

// Panel is one part of the demo's page: a SELECT and how it is drawn, or the
// plan of a view.
type Panel struct{ Title, SQL, Figure, Plan string }

// statements declare what the demo shows. `TestRowsFitTheDeclarations` holds the
// generator to them.
const statements = `CREATE STREAM sensors (
  site VARCHAR(16), device VARCHAR(16), temp DOUBLE, ts DATETIME(3),
  WATERMARK FOR ts AS ts - INTERVAL 1 SECOND
) WITH (shards = 2, partition_key = 'device', idle_timeout = '2s');

CREATE STREAM orders (
  item VARCHAR(16), price DOUBLE, qty BIGINT, country VARCHAR(2), ts DATETIME(3),
  WATERMARK FOR ts AS ts - INTERVAL 1 SECOND
) WITH (shards = 2, partition_key = 'item', idle_timeout = '2s');

CREATE STREAM requests (
  path VARCHAR(32), status BIGINT, latency_ms DOUBLE, ts DATETIME(3),
  WATERMARK FOR ts AS ts - INTERVAL 1 SECOND
) WITH (shards = 2, partition_key = 'path', idle_timeout = '2s');

CREATE MATERIALIZED VIEW traffic AS
  SELECT window_start, path, COUNT(*) AS requests, AVG(latency_ms) AS latency_ms, MAX(latency_ms) AS slowest_ms
  FROM requests GROUP BY path, TUMBLE(ts, INTERVAL 1 SECOND);

CREATE MATERIALIZED VIEW climate AS
  SELECT window_end, site, AVG(temp) AS temp, COUNT(*) AS readings
  FROM sensors GROUP BY site, HOP(ts, INTERVAL 1 SECOND, INTERVAL 5 SECOND);

CREATE MATERIALIZED VIEW sales AS
  SELECT window_start, window_end, country, SUM(price * qty) AS revenue
  FROM orders GROUP BY country, TUMBLE(ts, INTERVAL 1 MINUTE) EMIT CHANGES;

CREATE MATERIALIZED VIEW latency AS
  SELECT window_start, APPROX_PERCENTILE(latency_ms, 0.5) AS p50, APPROX_PERCENTILE(latency_ms, 0.95) AS p95,
    APPROX_PERCENTILE(latency_ms, 0.99) AS p99
  FROM requests WHERE status < 500 GROUP BY TUMBLE(ts, INTERVAL 2 SECOND);

CREATE MATERIALIZED VIEW baskets AS
  SELECT item, country, SUM(price * qty) AS revenue FROM orders GROUP BY item, country EMIT CHANGES;
`

// SQL returns the statements that declare the demo's streams and views.
func SQL() string { return statements }

// Panels returns what the page shows.
func Panels() []Panel {
	return []Panel{
		{Title: "Temperature by site, with a spike every 20 s (°C)", SQL: "SELECT window_end, site, temp FROM climate"},
		{Title: "Revenue by country, each minute as it grows", SQL: "SELECT window_start, window_end, country, revenue FROM sales"},
		{Title: "p50, p95 and p99 of latency, each two seconds (ms)", SQL: "SELECT window_start, p50, p95, p99 FROM latency"},
		{Title: "The ten best sellers", SQL: "SELECT item, country, revenue FROM baskets ORDER BY revenue DESC LIMIT 10", Figure: "bars"},
		{Title: "Slow requests as they come", SQL: "SELECT ts, path, status, latency_ms FROM requests WHERE latency_ms > 100", Figure: "table"},
		{Title: "How the latencies are computed, with rates", Plan: "latency"},
	}
}

// Query returns a live query to try, on one line.
func Query() string {
	return "SELECT window_start, country, SUM(price * qty) AS revenue FROM orders GROUP BY country, TUMBLE(ts, INTERVAL 2 SECOND)"
}

// Curl returns a command for a POSIX shell that makes a blip on the first panel
// a second or two later: one reading of the mill that is far too hot, which lifts
// the average of five seconds by some ten degrees. base is the server's URL.
func Curl(base string) string {
	return fmt.Sprintf(`curl %s/v1/streams/sensors/records -d '{"site":"mill","device":"m-1","temp":3000,"ts":'$(date +%%s)'000}'`,
		strings.TrimSuffix(base, "/"))
}
