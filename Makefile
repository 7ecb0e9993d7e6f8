# `make test` is the whole gate; `make help` lists the rest.

SHELL       := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS   += --no-print-directory
.DEFAULT_GOAL := help

# weir itself is pure Go; only the race detector needs a C compiler.
export CGO_ENABLED := 0

LINT     := bin/golangci-lint
# Every other module of the repository; the linter's own has nothing to test.
MODULES  := $(shell find bench tools -name go.mod -not -path tools/go.mod -not -path '*/node_modules/*' 2>/dev/null | xargs -r -n1 dirname)
# Packages that start goroutines.
RACE     := ./ingest/... ./operators/engine/... ./operators/views ./operators/sinks ./operators/sinks/file ./dashboard/hub/...
TIMEOUT  ?= 12m
FUZZTIME ?= 20s
BENCH    ?= .

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# go test comes last, so that its closing lines end the output.
.PHONY: test
test: setup tidy fmt vet lint build webcheck modules race unit ## everything that must hold before a push

.PHONY: setup
setup:
	@.ci/setup

.PHONY: tidy
tidy:
	@echo "== go mod tidy -diff"
	@go mod tidy -diff || { echo "go.mod or go.sum is not tidy: run 'go mod tidy'" >&2; exit 1; }

.PHONY: fmt
fmt:
	@echo "== gofmt"
	@bad=$$(find . -name node_modules -prune -o -name '*.go' -print | xargs gofmt -l); \
	if [ -n "$$bad" ]; then printf 'not formatted (run gofmt -w):\n%s\n' "$$bad" >&2; exit 1; fi

.PHONY: vet
vet:
	@echo "== go vet"
	@go vet ./...

.PHONY: lint
lint: $(LINT) ## run golangci-lint, as pinned in tools/go.mod
	@echo "== golangci-lint"
	@$(LINT) run ./...

# The linter is built from source: the module cache checks what was downloaded
# and the build cache makes the second time quick.
$(LINT): tools/go.mod tools/go.sum
	@echo "== building golangci-lint"
	@cd tools && go build -o ../$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

.PHONY: build
build: ## build bin/weir without cgo
	@echo "== go build"
	@go build ./...
	@if [ -f cmd/weir/main.go ]; then go build -trimpath -o bin/weir ./cmd/weir; fi

.PHONY: race
race: ## run the concurrent packages under the race detector
	@if command -v "$$(go env CC)" >/dev/null; then \
		echo "== go test -race -short"; \
		CGO_ENABLED=1 go test -race -short -vet=off -timeout $(TIMEOUT) $(RACE) | { grep -v -e '^ok ' -e 'no test files' || true; }; \
	else \
		printf '\n*** SKIPPED: race detector (no C compiler found)\n\n' >&2; \
	fi

.PHONY: modules
modules:
	@for dir in $(MODULES); do echo "== go test $$dir"; (cd "$$dir" && go mod tidy -diff && go vet ./... && go test ./...); done

.PHONY: unit
unit: ## run the tests alone
	@echo "== go test"
	@go test -vet=off -timeout $(TIMEOUT) ./operators/engine ./...

# The build is the same to the byte wherever it is made, so a fresh one must be
# the one that was committed.
.PHONY: webcheck
webcheck:
	@if [ -d dashboard/web/node_modules ]; then \
		echo "== page: types, and the committed build is fresh"; \
		npm --prefix dashboard/web run --silent check; \
		fresh=$$(mktemp -d); trap 'rm -rf "$$fresh"' EXIT; \
		(cd tools/webbuild && go run . -out "$$fresh"); \
		diff -r "$$fresh" dashboard/web/dist || { echo "dashboard/web/dist is stale: run 'make web' and commit it" >&2; exit 1; }; \
	else \
		printf '\n*** SKIPPED: the page was not built again (no node_modules)\n\n' >&2; \
	fi

.PHONY: web
web: setup ## rebuild the embedded page from its TypeScript
	@cd tools/webbuild && go run .

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME (20s)
	@FUZZTIME=$(FUZZTIME) .ci/fuzz

.PHONY: bench
bench: ## run the benchmarks that match BENCH (all)
	@go test -run='^$$' -bench='$(BENCH)' -benchmem ./...

# What weir is held to, with the figures that it prints.
.PHONY: shows
shows: ## run the acceptance tests and benchmarks, and print what they print
	@go test -count=1 -v -run 'Flights|SubscriberEqualsView|DemoInBrowser' ./cmd/internal/app -demo.within=3s
	@go test -count=1 -v -run 'TestDropped' ./cmd/internal/app -drops=1000
	@go test -count=1 -v -run 'TestAccept$$' ./cmd/internal/app -accept.bytes=1000000000 -accept.kills=3
	@go test -count=1 -v -run 'TestAccept$$' ./cmd/internal/app -accept.bytes=1000000000 -accept.kills=2 -accept.nth=1
	@go test -run='^$$' -bench='Restart' -benchtime=5x -timeout 20m ./cmd/internal/app -restart.rows=20000000 -restart.keys=1000000
	@go test -count=1 -v -run 'TestFanOut' ./cmd/internal/app -fans=500 -fans.time=8s -fans.rounds=3
	@go test -count=1 -v -run 'TestCost|TestWeight' ./dashboard -cost.for=10s -cost.most=0.2
	@go test -count=1 -v -run 'TestSteps' ./operators/engine -steps.seeds=1000
	@go test -run='^$$' -bench='Late$$' ./operators/engine
	@go test -run='^$$' -bench='DecodeBids' ./ingest/decode
	@WEIR_BENCH_BYTES=1000000000 go test -run='^$$' -bench='QueryTumble' -benchtime=3x ./cmd/internal/app
	@go test -run='^$$' -bench='Append' ./ingest/wal
	@go test -count=1 -v -run 'TestFlinkWindows|TestCalciteWindows|TestNexmark' ./cmd/internal/app
	@go test -count=1 -v -run 'TestDeterminism$$|TestShardCounts' -timeout 30m ./cmd/internal/app -determinism.seeds=1000
	@go test -count=1 -v -run 'LikeMariaDB' ./cmd/internal/app -differential.rounds=100
	@go test -count=1 -v -run 'TestBombs|TestJustInside|TestLongStatements' ./sql ./planner ./cmd/internal/app
	@go test -count=1 -v -run 'Kinesis|TestReshardUnderLoad' ./cmd/internal/app
	@go test -count=1 -v -run 'TestSignedBySDK' ./ingest/kinesis/sigv4 -sigv4.rounds=102000
	@go test -run='^$$' -bench='Kinesis$$' -benchtime=2000x ./cmd/internal/app

.PHONY: clean
clean: ## remove what the build made
	@rm -rf bin
