package sidecar

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/sony/gobreaker/v2"

	"github.com/halfopen/halfopen/sidecar/policy"
)

// metrics are those of daprd that tell of resiliency, with its names and labels.
//
// https://docs.dapr.io/operations/resiliency/resiliency-overview/
type metrics struct {
	registry        *prometheus.Registry
	appID           string
	name, namespace string // of the resource that figures are told under: daprd takes the one that it decoded last

	load        *prometheus.GaugeVec
	counts      *prometheus.CounterVec
	activations *prometheus.CounterVec
	states      *prometheus.GaugeVec
	sent        *prometheus.CounterVec

	targets  sync.Map // app id → *targetMetrics, for apps that have policies
	attempts sync.Map // app id → prometheus.Counter
}

func newMetrics(appID string) *metrics {
	of := []string{"app_id", "flow_direction", "name", "namespace", "policy", "status", "target"}
	m := &metrics{
		registry: prometheus.NewRegistry(), appID: appID,
		load: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "dapr_resiliency_loaded", Help: "Number of resiliency policies loaded.",
		}, []string{"app_id", "name", "namespace"}),
		counts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "dapr_resiliency_count", Help: "Number of times a resiliency policyKey has been applied to a building block.",
		}, of),
		activations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "dapr_resiliency_activations_total", Help: "Number of times a resiliency policyKey has been activated in a building block after a failure or after a state change.",
		}, of),
		states: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "dapr_resiliency_cb_state", Help: "A resiliency policy's current CircuitBreakerState state: 1 for the state in status, 0 for the others.",
		}, of),
		sent: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "dapr_runtime_service_invocation_req_sent_total", Help: "The number of requests sent via service invocation.",
		}, []string{"app_id", "dst_app_id", "type"}),
	}
	m.registry.MustRegister(m.load, m.counts, m.activations, m.states, m.sent)
	return m
}

// under tells which resource figures are told under.
func (m *metrics) under(name, namespace string) { m.name, m.namespace = name, namespace }

func (m *metrics) loaded() { m.load.WithLabelValues(m.appID, m.name, m.namespace).Set(1) }

// attempt counts a request on its way to the sidecar of an app.
func (m *metrics) attempt(app string) {
	c, ok := m.attempts.Load(app)
	if !ok {
		c, _ = m.attempts.LoadOrStore(app, m.sent.WithLabelValues(m.appID, strings.ToValidUTF8(app, "?"), "unary"))
	}
	c.(prometheus.Counter).Inc()
}

// began counts the policies in force for a request that begins, as daprd does: once each, whatever comes of it.
// state is that of the breaker, if there is one.
func (m *metrics) began(t policy.Target, state gobreaker.State) {
	timeout, retry, breaker := t.Has()
	if !timeout && !retry && !breaker {
		return
	}
	known, ok := m.targets.Load(t.App())
	if !ok {
		known, _ = m.targets.LoadOrStore(t.App(), &targetMetrics{metrics: m, target: appTarget(t.App())})
	}
	target := known.(*targetMetrics)
	if timeout {
		target.count(&target.timeouts, "timeout", "")
	}
	if retry {
		target.count(&target.retries, "retry", "")
	}
	if breaker {
		target.count(&target.breakers[state], "circuitbreaker", breakerStates[state])
		target.state(state)
	}
}

// appTarget is daprd's label for an app. An id comes from a request, and a label must be UTF-8.
func appTarget(app string) string { return "app_" + strings.ToValidUTF8(app, "?") }

// activated counts that a policy did something.
func (m *metrics) activated(app, policy, status string) {
	m.activations.WithLabelValues(m.appID, "outbound", m.name, m.namespace, policy, status, appTarget(app)).Inc()
}

// breakerStates are the values of the label status: gobreaker's states, and the one that daprd names and never sets.
var breakerStates = [...]string{
	gobreaker.StateClosed: "closed", gobreaker.StateHalfOpen: "half-open", gobreaker.StateOpen: "open", 3: "unknown",
}

// A targetMetrics keeps the series of one app once they are made, so that a request looks no labels up. What never
// happens is no series.
type targetMetrics struct {
	metrics  *metrics
	target   string
	timeouts atomic.Pointer[prometheus.Counter]
	retries  atomic.Pointer[prometheus.Counter]
	breakers [len(breakerStates)]atomic.Pointer[prometheus.Counter]
	states   atomic.Pointer[[len(breakerStates)]prometheus.Gauge]
}

func (t *targetMetrics) count(series *atomic.Pointer[prometheus.Counter], policy, status string) {
	c := series.Load()
	if c == nil {
		m := t.metrics
		made := m.counts.WithLabelValues(m.appID, "outbound", m.name, m.namespace, policy, status, t.target)
		c = &made
		series.Store(c)
	}
	(*c).Inc()
}

// state sets one series to 1 and the others to 0. A target has one set of them, whatever the path: the last request
// to begin wins.
func (t *targetMetrics) state(now gobreaker.State) {
	gauges := t.states.Load()
	if gauges == nil {
		m := t.metrics
		gauges = new([len(breakerStates)]prometheus.Gauge)
		for i, status := range breakerStates {
			gauges[i] = m.states.WithLabelValues(m.appID, "outbound", m.name, m.namespace, "circuitbreaker", status, t.target)
		}
		t.states.Store(gauges)
	}
	for i, g := range gauges {
		if i == int(now) {
			g.Set(1)
		} else {
			g.Set(0)
		}
	}
}

// handler answers on every path, as daprd does.
func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
