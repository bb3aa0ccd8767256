package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the page's template and style
	"encoding/base64"
	"html/template"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/halfopen/halfopen/harness/oracle"
)

//go:embed assets/page.html
var pageText string

//go:embed assets/page.css
var styleText string

var pageTemplate = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("page").Parse(pageText))
})

// A page is what the template takes: texts only, made plain.
type page struct {
	Style     template.CSS
	StyleHash string

	Outcome, Mark, Scenario, Headline, Env, Sidecar, Run, Why string
	Notes                                                     []string
	Broken                                                    []brokenCheck
	Timeline                                                  template.HTML
	Story                                                     []storyRow
	Forecast                                                  []forecastRow
	ForecastLine, ForecastCut                                 string
	Checks                                                    []checkRow
	Figures, About                                            []figure
	ScenarioText, SpecText, SidecarText                       string
	Events                                                    int
}

type brokenCheck struct {
	Outcome, Check, Doc, Why string
	Findings                 []brokenFinding
	More                     int
}

type brokenFinding struct {
	What   string
	Events []brokenEvent
}

type brokenEvent struct {
	At, What, Source string
	Seq              uint64
}

type storyRow struct {
	N                             int
	At, Mark, Outcome, Lane, What string
}

type checkRow struct {
	Class, Mark, Check, Doc, Why string
	Examined                     int
}

// HTML is a whole page in one file: no script, no request to anywhere, what is broken first.
func HTML(in Input) []byte {
	v := in.Verdict
	sum := sha256.Sum256([]byte(styleText))
	p := page{
		Style: template.CSS(styleText), StyleHash: "sha256-" + base64.StdEncoding.EncodeToString(sum[:]),
		Outcome: string(v.Outcome), Mark: outcomeMark[v.Outcome], Scenario: plain(v.Scenario), Headline: headline(v),
		Env: plain(v.Env), Sidecar: plain(v.Sidecar), Run: plain(v.Run), Why: plain(why(in)),
		Timeline: timeline(v), Figures: figures(v), About: about(in),
		ScenarioText: text(in.Scenario), SpecText: text(in.Spec), SidecarText: text(in.SidecarSpec),
		Events: len(in.History.Events),
	}
	for _, w := range v.Why {
		if aside(w) {
			p.Notes = append(p.Notes, plain(w))
		}
	}
	g := group(v)
	for _, r := range slices.Concat(g.failed, g.unknown) {
		p.Broken = append(p.Broken, broken(r))
	}
	for i, m := range v.Story {
		p.Story = append(p.Story, storyRow{
			N: i, At: clock(m.At), Mark: sign(m.Outcome), Outcome: m.Outcome, Lane: plain(m.Lane), What: plain(m.What),
		})
	}
	for _, r := range slices.Concat(g.failed, g.unknown, g.kept, g.notHere) {
		p.Checks = append(p.Checks, row(r))
	}
	p.Forecast, _, _ = besides(in)
	p.ForecastLine, p.ForecastCut = forecastLine(in), plain(in.Forecast.Cut)
	var b bytes.Buffer
	if err := pageTemplate().Execute(&b, p); err != nil {
		panic(err) // the template is ours, and takes texts only
	}
	return b.Bytes()
}

var outcomeMark = map[oracle.Outcome]string{oracle.Pass: "✓", oracle.Fail: "✗", oracle.Unknown: "?"}

func sign(outcome string) string {
	if m := marks[outcome]; m.sign != "" {
		return m.sign
	}
	return "·"
}

func broken(r oracle.Result) brokenCheck {
	const most = 5
	out := brokenCheck{Outcome: string(r.Outcome), Check: r.Check, Doc: r.Doc, Why: plain(r.Why), More: max(0, len(r.Findings)-most)}
	for _, f := range r.Findings[:min(len(r.Findings), most)] {
		found := brokenFinding{What: plain(f.What)}
		for _, e := range f.Events {
			found.Events = append(found.Events, brokenEvent{At: clock(e.At), What: plain(e.What), Source: plain(e.Source), Seq: e.Seq})
		}
		out.Findings = append(out.Findings, found)
	}
	return out
}

func row(r oracle.Result) checkRow {
	c := checkRow{Check: r.Check, Doc: r.Doc, Why: plain(r.Why), Examined: r.Examined, Mark: outcomeMark[r.Outcome], Class: "ok"}
	switch {
	case !r.Applies:
		c.Mark, c.Class = "–", ""
	case r.Outcome == oracle.Fail:
		c.Class = "failed"
	case r.Outcome == oracle.Unknown:
		c.Class = "waiting"
	}
	return c
}

// why is the scenario's own reason, on one line.
func why(in Input) string { return strings.Join(strings.Fields(in.Plan.Scenario.Why), " ") }

// about says where and with what a run was made.
func about(in Input) []figure {
	h := in.History.Header
	out := []figure{
		{"started", h.Started.UTC().Format("2006-01-02 15:04:05 UTC")},
		{"environment", plain(h.Env + ": " + h.EnvWhy)},
		{"sidecar", plain(h.Sidecar + " " + h.SidecarVersion)},
	}
	for _, k := range slices.Sorted(maps.Keys(h.Versions)) {
		out = append(out, figure{plain(k), plain(h.Versions[k])})
	}
	return out
}

// text keeps a file's lines and makes each plain.
func text(file string) string {
	const most = 2000
	lines := strings.Split(strings.TrimRight(file, "\n"), "\n")
	if len(lines) > most {
		lines = append(lines[:most], "…")
	}
	for i, l := range lines {
		lines[i] = plain(strings.ReplaceAll(l, "\t", "    "))
	}
	return strings.Join(lines, "\n")
}
