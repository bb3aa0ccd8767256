# halfopen: every target is one line in `make help`.
SCENARIO ?= stop-order-processor
ENV      ?= auto
SIDECAR  ?=
ARGS     ?=
REPORTS  ?= reports
MINUTES  ?= 10
FUZZTIME ?= 2m

export CGO_ENABLED = 0
HALFOPEN = go run ./cmd/halfopen
COMPOSE  = $(shell docker compose version >/dev/null 2>&1 && echo docker compose || echo docker-compose)

.PHONY: help
help: ## print this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: chaos
chaos: bin/halfopen ## run one scenario and judge it: SCENARIO=stop-order-processor ENV=auto|container|process SIDECAR=builtin|daprd ARGS=...
	@./bin/halfopen run --env $(ENV) $(if $(SIDECAR),--sidecar $(SIDECAR)) --reports $(REPORTS) $(ARGS) $(SCENARIO)

.PHONY: test
# One package after the other: what one starts would make another's machine late, and late is not judged.
test: ## vet, then all tests: scenarios too, in containers where an engine answers and in processes otherwise
	go vet ./...
	go test -count=1 -timeout 20m -p 1 ./...
	cd examples/gotest && go vet ./... && go test -count=1 ./...

.PHONY: test-short
test-short: ## only the tests that start no processes and no containers
	go test -short -count=1 ./...
	cd examples/gotest && go vet ./...

.PHONY: race
race: ## the short tests under the race detector (needs a C compiler)
	CGO_ENABLED=1 go test -race -short -count=1 ./...

