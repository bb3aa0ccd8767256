package oracle_test

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/resiliency"
)

// An operation is one sending of an order through the made sidecar.
type operation struct {
	caller    int
	id, trace string
	path      string // orders by default
	to        string // order-processor by default
	conn      uint64
	tries     int // of the policy
	within    int // built-in retries of this try
	total     int
	life      int           // of the breaker that let this try through
	passed    time.Duration // when this try began
	pauses    bool          // before a built-in retry
	began     time.Duration
}

func (w *world) order(caller int) {
	w.orders++
	w.send(caller, strconv.Itoa(w.orders))
}

func (w *world) send(caller int, id string) {
	w.traces++
	o := &operation{caller: caller, id: id, trace: fmt.Sprintf("%032x", w.traces), conn: w.connect(toSidecar)}
	w.exchange(history.KindRequest, toSidecar, o.conn, o, 0, "")
	w.after(w.hop(), func() {
		o.began = w.now
		w.try(o)
	})
}

func (w *world) connect(link string) uint64 {
	w.conns[link]++
	return w.conns[link]
}

// exchange records an event of a request on a link.
func (w *world) exchange(kind history.Kind, link string, conn uint64, o *operation, status int, own string) {
	attrs := map[string]string{"n": "1"}
	if kind == history.KindRequest {
		attrs["method"], attrs["app"] = "POST", cmp.Or(o.to, "order-processor")
	}
	w.record(history.Event{
		Source: history.Links, Kind: kind, Link: link, Conn: conn, Op: o.trace, ID: o.id, Path: "/" + cmp.Or(o.path, "orders"), Status: status, Error: own, Attrs: attrs,
	})
}

func (w *world) close(link string, conn uint64, by, how string) {
	w.record(history.Event{Source: history.Links, Kind: history.KindClose, Link: link, Conn: conn, Text: how, Attrs: map[string]string{"by": by, "open": "1"}})
}

// answered records a whole answer.
func (w *world) answered(link string, conn uint64, o *operation, status int, own string) {
	w.exchange(history.KindResponse, link, conn, o, status, own)
	w.exchange(history.KindComplete, link, conn, o, status, own)
}

// answer tells the caller, who sends the next order or the same one again.
func (w *world) answer(o *operation, status int) {
	w.after(w.hop(), func() {
		w.answered(toSidecar, o.conn, o, status, "")
		if strings.HasPrefix(o.id, "probe") {
			return
		}
		if status/100 == 2 {
			if w.healed {
				w.accepted[o.caller]++
			}
			done := len(w.accepted) == w.callers
			for _, n := range w.accepted {
				done = done && n >= w.most
			}
			w.over = w.over || done
		}
		w.after(w.every, func() {
			if status/100 == 2 || w.rogue == "gives_an_order_up" {
				w.order(o.caller)
			} else {
				w.send(o.caller, o.id)
			}
		})
	})
}

// An outcome is what the sidecar knows of an attempt when it is over.
type outcome struct {
	status int
	lost   bool // the target's sidecar was not there, or left
}

func (x outcome) ok() bool { return x.status >= 200 && x.status < 400 }

// try is one try of the policy, if the breaker admits it.
func (w *world) try(o *operation) {
	if w.cut != nil {
		var admitted bool
		if o.life, admitted = w.cut.admit(); !admitted {
			w.answer(o, w.told(500))
			return
		}
	}
	o.tries++
	o.within, o.passed = 0, w.now
	if limit, ok := w.limit(o); ok {
		try := o.tries
		w.after(limit, func() {
			if o.pauses && o.tries == try {
				w.tried(o, outcome{})
			}
		})
	}
	w.attempt(o)
}

// limit is how long a try may take from now on.
func (w *world) limit(o *operation) (time.Duration, bool) {
	d := w.policies.Timeout
	if d == nil {
		return 0, false
	}
	limit := *d
	switch w.rogue {
	case "times_out_late":
		limit = limit * 3 / 2
	case "times_out_early":
		limit /= 2
	case "times_out_by_the_operation":
		limit -= w.now - o.began
	}
	return limit - (w.now - o.passed), true
}

// attempt is one attempt of a try.
func (w *world) attempt(o *operation) {
	o.total++
	done := false
	learn := func(x outcome) {
		if done {
			return
		}
		done = true
		w.attempted(o, x)
	}
	if w.rogue == "dials_with_a_back_off" && w.healed && w.now < w.healedAt+12*time.Second {
		w.after(w.hop(), func() { learn(outcome{lost: true}) })
		return
	}
	conn := w.connect(toPeer)
	if limit, ok := w.limit(o); ok {
		w.after(limit, func() {
			if done {
				return
			}
			w.after(w.hop(), func() { w.close(toPeer, conn, "client", "eof") })
			learn(outcome{})
		})
	}
	w.after(w.hop(), func() {
		switch w.rogue {
		case "attempts_without_a_trace":
			nobody := *o
			nobody.trace = fmt.Sprintf("%032x", w.rng.Uint64())
			w.exchange(history.KindRequest, toPeer, conn, &nobody, 0, "")
		case "loses_an_order":
			if o.id == "3" {
				learn(outcome{status: 200})
				return
			}
			fallthrough
		default:
			w.exchange(history.KindRequest, toPeer, conn, o, 0, "")
		}
		w.carry(o, conn, func() bool { return done }, learn)
	})
}

