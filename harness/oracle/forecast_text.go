package oracle

import (
	"fmt"
	"io"
	"strings"
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
		case b.Untold:
			fmt.Fprintf(w, "when %s has its first order accepted after the healing is not told\n", b.Caller)
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
		switch {
		case r.What == ForecastFailed && r.Status == 0:
			text += ", and nobody answers"
		case r.What == ForecastRefused || r.What == ForecastFailed:
			text += fmt.Sprintf(", told %d", r.Status)
		}
		return text
	case "fault":
		return fmt.Sprintf("fault %s %s", r.ID, r.What)
	}
	return "the run ends"
}