.PHONY: example
# In real processes: in memory nothing takes time, so there would be no latency and no slack to look at.
example: bin/halfopen ## play the example anew: reports/example, a run that passes and one that fails (two minutes)
	rm -rf reports/example
	./bin/halfopen run -q --env process --reports reports/example/made $(SCENARIO)
	mv reports/example/made/* reports/example/pass
	./bin/halfopen run -q --env process --reports reports/example/made --sidecar-resiliency scenarios/testdata/specs/open-for-2s.yaml $(SCENARIO) || test $$? -eq 1
	mv reports/example/made/* reports/example/fail
	rm -r reports/example/made reports/example/*/files
	for f in reports/example/*/plan.json; do sed 's|$(CURDIR)/||' $$f >$$f.new && mv $$f.new $$f; done
	./bin/halfopen report --index reports/example

.PHONY: pictures
pictures: ## take the README's pictures of the example again (needs Chromium)
	HALFOPEN_PICTURES=$(CURDIR)/docs/images go test -count=1 -run '^TestPicturesOfTheExample$$' -v ./harness/report

.PHONY: honest
honest: ## no false alarm over random specs, faults, callers and seeds in memory: RUNS=2000
	HALFOPEN_HONEST=$(or $(RUNS),2000) go test -count=1 -timeout 0 -run '^TestTheHonestSidecarGivesNoFalseAlarm$$' -v ./scenarios

.PHONY: loaded
loaded: ## no false alarm on a machine whose cores are all kept busy: RUNS=100 ENV=process, or RUNS=50 ENV=container
	HALFOPEN_LOADED=$(or $(RUNS),100) HALFOPEN_ENV=$(ENV) go test -count=1 -timeout 0 -run '^TestALoadedMachineGivesNoFalseAlarm$$' -v ./scenarios

.PHONY: daprd
daprd: ## the whole catalogue with daprd beside each app: HALFOPEN_DAPRD=path, or else the stand-in; HALFOPEN_ENV
	HALFOPEN_CATALOGUE=1 go test -count=1 -timeout 40m -run '^TestDaprd' -v ./scenarios

.PHONY: bench
bench: bin/halfopen ## what two sidecars cost a call, against a bare forwarder; fails where a ratio is missed
	HALFOPEN_BENCH=$(CURDIR)/bin/halfopen go test -count=1 -run '^TestSpeed$$' -v ./sidecar/bench

.PHONY: bench-oracle
bench-oracle: ## judge and read histories of 10 000, 100 000 and a million events; fails beyond 2 s, 1 GiB or linear growth
	go test -run '^$$' -bench '^Benchmark(Judge|Read)$$' -benchtime 3x -timeout 30m ./harness/oracle

.PHONY: baseline
baseline: bin/halfopen ## accept ten runs of a scenario, in the place of what was accepted: SCENARIO=... ENV=process (writes reports/baseline.json)
	rm -rf reports/accepted
	./bin/halfopen run --env $(ENV) --repeat 10 --parallel 5 --reports reports/accepted $(SCENARIO)
	./bin/halfopen baseline update reports/accepted/*

.PHONY: gate-demo
gate-demo: ## show the gate: twenty unchanged runs on a busy machine don't fail it, an edit that worsens recovery by 30 % does
	HALFOPEN_GATE=1 go test -count=1 -timeout 20m -run '^TestTheGateFailsForAnEditAndNotForNoise$$' -v ./scenarios

.PHONY: workflow
workflow: ## run the CI workflow on this machine, step by step: ENV=container|process WORKFLOW_SCENARIOS=a|b
	go run ./scripts/workflow -set HALFOPEN_ENV=$(ENV) $(if $(WORKFLOW_SCENARIOS),-set 'SCENARIOS=^TestScenarios$$/^($(WORKFLOW_SCENARIOS))$$')

.PHONY: soak
soak: ## every scenario RUNS=20 times while all cores are busy: none fails, few can't be judged; a table in reports/soak-...
	HALFOPEN_SOAK=$(or $(RUNS),20) HALFOPEN_ENV=$(ENV) go test -count=1 -timeout 0 -run '^TestSoak$$' -v ./scenarios

.PHONY: timing
timing: ## how far gaps and open times are from the spec on an otherwise idle machine; fails beyond 10 ms median, 60 ms p99
	HALFOPEN_TIMING=1 HALFOPEN_ENV=$(ENV) go test -count=1 -timeout 0 -run '^TestTiming$$' -v ./scenarios

.PHONY: soak-sidecar
soak-sidecar: ## hold a sidecar's memory and goroutines flat under load and retries: MINUTES=10
	HALFOPEN_SOAK=$(MINUTES)m go test -count=1 -timeout 0 -run '^TestMemoryStaysFlat$$' -v ./sidecar

.PHONY: fuzz
fuzz: ## run each fuzz target of the repository for a while, one after the other: FUZZTIME=2m
	@set -e; for dir in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n 1 dirname | sort -u); do \
	  for target in $$(go test -list '^Fuzz' $$dir | grep '^Fuzz'); do \
	    echo "== $$dir $$target"; go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 5s $$dir; \
	  done; \
	done

.PHONY: images
images: bin/linux/halfopen ## build the one image, FROM scratch, as halfopen:dev
	docker build -q -t halfopen:dev -f Dockerfile bin/linux

.PHONY: up
up: images ## start the quickstart by hand: checkout, order-processor, their sidecars and Toxiproxy
	$(COMPOSE) up -d
	@echo "watch: $(COMPOSE) logs -f checkout checkout-dapr"
	@echo "break: $(COMPOSE) stop order-processor order-processor-dapr"
	@echo "mend:  $(COMPOSE) start order-processor order-processor-dapr"

.PHONY: down
down: ## end what `make up` started
	$(COMPOSE) down --remove-orphans

.PHONY: lint
lint: ## what is on stands in .golangci.yml
	cd tools && go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint version >/dev/null && go build -o ../bin/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	./bin/golangci-lint run

.PHONY: clean
clean: ## remove what runs have left behind, and what was built
	$(HALFOPEN) clean
	rm -rf bin

.PHONY: bin/halfopen
bin/halfopen:
	@go build -trimpath -o $@ ./cmd/halfopen

.PHONY: bin/standin/daprd
bin/standin/daprd: ## a stand-in for daprd, for machines that can't have it: SIDECAR=daprd HALFOPEN_DAPRD=bin/standin/daprd
	@go build -trimpath -ldflags "-s -w" -o $@ ./scenarios/standin

.PHONY: bin/linux/halfopen
bin/linux/halfopen:
	@GOOS=linux go build -trimpath -ldflags "-s -w" -o $@ ./cmd/halfopen
