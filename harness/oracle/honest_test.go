package oracle_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/oracle"
)

func TestAnHonestSidecarPasses(t *testing.T) {
	for name, s := range map[string]setting{
		"the_home_story":          {},
		"with_an_order_between":   {probe: 3 * time.Second},
		"only_the_app":            {part: history.App},
		"only_the_sidecar":        {part: history.Sidecar},
		"nothing_happens":         {part: "none"},
		"no_spec":                 {bare: true, outage: 10 * time.Second},
		"four_callers":            {callers: 4, seed: 1},
		"four_callers_and_stalls": {callers: 4, seed: 2, stall: 300 * time.Millisecond},
		"sixteen_callers":         {callers: 16, seed: 3, every: 100 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			v := oracle.Judge(made(t, s, ""))
			require.Equal(t, oracle.Pass, v.Outcome, "%v", v.Why)
			require.Less(t, len(v.Story), 120)
		})
	}
}

// drawn is a setting drawn from a seed: any policies, any number of callers, any outage.
func drawn(seed uint64) setting {
	rng := rand.New(rand.NewPCG(seed, 7))
	one := func(options ...string) string { return options[rng.IntN(len(options))] }
	between := func(lo, hi time.Duration) time.Duration { return lo + time.Duration(rng.Int64N(int64(hi-lo))) }
	s := setting{
		seed: seed, callers: 1 + rng.IntN(5), every: between(200*time.Millisecond, 2*time.Second),
		outage: between(2*time.Second, 40*time.Second), at: between(2*time.Second, 5*time.Second),
		part:     one("", "", "app", "sidecar", "none"),
		defaults: rng.IntN(5) == 0, bare: rng.IntN(12) == 0,
	}
	if rng.IntN(3) == 0 {
		s.stall = between(time.Millisecond, 120*time.Millisecond)
	}
	if rng.IntN(6) == 0 {
		s.part, s.status = "", []int{503, 404, 500, 429}[rng.IntN(4)]
	}
	if rng.IntN(8) == 0 {
		s.again = true
	}
	if rng.IntN(4) == 0 {
		s.probe = between(50*time.Millisecond, 4*time.Second)
	}
	if s.bare {
		return s
	}
	switch rng.IntN(5) {
	case 0:
	case 1:
		s.retry = fmt.Sprintf("policy: exponential, maxInterval: %dms, maxRetries: %s", 600+rng.IntN(4000), one("-1", "3", "7"))
	default:
		s.retry = fmt.Sprintf("duration: %dms, maxRetries: %s", 500+rng.IntN(4500), one("-1", "-1", "0", "1", "3", "8"))
		if rng.IntN(3) == 0 {
			s.retry += `, matching: { httpStatusCodes: "500-599" }`
		}
	}
	if rng.IntN(4) > 0 {
		s.breaker = fmt.Sprintf("maxRequests: %s, timeout: %dms, interval: %s, trip: %s", one("1", "1", "2", "3"), 500+rng.IntN(6000),
			one("0s", "0s", "3s", "20s"), one("consecutiveFailures >= 5", "consecutiveFailures > 2", "totalFailures >= 4", "requests >= 10 && totalFailures * 100 / requests > 50"))
	}
	if rng.IntN(4) == 0 {
		limit := 500 + rng.IntN(2000)
		s.timeout = fmt.Sprintf("%dms", limit)
		s.slow = between(0, time.Duration(limit-250)*time.Millisecond)
		s.hang = rng.IntN(3) == 0 && s.part == ""
	}
	if s.retry == "" && s.breaker == "" && s.timeout == "" {
		s.retry = "duration: 1s, maxRetries: 2"
	}
	return s
}

func TestNoHonestRunIsBlamed(t *testing.T) {
	runs := uint64(400)
	if testing.Short() {
		runs = 50
	}
	for seed := range runs {
		s := drawn(seed)
		v := oracle.Judge(made(t, s, ""))
		require.NotEqual(t, oracle.Fail, v.Outcome, "%+v\n%v", s, v.Why)
	}
}
