package oracle

import "cmp"

// A name is the number of a trace id or an order's id, 0 for none: a long history asks for them too often to compare
// them letter by letter each time.
type name int32

// names numbers strings.
type names struct {
	numbers map[string]name
	known   []known // by number
}

// known is what is known by a trace id.
type known struct {
	asked []*Operation // that go by it, in the order in which that was known
	text  string       // the order's id that came with it last
	id    name
}

func newNames(most int) names {
	return names{numbers: make(map[string]name, most), known: make([]known, 1, most+1)}
}

// of numbers a string.
func (n *names) of(text string) name {
	if text == "" {
		return 0
	}
	k, old := n.numbers[text]
	if !old {
		k = name(len(n.known))
		n.numbers[text] = k
		n.known = append(n.known, known{})
	}
	return k
}

// order numbers an order's id. All that goes by one trace id bears the same one, as a rule.
func (n *names) order(trace name, text string) name {
	k := n.known[trace]
	if trace == 0 || k.text != text {
		k.text, k.id = text, n.of(text)
	}
	if trace != 0 {
		n.known[trace].text, n.known[trace].id = k.text, k.id
	}
	return k.id
}

// A carried names what an exchange carries to a service: by the trace id where there is one, since two callers may use
// one order id. A service that hands an order on does so under the same trace id, so the service belongs to it.
type carried struct {
	to, what name
	byID     bool
}

// A sent names the order that an operation carries. One that tells no id is an order by itself.
type sent struct{ caller, what name }

// A relived order is one that a caller sends when its app has come back, and counts its orders anew.
type relived struct{ order, life int }

// number gives the same number to all that carries the same order to the same service, and to all operations by which
// a caller sends the same order: over all its lives, and in one of them.
func (b *builder) number() {
	carried, orders := make(map[carried]int, len(b.Operations)), make(map[sent]int, len(b.Operations))
	lives := map[relived]int{}
	for _, o := range b.Operations {
		o.life = b.lifeOf(o)
		way := b.way(o)
		o.carries = numberOf(carried, o.carried(way.target))
		o.bears = numberOf(orders, sent{way.caller, cmp.Or(o.id, o.trace)})
	}
	for _, o := range b.Operations {
		if o.sends = o.bears; o.life > 0 && o.id != 0 {
			o.sends = len(orders) + numberOf(lives, relived{o.bears, o.life})
		}
	}
	for _, x := range b.Deliveries {
		x.carries = numberOf(carried, x.carried(b.names.of(x.Link.To)))
	}
	b.carried, b.sendings, b.named = len(carried), len(orders)+len(lives), len(b.names.known)
}

func (x *Exchange) carried(to name) carried {
	if x.trace != 0 {
		return carried{to, x.trace, false}
	}
	return carried{to, x.id, true}
}

func numberOf[K comparable](numbers map[K]int, of K) int {
	n, old := numbers[of]
	if !old {
		n = len(numbers)
		numbers[of] = n
	}
	return n
}
