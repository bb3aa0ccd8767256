package report

import (
	"bytes"
	"cmp"
	_ "embed" // the index's template and style
	"fmt"
	"html/template"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/halfopen/halfopen/harness/oracle"
)

//go:embed assets/index.html
var indexText string

//go:embed assets/index.css
var indexStyle string

var indexTemplate = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("index").Parse(indexText))
})

// An Entry is one run in an index.
type Entry struct {
	Dir     string // the run's folder, as seen from the index
	Verdict oracle.Verdict
}

type indexPage struct {
	Style                                   template.CSS
	StyleHash, Title, Outcome, Mark, Counts string
	Runs                                    []indexRun
}

type indexRun struct {
	Outcome, Mark, Scenario, Link, Told, Facts string
	Why                                        []string
	Cells                                      []chip
}

var badness = map[oracle.Outcome]int{oracle.Fail: 0, oracle.Unknown: 1, oracle.Pass: 2}

// Index is a page over several runs, the worst first. The order in which they are given does not matter.
func Index(entries []Entry) []byte {
	entries = slices.Clone(entries)
	slices.SortFunc(entries, func(a, b Entry) int {
		return cmp.Or(badness[a.Verdict.Outcome]-badness[b.Verdict.Outcome], cmp.Compare(a.Verdict.Scenario, b.Verdict.Scenario), cmp.Compare(a.Dir, b.Dir))
	})
	style := styleText + indexStyle
	p := indexPage{Style: template.CSS(style), StyleHash: hash(style), Title: "1 run"}
	if len(entries) != 1 {
		p.Title = fmt.Sprintf("%d runs", len(entries))
	}
	counts := map[oracle.Outcome]int{}
	for _, e := range entries {
		counts[e.Verdict.Outcome]++
		p.Runs = append(p.Runs, indexed(e))
	}
	worst := oracle.Unknown // no run at all is no pass
	if len(entries) > 0 {
		worst = entries[0].Verdict.Outcome
	}
	p.Outcome, p.Mark = string(worst), outcomeMark[worst]
	p.Counts = fmt.Sprintf("%d kept all promises, %d broke one, %d could not be judged", counts[oracle.Pass], counts[oracle.Fail], counts[oracle.Unknown])
	var b bytes.Buffer
	if err := indexTemplate().Execute(&b, p); err != nil {
		panic(err) // the template is ours, and takes texts only
	}
	return b.Bytes()
}

func indexed(e Entry) indexRun {
	const reasons = 2
	v, g := e.Verdict, group(e.Verdict)
	out := indexRun{
		Outcome: string(v.Outcome), Mark: outcomeMark[v.Outcome], Scenario: cmp.Or(plain(v.Scenario), "a run without a name"),
		Link: (&url.URL{Path: "./" + strings.Trim(e.Dir, "/") + "/report.html"}).String(),
		Told: fmt.Sprintf("%d kept, %d broken, %d not judged, %d not in play", len(g.kept), len(g.failed), len(g.unknown), len(g.notHere)),
	}
	if v.Outcome != oracle.Pass {
		for _, w := range v.Why[:min(reasons, len(v.Why))] {
			out.Why = append(out.Why, plain(w))
		}
	}
	facts := []string{plain(e.Dir), plain(v.Env), fmt.Sprintf("%d of %d orders accepted", v.Figures.OrdersAccepted, v.Figures.OrdersSent)}
	if r := v.Figures.Recovery; r != nil {
		facts = append(facts, "recovered in "+round(*r))
	}
	out.Facts = strings.Join(slices.DeleteFunc(facts, func(s string) bool { return s == "" }), ", ")
	for _, r := range v.Results {
		c := row(r)
		out.Cells = append(out.Cells, chip{Name: plain(c.Check), Mark: c.Mark, Class: c.Class})
	}
	return out
}
