package oracle

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// WriteForecast writes a forecast for people: its timetable, from the first fault on, and what callers live through.
func WriteForecast(w io.Writer, f Forecast) {
	fmt.Fprintln(w, "forecast, in seconds from the first fault on (~ may happen or not)")
	told := 0
	for _, r := range f.Rows {
		if r.At.Hi < f.Zero.Lo || (r.Kind == "fault" && r.What == "applied") {
			continue
		}
		if told++; told > mostRows {
			fmt.Fprintf(w, "  … and %d more rows (--json prints all)\n", len(f.Rows)-told)
			break
		}
		mark := " "
		if r.May {
			mark = "~"
		}
		fmt.Fprintf(w, "%s %16s  %s\n", mark, r.At.Since(f.Zero), r)
	}
	for _, b := range f.Bounds {
		switch {
		case b.Never && b.After == Window{}:
			fmt.Fprintf(w, "%s has no order accepted after the healing within this timeline\n", b.Caller)
		default:
			fmt.Fprintf(w, "%s has its first order accepted %s s after the healing\n", b.Caller, b.After.Since(Window{}))
		}
	}
	if f.Ways > 1 {
		fmt.Fprintf(w, "it may go in %d ways, laid over each other here\n", f.Ways)
	}
	if f.Cut != "" {
		fmt.Fprintf(w, "not told: %s\n", f.Cut)
	}
	for _, o := range f.Outlooks {
		fmt.Fprintf(w, "\n%s → %s (%s)\n", o.Caller, o.Target, o.Policies)
		for _, s := range o.Sentences() {
			fmt.Fprintf(w, "  %s\n", s)
		}
	}
}

// mostRows bounds what a terminal is told.
const mostRows = 60

// Since writes a window in seconds after a moment: +5.000, or +5.000 to 6.000.
func (w Window) Since(zero Window) string {
	if lo, hi := w.Lo-zero.Lo, w.Hi-zero.Lo; lo != hi {
		return fmt.Sprintf("%+.3f to %.3f", lo.Seconds(), hi.Seconds())
	}
	return fmt.Sprintf("%+.3f", (w.Lo - zero.Lo).Seconds())
}

// String says a row in a few words.
func (r Foreseen) String() string {
	switch r.Kind {
	case "attempt":
		return fmt.Sprintf("%s: attempt %d of order %s", r.Caller, r.N, r.ID)
	case "breaker":
		if r.N > 0 && strings.HasPrefix(r.What, closed) {
			return fmt.Sprintf("%s: breaker %s from %s, on the %s failure", r.Caller, r.ID, r.What, ordinal(r.N))
		}
		return fmt.Sprintf("%s: breaker %s from %s", r.Caller, r.ID, r.What)
	case "order":
		text := fmt.Sprintf("%s: order %s %s after %s", r.Caller, r.ID, r.What, attempts(r.N))
		if r.What == ForecastRefused || r.What == ForecastFailed {
			text += fmt.Sprintf(", told %d", r.Status)
		}
		return text
	case "fault":
		return fmt.Sprintf("fault %s %s", r.ID, r.What)
	}
	return "the run ends"
}

// Sentences say in plain words what a caller lives through while its target is away.
func (o Outlook) Sentences() []string {
	var out []string
	switch {
	case o.Hangs == nil:
		out = append(out, "While the target fails, an order is tried again without end: it hangs for as long as the outage lasts, and its attempts have no bound.")
	case o.Refused:
		out = append(out, fmt.Sprintf("While the target fails at once, an order costs %s and is then refused by the open breaker, %s after it was sent.", attempts(o.Attempts), o.Hangs.span()))
	default:
		out = append(out, fmt.Sprintf("While the target fails at once, an order costs %s and its caller is told %s after it was sent.", attempts(o.Attempts), o.Hangs.span()))
	}
	if o.Dead {
		out = append(out, "There is no timeout: a target that accepts and never answers hangs an order for ever.")
	} else if o.Timeout != nil {
		out = append(out, fmt.Sprintf("A target that never answers costs %s more for each attempt: its timeout.", short(*o.Timeout)))
	}
	if o.Trips != nil {
		out = append(out, fmt.Sprintf("The breaker opens on the %s failure, %s after the first one; from then on other orders are refused at once (%q), but for a probe when its open time is over.", ordinal(o.Trips.Failure), o.Trips.After.span(), refusedOpen))
	} else {
		out = append(out, "No breaker opens within one order, so nothing is refused at once because of it.")
	}
	return append(out, fmt.Sprintf("Once the target is ready again, a lone caller's next order is accepted within %s.", short(o.Recovers)))
}

// span writes a window as a length of time.
func (w Window) span() string {
	round := func(d time.Duration) string { return d.Round(time.Millisecond).String() }
	if w.Lo == w.Hi {
		return round(w.Lo)
	}
	return round(w.Lo) + " to " + round(w.Hi)
}
