package scenario

import (
	"time"

	"github.com/halfopen/halfopen/harness/resiliency"
)

func times(s Scenario, spec *resiliency.Spec) (time.Duration, []time.Duration) {
	return time.Minute, make([]time.Duration, len(s.Timeline))
}
