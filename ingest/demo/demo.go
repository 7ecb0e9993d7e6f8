package demo

import (
	"fmt"
	"strings"
)

// Panel is a chart of the demo's page.
type Panel struct{ Title, SQL string }

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
`

// SQL returns the statements that declare the demo's streams and views.
func SQL() string { return statements }

// Panels returns what the page shows: each is a SELECT over a view.
func Panels() []Panel {
	return []Panel{
		{"Latency by path, each second (ms)", "SELECT window_start, path, latency_ms FROM traffic"},
		{"Temperature by site, the last five seconds (°C)", "SELECT window_end, site, temp FROM climate"},
	}
}

// Query returns a live query to try, on one line.
func Query() string {
	return "SELECT window_start, country, SUM(price * qty) AS revenue FROM orders GROUP BY country, TUMBLE(ts, INTERVAL 2 SECOND)"
}

// Curl returns a command for a POSIX shell that makes a blip on the first panel
// a second or two later: one request to /checkout that took five seconds, among
// some twenty others that took a tenth of one. base is the server's URL.
func Curl(base string) string {
	return fmt.Sprintf(`curl %s/v1/streams/requests/records -d '{"path":"/checkout","status":500,"latency_ms":5000,"ts":'$(date +%%s)'000}'`,
		strings.TrimSuffix(base, "/"))
}
