package oracle

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/halfopen/halfopen/harness/resiliency"
	"github.com/halfopen/halfopen/harness/scenario"
)

// callerTold: daprd's own errors are 500; an app's answer is passed on as it is.
var callerTold = Check{
	Name: "caller-told",
	Doc:  "the caller is told what happened: the app's own status after the last attempt, or 500 with Dapr's error",
	Run: func(r *Reading) Result {
		var t tally
		t.each(r.Operations, func(o *Operation) {
			switch {
			case o.Answered():
				t.examined++
				t.told(r, o)
			case r.dropped(o):
				t.examined++
				t.find(Finding{
					What: fmt.Sprintf("%s was never answered: its sidecar ended the connection", o.order()),
					Want: "an answer", Got: o.Close.Text, Events: points(o.Request, o.last()),
				})
			}
		})
		if !r.Loaded {
			return notHere("the load was never started")
		}
		return t.result()
	},
}

// dropped tells whether a caller's sidecar left it without an answer, though it lived and the link was whole.
func (r *Reading) dropped(o *Operation) bool {
	if o.by != "upstream" || r.sidecarGone(o.Caller, o.Start(), o.Close.At) {
		return false
	}
	if n := len(o.Attempts); n > 0 && o.Attempts[n-1].Response != nil && !o.Attempts[n-1].Answered() {
		return false // the answer of its last attempt broke off, and so does its own
	}
	for _, f := range r.Faults {
		if f.Link == o.Link.Name {
			return false
		}
	}
	return true
}

// unseen tells whether an attempt of an operation may have been torn before its tap had read a head: a fault came in its time.
func (r *Reading) unseen(o *Operation) bool {
	i := slices.IndexFunc(r.Plan.Links, func(l scenario.Link) bool {
		return l.Hop == scenario.HopToPeer && l.From == o.Caller && l.To == o.Target
	})
	end, _ := o.End()
	return i >= 0 && slices.ContainsFunc(r.Faults, func(f *Fault) bool {
		came := f.Injected != nil && f.Injected.At <= r.late(end) && (f.Applied == nil || r.late(f.Applied.At) >= o.Start())
		return came && f.severs(r.Plan.Links[i].Name, o.Target)
	})
}

func (t *tally) told(r *Reading, o *Operation) {
	wrong := func(want, why string) {
		t.find(Finding{
			What: fmt.Sprintf("%s was told %d, and %s", o.order(), o.Status(), why),
			Want: want, Got: fmt.Sprint(o.Status()), Events: points(o.Request, o.last()),
		})
	}
	n := len(o.Attempts)
	if n == 0 {
		switch {
		case o.Accepted():
			wrong("an error", "no attempt of it was seen: an answer from nowhere")
		case o.Status() != http.StatusInternalServerError:
			wrong("500", "it was refused by its own sidecar")
		case o.Policies.Breaker == nil && !r.unseen(o):
			wrong("an attempt", "nothing in the spec refuses it before its first attempt")
		}
		return
	}
	last := o.Attempts[n-1]
	switch {
	case last.Response != nil && !last.Own() && o.Status() == last.Status() && (last.Answered() || resiliency.Failed(last.Status())):
	case last.OK():
		wrong(fmt.Sprint(last.Status()), fmt.Sprintf("its last attempt was answered %d", last.Status()))
	case o.Accepted():
		wrong("an error", "its last attempt "+last.outcome())
	case o.Status() != http.StatusInternalServerError:
		wrong("500, or the app's own status", "its last attempt "+last.outcome())
	case last.Answered() && !last.Own() && !o.mayBeRefused && !r.sidecarGone(o.Caller, last.Start(), o.last().At):
		wrong(fmt.Sprint(last.Status()), fmt.Sprintf("its last attempt was answered %d by the app", last.Status()))
	}
}
