package rogue

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
)

// figures are what a rogue counts of itself, under daprd's names and labels.
type figures struct {
	knob Knob
	app  string

	mu     sync.Mutex
	values map[string]int // by name and labels
}

func newFigures(knob Knob, app string) *figures {
	return &figures{knob: knob, app: app, values: map[string]int{}}
}

func (f *figures) add(n int, format string, args ...any) {
	if f == nil {
		return // nobody counts
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.values[fmt.Sprintf(format, args...)] += n
}

func labels(policy, status, target string) string {
	return fmt.Sprintf("flow_direction=\"outbound\",policy=%q,status=%q,target=%q", policy, status, "app_"+target)
}

// sent counts an attempt.
func (f *figures) sent(target string) {
	n := 1
	if f != nil && f.knob == CountsAttemptsTwice {
		n = 2
	}
	f.add(n, "dapr_runtime_service_invocation_req_sent_total{dst_app_id=%q}", target)
}

// began counts the policies of a request, with the state that it finds its breaker in.
func (f *figures) began(t target, state string) {
	if t.timeout > 0 {
		f.add(1, "dapr_resiliency_count{%s}", labels("timeout", "", t.app))
	}
	if t.retry != nil && (f == nil || f.knob != CountsNoRequests) {
		f.add(1, "dapr_resiliency_count{%s}", labels("retry", "", t.app))
	}
	if t.breaker == nil || f == nil {
		return
	}
	f.add(1, "dapr_resiliency_count{%s}", labels("circuitbreaker", state, t.app))
	if f.knob == TellsClosed {
		state = closed
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range []string{closed, open, halfOpen} {
		f.values["dapr_resiliency_cb_state{"+labels("circuitbreaker", s, t.app)+"}"] = 0
	}
	f.values["dapr_resiliency_cb_state{"+labels("circuitbreaker", state, t.app)+"}"] = 1
}

// activated counts that a policy did something.
func (f *figures) activated(target, policy, status string) {
	if f == nil || (f.knob == CountsNoRetries && policy == "retry") || (f.knob == CountsNoOpenings && status == open) || status == halfOpen {
		return
	}
	f.add(1, "dapr_resiliency_activations_total{%s}", labels(policy, status, target))
}

// metrics proves what is loaded, and tells what was counted.
func (s *sidecar) metrics(w http.ResponseWriter, _ *http.Request) {
	for _, name := range s.loaded {
		fmt.Fprintf(w, "dapr_resiliency_loaded{app_id=%q,name=%q,namespace=\"\"} 1\n", s.appID, name)
	}
	f := s.engine.figures
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, series := range slices.Sorted(maps.Keys(f.values)) {
		fmt.Fprintf(w, "%s %d\n", series, f.values[series])
	}
}
