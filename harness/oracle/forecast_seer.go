package oracle

import (
	"fmt"
	"math/rand/v2"

	"github.com/halfopen/halfopen/harness/resiliency"
	"github.com/halfopen/halfopen/harness/scenario"
)

// A Seer makes many forecasts under one spec, in figures alone. It is not for several goroutines at once.
type Seer struct {
	spec  *resiliency.Spec
	trips trips
	bound map[[2]string]resiliency.Policies
	dice  *rand.PCG
	play  play
	toll  tolling
	order orders
	rand  *rand.Rand
}

// NewSeer makes one. A nil spec is none at all.
func NewSeer(spec *resiliency.Spec) *Seer {
	dice := rand.NewPCG(0, 0)
	return &Seer{spec: spec, trips: trips{}, bound: map[[2]string]resiliency.Policies{}, dice: dice, rand: rand.New(dice)}
}

// orders are kept from one play to the next: making them anew costs more than playing them.
type orders struct {
	all  []*order
	used int
}

func (s *orders) next() *order {
	if s == nil {
		return &order{}
	}
	if s.used == len(s.all) {
		s.all = append(s.all, &order{})
	}
	o := s.all[s.used]
	*o = order{waits: o.waits[:0]}
	s.used++
	return o
}

// mostMore are ways that are drawn where not all can be followed.
const mostMore = 3000

// mostDrawn bounds what happens in one drawn way.
const mostDrawn = 10_000

// Draw goes one way of a plan: at a tie any of the things of that instant comes first, and jitter is drawn too. The
// same seed draws the same way.
func (s *Seer) Draw(plan scenario.Plan, seed uint64) Toll {
	s.dice.Seed(seed, 0)
	s.toll = tolling{}
	s.order.used = 0
	p := &s.play
	*p = play{
		ways: ways{dice: s.rand}, trips: s.trips, bound: s.bound, toll: &s.toll, kept: &s.order,
		pending: p.pending[:0], senders: p.senders[:0], flying: p.flying[:0], most: mostDrawn,
	}
	p.set(plan, s.spec, 0)
	p.run()
	_, most := s.toll.sum()
	most.Cut = p.why
	return most
}

// All goes all ways of a plan, and gives the least and the most of each figure. Where there are too many of them it goes
// some, draws more, and says so.
func (s *Seer) All(plan scenario.Plan) (least, most Toll) {
	var all tolling
	w := ways{}
	n, did := 0, 0
	for first := true; first || w.again(); first = false {
		if n == mostWays || did > mostDone {
			drawn := s.more(plan, &all)
			all.most.Ways = n + drawn
			all.most.Cut = fmt.Sprintf("it may go in more ways than are followed: %d of them, and %d drawn ones, are told", n, drawn)
			break
		}
		p := &play{ways: w, trips: s.trips, bound: s.bound, most: mostDrawn}
		p.set(plan, s.spec, 0)
		p.run()
		w = p.ways
		did += p.did
		if p.void {
			continue
		}
		one := tolling{}
		for _, t := range p.told {
			one.add(t)
		}
		low, high := one.sum()
		high.Cut = p.why
		all.merge(low, high)
		n++
		all.most.Ways = n
	}
	all.least.Ways = all.most.Ways
	return all.least, all.most
}

// more draws ways, where not all can be followed.
func (s *Seer) more(plan scenario.Plan, all *tolling) (drawn int) {
	for did := 0; drawn < mostMore && did < 4*mostDone; drawn++ {
		toll := s.Draw(plan, uint64(drawn))
		did += s.play.did
		all.merge(toll, toll)
	}
	return drawn
}

// mostDone bounds what happens in all ways together that are followed.
const mostDone = 200_000

// inForce are the policies of a caller's sidecar.
func (p *play) inForce(spec *resiliency.Spec, c scenario.Service) resiliency.Policies {
	if p.bound == nil {
		return spec.For(c.Name, c.Sends.To)
	}
	key := [2]string{c.Name, c.Sends.To}
	policies, known := p.bound[key]
	if !known {
		policies = spec.For(c.Name, c.Sends.To)
		p.bound[key] = policies
	}
	return policies
}
