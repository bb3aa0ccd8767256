package explore

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the page's template and style
	"encoding/base64"
	"fmt"
	"html/template"
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

type page struct {
	Style                          template.CSS
	StyleHash                      string
	Title, Policies, Question, Cut string
	Worst                          []worstCard
	Thinned                        int
	Plots                          []plot
	MapFault                       string
	Map                            template.HTML
	Legend                         []legend
	Changes                        []string
	Spread                         []spreadRow
}

type (
	worstCard struct{ What, Value, Sentence, Case, YAML string }
	plot      struct {
		Title string
		SVG   template.HTML
	}
	legend    struct{ Class, What string }
	spreadRow struct{ What, Median, P90, P99, Most string }
)

// HTML is a whole page in one file: no script, no request to anywhere, the same bytes for the same result.
func HTML(r Result) []byte {
	sum := sha256.Sum256([]byte(styleText))
	p := page{
		Style: template.CSS(styleText), StyleHash: "sha256-" + base64.StdEncoding.EncodeToString(sum[:]),
		Title: r.Question.Caller + " → " + r.Question.Target, Policies: r.Policies, Question: r.Question.String(), MapFault: r.Question.Faults[0],
	}
	if r.Cut != "" {
		p.Cut = fmt.Sprintf("Not told: %d cases: %s", r.Question.Cases-r.Told, r.Cut)
	}
	for _, w := range r.Worst {
		p.Worst = append(p.Worst, worstCard{w.What, w.big(), w.Sentence(), w.Case.String(), string(r.Question.YAML("worst-"+w.What, w.Why(w.Most), w.Shown))})
	}
	dots, thinned := r.dots()
	p.Thinned = thinned
	for _, m := range measures {
		p.Plots = append(p.Plots, plot{titles[m.name], r.scatter(m, dots)})
	}
	p.Map, p.Legend = r.Map.svg()
	for _, c := range r.Changes {
		p.Changes = append(p.Changes, c.String())
	}
	for _, s := range r.Spread {
		p.Spread = append(p.Spread, spreadRow{unit(s.What), number(s.Median), number(s.P90), number(s.P99), number(s.Most)})
	}
	var b bytes.Buffer
	if err := pageTemplate().Execute(&b, p); err != nil {
		panic(err) // the template is ours, and takes texts only
	}
	return b.Bytes()
}

var titles = map[string]string{
	"recovery":      "Recovery after the healing, by length of the fault",
	"hang":          "Longest wait of a caller, by length of the fault",
	"amplification": "Attempts an order, by length of the fault",
}

// big is the worst in one number.
func (w Worst) big() string {
	switch w.What {
	case "recovery":
		return seconds(w.Toll.Recovery)
	case "hang":
		return seconds(w.Toll.Hang)
	}
	return fmt.Sprintf("%.2f ×", w.Value)
}

// dots thins the cases out, so that the page stays small.
func (r Result) dots() (dots []Sample, oneIn int) {
	const most = 1500
	oneIn = (len(r.samples) + most - 1) / most
	for i, s := range r.samples {
		if s.Toll.Cut == "" && i%oneIn == 0 {
			dots = append(dots, s)
		}
	}
	if oneIn < 2 {
		oneIn = 0
	}
	return dots, oneIn
}

// highest are the highest cases of each column of a plot.
func (r Result) highest(m measure, columns int) []Sample {
	out := make([]Sample, columns)
	q := r.Question.Outage
	for _, s := range r.samples {
		if s.Toll.Cut != "" {
			continue
		}
		x := min(int(float64(columns)*part(q, s.Outage.Seconds())), columns-1)
		if m.of(s.Toll) > m.of(out[x].Toll) {
			out[x] = s
		}
	}
	return out
}

// part is where within a span a number of seconds lies, from 0 to 1.
func part(s Span, seconds float64) float64 {
	if s.Hi <= s.Lo {
		return 0.5
	}
	return min(max((seconds-s.Lo.Seconds())/(s.Hi-s.Lo).Seconds(), 0), 1)
}

// Sizes of a plot, in units of its own.
const (
	plotWidth, plotHeight = 560, 300
	plotLeft, plotBottom  = 56, 40
	plotTop, plotRight    = 12, 24
	plotInnerW            = plotWidth - plotLeft - plotRight
	plotInnerH            = plotHeight - plotTop - plotBottom
	mapRow                = 26
	columnsHigh           = 120
)

