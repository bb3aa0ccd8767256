package oracle_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/scenario"
)

var update = flag.Bool("update", false, "rewrite the verdicts that testdata/*.txt want")

// Each file in testdata holds a scenario, a spec (or none), a history as a person can write it, and the verdict
// that it wants.
func TestToldRunsAreJudgedAsTheyWant(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "*.txt"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			got := told(oracle.Judge(tale(t, string(text))))
			before, want, _ := strings.Cut(string(text), "-- want --\n")
			if *update {
				require.NoError(t, os.WriteFile(file, []byte(before+"-- want --\n"+got), 0o644))
				want = got
			}
			require.Equal(t, want, got)
		})
	}
}

// neverFails are checks that only say whether the run can be judged at all, neverDoubts those that always can be.
var (
	neverFails  = []string{"fault-effective", "fault-healed"}
	neverDoubts = []string{"waits-ended", "log-wording", "builtin-retries", "orders-duplicated"}
)

func TestEachCheckPassesFailsAndDoubtsInSomeFile(t *testing.T) {
	seen := map[string]map[oracle.Outcome]bool{}
	files, err := filepath.Glob(filepath.Join("testdata", "*.txt"))
	require.NoError(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, r := range oracle.Judge(tale(t, string(text))).Results {
			if seen[r.Check] == nil {
				seen[r.Check] = map[oracle.Outcome]bool{}
			}
			seen[r.Check][r.Outcome] = seen[r.Check][r.Outcome] || r.Applies
		}
	}
	for _, c := range oracle.Checks() {
		for _, o := range []oracle.Outcome{oracle.Pass, oracle.Fail, oracle.Unknown} {
			exempt := (o == oracle.Fail && slices.Contains(neverFails, c.Name)) || (o == oracle.Unknown && slices.Contains(neverDoubts, c.Name))
			require.Equal(t, !exempt, seen[c.Name][o], "%s in some file: %s", o, c.Name)
		}
	}
}

// told writes a verdict as the files want it.
func told(v oracle.Verdict) string {
	var b strings.Builder
	fmt.Fprintf(&b, "verdict: %s\n", v.Outcome)
	for _, why := range v.Why {
		if strings.HasPrefix(why, "history: ") {
			fmt.Fprintln(&b, why)
		}
	}
	var pass, none []string
	for _, r := range v.Results {
		switch {
		case !r.Applies:
			none = append(none, r.Check)
		case r.Outcome == oracle.Pass:
			pass = append(pass, r.Check)
		case r.Outcome == oracle.Unknown:
			fmt.Fprintf(&b, "unknown %s: %s\n", r.Check, r.Why)
		}
		for _, f := range r.Findings {
			fmt.Fprintf(&b, "fail %s: %s\n", r.Check, f.What)
		}
	}
	fmt.Fprintf(&b, "pass: %s\nnot in play: %s\n", strings.Join(pass, " "), strings.Join(none, " "))
	return b.String()
}

