package scenario

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/halfopen/halfopen/harness/document"
	"github.com/halfopen/halfopen/harness/problem"
)

// stepWords are what a step may be.
var stepWords = []string{"wait", "fault", "heal", "send"}

// stepHints show one of each.
var stepHints = map[string]string{
	"wait": "wait: { orders: 4 }", "fault": "fault: { stop: order-processor, for: 45s }", "heal": "heal: the name of a fault", "send": "send: { from: checkout }",
}

func (p *parser) step(v document.Value) {
	f := v.Fields().Known(stepWords...)
	s := Step{Line: v.Line()}
	var found []string
	for _, word := range stepWords {
		switch w := f.Get(word); {
		case w.Set():
			found = append(found, word)
		case w.Line() > 0:
			w.Problem("is empty", stepHints[word])
			p.broke = p.broke || word == "fault"
		}
	}
	f.Done()
	switch {
	case len(found) > 1:
		v.Problem("is both "+strings.Join(found, " and "), "one step, one thing: begin a new `- ` for each")
	case len(found) == 0 && v.IsMap() && len(f.All()) == 0:
		v.Problem("is empty", "wait, fault, heal or send")
	}
	for _, word := range found {
		w := f.Get(word)
		switch word {
		case "wait":
			s.Wait = p.wait(w)
		case "fault":
			s.Fault = p.fault(w)
		case "heal":
			s.Heal = w.Text()
			p.heal(w)
		case "send":
			s.Send = p.send(w)
		}
	}
	if v.IsMap() {
		p.s.Timeline = append(p.s.Timeline, s)
	}
}

func (p *parser) wait(v document.Value) *Wait {
	f := v.Fields().Known("orders", "recovered", "opened", "for", "within")
	w := &Wait{
		Orders: f.Get("orders").Int(0), Recovered: f.Get("recovered").Text(), Opened: f.Get("opened").Text(),
		For: span(f.Get("for"), 0), Within: span(f.Get("within"), 0),
	}
	var found []string
	for _, word := range []string{"orders", "recovered", "opened", "for"} {
		if f.Get(word).Set() {
			found = append(found, word)
		}
	}
	f.Done()
	if len(found) != 1 {
		v.Problem("must wait for one thing", "orders: 4, recovered: checkout, opened: checkout, or for: 10s")
	}
	if f.Get("orders").Set() && w.Orders < 1 {
		f.Get("orders").Problem("fewer than one order", "orders: 4")
	}
	if f.Get("for").Set() && w.For == 0 {
		f.Get("for").Problem("is no time at all", "for: 10s")
	}
	for _, word := range []string{"recovered", "opened"} {
		if name := f.Get(word); name.Set() {
			p.caller(name)
			if !p.broke {
				name.Problem("nothing was broken before it", "put a fault first")
			}
		}
	}
	return w
}

// caller checks that a name is that of a service that sends.
func (p *parser) caller(v document.Value) {
	s := p.s.Service(v.Text())
	if s == nil {
		p.unknownService(v)
		return
	}
	if s.Sends == nil && !p.doubtful[s.Name] {
		v.Problem(s.Name+" sends nothing", "name the caller")
	}
}

func (p *parser) send(v document.Value) *Send {
	f := v.Fields().Known("from", "within")
	from := f.Need("from", "from: checkout")
	s := &Send{From: from.Text(), Within: span(f.Get("within"), 0)}
	if s.From != "" {
		p.caller(from)
	}
	f.Done()
	return s
}

func (p *parser) heal(v document.Value) {
	o := p.faults[v.Text()]
	names := slices.Sorted(maps.Keys(p.faults))
	near := document.Nearest(v.Text(), names)
	vague := func(kind string) bool { return strings.HasPrefix(v.Text(), kind+"-") }
	switch {
	case o != nil && o.vague:
	case o == nil && slices.ContainsFunc(p.vague, vague): // it may be the one whose name can't be known
	case o == nil && near != "":
		v.Problem(fmt.Sprintf("no fault %q before it", v.Text()), fmt.Sprintf("did you mean %s?", near))
		p.faults[near].healed = true
	case o == nil && len(names) == 0:
		v.Problem(fmt.Sprintf("no fault %q before it", v.Text()), "put a fault with this `name:` first")
	case o == nil:
		v.Problem(fmt.Sprintf("no fault %q before it", v.Text()), "there are: "+problem.Names(names))
	case o.self:
		v.Problem(fmt.Sprintf("fault %q heals itself", v.Text()), "take its `for:` away, or this step")
	case o.healed:
		v.Problem(fmt.Sprintf("fault %q is healed already", v.Text()), "remove it")
	default:
		o.healed = true
	}
}

// link tells of a name that no link has, unless that follows from what has been told of its ends.
func (p *parser) link(v document.Value) {
	from, to, _ := strings.Cut(v.Text(), "->")
	for _, u := range p.unknown {
		if u.name != "" && (u.name == from || u.name == to) {
			u.at = append(u.at, v)
			return
		}
	}
	var known []string
	for _, l := range links(*p.s) {
		if l.Name == v.Text() {
			return
		}
		if p.s.Service(l.To) != nil {
			known = append(known, l.Name)
		}
	}
	s := p.s.Service(from)
	lost := s != nil && s.Sends != nil && p.s.Service(s.Sends.To) == nil && p.s.Service(to) != nil
	if lost || p.doubtful[from] || p.doubtful[to] || len(p.s.Services) == 0 {
		return
	}
	v.Problem(fmt.Sprintf("no link %q", v.Text()), nearest(v.Text(), known))
}

// remember gives a fault its name and keeps it for the steps that follow.
func (p *parser) remember(v document.Value, f *Fault, heals bool) {
	named := f.Name != ""
	if !named {
		f.Name = strings.ReplaceAll(f.Kind+"-"+f.Target(), "->", "-to-")
		f.Name = strings.ReplaceAll(f.Name, "/", "-")
		for n, base := 2, f.Name; p.faults[f.Name] != nil; n++ {
			f.Name = fmt.Sprintf("%s-%d", base, n)
		}
	}
	if p.faults[f.Name] != nil {
		v.Problem(fmt.Sprintf("a fault named %q is there already", f.Name), "give it another `name:`")
		return
	}
	p.faults[f.Name] = &open{at: v, self: heals}
}
