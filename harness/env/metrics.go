package env

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/halfopen/halfopen/harness/history"
)

// seenToo are the metrics of a sidecar that tell of what taps see too.
var seenToo = []string{"dapr_resiliency_count", "dapr_resiliency_activations_total", "dapr_resiliency_cb_state", "dapr_runtime_service_invocation_req_sent_total"}

// readPatience bounds how long an ending may wait for what a sidecar has counted.
const readPatience = 500 * time.Millisecond

// readMetrics records what the sidecar has counted since it was started: a moment later it is gone, and its figures
// with it. That they can't be had is noted and keeps nothing from going on.
func (p *part) readMetrics(ctx context.Context) {
	rec := p.cluster.cfg.Record
	asked := rec.Now()
	ctx, cancel := context.WithTimeout(ctx, readPatience)
	defer cancel()
	body, err := p.cluster.metrics(ctx, p.Service)
	figures, perr := Figures(body)
	if err = errors.Join(err, perr); err != nil {
		rec.Record(history.Event{Source: history.Runner, Kind: history.KindMetric, Service: p.Service, Part: history.Sidecar, Error: err.Error()})
		return
	}
	at := rec.Now()
	note := func(e history.Event) {
		e.At, e.Source, e.Kind, e.Service, e.Part = at, history.Runner, history.KindMetric, p.Service, history.Sidecar
		rec.Record(e)
	}
	note(history.Event{ID: history.MetricsRead, Text: strconv.Itoa(len(figures)), Attrs: map[string]string{"asked_ns": strconv.FormatInt(int64(asked), 10)}})
	for _, f := range figures {
		note(history.Event{ID: f.Name, Text: strconv.FormatFloat(f.Value, 'g', -1, 64), Attrs: f.Labels})
	}
}

// metrics is the text that a service's sidecar answers with.
func (c *cluster) metrics(ctx context.Context, service string) ([]byte, error) {
	place := c.places[service]
	url := "http://" + net.JoinHostPort(place.Host, strconv.Itoa(place.Metrics)) + "/metrics"
	status, body, err := c.host.Links().Probe(ctx, url)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("%s answers %d", url, status)
	}
	return body, err
}

// readAllMetrics reads those of all sidecars that live, at once.
func (c *cluster) readAllMetrics(ctx context.Context) {
	var all sync.WaitGroup
	for _, s := range c.cfg.Plan.Scenario.Services {
		p := c.part(s.Name, history.Sidecar)
		all.Go(func() {
			if !p.mu.TryLock() { // it is just being ended, or started
				return
			}
			defer p.mu.Unlock()
			if p.down == 0 && p.paused == 0 {
				p.readMetrics(ctx)
			}
		})
	}
	all.Wait()
}

// A Figure is one number of a sidecar's metrics.
type Figure struct {
	Name   string
	Labels map[string]string
	Value  float64
}

// Figures reads those out of a sidecar's metrics that tell of what taps see too.
func Figures(metrics []byte) ([]Figure, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(metrics))
	if err != nil {
		return nil, fmt.Errorf("read metrics: %w", err)
	}
	var out []Figure
	for name, family := range families {
		if !slices.Contains(seenToo, name) {
			continue
		}
		for _, m := range family.GetMetric() {
			out = append(out, Figure{name, labels(m), cmp.Or(m.GetCounter().GetValue(), m.GetGauge().GetValue(), m.GetUntyped().GetValue())})
		}
	}
	slices.SortFunc(out, func(a, b Figure) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.key(), b.key()))
	})
	return out, nil
}

// key tells the figures of one metric apart.
func (f Figure) key() string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(f.Labels)) {
		fmt.Fprintf(&b, "%s=%q,", k, f.Labels[k])
	}
	return b.String()
}

func labels(m *dto.Metric) map[string]string {
	out := map[string]string{}
	for _, l := range m.GetLabel() {
		out[l.GetName()] = l.GetValue()
	}
	return out
}
