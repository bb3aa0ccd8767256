package oracle

import (
	"fmt"
	"strings"
	"time"
)

// Sentences say in plain words what a caller lives through while its target is away, or the link to it slower: how long
// an order hangs and what it costs, when the breaker opens and what it refuses, and how soon it is over.
func (o Outlook) Sentences() []string {
	var out []string
	if o.Latency > 0 {
		if out = append(out, o.slower()); !o.Slow {
			return out
		}
	}
	out = append(out, o.hang())
	if o.Latency == 0 {
		out = append(out, o.dead())
	}
	out = append(append(out, o.trip()), o.tripOfMany()...)
	if o.Trips != nil || o.Many.Trips != nil {
		out = append(out, o.refusal())
	}
	return append(out, o.recovery())
}

func (o Outlook) hang() string {
	switch {
	case o.Untold:
		return fmt.Sprintf("What an order costs %s is not told: it may go in more ways than are followed.", o.meanwhile())
	case o.Beyond > 0:
		return o.unopened(fmt.Sprintf("%s, an order is still tried again after %s; it was not followed further.", o.meanwhile(), attempts(o.Beyond)))
	case o.endless():
		lasts := "the outage lasts"
		if o.Latency > 0 {
			lasts = "that lasts"
		}
		return o.unopened(fmt.Sprintf("%s, an order is tried again without end: it hangs for as long as %s, and its attempts have no bound.", o.meanwhile(), lasts))
	}
	who := "an order"
	if o.Trips != nil && !o.Refused {
		who = "the first order" // later ones meet a breaker that has counted its failures
	}
	text := fmt.Sprintf("%s costs %s, and its caller is told so %s after it was sent.", who, o.count(), o.Hangs.span())
	switch {
	case o.Left && !o.Refused && !o.Failed:
		text = fmt.Sprintf("%s costs %s at most, and its caller leaves %s after it was sent.", who, attempts(o.Attempts), o.Hangs.span())
	case o.Refused && !o.Left && !o.Failed:
		text = fmt.Sprintf("%s costs %s at most and is then refused by the open breaker, %s at most after it was sent.", who, attempts(o.Attempts), o.Hangs.span())
	case o.Refused || o.Left:
		text = fmt.Sprintf("%s costs %s and ends %s after it was sent: its retries run out, the open breaker refuses it or its caller leaves, whichever comes first.", who, o.count(), o.Hangs.span())
	}
	return o.fresh(o.meanwhile() + ", " + text)
}

// meanwhile says what is wrong.
func (o Outlook) meanwhile() string {
	if o.Latency > 0 {
		return "while the link is so slow"
	}
	return "while the target is away"
}

// fresh begins a sentence that is true for a breaker that has counted nothing yet.
func (o Outlook) fresh(text string) string {
	if o.Fresh {
		return "With fresh counts, " + text
	}
	return capital(text)
}

// unopened is fresh for what would end where the breaker opened: where it does open, that has been followed.
func (o Outlook) unopened(text string) string {
	if o.Trips != nil {
		return capital(text)
	}
	return o.fresh(text)
}

