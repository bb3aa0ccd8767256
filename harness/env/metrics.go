package env

import (
	"bytes"
	"cmp"
	"context"
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
var seenToo = []string{"dapr_resiliency_count", "dapr_resiliency_activations_total", "dapr_resiliency_cb_state", sentMetric}

// readPatience bounds how long an ending may wait for what a sidecar has counted.
const readPatience = 500 * time.Millisecond

// readMetrics records what the sidecar has counted since it was started: a moment later it is gone, and its figures
// with it. That they can't be had is noted and keeps nothing from going on.
func (p *part) readMetrics(ctx context.Context) {
	rec := p.cluster.cfg.Record
	asked := rec.Now()
	ctx, cancel := context.WithTimeout(ctx, readPatience)
	defer cancel()
	figures, err := p.cluster.figures(ctx, p.Service, seenToo...)
	if err != nil {
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
		note(history.Event{ID: f.Name, Text: number(f.Value), Attrs: f.Labels})
	}
}

// figures are those of some metrics that a service's sidecar answers with.
func (c *cluster) figures(ctx context.Context, service string, names ...string) ([]Figure, error) {
	place := c.places[service]
	url := "http://" + net.JoinHostPort(place.Host, strconv.Itoa(place.Metrics)) + "/metrics"
	status, body, err := c.host.Links().Probe(ctx, url)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("%s answers %d", url, status)
	}
	if err != nil {
		return nil, err
	}
	return Figures(body, names...)
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

// Figures reads those of some metrics out of what a sidecar tells of itself: by the metric's name, then by labels.
func Figures(metrics []byte, names ...string) ([]Figure, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(metrics))
	if err != nil {
		return nil, fmt.Errorf("read metrics: %w", err)
	}
	var out []Figure
	for name, family := range families {
		if !slices.Contains(names, name) {
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

// number writes a value as Prometheus does.
func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

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
