// Package bench measures what the sidecars cost a call, against a bare forwarder on the same machine in the same
// run. A speed says little of itself where the cores are shared, so only ratios are asserted.
package bench

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if to := os.Getenv(forwardTo); to != "" {
		forward(os.Getenv(forwardAt), to)
	}
	os.Exit(m.Run())
}

const (
	rounds = 5
	// A round gives each way its turns by short slices, so that what else the machine does falls on all alike.
	slicesARound = 6
	sliceLasts   = 120 * time.Millisecond
	warmUp       = 500 * time.Millisecond
)

// clients are how many callers there are at once, each with a connection of its own that it keeps.
var clients = []int{1, 16}

// A figure is what one round has shown of one way.
type figure struct {
	perSecond float64 // of its median slice: a stall of the machine falls on one way's slice only
	p50, p99  time.Duration
}

// TestSpeed drives real processes: make bench.
func TestSpeed(t *testing.T) {
	binary := os.Getenv("HALFOPEN_BENCH")
	if binary == "" {
		t.Skip("make bench sets HALFOPEN_BENCH to the binary to measure")
	}
	h := newHouse(t, binary)
	direct, forwarder := newWay("direct", h.app), newWay("bare forwarder", h.forwarders())
	caller, callee := h.sidecars()
	sidecars := newWay("two sidecars", caller.addr)
	ways := []*way{direct, forwarder, sidecars}
	for _, w := range ways {
		for _, n := range clients {
			w.load(n, warmUp)
		}
	}
	seen := measure(ways)
	memory := max(caller.residentMB(), callee.residentMB())
	table(seen, ways)

	p := &promises{t: t}
	for _, n := range clients {
		p.atLeast(fmt.Sprintf("throughput of the forwarder's, clients: %d", n), seen.ratio(sidecars, forwarder, n, perSecond), 0.85)
		p.atMost(fmt.Sprintf("p50 of the forwarder's, clients: %d", n), seen.ratio(sidecars, forwarder, n, p50), 1.15)
	}
	p.atLeast("throughput of a direct call's, clients: 16 (daprd 0.09)", seen.ratio(sidecars, direct, 16, perSecond), 0.20)
	if memory > 0 {
		p.atMost("MB that a sidecar holds under this load (daprd 66)", memory, 25)
	}
	ready, bare := h.readyAfter()
	p.atMost(fmt.Sprintf("ms from start to ready (daprd 63 to 104, the forwarder %.0f)", milliseconds(bare)), milliseconds(ready), 30)
	p.atMost("µs of the policy layer where nothing fails", policyLayer(t), 1)
}

// Figures are all that was seen: by way and number of clients, one a round.
type figures map[*way]map[int][]figure

func measure(ways []*way) figures {
	out := figures{}
	for _, w := range ways {
		out[w] = map[int][]figure{}
	}
	for range rounds {
		for _, n := range clients {
			took := map[*way][]time.Duration{}
			speeds := map[*way][]float64{}
			for range slicesARound {
				for _, w := range ways {
					latencies, d := w.load(n, sliceLasts)
					took[w] = append(took[w], latencies...)
					speeds[w] = append(speeds[w], float64(len(latencies))/d.Seconds())
				}
			}
			for _, w := range ways {
				all := took[w]
				slices.Sort(all)
				out[w][n] = append(out[w][n], figure{
					median(speeds[w]), all[len(all)/2], all[len(all)*99/100],
				})
			}
		}
	}
	return out
}

func perSecond(f figure) float64 { return f.perSecond }
func p50(f figure) float64       { return milliseconds(f.p50) }
func p99(f figure) float64       { return milliseconds(f.p99) }

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// median of one way's rounds.
func (f figures) median(w *way, n int, of func(figure) float64) float64 {
	var all []float64
	for _, x := range f[w][n] {
		all = append(all, of(x))
	}
	return median(all)
}

// ratio is the median of the rounds' ratios: each compares what the machine did at the same time.
func (f figures) ratio(a, b *way, n int, of func(figure) float64) float64 {
	var all []float64
	for i := range f[a][n] {
		all = append(all, of(f[a][n][i])/of(f[b][n][i]))
	}
	return median(all)
}

func median(x []float64) float64 {
	slices.Sort(x)
	return x[len(x)/2]
}

// table prints the medians, and what each way is of the ones before.
func table(f figures, ways []*way) {
	for _, n := range clients {
		fmt.Printf("\n%-22s %12s %10s %10s\n", fmt.Sprintf("keep-alive clients: %d", n), "requests/s", "p50 ms", "p99 ms")
		for _, w := range ways {
			fmt.Printf("%-22s %12.0f %10.3f %10.3f\n", w.name, f.median(w, n, perSecond), f.median(w, n, p50), f.median(w, n, p99))
		}
		last := ways[len(ways)-1]
		for _, w := range ways[:len(ways)-1] {
			fmt.Printf("%-22s %12.2f %10.2f %10.2f\n", "  of "+w.name, f.ratio(last, w, n, perSecond), f.ratio(last, w, n, p50), f.ratio(last, w, n, p99))
		}
	}
	fmt.Println()
}

// Promises print what was asked and what was seen, a line each.
type promises struct{ t *testing.T }

func (p *promises) atLeast(what string, got, want float64) {
	p.tell(got >= want, what, "≥", got, want)
}
func (p *promises) atMost(what string, got, want float64) {
	p.tell(got <= want, what, "≤", got, want)
}

func (p *promises) tell(kept bool, what, sign string, got, want float64) {
	fmt.Printf("%-8s %-60s %6.2f  %s %.2f\n", map[bool]string{true: "kept", false: "MISSED"}[kept], what, got, sign, want)
	if !kept {
		p.t.Errorf("missed: %s: got %.2f, want %s %.2f", what, got, sign, want)
	}
}
