package oracle

import (
	"fmt"
	"time"
)

// Sentences say in plain words what a caller lives through while its target is away: how long an order hangs and what
// it costs, when the breaker opens and what it refuses, and how soon it is over.
func (o Outlook) Sentences() []string {
	out := []string{o.hang(), o.dead(), o.trip()}
	out = append(out, o.tripOfMany()...)
	if o.Trips != nil || o.Many.Trips != nil {
		out = append(out, o.refusal())
	}
	return append(out, o.recovery())
}

func (o Outlook) hang() string {
	switch {
	case o.Hangs == nil:
		return "While the target is away, an order is tried again without end: it hangs for as long as the outage lasts, and its attempts have no bound."
	case o.Left:
		return fmt.Sprintf("While the target is away, an order costs %s at most, and its caller leaves %s after it was sent.", attempts(o.Attempts), o.Hangs.span())
	case o.Refused:
		return fmt.Sprintf("While the target is away, an order costs %s at most and is then refused by the open breaker, %s at most after it was sent.", attempts(o.Attempts), o.Hangs.span())
	}
	return fmt.Sprintf("While the target is away, an order costs %s, and its caller is told so %s after it was sent.", attempts(o.Attempts), o.Hangs.span())
}

func (o Outlook) dead() string {
	switch {
	case o.Dead:
		return "There is no timeout: a target that accepts and never answers hangs an order for ever, and no retry and no breaker helps."
	case o.Hung == nil && o.Timeout != nil:
		return fmt.Sprintf("A target that accepts and never answers costs each attempt its timeout of %s, and the order hangs for as long as that lasts.", short(*o.Timeout))
	case o.Hung == nil:
		return "A target that accepts and never answers hangs an order for as long as that lasts."
	}
	return fmt.Sprintf("A target that accepts and never answers costs an order %s and %s.", attempts(o.HungFor), o.Hung.span())
}

func (o Outlook) trip() string {
	switch {
	case o.Open == nil:
		return "There is no breaker: nothing is refused at once."
	case o.Trips == nil:
		return "One caller alone never makes the breaker open."
	}
	within := ""
	if o.Trips.Order > 1 {
		within = fmt.Sprintf(", within its %s order", ordinal(o.Trips.Order))
	}
	return fmt.Sprintf("One caller makes the breaker open on its %s failure, %s after the first one%s.", ordinal(o.Trips.Failure), o.Trips.After.span(), within)
}

func (o Outlook) tripOfMany() []string {
	if o.Open == nil {
		return nil
	}
	if o.Many.Trips == nil {
		return []string{fmt.Sprintf("Nor do %d callers that send at once.", o.Many.Callers)}
	}
	out := fmt.Sprintf("%d callers that send at once make it open on the %s failure, %s after the first one", o.Many.Callers, ordinal(o.Many.Trips.Failure), o.Many.Trips.After.span())
	if o.Many.GivesUp && !o.Refused {
		out += "; the others' retries then end at the open breaker, whatever maxRetries says"
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
	text := fmt.Sprintf("Once the target is ready again, a lone caller has an order accepted %s later %s", short(o.Recovers), within)
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
