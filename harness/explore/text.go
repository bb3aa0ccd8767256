package explore

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/halfopen/halfopen/harness/oracle"
)

// WriteText tells a result on a terminal.
func WriteText(w io.Writer, r Result) {
	fmt.Fprintf(w, "%s → %s: %s\n", r.Question.Caller, r.Question.Target, r.Policies)
	fmt.Fprintf(w, "swept: %s\n", r.Question)
	if r.Cut != "" {
		fmt.Fprintf(w, "not told: %d cases: %s\n", r.Question.Cases-r.Told, r.Cut)
	}
	fmt.Fprintln(w, "\nthe worst")
	if r.Never > 0 {
		fmt.Fprintf(w, "  in %s no order is accepted again before a run would give up\n", count(r.Never, "case"))
	}
	if len(r.Worst) == 0 {
		fmt.Fprintln(w, "  nothing happens to any order in any case")
	}
	for _, x := range r.Worst {
		fmt.Fprintf(w, "  %-13s  %s\n", x.What, x.Sentence())
		fmt.Fprintf(w, "  %-13s  %s\n", "", x.Case)
	}
	fmt.Fprintln(w, "\nover all cases       median       90 %       99 %       most")
	for _, s := range r.Spread {
		unit := "s"
		if s.What == "amplification" {
			unit = ""
		}
		fmt.Fprintf(w, "  %-13s %11s%11s%11s%11s\n", s.What, number(s.Median)+unit, number(s.P90)+unit, number(s.P99)+unit, number(s.Most)+unit)
	}
	fmt.Fprintln(w, "\nwhere what happens changes in kind")
	if len(r.Changes) == 0 {
		fmt.Fprintln(w, "  nowhere within what was swept")
	}
	const most = 40
	for i, c := range r.Changes {
		if i == most {
			fmt.Fprintf(w, "  … and %d more (--format json prints all)\n", len(r.Changes)-most)
			break
		}
		fmt.Fprintf(w, "  %s\n", c)
	}
}

// String says what is swept.
func (q Question) String() string {
	text := fmt.Sprintf("%s by seed %d; faults %s of %s; %d to %d callers, an order every %s", count(q.Cases, "case"), q.Seed, strings.Join(q.Faults, ", "), q.Outage, q.Callers.Lo, q.Callers.Hi, q.Every)
	for _, f := range q.Faults {
		switch f {
		case "latency":
			text += fmt.Sprintf("; latency %s", q.Latency)
		case "respond":
			text += fmt.Sprintf("; failures %g to %g %%", 100*q.Ratio.Lo, 100*q.Ratio.Hi)
		}
	}
	return text
}

// String writes a span as 1s to 2m0s.
func (s Span) String() string {
	if s.Lo == s.Hi {
		return s.Lo.String()
	}
	return fmt.Sprintf("%s to %s", s.Lo, s.Hi)
}

// Sentence says how bad it is, with numbers.
func (w Worst) Sentence() string {
	open := leftOpen(w)
	switch w.What {
	case "recovery":
		return fmt.Sprintf("%s after the fault is healed the first order is accepted again%s", seconds(w.Toll.Recovery), open)
	case "hang":
		return fmt.Sprintf("a caller waits %s for its answer%s", seconds(w.Toll.Hang), open)
	}
	return fmt.Sprintf("%.2f attempts an order: %s for %s, %d at most for one of them%s", w.Value, count(w.Toll.Crossed, "attempt"), count(w.Toll.Orders, "order"), w.Toll.Attempts, open)
}

// leftOpen says between what the scenario's figure may lie, where ties or jitter leave it open; "" where they do not.
func leftOpen(w Worst) string {
	lo, hi := fmt.Sprint(w.Least.Crossed), count(w.Most.Crossed, "attempt")
	open := w.Least.Crossed != w.Most.Crossed
	switch w.What {
	case "recovery":
		lo, hi = seconds(w.Least.Recovery), seconds(w.Most.Recovery)
		open = lo != hi
	case "hang":
		lo, hi = seconds(w.Least.Hang), seconds(w.Most.Hang)
		open = lo != hi
	}
	if !open || w.Most.Ways < 2 {
		return ""
	}
	ways := fmt.Sprintf("in %d ways", w.Most.Ways)
	if w.Most.Cut != "" {
		ways = fmt.Sprintf("in the first %d of very many ways", w.Most.Ways)
	}
	return fmt.Sprintf("; its scenario shows %s to %s, %s in which it may go", lo, hi, ways)
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func seconds(d time.Duration) string { return d.Round(time.Millisecond).String() }

func number(f float64) string { return strconv.FormatFloat(f, 'f', 3, 64) }

// WriteCSV writes all cases, one a line, durations in seconds.
func WriteCSV(w io.Writer, r Result) error {
	out := csv.NewWriter(w)
	row := []string{
		"case", "fault", "outage_s", "callers", "every_s", "lead_s", "latency_s", "ratio", "way",
		"recovery_s", "never", "hang_s", "attempts_of_one", "orders", "attempts", "opened", "opens_after_s", "given_up", "refused", "failed", "left", "cut",
	}
	if err := out.Write(row); err != nil {
		return err
	}
	s := func(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }
	for i, x := range r.samples {
		t := x.Toll
		row = append(row[:0],
			strconv.Itoa(i), x.Fault, s(x.Outage), strconv.Itoa(x.Callers), s(x.Every), s(x.Lead), s(x.Latency), strconv.FormatFloat(x.Ratio, 'f', -1, 64), strconv.FormatUint(x.Way, 10),
			s(t.Recovery), strconv.FormatBool(t.Never), s(t.Hang), strconv.Itoa(t.Attempts), strconv.Itoa(t.Orders), strconv.Itoa(t.Crossed), strconv.Itoa(t.Opened), s(t.Opens),
			strconv.Itoa(t.GivenUp), strconv.Itoa(t.Refused), strconv.Itoa(t.Failed), strconv.Itoa(t.Left), t.Cut)
		if err := out.Write(row); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// Why is a scenario's reason: what it shows, with numbers.
func (w Worst) Why(of oracle.Toll) string {
	if len(w.Flags) > 0 {
		return w.why(of) + " That no timeout ever ends an attempt is flagged."
	}
	return w.why(of)
}

func (w Worst) why(of oracle.Toll) string {
	most := ""
	if leftOpen(w) != "" {
		most = " at most"
	}
	switch w.What {
	case "recovery":
		return fmt.Sprintf("The longest recovery that halfopen explore has found: %s. The forecast is %s%s until an order is accepted again.", w.Shown, seconds(of.Recovery), most)
	case "hang":
		return fmt.Sprintf("The longest hang that halfopen explore has found: %s. The forecast is that a caller waits %s%s for its answer.", w.Shown, seconds(of.Hang), most)
	}
	return fmt.Sprintf("The greatest amplification that halfopen explore has found: %s. The forecast is %s%s for %s.", w.Shown, count(of.Crossed, "attempt"), most, count(of.Orders, "order"))
}
