package report

import (
	"bytes"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/halfopen/halfopen/harness/oracle"
)

// OpenMetrics tells runs' figures for those who chart them: gauges, a series a run, at the moment when the run ended.
//
// https://prometheus.io/docs/specs/om/open_metrics_spec/
func OpenMetrics(ins []Input) []byte {
	var m metrics
	for _, in := range ins {
		m.of(in)
	}
	var b bytes.Buffer
	for _, f := range m.families {
		if _, err := expfmt.MetricFamilyToOpenMetrics(&b, f); err != nil {
			panic(err) // names are ours, texts were made plain, and there is a sample in each
		}
	}
	if _, err := expfmt.FinalizeOpenMetrics(&b); err != nil {
		panic(err) // a buffer takes everything
	}
	return b.Bytes()
}

// metrics are families in the order in which they come up first.
type metrics struct {
	families []*dto.MetricFamily
	labels   []*dto.LabelPair // of the run at hand
	at       int64            // of the run at hand, in milliseconds
}

func (m *metrics) of(in Input) {
	v, f := in.Verdict, in.Verdict.Figures
	m.labels = []*dto.LabelPair{tag("scenario", v.Scenario), tag("env", v.Env), tag("sidecar", v.Sidecar), tag("run", v.Run)}
	m.at = in.History.Header.Started.Add(in.took()).UnixMilli()
	for _, d := range []struct {
		name, help string
		value      *time.Duration
	}{
		{"halfopen_recovery_seconds", "From the target's readiness to the first accepted order of the slowest caller.", f.Recovery},
		{"halfopen_time_to_trip_seconds", "From the first failed attempt to the breaker's opening.", f.TimeToTrip},
		{"halfopen_order_latency_median_seconds", "From an order's first sending until it was accepted, the median.", f.Latency},
		{"halfopen_order_latency_longest_seconds", "From an order's first sending until it was accepted, the longest.", f.LongestLatency},
		{"halfopen_readiness_seconds", "From the healing of the last fault until its target was ready.", f.Readiness},
		{"halfopen_slack_seconds", "How late the machine was, as the run measured it.", &v.Slack.Upper},
		{"halfopen_run_seconds", "How long the run was observed.", pointer(in.took())},
	} {
		if d.value != nil {
			m.add(d.name, d.help, d.value.Seconds())
		}
	}
	m.add("halfopen_amplification_ratio", "Attempts between sidecars for each order sent.", f.Amplification())
	m.add("halfopen_attempts", "Attempts between sidecars.", float64(f.Attempts))
	m.add("halfopen_retries", "Attempts but the first of each request.", float64(f.Retries))
	m.add("halfopen_refused", "Requests that an open breaker refused.", float64(f.Refused))
	m.add("halfopen_breaker_transitions", "Breakers' changes of state, as their sidecars log them.", float64(f.Transitions))
	const orders = "Orders, by how far they came."
	m.add("halfopen_orders", orders, float64(f.OrdersSent), tag("state", "sent"))
	m.add("halfopen_orders", orders, float64(f.OrdersAccepted), tag("state", "accepted"))
	m.add("halfopen_orders", orders, float64(f.OrdersReceived), tag("state", "received"))
	g := group(v)
	for _, c := range []struct {
		outcome string
		results []oracle.Result
	}{{"pass", g.kept}, {"fail", g.failed}, {"unknown", g.unknown}, {"warn", g.warned}} {
		m.add("halfopen_checks", "Checks in play, by outcome.", float64(len(c.results)), tag("outcome", c.outcome))
	}
	for _, o := range []oracle.Outcome{oracle.Pass, oracle.Fail, oracle.Unknown} {
		is := 0.0
		if v.Outcome == o {
			is = 1
		}
		m.add("halfopen_verdict", "1 for the outcome of the run, 0 for the others.", is, tag("outcome", string(o)))
	}
}

func (m *metrics) add(name, help string, value float64, more ...*dto.LabelPair) {
	sample := &dto.Metric{Label: append(more, m.labels...), Gauge: &dto.Gauge{Value: &value}}
	if m.at > 0 {
		sample.TimestampMs = pointer(m.at)
	}
	for _, f := range m.families {
		if f.GetName() == name {
			f.Metric = append(f.Metric, sample)
			return
		}
	}
	f := &dto.MetricFamily{Name: &name, Help: &help, Type: dto.MetricType_GAUGE.Enum(), Metric: []*dto.Metric{sample}}
	if strings.HasSuffix(name, "_seconds") {
		f.Unit = pointer("seconds")
	}
	m.families = append(m.families, f)
}

func tag(name, value string) *dto.LabelPair {
	return &dto.LabelPair{Name: &name, Value: pointer(plain(value))}
}

func pointer[T any](v T) *T { return &v }