// tale reads a file of testdata. Times in its history are seconds on the run's clock. A line is one of
//
//	1.0 order 3                     an accepted order, on all links; `1.0 orders 3-6` for several, a second apart
//	1.0 checkout->sidecar order=3 op=a 200 +5ms
//	                                an exchange: its answer's status, or eof, reset, refused (by the link), left (by
//	                                who asked), and after what time; nothing where it did not end. conn= is its
//	                                connection, one of its own where left out; own="…" marks the
//	                                answer as the sidecar's own; op= is "" where left out, app= order-processor
//	1.0 says: …                     a line of checkout's sidecar; `retrying` and `closed to open` stand for the page's
//	1.0 prints: …                   a line of checkout itself
//	1.0 fault NAME injected         also applied, healing, healed
//	1.0 ready order-processor/app   also exit, and `exit … alone` where nobody asked for it
//	1.0 policy myresiliency loaded  what checkout's sidecar proved
//	1.0 counted 4 dapr_resiliency_count policy=retry status=
//	                                a figure of checkout's sidecar about order-processor; before the first one
//	                                `1.0 metrics`, or `1.0 metrics: …` with why there are none
//	0 daprd 1.12.6                  daprd ran, of this version, and not halfopen's own sidecar
//	1.0 load, 1.0 teardown, 1.0 gave-up 2 (a step, from 0), 1.0 problem …, 1.0 tick 3ms, no ticks, truncated
//
// Ticks of 1 ms come by themselves, and the phases before the first line.
func tale(t testing.TB, text string) oracle.Case {
	t.Helper()
	parts := map[string]string{}
	for _, section := range strings.Split("\n"+text, "\n-- ")[1:] {
		name, body, _ := strings.Cut(section, " --\n")
		parts[name] = body + "\n"
	}
	var c oracle.Case
	if spec, ok := parts["spec"]; ok {
		var err error
		c.Spec, err = parse([]byte(spec))
		require.NoError(t, err)
	}
	s, problems := scenario.Parse("told/scenario.yaml", []byte(parts["scenario"]))
	require.NoError(t, problems.Err())
	c.Plan = scenario.NewPlan(s, c.Spec)
	w := &teller{t: t, world: world{seq: map[string]uint64{}, conns: map[string]uint64{}}, ticking: true}
	for _, line := range strings.Split(parts["history"], "\n") {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			w.tell(line)
		}
	}
	for at := 500 * time.Millisecond; w.ticking && at < w.latest; at += time.Second {
		w.at(at, history.Event{Source: history.Runner, Kind: history.KindTick, Attrs: map[string]string{"late_ns": "1000000", "period_ns": "1000000000"}})
	}
	c.History = &history.History{Header: w.header(), Events: w.events, Flaws: w.flaws}
	slices.SortStableFunc(c.History.Events, func(a, b history.Event) int { return int(a.At - b.At) })
	return c
}

// A teller writes events from lines.
type teller struct {
	t testing.TB
	world
	ticking bool
	latest  time.Duration
	flaws   []string
	daprd   string // its version; "" for another sidecar
}

func (w *teller) header() history.Header {
	h := history.Header{Format: history.Format, Run: "told"}
	if w.daprd != "" {
		h.Sidecar, h.SidecarVersion = scenario.Daprd, w.daprd
	}
	return h
}

func (w *teller) at(at time.Duration, e history.Event) {
	w.now, w.latest = at, max(w.latest, at)
	w.record(e)
}

func (w *teller) tell(line string) {
	switch line {
	case "no ticks":
		w.ticking = false
		return
	case "truncated":
		w.flaws = append(w.flaws, "truncated: there is no end")
		return
	}
	when, what, _ := strings.Cut(line, " ")
	seconds, err := strconv.ParseFloat(when, 64)
	require.NoError(w.t, err, line)
	at := time.Duration(seconds * float64(time.Second))
	word, rest, _ := strings.Cut(what, " ")
	f := strings.Fields(rest)
	runner := history.Event{Source: history.Runner}
	switch word {
	case "load", "teardown":
		runner.Kind, runner.Text = history.KindPhase, word
	case "gave-up":
		runner.Kind, runner.Text, runner.Attrs = history.KindPhase, history.PhaseStepDone, map[string]string{"step": f[0], "timed_out": "true"}
	case "daprd":
		w.daprd = rest
		return
	case "problem":
		runner.Kind, runner.Error = history.KindProblem, rest
	case "tick":
		d, err := time.ParseDuration(rest)
		require.NoError(w.t, err, line)
		runner.Kind, runner.Attrs = history.KindTick, map[string]string{"late_ns": strconv.Itoa(int(d))}
	case "fault":
		runner.Kind, runner.ID, runner.Text = history.KindFault, f[0], f[1]
	case "policy":
		runner.Kind, runner.Service, runner.ID, runner.Text = history.KindPolicy, "checkout", f[0], f[1]
	case "metrics", "metrics:":
		runner.Kind, runner.Service, runner.Part, runner.ID, runner.Error = history.KindMetric, "checkout", history.Sidecar, history.MetricsRead, rest
		runner.Attrs = map[string]string{"asked_ns": strconv.FormatInt(int64(at), 10)}
	case "counted":
		runner.Kind, runner.Service, runner.Part, runner.Text, runner.ID = history.KindMetric, "checkout", history.Sidecar, f[0], f[1]
		runner.Attrs = map[string]string{"target": "app_order-processor"}
		for _, label := range f[2:] {
			name, value, _ := strings.Cut(label, "=")
			runner.Attrs[name] = value
		}
	case "ready", "exit":
		runner.Kind = history.Kind(word)
		runner.Service, runner.Part, _ = strings.Cut(f[0], "/")
		runner.Attrs = map[string]string{"wanted": strconv.FormatBool(len(f) == 1)}
	case "says:":
		w.says(at, history.Sidecar, rest)
		return
	case "prints:":
		w.says(at, history.App, rest)
		return
	case "order", "orders":
		w.passes(at, rest)
		return
	default:
		w.crosses(at, word, f)
		return
	}
	w.at(at, runner)
}

