package oracle

import (
	"slices"
	"strconv"

	"github.com/halfopen/halfopen/harness/resiliency"
	"github.com/halfopen/halfopen/harness/scenario"
)

// A Place is the field of the spec, or else of the scenario, that makes a promise.
type Place struct {
	Spec bool     // in the spec; else in the scenario
	Path []string // spec, policies, retries, myRetry, duration
}

// Promised is where the promise of a check is written down: for the first caller whose policies make it.
func Promised(c Case, check string) Place {
	p, to, caller := c.inForce(check)
	switch check {
	case policyLoaded.Name:
		return inSpec(c, "metadata", "name")
	case retryGap.Name, recovery.Name:
		if p.Retry != nil {
			return inSpec(c, "spec", "policies", "retries", p.Retry.Name, "duration")
		}
		if check == recovery.Name && p.Breaker != nil {
			return inSpec(c, "spec", "policies", "circuitBreakers", p.Breaker.Name, "timeout")
		}
	case retryCount.Name:
		if p.Retry != nil {
			return inSpec(c, "spec", "policies", "retries", p.Retry.Name, "maxRetries")
		}
	case retryLog.Name:
		if p.Retry != nil {
			return inSpec(c, "spec", "policies", "retries", p.Retry.Name)
		}
	case attemptTimeout.Name:
		return inSpec(c, "spec", "policies", "timeouts", c.timeoutName(to))
	case breakerTrips.Name, breakerOpen.Name, openTime.Name, halfOpenAdmissions.Name, breakerCloses.Name, breakerLog.Name:
		if p.Breaker != nil {
			field := map[string]string{
				breakerTrips.Name: "trip", breakerOpen.Name: "timeout", openTime.Name: "timeout", halfOpenAdmissions.Name: "maxRequests", breakerCloses.Name: "maxRequests",
			}
			return inSpec(c, "spec", "policies", "circuitBreakers", p.Breaker.Name, field[check])
		}
	case faultEffective.Name, faultHealed.Name:
		for i, s := range c.Plan.Scenario.Timeline {
			if s.Fault != nil {
				return Place{Path: []string{"timeline", strconv.Itoa(i)}}
			}
		}
	case waitsEnded.Name:
		return Place{Path: []string{"timeline"}}
	case expectLogs.Name:
		return Place{Path: []string{"expect", "logs"}}
	case Baseline:
		return inSpec(c, "spec", "policies")
	case callerTold.Name, builtinRetries.Name, waitsBounded.Name:
		return inSpec(c, "spec", "targets", "apps", to)
	}
	return Place{Path: []string{"services", caller, "sends"}}
}

// inSpec is a place in the spec; without one, where the scenario would name it.
func inSpec(c Case, path ...string) Place {
	if c.Spec == nil {
		return Place{Path: []string{"resiliency"}}
	}
	return Place{Spec: true, Path: path}
}

// inForce gives the policies of the first caller that has the kind which a check is about, or of the first one.
func (c Case) inForce(check string) (p resiliency.Policies, to, caller string) {
	callers := c.Plan.Scenario.Callers()
	if len(callers) == 0 {
		return p, "", ""
	}
	has := func(p resiliency.Policies) bool {
		switch check {
		case retryGap.Name, retryCount.Name, retryLog.Name, recovery.Name:
			return p.Retry != nil
		case attemptTimeout.Name:
			return p.Timeout != nil
		}
		return p.Breaker != nil
	}
	at := max(0, slices.IndexFunc(callers, func(s scenario.Service) bool { return has(c.Spec.For(s.Name, s.Sends.To)) }))
	s := callers[at]
	return c.Spec.For(s.Name, s.Sends.To), s.Sends.To, s.Name
}

// timeoutName is the name of the timeout that is in force for calls of an app.
func (c Case) timeoutName(to string) string {
	if c.Spec == nil {
		return ""
	}
	if t, named := c.Spec.Apps[to]; named {
		return t.Timeout
	}
	for _, name := range []string{"DefaultAppTimeoutPolicy", "DefaultTimeoutPolicy"} {
		if _, ok := c.Spec.Timeouts[name]; ok {
			return name
		}
	}
	return ""
}
