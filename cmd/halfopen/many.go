package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/halfopen/halfopen/harness"
	"github.com/halfopen/halfopen/harness/oracle"
)

// manyFlags say which runs there are, and how they go on together.
type manyFlags struct {
	repeat, parallel int
	shard            string
	failFast         bool
}

func (m *manyFlags) flags(f *pflag.FlagSet) {
	f.IntVar(&m.repeat, "repeat", 1, "run each scenario so many times")
	f.IntVar(&m.parallel, "parallel", 0, "at most so many runs at once, and never more than the machine carries (default: that)")
	f.StringVar(&m.shard, "shard", "", "only the `i/n`-th part of all runs, for the jobs of a CI matrix: 2/4")
	f.BoolVar(&m.failFast, "fail-fast", false, "end everything after the first broken promise")
}

// settle reads the flags. Without --shard there is one shard.
func (m *manyFlags) settle(cmd *cobra.Command) (i, n int, err error) {
	if m.repeat < 1 {
		return 0, 0, fmt.Errorf("--repeat %d: want one at least", m.repeat)
	}
	if cmd.Flags().Changed("parallel") && m.parallel < 1 {
		return 0, 0, fmt.Errorf("--parallel %d: want one at least (leave it out for as many as the machine carries)", m.parallel)
	}
	if m.shard == "" {
		return 1, 1, nil
	}
	first, second, ok := strings.Cut(m.shard, "/")
	i, ierr := strconv.Atoi(first)
	n, nerr := strconv.Atoi(second)
	if !ok || ierr != nil || nerr != nil || i < 1 || i > n {
		return 0, 0, fmt.Errorf("--shard %q: want i/n with i from 1 to n, such as 2/4", m.shard)
	}
	return i, n, nil
}

// findScenarios gives each argument's scenario; for a folder of scenarios, all of them.
func findScenarios(args []string) []string {
	var out []string
	for _, arg := range args {
		dir := findScenario(arg)
		own, _ := filepath.Glob(filepath.Join(dir, "scenario.yaml"))
		below, _ := filepath.Glob(filepath.Join(dir, "*", "scenario.yaml"))
		if len(own) > 0 || len(below) == 0 {
			out = append(out, dir)
			continue
		}
		for _, file := range below {
			out = append(out, filepath.Dir(file))
		}
	}
	return out
}

// runMany plays jobs and tells a line of each and a table of all.
func runMany(ctx context.Context, out, errs io.Writer, o harness.Options, jobs []harness.Job, m manyFlags, look looks, g gate) error {
	ground, err := harness.Choose(ctx, o.Env, o.Binary)
	if err != nil {
		return err
	}
	if err := harness.MakeReports(o.Reports); err != nil {
		return err
	}
	atOnce, why := harness.Carries(ground.Name)
	if m.parallel > atOnce {
		fmt.Fprintf(errs, "--parallel %d: this machine carries %d at once (%s)\n", m.parallel, atOnce, why)
	}
	if m.parallel > 0 {
		atOnce = min(atOnce, m.parallel)
	}
	inform := inActions()
	release := inform.guard(out)
	defer func() { release() }()
	v := newManyView(out, errs, jobs, look)
	all := harness.Many{Options: o, Jobs: jobs, AtOnce: atOnce, FailFast: m.failFast, Tell: v.tell, Follow: v.follow}
	if !look.quiet {
		fmt.Fprintln(errs, announce(all, ground.Name))
	}
	done, err := harness.PlayMany(ctx, all)
	v.end()
	if err != nil {
		return err
	}
	index, err := indexOf(o.Reports, done)
	if err != nil {
		return err
	}
	if !look.quiet {
		table(out, done)
		v.total(done, index)
	}
	dirs, err := g.holdAll(ctx, out, errs, o, done, look)
	if err != nil {
		return err
	}
	worst, err := g.worst(dirs)
	if err != nil {
		return err
	}
	for _, d := range done {
		if d.Run == nil {
			worst = worse(worst, d.Exit())
		}
	}
	release()
	release = func() {}
	if err := inform.publish(out, dirs); err != nil {
		return err
	}
	if worst != exitKept {
		return exitCode(worst)
	}
	return nil
}

