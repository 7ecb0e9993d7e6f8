package demo

import (
	"math"
	"time"
)

// readings is the scene of sensors: four devices at each of three sites, warmer
// by day. In a spike the first site overheats.
func readings(g *tick) {
	sites := [...]struct {
		name    string
		temp    float64
		devices [4]string
	}{
		{"harbour", 18, [4]string{"h-1", "h-2", "h-3", "h-4"}},
		{"mill", 23, [4]string{"m-1", "m-2", "m-3", "m-4"}},
		{"orchard", 14, [4]string{"o-1", "o-2", "o-3", "o-4"}},
	}
	for i, site := range sites {
		temp := site.temp + 3*math.Sin(g.day+float64(i))
		if g.spike && i == 0 {
			temp += 20
		}
		for _, device := range site.devices {
			read := func(at time.Time) {
				g.begin("site", site.name)
				g.text("device", device)
				g.number("temp", temp+g.NormFloat64()*0.3, 2)
				g.end(at)
			}
			read(g.at)
			for range g.count(0.5) {
				read(g.some())
			}
		}
	}
}

// orders is the scene of orders: eight items, busier by day. In a spike it rains
// and everybody buys umbrellas.
func orders(g *tick) {
	items := [...]struct {
		name  string
		price float64
		mean  float64 // rows a tick beyond the first
	}{
		{"umbrella", 19, 0.2}, {"teapot", 34, 0.5}, {"lamp", 59, 0.3}, {"notebook", 6, 1.5},
		{"kettle", 45, 0.4}, {"rucksack", 89, 0.2}, {"pen", 3, 1.8}, {"blanket", 29, 0.4},
	}
	countries := [...]string{"DE", "DE", "DE", "FR", "FR", "GB", "IT", "PL"}
	for i, item := range items {
		mean := item.mean * (1 + 0.6*math.Sin(g.day))
		most := 3
		if g.spike && i == 0 {
			mean, most = 12, 9
		}
		order := func(at time.Time) {
			g.begin("item", item.name)
			g.number("price", g.near(item.price, 5), 2)
			g.whole("qty", 1+g.IntN(most))
			g.text("country", countries[g.IntN(len(countries))])
			g.end(at)
		}
		order(g.at)
		for range g.count(mean) {
			order(g.some())
		}
	}
}

// requests is the scene of requests: six paths of a shop, busier and a little
// slower by day. In a spike searching takes ten times as long and often fails.
func requests(g *tick) {
	paths := [...]struct {
		name    string
		latency float64 // ms
		mean    float64
	}{
		{"/search", 70, 6}, {"/", 12, 9}, {"/item", 30, 8}, {"/cart", 45, 3}, {"/checkout", 110, 1}, {"/login", 55, 2},
	}
	for i, path := range paths {
		latency := path.latency * (1 + 0.25*math.Sin(g.day))
		failing := 0.01
		if g.spike && i == 0 {
			latency, failing = latency*10, 0.2
		}
		request := func(at time.Time) {
			g.begin("path", path.name)
			status := 200
			if g.Float64() < failing {
				status = 500
			}
			g.whole("status", status)
			g.number("latency_ms", g.near(latency, 20), 1)
			g.end(at)
		}
		request(g.at)
		for range g.count(path.mean * (1 + 0.5*math.Sin(g.day))) {
			request(g.some())
		}
	}
}
