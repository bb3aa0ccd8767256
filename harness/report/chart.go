package report

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"io"
	"time"

	"github.com/halfopen/halfopen/harness/oracle"
)

// The picture's data as the page's script reads it. Times are microseconds on the run's clock; a mark is a row of
// numbers, so that a hundred thousand of them stay small.
type chartData struct {
	Began    int64       `json:"began"`
	Ended    int64       `json:"ended"`
	Faults   []chartSpan `json:"faults"`
	Away     []chartBand `json:"away"`
	Lanes    []chartLane `json:"lanes"`
	Breakers []chartBand `json:"breakers"`
}

type chartSpan struct {
	What  string   `json:"what"`
	From  int64    `json:"from"`
	To    int64    `json:"to"`
	Event chartRef `json:"event"`
}

// A chartRef is a source's name and a number within it.
type chartRef [2]any

type chartLane struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	// From, To − From, outcome (index in chartOutcomes), N, Status, Seq of its event.
	Marks    [][6]int64     `json:"marks"`
	IDs      []string       `json:"ids"`
	Hows     map[int]string `json:"hows,omitempty"` // by mark
	Source   string         `json:"source"`         // of all its events
	Forecast []chartFore    `json:"forecast,omitempty"`
}

type chartFore struct {
	Lo int64  `json:"lo"`
	Hi int64  `json:"hi"`
	ID string `json:"id,omitempty"`
	N  int    `json:"n,omitempty"`
	It string `json:"it"`
}

type chartBand struct {
	Lane     string       `json:"lane"`
	Caller   string       `json:"caller,omitempty"`
	States   []chartState `json:"states"`
	Forecast []chartFore  `json:"forecast,omitempty"`
}

type chartState struct {
	At    int64    `json:"at"`
	State string   `json:"state"`
	N     int      `json:"n,omitempty"`
	Event chartRef `json:"event"`
}

var chartOutcomes = map[string]int64{"ok": 0, "failed": 1, "refused": 2, "waiting": 3}

func micros(d time.Duration) int64 { return d.Microseconds() }

func refOf(r oracle.Ref) chartRef { return chartRef{plain(r.Source), r.Seq} }

// chart is the picture's data as JSON.
func chart(in Input) []byte {
	c := in.Chart
	d := chartData{Began: micros(c.Began), Ended: micros(c.Ended), Faults: []chartSpan{}, Away: []chartBand{}, Lanes: []chartLane{}, Breakers: []chartBand{}}
	for _, f := range c.Faults {
		d.Faults = append(d.Faults, chartSpan{plain(f.What), micros(f.From), micros(f.To), refOf(f.Event)})
	}
	for _, l := range c.Lanes {
		lane := chartLane{Kind: l.Kind, Name: plain(l.Name), Marks: make([][6]int64, len(l.Marks)), IDs: make([]string, len(l.Marks)), Hows: map[int]string{}}
		for i, m := range l.Marks {
			lane.Marks[i] = [6]int64{micros(m.From), micros(m.To - m.From), chartOutcomes[m.Outcome], int64(m.N), int64(m.Status), int64(m.Event.Seq)}
			lane.IDs[i] = plain(m.ID)
			lane.Source = plain(m.Event.Source)
			if m.How != "" {
				lane.Hows[i] = plain(m.How)
			}
		}
		lane.Forecast = foretold(in, l)
		d.Lanes = append(d.Lanes, lane)
	}
	for _, b := range c.Breakers {
		band := bandOf(b)
		band.Forecast = foretoldStates(in, b)
		d.Breakers = append(d.Breakers, band)
	}
	for _, b := range c.Away {
		d.Away = append(d.Away, bandOf(b))
	}
	text, err := json.Marshal(d)
	if err != nil {
		panic(err) // it is made of numbers and of texts that were made plain
	}
	return text
}

func bandOf(b oracle.Band) chartBand {
	out := chartBand{Lane: plain(b.Lane), Caller: plain(b.Caller), States: []chartState{}}
	for _, s := range b.States {
		out.States = append(out.States, chartState{micros(s.At), s.State, s.N, refOf(s.Event)})
	}
	return out
}

// shifted lays a row of the forecast on the run's clock: the first faults are laid upon each other.
func shifted(in Input, r oracle.Foreseen) (chartFore, bool) {
	if len(in.Chart.Faults) == 0 || r.At.Hi < in.Forecast.Zero.Lo {
		return chartFore{}, false
	}
	by := in.Chart.Faults[0].From - in.Forecast.Zero.Lo
	return chartFore{Lo: micros(r.At.Lo + by), Hi: micros(r.At.Hi + by), ID: plain(r.ID), N: r.N, It: plain(r.String())}, true
}

// foretold gives the forecast of a lane, but for orders that pass at their first attempt.
func foretold(in Input, l oracle.Lane) []chartFore {
	if l.Kind == "delivery" {
		return nil
	}
	targets := map[string]string{}
	for _, c := range in.Plan.Scenario.Callers() {
		targets[c.Name] = c.Name + "->" + c.Sends.To
	}
	steady := steadyOrders(in.Forecast)
	var out []chartFore
	for _, r := range in.Forecast.Rows {
		here := l.Kind == "order" && r.Caller == l.Name || l.Kind == "attempt" && targets[r.Caller] == l.Name
		if r.Kind != l.Kind || !here || steady[orderKey{r.Caller, r.ID}] {
			continue
		}
		if f, ok := shifted(in, r); ok {
			out = append(out, f)
		}
	}
	return out
}

func foretoldStates(in Input, b oracle.Band) []chartFore {
	var out []chartFore
	for _, r := range in.Forecast.Rows {
		if r.Kind != "breaker" || r.Caller != b.Caller || r.ID != b.Lane {
			continue
		}
		if f, ok := shifted(in, r); ok {
			f.ID = r.What // closed to open
			out = append(out, f)
		}
	}
	return out
}

// mostCarried is the longest history that a page carries, in bytes.
const mostCarried = 64 << 20

// packHistory puts the raw history into the page; false where it is too long for that.
func packHistory(in Input) (template.HTML, bool) {
	text := in.HistoryText
	if text == nil {
		text = written(in)
	}
	if len(text) > mostCarried {
		return "", false
	}
	return pack(text), true
}

// written is a history that was never a file, as its file would be.
func written(in Input) []byte {
	var b bytes.Buffer
	out := json.NewEncoder(&b)
	out.SetEscapeHTML(false)
	err := out.Encode(in.History.Header)
	for _, e := range in.History.Events {
		if err == nil {
			err = out.Encode(e)
		}
	}
	if err != nil {
		panic(err) // events are made of what JSON can hold
	}
	return b.Bytes()
}

// pack makes bytes small, and of letters that can't end a script.
func pack(text []byte) template.HTML {
	var b bytes.Buffer
	letters := base64.NewEncoder(base64.StdEncoding, &b)
	small, err := gzip.NewWriterLevel(letters, gzip.DefaultCompression)
	if err == nil {
		_, err = small.Write(text)
	}
	for _, c := range []io.Closer{small, letters} {
		if err == nil {
			err = c.Close()
		}
	}
	if err != nil {
		panic(err) // nothing here can fail but memory
	}
	return template.HTML(b.String())
}
