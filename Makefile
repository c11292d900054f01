# Needs GNU make, Go and the standard POSIX tools. `make` alone prints the targets.

SHELL := /bin/sh
.DEFAULT_GOAL := help

GO ?= go

# Every module of the repository except tools, the root first.
MODULES := $(sort $(patsubst %/,%,$(dir $(shell find . -name '.?*' -prune -o \
	-name testdata -prune -o -path ./tools -prune -o -name go.mod -print))))

# The examples that are servers: they end when they are stopped.
SERVERS ?= sandbox webhook-receiver

# The least statement coverage that passes, in percent.
COVERAGE ?= 90

STATICCHECK := $(GO) tool -modfile='$(CURDIR)/tools/go.mod' staticcheck

# $(call each,COMMAND) runs COMMAND in every module and stops at the first that fails.
each = @set -e; for module in $(MODULES); do \
	echo "$$module: $(1)"; (cd "$$module" && $(1)); done

.PHONY: help
help: ## Print this list.
	@while IFS= read -r line; do \
		case $$line in \
		[a-z]*:*'## '*) printf '  %-10s %s\n' "$${line%%:*}" "$${line#*## }" ;; \
		esac; \
	done < '$(firstword $(MAKEFILE_LIST))'

.PHONY: test
test: ## Run the tests of every module.
	$(call each,$(GO) test ./...)

.PHONY: race
race: ## Run the tests of every module under the race detector; needs a C compiler.
	$(call each,$(GO) test -race ./...)

.PHONY: lint
lint: ## Run gofmt, go vet and staticcheck; changes nothing.
	@unformatted=$$(gofmt -l .) || exit 1; \
	if [ -n "$$unformatted" ]; then \
		printf 'gofmt would change:\n%s\n' "$$unformatted" >&2; exit 1; \
	fi
	$(call each,$(GO) vet ./...)
	$(call each,$(STATICCHECK) ./...)

.PHONY: cover
cover: ## Print the statement coverage of the root package and internal/; fail under COVERAGE.
	@$(GO) test -coverpkg=.,./internal/... -coverprofile=coverage.out . ./internal/...
	@total=$$($(GO) tool cover -func=coverage.out | tail -n 1) && \
	total=$${total##*[!0-9.%]} && total=$${total%\%} && \
	echo "statement coverage: $$total %" && \
	if [ "$${total%.*}" -lt $(COVERAGE) ]; then \
		echo "less than $(COVERAGE) %" >&2; exit 1; \
	fi

# They are built first, as that may need the module proxy. They run with a proxy
# that nobody listens on, so that a request which leaves the machine fails.
.PHONY: examples
examples: ## Run the examples, with no key and no network.
	@bin=$$(mktemp -d) && trap 'rm -rf "$$bin"' EXIT && \
	$(GO) build -o "$$bin/" ./examples/... && \
	for module in $(filter ./examples/%,$(MODULES)); do $(GO) -C "$$module" build -o "$$bin/" . || exit 1; done && \
	for name in $$(ls "$$bin"); do \
		case ' $(SERVERS) ' in *" $$name "*) continue ;; esac; \
		echo "examples/$$name"; \
		env -u ZEXA_API_KEY HTTP_PROXY=http://127.0.0.1:9 HTTPS_PROXY=http://127.0.0.1:9 \
			timeout 120 "$$bin/$$name" </dev/null || exit 1; \
	done

# How long each fuzz target runs. For a longer run: make fuzz FUZZTIME=10m
FUZZTIME ?= 5s

.PHONY: fuzz
fuzz: ## Run each fuzz target of the root module for FUZZTIME.
	@set -e; grep -rl --include='*_test.go' '^func Fuzz' . | sort | while read -r file; do \
		for name in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$$file"); do \
			echo "$${file%/*} $$name"; \
			$(GO) test -run='^$$' -fuzz="^$$name\$$" -fuzztime=$(FUZZTIME) -fuzzminimizetime=1x "$${file%/*}" </dev/null || exit 1; \
		done; \
	done

.PHONY: live
live: ## Compare the real API with docs/openapi.yaml; needs ZEXA_API_KEY, sends only with ARGS='-to … -from …'.
	@$(GO) -C live run . $(ARGS)

.PHONY: faults
faults: ## Run the fault suite on real sockets, and print the table of what happened.
	@table=$$(mktemp) && trap 'rm -f "$$table"' EXIT && \
	$(GO) -C faults test -count=1 -args -table="$$table" && cat "$$table"

.PHONY: bench
bench: ## Run the SDK beside net/http by hand and other SDKs; takes minutes, not part of CI.
	$(GO) -C bench run .

.PHONY: tidy
tidy: ## Check that go.mod and go.sum of every module are tidy.
	$(call each,$(GO) mod tidy -diff)
	$(GO) -C tools mod tidy -diff

.PHONY: oldest
oldest: ## Build and vet the root module with the oldest Go that its go.mod allows.
	GOTOOLCHAIN=go1.25.0 $(GO) build ./...
	GOTOOLCHAIN=go1.25.0 $(GO) vet ./...

# A module of its own outside this tree, as a user has it.
.PHONY: consumer
consumer: ## Build and run a program of another module against this one.
	@dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT && cp testdata/consumer/main.go "$$dir" && root=$$PWD && cd "$$dir" && \
	$(GO) mod init example.com/consumer 2>/dev/null && \
	$(GO) mod edit -replace "github.com/zexa-ao/zexa-go=$$root" && \
	$(GO) mod tidy 2>/dev/null && GOWORK=off GOFLAGS=-mod=readonly $(GO) run .

# The linter of another project, in Node.js. The tests of conformance check the
# document too, without it.
REDOCLY ?= npx --yes @redocly/cli@2.77.0

.PHONY: openapi
openapi: ## Lint docs/openapi.yaml with Redocly CLI; needs Node.js.
	REDOCLY_TELEMETRY=off $(REDOCLY) lint docs/openapi.yaml

APIDIFF := $(GO) tool -modfile='$(CURDIR)/tools/go.mod' apidiff

.PHONY: api
api: ## Compare the exported API with the last tag's; fails if it broke and Version allows no break.
	@set -e; \
	if ! tag=$$(git describe --tags --abbrev=0 --match 'v*' 2>/dev/null); then echo 'api: no tag to compare with'; exit 0; fi; \
	old=$$(mktemp -d); trap 'git worktree remove --force "$$old/tree"; rm -rf "$$old"' EXIT; \
	git worktree add --quiet --detach "$$old/tree" "$$tag"; \
	$(GO) build ./...; \
	if ! (cd "$$old/tree" && $(APIDIFF) -m -w "$$old/export" github.com/zexa-ao/zexa-go) 2>"$$old/log" || \
		! changes=$$($(APIDIFF) -m -incompatible "$$old/export" github.com/zexa-ao/zexa-go 2>"$$old/log"); then \
		cat "$$old/log" >&2; exit 1; \
	fi; \
	changes=$$(printf '%s\n' "$$changes" | grep -v '^- Version: value changed' || :); \
	if [ -z "$$changes" ]; then echo "api: compatible with $$tag"; exit 0; fi; \
	printf 'incompatible with %s:\n%s\n' "$$tag" "$$changes" >&2; \
	breaks() { case $$1 in 0.*) echo "$${1%.*}" ;; *) echo "$${1%%.*}" ;; esac; }; \
	version=$$(sed -n 's/^const Version = "\(.*\)"$$/\1/p' zexa.go); \
	if [ "$$(breaks "$$version")" = "$$(breaks "$${tag#v}")" ]; then exit 1; fi; \
	echo "api: version $$version may be incompatible with $$tag"
