package report

import (
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"github.com/halfopen/halfopen/harness/oracle"
)

// Sizes of the picture, in its own units.
const (
	pictureWidth = 1100
	labelWidth   = 190
	rowHeight    = 34
	axisHeight   = 26
)

// A picture is the timeline as SVG, drawn from the story.
type picture struct {
	b    strings.Builder
	end  time.Duration
	rows []pictureRow
}

type pictureRow struct{ kind, lane string }

// timeline draws lanes of orders, attempts and breakers, with the faults shaded across all of them.
func timeline(v oracle.Verdict) template.HTML {
	p := &picture{end: time.Second}
	for _, kind := range []string{"order", "attempt", "breaker"} {
		for _, m := range v.Story {
			r := pictureRow{kind, m.Lane}
			if m.Kind == kind && !slices.Contains(p.rows, r) {
				p.rows = append(p.rows, r)
			}
		}
	}
	for _, m := range v.Story {
		p.end = max(p.end, m.At, m.Until)
	}
	height := axisHeight + rowHeight*max(1, len(p.rows)) + 8
	fmt.Fprintf(&p.b, `<svg viewBox="0 0 %d %d" role="img" aria-label="orders, attempts and breaker states over %s">`, pictureWidth, height, round(p.end))
	p.axis(height)
	p.faults(v, height)
	for i, r := range p.rows {
		y := axisHeight + i*rowHeight
		fmt.Fprintf(&p.b, `<text x="8" y="%d">%s</text><text x="8" y="%d" class="dim">%s</text>`, y+14, esc(label(r.lane)), y+28, names[r.kind])
		if r.kind == "breaker" {
			p.breaker(v, r.lane, y)
			continue
		}
		p.dots(v, r, y)
	}
	p.b.WriteString("</svg>")
	return template.HTML(p.b.String()) // all foreign text in it went through esc
}

var names = map[string]string{"order": "orders", "attempt": "attempts", "breaker": "breaker"}

func esc(s string) string { return template.HTMLEscapeString(plain(s)) }

// label keeps a lane's name within its column.
func label(lane string) string {
	const most = 26
	if r := []rune(lane); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return lane
}

func (p *picture) x(at time.Duration) float64 {
	return labelWidth + float64(at)/float64(p.end)*(pictureWidth-labelWidth-12)
}

// axis draws about ten ticks at round seconds.
func (p *picture) axis(height int) {
	step := time.Second
	for _, s := range []time.Duration{1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600} {
		if step = s * time.Second; p.end/step <= 12 {
			break
		}
	}
	for at := time.Duration(0); at <= p.end; at += step {
		fmt.Fprintf(&p.b, `<line class="grid" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/><text class="dim" x="%.1f" y="15">%g</text>`,
			p.x(at), p.x(at), axisHeight-6, height-4, p.x(at)+3, at.Seconds())
	}
}

func (p *picture) faults(v oracle.Verdict, height int) {
	for _, m := range v.Story {
		if m.Kind != "fault" || m.Until == 0 {
			continue
		}
		fmt.Fprintf(&p.b, `<rect class="fault" x="%.1f" y="%d" width="%.1f" height="%d"><title>%s</title></rect>`,
			p.x(m.At), axisHeight-6, max(1, p.x(m.Until)-p.x(m.At)), height-axisHeight+2, esc(m.What))
	}
}

// dots draws each moment of a lane; a folded run of orders is a bar.
func (p *picture) dots(v oracle.Verdict, r pictureRow, y int) {
	for _, m := range v.Story {
		if m.Kind != r.kind || m.Lane != r.lane {
			continue
		}
		title := fmt.Sprintf("<title>%s s: %s</title>", clock(m.At), esc(m.What))
		if m.Count > 1 {
			fmt.Fprintf(&p.b, `<rect class="%s" rx="4" x="%.1f" y="%d" width="%.1f" height="8">%s</rect>`,
				m.Outcome, p.x(m.At)-4, y+12, max(8, p.x(m.Until)-p.x(m.At)+8), title)
			continue
		}
		fmt.Fprintf(&p.b, `<circle class="%s" cx="%.1f" cy="%d" r="5">%s</circle>`, m.Outcome, p.x(m.At), y+16, title)
	}
}

// breaker draws a band of states; a half-open moment is too short to see, so it is drawn wider than it was.
func (p *picture) breaker(v oracle.Verdict, lane string, y int) {
	state, from := "closed", time.Duration(0)
	band := func(until time.Duration) {
		fmt.Fprintf(&p.b, `<rect class="%s" x="%.1f" y="%d" width="%.1f" height="10"><title>%s from %s to %s s</title></rect>`,
			state, p.x(from), y+11, max(0, p.x(until)-p.x(from)), state, clock(from), clock(until))
	}
	var probes []time.Duration
	for _, m := range v.Story {
		if m.Kind != "breaker" || m.Lane != lane {
			continue
		}
		band(m.At)
		state, from = m.Outcome, m.At
		if m.Outcome == "half-open" {
			probes = append(probes, m.At)
		}
	}
	band(p.end)
	for _, at := range probes {
		fmt.Fprintf(&p.b, `<rect class="half-open" x="%.1f" y="%d" width="4" height="18"><title>half-open at %s s</title></rect>`, p.x(at)-2, y+7, clock(at))
	}
}