// announce says how many runs there are, and how they go on.
func announce(all harness.Many, env string) string {
	most, contended := all.MostAtOnce()
	text := fmt.Sprintf("%d runs in %s environment, ", len(all.Jobs), env)
	if most == 1 {
		text += "one at a time"
	} else {
		text += fmt.Sprintf("at most %d at once", most)
	}
	if len(contended) > 0 {
		text += fmt.Sprintf(" (those that listen on %s wait for each other)", strings.Join(contended, ", "))
	}
	return text
}

// indexOf writes a page over the runs that were judged, and gives its path; where none was, the folder.
func indexOf(reports string, done []harness.Done) (string, error) {
	var dirs []string
	for _, d := range done {
		if d.Run != nil {
			dirs = append(dirs, d.Run.Dir)
		}
	}
	if len(dirs) == 0 {
		return reports, nil
	}
	return harness.Index(reports, dirs...)
}

// A manyView is what is seen while many run: a line of each that is over, and on a terminal one live line.
type manyView struct {
	out, errs io.Writer
	look      looks
	repeated  bool
	width     int // of the longest name
	began     time.Time

	mu      sync.Mutex
	all     int
	over    map[int]int // by exit code
	running map[harness.Job]harness.Progress
	shown   bool
	stop    chan struct{}
	ticking sync.WaitGroup
}

func newManyView(out, errs io.Writer, jobs []harness.Job, look looks) *manyView {
	v := &manyView{
		out: out, errs: errs, look: look, began: time.Now(), all: len(jobs),
		over: map[int]int{}, running: map[harness.Job]harness.Progress{}, stop: make(chan struct{}),
	}
	for _, j := range jobs {
		v.repeated = v.repeated || j.Nth > 1
	}
	for _, j := range jobs {
		v.width = max(v.width, len(v.name(j)))
	}
	if look.terminal && !look.quiet {
		v.ticking.Go(v.tick)
	}
	return v
}

// name tells repeats apart, where there are any.
func (v *manyView) name(j harness.Job) string {
	if v.repeated {
		return fmt.Sprintf("%s #%d", j.Name, j.Nth)
	}
	return j.Name
}

func (v *manyView) tick() {
	t := time.NewTicker(200 * time.Millisecond)
	defer t.Stop()
	for {
		select {
		case <-v.stop:
			return
		case <-t.C:
			v.mu.Lock()
			v.draw()
			v.mu.Unlock()
		}
	}
}

// follow takes the news of one run.
func (v *manyView) follow(j harness.Job, p harness.Progress) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.running[j] = p
}

// draw writes the live line: how far all are, and which will take longest.
func (v *manyView) draw() {
	var left []harness.Job
	for j := range v.running {
		left = append(left, j)
	}
	slices.SortFunc(left, func(a, b harness.Job) int {
		return cmp.Or(cmp.Compare(b.Expected, a.Expected), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Nth, b.Nth))
	})
	over := 0
	for _, n := range v.over {
		over += n
	}
	parts := []string{fmt.Sprintf("%4s", time.Since(v.began).Round(time.Second)), fmt.Sprintf("%d of %d over", over, v.all)}
	for _, c := range []struct {
		code int
		word string
	}{{exitBroken, "broken"}, {exitUnknown, "unknown"}} {
		if n := v.over[c.code]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, c.word))
		}
	}
	if len(left) > 0 {
		p := v.running[left[0]]
		parts = append(parts, fmt.Sprintf("%d running, the longest %s: %s", len(left), left[0].Name, p.Phase))
	}
	line := strings.Join(parts, " · ")
	if n := v.look.width - 1; len([]rune(line)) > n {
		line = string([]rune(line)[:n-1]) + "…"
	}
	fmt.Fprint(v.errs, "\r\x1b[2K"+line)
	v.shown = true
}