// carry is an attempt on its way: to the target's sidecar, to its app, and back.
func (w *world) carry(o *operation, conn uint64, done func() bool, learn func(outcome)) {
	lose := func() {
		learn(outcome{lost: true})
		w.after(w.hop(), func() {
			if !done() {
				return
			}
			w.close(toPeer, conn, "upstream", "eof")
		})
	}
	if w.gone[history.Sidecar] {
		w.after(w.hop(), lose)
		return
	}
	life := w.lives
	back := func(status int, own string) {
		w.after(w.hop(), func() {
			switch {
			case w.lives != life && w.gone[history.Sidecar]:
				lose()
			case done():
			default:
				w.answered(toPeer, conn, o, status, own)
				w.after(w.hop(), func() { learn(outcome{status: status}) })
			}
		})
	}
	w.after(w.hop(), func() {
		app := w.connect(toApp)
		w.exchange(history.KindRequest, toApp, app, o, 0, "")
		if w.gone[history.App] {
			w.after(w.hop(), func() { w.close(toApp, app, "upstream", "eof") })
			back(500, "EOF")
			return
		}
		takes := w.slow + w.hop()
		if w.status != 0 && w.broken {
			takes += 41 * time.Millisecond
		}
		if w.hang && w.broken {
			return
		}
		w.after(takes, func() {
			if w.lives != life && w.gone[history.App] {
				w.close(toApp, app, "upstream", "eof")
				back(500, "EOF")
				return
			}
			status := 200
			if w.status != 0 && w.broken {
				status = w.status
			}
			w.answered(toApp, app, o, status, "")
			if w.rogue == "doubles_an_order" && o.id == "3" {
				w.exchange(history.KindRequest, toApp, app+1000, o, 0, "")
				w.answered(toApp, app+1000, o, status, "")
			}
			back(status, "")
		})
	})
}

// attempted is the end of an attempt, and of its try where no built-in retry follows.
func (w *world) attempted(o *operation, x outcome) {
	b := w.policies.Builtin
	acts := b != nil && x.lost && o.within < b.MaxRetries && w.rogue != "no_builtin_retries"
	if !acts && (w.rogue != "builtin_retries_for_a_status" || x.ok() || o.within >= 3) {
		w.tried(o, x)
		return
	}
	if o.within == 0 {
		w.says("Error processing operation DaprBuiltInServiceRetries. Retrying...", "never_says_retrying")
	}
	o.within++
	o.pauses = true
	try := o.tries
	w.after(b.Duration, func() {
		if o.pauses && o.tries == try {
			o.pauses = false
			w.attempt(o)
		}
	})
}

// tried is the end of a try: it is counted, and an answer comes, or another one after a pause.
func (w *world) tried(o *operation, x outcome) {
	o.pauses = false
	if w.cut != nil {
		w.cut.count(o.life, x.ok())
	}
	p, b := w.policies.Retry, w.policies.Builtin
	acts := p != nil && !x.ok() && (x.status == 0 || w.retries(*p, x.status))
	most := 0
	if p != nil {
		most = p.MaxRetries
	}
	switch w.rogue {
	case "one_retry_too_many":
		most++
	case "one_retry_too_few":
		most--
	case "gives_up_silently":
		most = 3
	}
	switch {
	case acts && (most == resiliency.Forever || o.tries <= most):
		gap := w.gap(*p, o.tries)
		if o.tries == 1 || w.rogue == "says_retrying_each_time" {
			w.says("Error processing operation endpoint[order-processor, order-processor:orders]. Retrying...", "never_says_retrying")
		}
		w.after(gap, func() { w.try(o) })
	default:
		if x.ok() && o.total > 1 {
			name := "endpoint[order-processor, order-processor:orders]"
			if p == nil && b != nil {
				name = b.Name
			}
			w.says(fmt.Sprintf("Recovered processing operation %s after %d attempts", name, o.total), "never_says_recovered")
		}
		status := x.status
		if status == 0 {
			status = 500
		}
		w.answer(o, w.told(status))
	}
}

// told is the status that a caller is told.
func (w *world) told(status int) int {
	if w.rogue == "swallows_the_status" && status != 200 {
		return 502
	}
	return status
}

func (w *world) says(text, silencer string) {
	if w.rogue != "logs_nothing" && (silencer == "" || w.rogue != silencer) {
		w.line(text)
	}
}

func (w *world) retries(p resiliency.Retry, status int) bool {
	switch w.rogue {
	case "retries_what_does_not_match":
		return true
	case "does_not_retry_what_matches":
		return false
	}
	return p.Retries(status)
}

// gap is the pause before the n-th retry.
func (w *world) gap(p resiliency.Retry, n int) time.Duration {
	lo, hi := p.Gap(n)
	gap := lo
	if hi > lo {
		gap += time.Duration(w.rng.Int64N(int64(hi - lo)))
	}
	switch w.rogue {
	case "gap_too_long":
		gap += gap / 5
	case "gap_too_short":
		gap -= gap / 5
	case "gap_drifts":
		gap += time.Duration(n) * gap / 50
	case "jitter_beyond_the_envelope":
		gap = hi + hi/5
	}
	return gap
}
