package scenarios

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// draw makes a random case.
func draw(r *rand.Rand) drawn {
	ms := func(from, to int) time.Duration { return time.Duration(from+r.IntN(to-from+1)) * time.Millisecond }
	one := func(of ...string) string { return of[r.IntN(len(of))] }
	gap := ms(20, 300)
	multiple := func() time.Duration { // a tie more often than not
		if r.IntN(3) > 0 {
			return gap * time.Duration(1+r.IntN(4))
		}
		return ms(5, 900)
	}
	d := drawn{spec: spec(r, gap, multiple)}
	every := multiple()
	callers := 1
	if r.IntN(5) == 0 {
		callers = 2 + r.IntN(2)
	}
	sends := fmt.Sprintf("to: order-processor, every: %s, callers: %d", every, callers)
	if r.IntN(4) == 0 && callers == 1 { // several that give up at one instant, some in the middle of a retry, are not followed
		sends += fmt.Sprintf(", timeout: %s", multiple())
	}
	if r.IntN(4) == 0 {
		sends += ", until: once"
	}
	if r.IntN(6) == 0 {
		sends += `, path: "orders/{{.ID}}"`
	}
	other := ""
	if r.IntN(6) == 0 {
		other = fmt.Sprintf("  basket: { app: checkout, sends: { to: order-processor, every: %s } }\n", multiple())
	}
	before := fmt.Sprintf("orders: %d", 1+r.IntN(4))
	if r.IntN(2) == 0 {
		before = fmt.Sprintf("for: %s", multiple())
	}
	lasts := multiple() * time.Duration(1+r.IntN(4))
	fault := one(atDoor(r, multiple), atDoor(r, multiple), atDoor(r, multiple), atDoor(r, multiple), "reset: checkout->order-processor", "stop: order-processor", "stop: order-processor, only: app", "stop: order-processor, only: sidecar", "kill: order-processor",
		"kill: order-processor, only: sidecar", "refuse: checkout->order-processor", "refuse: order-processor->app", "cut: checkout->order-processor",
		"cut: order-processor->app", fmt.Sprintf("latency: checkout->order-processor, delay: %s", multiple()+time.Millisecond)) // an answer at the very end of a timeout is seen by the tap as one in time
	if strings.Contains(fault, "->") || callers > 1 {
		// A link that breaks at the instant of a sending may swallow the head before any tap has seen it, and Toxiproxy
		// can block for ever where a toxic meets a connection at its end. Where several callers send at the instant of a
		// stop, too, some attempts end before a tap sees them. Off the grid none of this happens.
		before = fmt.Sprintf("for: %s", multiple()+500*time.Microsecond)
	}
	var steps []string
	step := func(format string, args ...any) { steps = append(steps, fmt.Sprintf(format, args...)) }
	step("wait: { %s }", before)
	if r.IntN(3) == 0 {
		step("fault: { name: broken, %s }", fault)
		step("wait: { for: %s }", lasts)
		if r.IntN(2) == 0 {
			step("send: { from: checkout, within: %s }", multiple())
		}
		step("heal: broken")
	} else {
		step("fault: { %s, for: %s }", fault, lasts)
		if strings.Contains(fault, ": order-processor, ") && r.IntN(4) == 0 {
			if r.IntN(2) == 0 {
				step("wait: { for: %s }", multiple())
			}
			beside := one(atDoor(r, multiple), atDoor(r, multiple), "refuse: checkout->order-processor", "cut: checkout->order-processor", "kill: order-processor, only: sidecar")
			step("fault: { name: beside, %s, for: %s }", beside, multiple())
		}
		if r.IntN(3) == 0 {
			step("wait: { for: %s }", multiple())
			step("fault: { %s }", onCaller(r, multiple))
		}
		if r.IntN(3) == 0 {
			step("wait: { opened: checkout, within: %s }", multiple())
			step("wait: { for: %s }", multiple())
			step("send: { from: checkout, within: %s }", multiple())
		}
	}
	step("wait: { recovered: checkout, within: 20s }")
	step("wait: { %s }", one("orders: 3", "for: 700ms"))
	d.scenario = fmt.Sprintf("name: drawn\nwhy: drawn\nseed: %d\nresiliency: resiliency.yaml\nservices:\n  order-processor: { app: order-processor }\n"+
		"  checkout: { app: checkout, sends: { %s } }\n%stimeline:\n", r.IntN(1000), sends, other)
	for _, s := range steps {
		d.scenario += "  - " + s + "\n"
	}
	return d
}