// tell writes the line of a run that is over.
func (v *manyView) tell(d harness.Done) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.running, d.Job)
	v.over[d.Exit()]++
	if v.look.quiet {
		if d.Run != nil {
			fmt.Fprintf(v.out, "%s %s: %s\n", d.Run.Verdict.Outcome, d.Name, d.Run.Dir)
		} else {
			fmt.Fprintf(v.out, "unknown %s: %v\n", d.Name, d.Err)
		}
		return
	}
	v.clear()
	word, colour := outcomeWord(d)
	if v.look.color {
		word = "\x1b[" + colour + "m" + word + "\x1b[0m"
	}
	line := fmt.Sprintf("%s  %-*s  %6s  %s", word, v.width, v.name(d.Job), d.Took.Round(100*time.Millisecond), v.said(d))
	first, rest, more := strings.Cut(line, "\n")
	if line = strings.TrimRight(first, " "); more {
		line += "\n" + rest
	}
	fmt.Fprintln(v.out, line)
}

// said is the most important thing about a run.
func (v *manyView) said(d harness.Done) string {
	text := ""
	switch {
	case d.Run == nil:
		return d.Err.Error()
	case d.Run.Verdict.Outcome == oracle.Unknown && d.Err != nil:
		text = d.Err.Error()
	case d.Run.Verdict.Outcome != oracle.Pass && len(d.Run.Verdict.Why) > 0:
		text = d.Run.Verdict.Why[0]
	default:
		if r := d.Run.Verdict.Figures.Recovery; r != nil {
			return "recovered in " + r.Round(time.Millisecond).String()
		}
		return ""
	}
	const indent = "\n         "
	if n := v.look.width - len(indent); v.look.terminal && len([]rune(text)) > n {
		text = string([]rune(text)[:n-1]) + "…"
	}
	return indent + text + indent + filepath.Join(fromHere(d.Run.Dir), "report.html")
}

func outcomeWord(d harness.Done) (word, colour string) {
	switch d.Exit() {
	case exitKept:
		return "PASS   ", "32"
	case exitBroken:
		return "FAIL   ", "31"
	}
	return "UNKNOWN", "33"
}

func (v *manyView) clear() {
	if v.shown {
		fmt.Fprint(v.errs, "\r\x1b[2K")
		v.shown = false
	}
}

func (v *manyView) end() {
	close(v.stop)
	v.ticking.Wait()
	v.clear()
}

// total is the last line.
func (v *manyView) total(done []harness.Done, index string) {
	counts := map[int]int{}
	never := 0
	for _, d := range done {
		if errors.Is(d.Err, harness.ErrNotRun) {
			never++
			continue
		}
		counts[d.Exit()]++
	}
	text := fmt.Sprintf("%d runs in %s: %d kept, %d broken, %d unknown", len(done), time.Since(v.began).Round(time.Second),
		counts[exitKept], counts[exitBroken], counts[exitUnknown])
	if never > 0 {
		text += fmt.Sprintf(", %d not run", never)
	}
	fmt.Fprintf(v.out, "\n%s; reports: %s\n", text, fromHere(index))
}

// table sums the runs up by scenario.
func table(w io.Writer, done []harness.Done) {
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "scenario\truns\tkept\tbroken\tunknown\trecovery\tgap error\topen error\tslack")
	rows, _ := harness.Sum(done)
	for _, r := range rows {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%s\t%s\t%s\t%s\n", r.Scenario, r.Runs, r.Kept, r.Broken, r.Unknown,
			spread(r.Recovery), spread(r.Gaps), spread(r.Opens), spread(r.Slack))
	}
	t.Flush()
}

// spread writes median and 99th percentile, or the worst of few.
func spread(s *oracle.Spread) string {
	if s == nil {
		return "-"
	}
	switch {
	case s.N == 1:
		return fine(s.Median)
	case s.N < 100:
		return fine(s.Median) + ", worst " + fine(s.Worst)
	}
	return fine(s.Median) + ", p99 " + fine(s.P99)
}

// fine writes a duration with as many digits as its size deserves.
func fine(d time.Duration) string {
	if d < 10*time.Millisecond {
		return d.Round(100 * time.Microsecond).String()
	}
	return d.Round(time.Millisecond).String()
}