func (w *teller) says(at time.Duration, part, text string) {
	if text == "retrying" {
		text = "Error processing operation endpoint[order-processor, order-processor:orders]. Retrying..."
	}
	if from, to, ok := strings.Cut(text, " to "); ok && !strings.Contains(text, "[") {
		text = fmt.Sprintf("Circuit breaker \"order-processor:orders\" changed state from %s to %s", from, to)
	}
	w.at(at, history.Event{Source: history.Output("checkout", part), Kind: history.KindLine, Service: "checkout", Part: part, Text: text})
}

// passes is orders that pass at once.
func (w *teller) passes(at time.Duration, ids string) {
	first, last, several := strings.Cut(ids, "-")
	if !several {
		last = first
	}
	from, err := strconv.Atoi(first)
	require.NoError(w.t, err)
	to, err := strconv.Atoi(last)
	require.NoError(w.t, err)
	for n := from; n <= to; n++ {
		order := []string{fmt.Sprintf("order=%d", n), fmt.Sprintf("op=pass%d", n), "200"}
		w.crosses(at, toSidecar, append(slices.Clone(order), "+6ms"))
		w.crosses(at+time.Millisecond, toPeer, append(slices.Clone(order), "+4ms"))
		w.crosses(at+2*time.Millisecond, toApp, append(slices.Clone(order), "+2ms"))
		at += time.Second
	}
}

// crosses is one exchange.
func (w *teller) crosses(at time.Duration, link string, words []string) {
	o := &operation{}
	conn := w.connect(link)
	how, own, after := "", "", time.Duration(0)
	for _, word := range words {
		name, value, named := strings.Cut(word, "=")
		switch {
		case named && name == "order":
			o.id = value
		case named && name == "op":
			o.trace = value
		case named && name == "app":
			o.to = value
		case named && name == "path":
			o.path = value
		case named && name == "conn":
			n, err := strconv.ParseUint(value, 10, 64)
			require.NoError(w.t, err, word)
			conn = n
		case named && name == "own":
			own = strings.Trim(value, `"`)
		case strings.HasPrefix(word, "+"):
			var err error
			after, err = time.ParseDuration(word[1:])
			require.NoError(w.t, err, word)
		default:
			how = word
		}
	}
	w.now = at
	w.exchange(history.KindRequest, link, conn, o, 0, "")
	w.now = at + after
	w.latest = max(w.latest, w.now)
	switch status, err := strconv.Atoi(how); {
	case err == nil:
		w.answered(link, conn, o, status, own)
	case how == "left":
		w.close(link, conn, "client", "eof")
	case how == "refused":
		w.close(link, conn, "tap", how)
	case how != "":
		w.close(link, conn, "upstream", how)
	}
}
