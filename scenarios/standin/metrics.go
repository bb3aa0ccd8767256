package main

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// metrics are those of daprd that tell of calls and of resiliency.
type metrics struct {
	id, name string

	mu     sync.Mutex
	values map[string]float64
}

type label struct{ name, value string }

func newMetrics(id string) *metrics { return &metrics{id: id, values: map[string]float64{}} }

// add adds to a series.
func (m *metrics) add(name string, by float64, labels ...label) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.values[m.series(name, labels)] += by
}

// set gives a series its value.
func (m *metrics) set(name string, value float64, labels ...label) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.values[m.series(name, labels)] = value
}

func (m *metrics) series(name string, labels []label) string {
	labels = append(labels, label{"app_id", m.id})
	slices.SortFunc(labels, func(a, b label) int { return strings.Compare(a.name, b.name) })
	var text []string
	for _, l := range labels {
		text = append(text, fmt.Sprintf("%s=%q", l.name, l.value))
	}
	return name + "{" + strings.Join(text, ",") + "}"
}

// activated counts that a policy did something.
func (m *metrics) activated(app, policy, status string) {
	m.add("dapr_resiliency_activations_total", 1, m.of(app, policy, status)...)
}

// applied counts a request to which a policy applies.
func (m *metrics) applied(app, policy, status string) {
	m.add("dapr_resiliency_count", 1, m.of(app, policy, status)...)
}

// found tells the state in which a request has found the breaker of an app.
func (m *metrics) found(app, state string) {
	for _, s := range []string{"closed", "open", "half-open"} {
		is := 0.0
		if s == state {
			is = 1
		}
		m.set("dapr_resiliency_cb_state", is, m.of(app, "circuitbreaker", s)...)
	}
}

func (m *metrics) of(app, policy, status string) []label {
	return []label{
		{"flow_direction", "outbound"}, {"name", m.name}, {"namespace", ""}, {"policy", policy}, {"status", status}, {"target", "app_" + app},
	}
}

// sent counts an attempt, whether it crosses the network or not.
func (m *metrics) sent(app string) {
	m.add("dapr_runtime_service_invocation_req_sent_total", 1, label{"dst_app_id", app}, label{"type", "unary"})
}

// received counts an answer.
func (m *metrics) received(app string, status int) {
	m.add("dapr_runtime_service_invocation_res_recv_total", 1, label{"src_app_id", app}, label{"status", fmt.Sprint(status)}, label{"type", "unary"})
}

func (m *metrics) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, series := range slices.Sorted(maps.Keys(m.values)) {
		fmt.Fprintf(w, "%s %g\n", series, m.values[series])
	}
}
