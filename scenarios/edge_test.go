package scenarios

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness"
	"github.com/halfopen/halfopen/harness/env/memory"
	"github.com/halfopen/halfopen/harness/history"
)

// What edge-of-the-half-open says of itself: the target comes back in the very moment of a probe.
func TestTheEdgeOfTheHalfOpenIsMet(t *testing.T) {
	amongShort(t)
	s, spec, err := harness.Load("edge-of-the-half-open")
	require.NoError(t, err)
	c, _ := rehearse(t, harness.Rehearsal{Scenario: s, Spec: spec, Start: memory.New(honest)})
	met := false
	for _, heal := range c.History.Events {
		if heal.Kind != history.KindFault || heal.Text != "healing" {
			continue
		}
		for _, e := range c.History.Events {
			met = met || e.Kind == history.KindRequest && e.Link == "checkout->order-processor" && e.At == heal.At
		}
	}
	require.True(t, met, "no probe at the moment of the healing")
}