// onCaller draws a fault on the caller itself.
func onCaller(r *rand.Rand, multiple func() time.Duration) string {
	only := []string{"", ", only: app", ", only: sidecar", ", only: sidecar"}[r.IntN(4)]
	kind := []string{"restart", "stop", "kill"}[r.IntN(3)]
	text := kind + ": checkout" + only
	if kind != "restart" {
		text += fmt.Sprintf(", for: %s", multiple())
	}
	return text
}

// atDoor draws a fault at the app's door.
func atDoor(r *rand.Rand, multiple func() time.Duration) string {
	switch r.IntN(4) {
	case 0:
		return "hang: order-processor" + which(r)
	case 1: // off the grid: an answer at the very end of a timeout may break off
		return fmt.Sprintf("slow: order-processor, delay: %s%s", multiple()+time.Millisecond, which(r))
	}
	statuses := []int{200, 204, 302, 404, 429, 500, 503, 503, 503, 600, 999}
	fault := fmt.Sprintf("respond: order-processor, status: %d%s", statuses[r.IntN(len(statuses))], which(r))
	if r.IntN(4) == 0 {
		fault += ", retryAfter: 2s"
	}
	return fault
}

// which draws the requests that a fault at a door is about.
func which(r *rand.Rand) (text string) {
	switch r.IntN(3) {
	case 0:
		text = fmt.Sprintf(", first: %d", 1+r.IntN(6))
	case 1:
		text = fmt.Sprintf(", ratio: %g", float64(1+r.IntN(10))/10)
	}
	if r.IntN(4) == 0 {
		text += fmt.Sprintf(", path: %q", []string{"orders", "orders/*", "orders/?", "items"}[r.IntN(4)])
	}
	return text
}

// spec makes a random spec without jitter.
func spec(r *rand.Rand, gap time.Duration, multiple func() time.Duration) string {
	var policies, target []string
	name := func(kind, is, defaults string) string {
		target = append(target, kind+": "+is)
		return defaults
	}
	named := r.IntN(6) > 0
	pick := func(kind, is, defaults string) string {
		if named {
			name(kind, is, defaults)
			return is
		}
		return defaults
	}
	if r.IntN(5) > 0 {
		matching := ""
		if r.IntN(4) == 0 {
			matching = fmt.Sprintf(", matching: { httpStatusCodes: %q }", []string{"500-599", "429,503", "100-599"}[r.IntN(3)])
		}
		policies = append(policies, fmt.Sprintf("    retries: { %s: { duration: %s, maxRetries: %d%s } }",
			pick("retry", "again", "DefaultRetryPolicy"), gap, []int{-1, -1, 0, 1, 2, 3, 6}[r.IntN(7)], matching))
	}
	if r.IntN(5) > 0 {
		trip := []string{"consecutiveFailures >= %d", "totalFailures > %d", "requests > %d", "consecutiveFailures > %d && totalSuccesses >= 1"}[r.IntN(4)]
		interval := ""
		if r.IntN(3) == 0 {
			interval = fmt.Sprintf(", interval: %s", multiple())
		}
		policies = append(policies, fmt.Sprintf("    circuitBreakers: { %s: { timeout: %s, maxRequests: %d, trip: %q%s } }",
			pick("circuitBreaker", "fuse", "DefaultCircuitBreakerPolicy"), multiple(), 1+r.IntN(3), fmt.Sprintf(trip, 1+r.IntN(5)), interval))
	}
	if r.IntN(2) == 0 {
		policies = append(policies, fmt.Sprintf("    timeouts: { %s: %s }", pick("timeout", "patience", "DefaultTimeoutPolicy"), multiple()))
	}
	text := "apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata: { name: drawn }\nspec:\n  policies:\n" + strings.Join(policies, "\n") + "\n"
	if named {
		text += "  targets: { apps: { order-processor: { " + strings.Join(target, ", ") + " } } }\n"
	}
	return text
}
