package report

import (
	"fmt"
	"time"

	"github.com/halfopen/halfopen/harness/oracle"
)

// A forecastRow lays what was foretold beside what was seen.
type forecastRow struct{ What, Forecast, Observed, Off, Class string }

// A forecastKey tells what is the same in both.
type forecastKey struct {
	kind, caller, id, what string
	n, again               int
}

func keyOf(r oracle.Foreseen, seen map[forecastKey]int) forecastKey {
	k := forecastKey{kind: r.Kind, caller: r.Caller, id: r.ID, what: r.What, n: r.N}
	if r.Kind == "breaker" {
		k.n = 0
	}
	seen[k]++
	k.again = seen[k]
	return k
}

// near is how far off something may be and count as foretold: the forecast knows no machine and no readiness.
const near = time.Second

// besides lays the forecast beside what was observed, from the first fault on. Without a fault there is nothing that
// needs foretelling.
func besides(in Input) (rows []forecastRow, met, of int) {
	var zero *time.Duration
	observed := map[forecastKey]time.Duration{}
	seen := map[forecastKey]int{}
	for _, r := range in.Observed {
		if r.Kind == "fault" && zero == nil {
			zero = &r.At.Lo
		}
		observed[keyOf(r, seen)] = r.At.Lo
	}
	if zero == nil {
		return nil, 0, 0
	}
	seen = map[forecastKey]int{}
	steady := steadyOrders(in.Forecast)
	for _, r := range in.Forecast.Rows {
		k := keyOf(r, seen)
		if r.At.Hi < in.Forecast.Zero.Lo || r.What == "applied" || r.Kind == "end" || (r.Kind == "attempt" || r.Kind == "order") && steady[orderKey{r.Caller, r.ID}] {
			continue
		}
		row := forecastRow{What: plain(r.String()), Forecast: r.At.Since(in.Forecast.Zero), Observed: "–", Class: "waiting"}
		at, found := observed[k]
		if found {
			at -= *zero
			row.Observed = fmt.Sprintf("%+.3f", at.Seconds())
			off := max(r.At.Lo-in.Forecast.Zero.Lo-at, at-(r.At.Hi-in.Forecast.Zero.Lo), 0)
			row.Off = round(off)
			if off <= near {
				row.Class = "ok"
			}
		}
		if !r.May {
			of++
			if row.Class == "ok" {
				met++
			}
		}
		if len(rows) < mostForecast {
			rows = append(rows, row)
		}
	}
	return rows, met, of
}

// mostForecast bounds the table.
const mostForecast = 200

// An orderKey tells orders apart.
type orderKey struct{ caller, id string }

// steadyOrders are those that pass at their first attempt: the steady state, which nobody needs to be told.
func steadyOrders(f oracle.Forecast) map[orderKey]bool {
	out := map[orderKey]bool{}
	for _, r := range f.Rows {
		if r.Kind != "attempt" && r.Kind != "order" {
			continue
		}
		k := orderKey{r.Caller, r.ID}
		troubled := r.N != 1 || r.Kind == "order" && r.What != oracle.ForecastAccepted
		if _, seen := out[k]; !seen || troubled {
			out[k] = !troubled
		}
	}
	return out
}

// forecastLine says in one line how far the forecast was met.
func forecastLine(in Input) string {
	_, met, of := besides(in)
	if of == 0 {
		return ""
	}
	return fmt.Sprintf("forecast: %d of %d things foretold from the first fault on were seen within %s of their time", met, of, near)
}
