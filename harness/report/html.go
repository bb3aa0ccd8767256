package report

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed" // the page's template, style and script
	"encoding/base64"
	"html/template"
	"slices"
	"strings"
	"sync"

	"github.com/halfopen/halfopen/harness/oracle"
)

//go:embed assets/page.html
var pageText string

//go:embed assets/page.css
var styleText string

// The script's parts, in the order in which they stand in the page.
var (
	//go:embed assets/unpack.js
	unpackScript string
	//go:embed assets/draw.js
	drawScript string
	//go:embed assets/near.js
	nearScript string
	//go:embed assets/timeline.js
	timelineScript string
	//go:embed assets/hands.js
	handsScript string
	//go:embed assets/events.js
	eventsScript string
	//go:embed assets/page.js
	pageScript string
)

var scriptText = "\"use strict\";\n" + unpackScript + drawScript + nearScript + timelineScript + handsScript + eventsScript + pageScript

var pageTemplate = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("page").Parse(pageText))
})

// A page is what the template takes: texts only, made plain.
type page struct {
	Style                 template.CSS
	Script                template.JS
	StyleHash, ScriptHash string

	Outcome, Mark, Scenario, Headline, Env, Sidecar, Run, Why string
	Notes                                                     []string
	Broken                                                    []brokenCheck
	Timeline                                                  template.HTML
	Story                                                     []storyRow
	Forecast                                                  []forecastRow
	ForecastLine, ForecastCut                                 string
	ForecastOpen                                              bool
	Checks                                                    []checkRow
	Differences                                               []differenceRow
	Tiles, Figures, About                                     []figure
	Files                                                     []sourceFile
	Events                                                    int
	Carried                                                   bool
	Chart, History                                            template.HTML // packed
}

type brokenCheck struct {
	Outcome, Mark, Check, Doc, Why string
	Findings, Rest                 []brokenFinding
	More                           int
}

type brokenFinding struct {
	What, Want, Got string
	Events          []eventLink
}

// An eventLink leads to an event in the list of events.
type eventLink struct {
	At, What, Source string
	Seq              uint64
}

type storyRow struct{ At, Mark, Outcome, Lane, What string }

// A differenceRow is a figure beside the accepted ones.
type differenceRow struct{ Class, Mark, Figure, Accepted, Now, Change, Why string }

type checkRow struct {
	Class, Mark, Check, Doc, Why string
	Examined                     int
}

// HTML is a whole page in one file: what is broken first, everything else below it, the raw history within. It asks
// nobody for anything, and tells the same in words where its script may not run.
func HTML(in Input) []byte {
	v := in.Verdict
	history, carried := packHistory(in)
	p := page{
		Style: template.CSS(styleText), StyleHash: hash(styleText), Script: template.JS(scriptText), ScriptHash: hash(scriptText),
		Outcome: string(v.Outcome), Mark: outcomeMark[v.Outcome], Scenario: plain(v.Scenario), Headline: headline(v),
		Env: plain(v.Env), Sidecar: plain(v.Sidecar), Run: plain(v.Run), Why: plain(why(in)),
		Timeline: timeline(v), Tiles: tiles(v), Figures: figures(v), About: about(in), Files: sources(in),
		Events: len(in.History.Events), Carried: carried, History: history, Chart: pack(chart(in)),
	}
	for _, w := range asides(v) {
		p.Notes = append(p.Notes, plain(w))
	}
	g := group(v)
	for _, r := range slices.Concat(g.failed, g.unknown, g.warned) {
		p.Broken = append(p.Broken, broken(r))
	}
	for _, m := range v.Story {
		p.Story = append(p.Story, storyRow{
			At: clock(m.At), Mark: sign(m.Outcome), Outcome: m.Outcome, Lane: plain(m.Lane), What: plain(m.What),
		})
	}
	for _, r := range slices.Concat(g.failed, g.unknown, g.warned, g.kept, g.notHere) {
		p.Checks = append(p.Checks, row(r))
	}
	p.Differences = differences(v)
	var met, of int
	p.Forecast, met, of = besides(in)
	p.ForecastLine, p.ForecastCut, p.ForecastOpen = forecastLine(in), plain(in.Forecast.Cut), met < of
	var b bytes.Buffer
	if err := pageTemplate().Execute(&b, p); err != nil {
		panic(err) // the template is ours, and takes texts only
	}
	return b.Bytes()
}

// hash names a script or a style in a policy of what may run.
func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

var outcomeMark = map[oracle.Outcome]string{oracle.Pass: "✓", oracle.Fail: "✗", oracle.Unknown: "?"}

func sign(outcome string) string { return cmp.Or(marks[outcome].sign, "·") }

// broken tells the first finding at length, some more below a fold, and how many the rest are.
func broken(r oracle.Result) brokenCheck {
	const first, most = 1, 12
	out := brokenCheck{
		Outcome: string(r.Outcome), Mark: row(r).Mark, Check: r.Check, Doc: r.Doc, Why: plain(r.Why), More: max(0, len(r.Findings)-most),
	}
	if r.Severity == oracle.Warn {
		out.Outcome = string(oracle.Unknown) // it is told, and does not count
	}
	for i, f := range r.Findings[:min(len(r.Findings), most)] {
		found := brokenFinding{What: plain(f.What), Want: plain(f.Want), Got: plain(f.Got), Events: linksTo(f.Events)}
		if i < first {
			out.Findings = append(out.Findings, found)
		} else {
			out.Rest = append(out.Rest, found)
		}
	}
	return out
}

func linksTo(events []oracle.Event) []eventLink {
	var out []eventLink
	for _, e := range events {
		out = append(out, eventLink{At: clock(e.At), What: plain(e.What), Source: plain(e.Source), Seq: e.Seq})
	}
	return out
}

func row(r oracle.Result) checkRow {
	c := checkRow{Check: r.Check, Doc: r.Doc, Why: plain(r.Why), Examined: r.Examined, Mark: outcomeMark[r.Outcome], Class: "ok"}
	switch {
	case !r.Applies:
		c.Mark, c.Class = "–", ""
	case r.Severity == oracle.Warn && r.Outcome != oracle.Pass:
		c.Mark, c.Class = "!", "waiting"
	case r.Outcome == oracle.Fail:
		c.Class = "failed"
	case r.Outcome == oracle.Unknown:
		c.Class = "waiting"
	}
	return c
}

// why is the scenario's own reason, on one line.
func why(in Input) string { return strings.Join(strings.Fields(in.Plan.Scenario.Why), " ") }
