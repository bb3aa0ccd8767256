package sidecar

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are those of daprd that tell of resiliency, with its names and labels.
type metrics struct {
	registry    *prometheus.Registry
	appID       string
	policy      string // the resource that figures are told under
	load        *prometheus.GaugeVec
	activations *prometheus.CounterVec
	sent        *prometheus.CounterVec
}

func newMetrics(appID string) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(), appID: appID,
		load: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "dapr_resiliency_loaded", Help: "Number of resiliency policies loaded.",
		}, []string{"app_id", "name", "namespace"}),
		activations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "dapr_resiliency_activations_total", Help: "Number of times a resiliency policy has been activated.",
		}, []string{"app_id", "flow_direction", "name", "namespace", "policy", "status"}),
		sent: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "dapr_runtime_service_invocation_req_sent_total", Help: "The number of requests sent via service invocation.",
		}, []string{"app_id", "dst_app_id", "type"}),
	}
	m.registry.MustRegister(m.load, m.activations, m.sent)
	return m
}

func (m *metrics) loaded(name, namespace string) {
	m.load.WithLabelValues(m.appID, name, namespace).Set(1)
}

func (m *metrics) activated(policy, status string) {
	m.activations.WithLabelValues(m.appID, "outbound", m.policy, "", policy, status).Inc()
}

func (m *metrics) attempt(app string) { m.sent.WithLabelValues(m.appID, app, "unary").Inc() }

// handler answers on every path, as daprd does.
func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