// scatter draws a measure over the length of the fault.
func (r Result) scatter(m measure, dots []Sample) template.HTML {
	var b bytes.Buffer
	dots = append(r.highest(m, columnsHigh), dots...)
	most := 0.0
	for _, s := range dots {
		most = max(most, m.of(s.Toll))
	}
	step, top := nice(most)
	fmt.Fprintf(&b, `<svg viewBox="0 0 %d %d" role="img" aria-label="%s">`, plotWidth, plotHeight, titles[m.name])
	for v := 0.0; v <= top+step/2; v += step {
		y := plotTop + plotInnerH*(1-v/top)
		fmt.Fprintf(&b, `<line class="grid" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/><text x="%d" y="%.1f" text-anchor="end">%g</text>`, plotLeft, plotWidth-plotRight, y, y, plotLeft-6, y+4, round(v))
	}
	r.axis(&b, plotTop+plotInnerH)
	for _, s := range dots {
		if s.Outage == 0 {
			continue
		}
		class := "one"
		if s.Callers > 1 {
			class = "many"
		}
		x := plotLeft + plotInnerW*part(r.Question.Outage, s.Outage.Seconds())
		fmt.Fprintf(&b, `<circle class="%s" cx="%.1f" cy="%.1f" r="2"/>`, class, x, plotTop+plotInnerH*(1-m.of(s.Toll)/top))
	}
	b.WriteString("</svg>")
	return template.HTML(b.String())
}

// axis writes lengths of the fault below a plot.
func (r Result) axis(b *bytes.Buffer, y int) { axis(b, r.Question.Outage, y) }

func axis(b *bytes.Buffer, s Span, y int) {
	step, _ := nice((s.Hi - s.Lo).Seconds())
	for v := float64(int(s.Lo.Seconds()/step)) * step; v <= s.Hi.Seconds()+step/1000; v += step {
		if v < s.Lo.Seconds()-step/1000 && s.Lo.Seconds() > step/5 {
			continue
		}
		fmt.Fprintf(b, `<text x="%.1f" y="%d" text-anchor="middle">%g s</text>`, plotLeft+plotInnerW*part(s, v), y+20, round(v))
	}
}

// nice gives a step of 1, 2 or 5 with which about five reach a number, and the multiple of it that does.
func nice(most float64) (step, top float64) {
	if most <= 0 {
		return 1, 1
	}
	step = 1
	for step*6 < most {
		step *= 10
	}
	for step > most {
		step /= 10
	}
	for _, f := range []float64{5, 2} {
		if step/10*f*6 >= most {
			step = step / 10 * f
		}
	}
	for top = step; top < most; top += step {
	}
	return step, top
}

func round(v float64) float64 { return float64(int64(v*1e6+0.5)) / 1e6 }

// severity sorts regimes into what the map shows, the gravest last.
func severity(g Regime) int {
	for i, bit := range []Regime{Never, Fails, GivesUp, Refuses, Opens} {
		if g&bit != 0 {
			return []int{5, 4, 3, 2, 1}[i]
		}
	}
	return 0
}

var graveness = []string{
	"no breaker opens and no caller is told a failure: orders wait, or pass", "the breaker opens, and nobody is refused by it", "orders are refused at once",
	"orders that are being retried end at the open breaker", "callers are told failures when retries run out", "no order is accepted again",
}

// svg draws the map, and gives the classes that are on it.
func (m Map) svg() (template.HTML, []legend) {
	var b bytes.Buffer
	used := map[int]bool{}
	height := plotTop + mapRow*len(m.Callers) + plotBottom
	fmt.Fprintf(&b, `<svg viewBox="0 0 %d %d" role="img" aria-label="regimes">`, plotWidth, height)
	width := float64(plotInnerW) / float64(max(len(m.Outages), 1))
	for i, row := range m.Regimes {
		y := plotTop + mapRow*i
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end">%d</text>`, plotLeft-6, y+mapRow/2+4, m.Callers[i])
		for from := 0; from < len(row); {
			to := from + 1
			for to < len(row) && severity(row[to]) == severity(row[from]) {
				to++
			}
			k := severity(row[from])
			used[k] = true
			fmt.Fprintf(&b, `<rect class="r%d" x="%.1f" y="%d" width="%.1f" height="%d"/>`, k, plotLeft+width*float64(from), y, width*float64(to-from), mapRow-2)
			from = to
		}
	}
	if n := len(m.Outages); n > 0 {
		axis(&b, Span{m.Outages[0], m.Outages[n-1]}, plotTop+mapRow*len(m.Callers))
	}
	b.WriteString("</svg>")
	var out []legend
	for k, what := range graveness {
		if used[k] {
			out = append(out, legend{fmt.Sprintf("r%d", k), what})
		}
	}
	return template.HTML(b.String()), out
}

// Scenario gives the file of a worst case, and the toll that is foretold for it.
func (r Result) Scenario(w Worst) (name string, text []byte, foretold oracle.Toll) {
	name = "worst-" + w.What
	return name, r.Question.YAML(name, w.Why(w.Most), w.Shown), w.Most
}