func capital(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

// count says how many attempts it costs.
func (c Cost) count() string {
	if c.Fewest == c.Attempts {
		return attempts(c.Attempts)
	}
	return fmt.Sprintf("%d to %s", c.Fewest, attempts(c.Attempts))
}

func (o Outlook) dead() string {
	switch {
	case o.Dead:
		return "There is no timeout: a target that accepts and never answers hangs an order for ever, and no retry and no breaker helps."
	case o.Hung.Untold:
		return "What an order costs whose target accepts and never answers is not told: it may go in more ways than are followed."
	case o.Hung.Beyond > 0:
		return o.unopened(fmt.Sprintf("a target that accepts and never answers leaves an order tried again after %s; it was not followed further.", attempts(o.Hung.Beyond)))
	case o.Hung.Hangs == nil && o.Timeout != nil:
		return o.unopened(fmt.Sprintf("a target that accepts and never answers costs each attempt its timeout of %s, and the order hangs for as long as that lasts.", short(*o.Timeout)))
	case o.Hung.Hangs == nil:
		return "A target that accepts and never answers hangs an order for as long as that lasts."
	}
	who := "an order"
	if o.Opens && !o.Hung.Refused {
		who = "the first order"
	}
	return o.fresh(fmt.Sprintf("a target that accepts and never answers costs %s %s and %s.", who, o.Hung.count(), o.Hung.Hangs.span()))
}

func (o Outlook) trip() string {
	switch {
	case o.Open == nil:
		return "There is no breaker: nothing is refused at once."
	case o.Trips == nil && o.Untold:
		return "When one caller alone makes the breaker open is not told."
	case o.Trips == nil && o.Closed > 0:
		return o.fresh(fmt.Sprintf("one caller alone does not make the breaker open with %s; it was not followed further.", attempts(o.Closed)))
	case o.Trips == nil:
		return o.fresh("one caller alone never makes the breaker open.")
	}
	within := ""
	switch t := o.Trips; {
	case t.Latest > t.Order+1:
		within = fmt.Sprintf(", within its %s to %s order", ordinal(t.Order), ordinal(t.Latest))
	case t.Latest > t.Order:
		within = fmt.Sprintf(", within its %s or %s order", ordinal(t.Order), ordinal(t.Latest))
	case t.Order > 1:
		within = fmt.Sprintf(", within its %s order", ordinal(t.Order))
	}
	return o.fresh(fmt.Sprintf("one caller makes the breaker open on its %s failure, %s after the first one%s.", ordinal(o.Trips.Failure), o.Trips.After.span(), within))
}

func (o Outlook) tripOfMany() []string {
	if o.Open == nil {
		return nil
	}
	if o.Many.Trips == nil && o.Many.Closed > 0 {
		return []string{fmt.Sprintf("Nor do %d callers that send at once with %s.", o.Many.Callers, attempts(o.Many.Closed))}
	}
	if o.Many.Trips == nil {
		return []string{fmt.Sprintf("Nor do %d callers that send at once.", o.Many.Callers)}
	}
	out := fmt.Sprintf("%d callers that send at once make it open on the %s failure, %s after the first one", o.Many.Callers, ordinal(o.Many.Trips.Failure), o.Many.Trips.After.span())
	if o.Many.Drawn > 0 {
		out += fmt.Sprintf(" as %d draws of the gaps have it", o.Many.Drawn)
	}
	if o.Many.GivesUp && !o.Refused {
		out += "; the others' retries then end at the open breaker, whatever maxRetries says"
	}
	if o.Many.Fresh {
		out = "With fresh counts, " + out
	}
	return []string{out + "."}
}

func (o Outlook) refusal() string {
	probes := "one order, the probe,"
	if o.Probes > 1 {
		probes = fmt.Sprintf("%d orders, the probes,", o.Probes)
	}
	return fmt.Sprintf("For %s from then on each other order is refused at once (500, %q), without an attempt; then %s may pass, and a failure opens it for %s again.",
		short(*o.Open), refusedOpen, probes, short(*o.Open))
}

func (o Outlook) recovery() string {
	within := "at most"
	if o.Attained {
		within = "at worst"
	}
	since := "the target is ready again"
	if o.Latency > 0 {
		since = "the link is as fast as before"
	}
	text := fmt.Sprintf("Once %s, a lone caller has an order accepted %s later %s", since, short(o.Recovers), within)
	if o.Many.Recovers != o.Recovers || !o.Attained {
		return text + fmt.Sprintf(", and the first of %d callers %s later at most.", o.Many.Callers, short(o.Many.Recovers))
	}
	return text + ", and so has the first of several callers."
}

// span writes a window as a length of time.
func (w Window) span() string {
	round := func(d time.Duration) string { return d.Round(time.Millisecond).String() }
	if w.Lo == w.Hi {
		return round(w.Lo)
	}
	return round(w.Lo) + " to " + round(w.Hi)
}
