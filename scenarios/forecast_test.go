package scenarios

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness"
	"github.com/halfopen/halfopen/harness/env/memory"
	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/resiliency"
	"github.com/halfopen/halfopen/harness/scenario"
)

// The forecast is made without sidecar, gobreaker and backoff, and a run in memory with them, on a clock that is
// exact: each attempt, each transition, each refusal and each answer comes at the forecast's own nanosecond. Specs
// and timelines are random on a grid of 1 ms, so ties are frequent: a breaker's timeout that is a multiple of the
// gap, a fault at the instant of a sending, a healing at that of an attempt. HALFOPEN_SEED plays one of them again.
func TestTheForecastIsWhatHappensInMemory(t *testing.T) {
	amongShort(t)
	first, runs := int64(1), int64(enough(1_000, 40)) // the same ones each time: a gate must not draw lots
	if text := os.Getenv("HALFOPEN_SEED"); text != "" {
		seed, err := strconv.ParseInt(text, 10, 64)
		require.NoError(t, err)
		first, runs = seed, 1
	}
	var undecided, next atomic.Int64
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for {
				n := next.Add(1) - 1
				if n >= runs || t.Failed() {
					return
				}
				d := draw(rand.New(rand.NewPCG(uint64(first+n), 0)))
				switch d.holds(t, first+n) {
				case undecidable:
					undecided.Add(1)
				case disagrees:
					t.Errorf("seed %d: what happened is none of the ways that are foretold", first+n)
				}
			}
		})
	}
	all.Wait()
	t.Logf("%d runs from seed %d on, %d of them undecided", runs, first, undecided.Load())
	require.LessOrEqual(t, undecided.Load(), runs/20, "too many runs that could go in too many ways")
}

// A drawn case is a random scenario under a random spec.
type drawn struct{ scenario, spec string }

// How a run agrees with its forecast.
type agreement int

const (
	agrees agreement = iota
	undecidable
	disagrees
)

// holds plays a case and holds it against its forecast.
func (d drawn) holds(t *testing.T, seed int64) agreement {
	spec, problems := resiliency.Parse("resiliency.yaml", []byte(d.spec))
	s, more := scenario.Parse("drawn/scenario.yaml", []byte(d.scenario))
	if len(problems)+len(more) > 0 {
		t.Errorf("seed %d: %v %v\n%s%s", seed, problems, more, d.scenario, d.spec)
		return agrees // told already
	}
	c, err := inBubble(t, harness.Rehearsal{Scenario: s, Spec: spec, Start: memory.New(honest)})
	if err != nil {
		t.Errorf("seed %d: %v", seed, err)
		return agrees // told already
	}
	got := oracle.Observe(c)
	follows, decided := oracle.Follows(c.Plan, spec, got)
	switch {
	case !decided:
		return undecidable
	case follows:
		return agrees
	}
	t.Logf("seed %d: what happened is none of the ways that are foretold (HALFOPEN_SEED=%d plays it again)\n%s%s\nforecast\n%s\nhappened\n%s",
		seed, seed, d.scenario, d.spec, table(oracle.Foresee(c.Plan, spec).Rows), table(got))
	return disagrees
}

func table(rows []oracle.Foreseen) string {
	var b strings.Builder
	for _, r := range rows {
		fmt.Fprintf(&b, "%s..%s %s %s %s %d %s %d may=%t\n", r.At.Lo, r.At.Hi, r.Kind, r.Caller, r.ID, r.N, r.What, r.Status, r.May)
	}
	return b.String()
}
