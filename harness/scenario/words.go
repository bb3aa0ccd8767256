package scenario

import "fmt"

// String says a step in a few words: `stop order-processor for 45s`.
func (s Step) String() string {
	switch {
	case s.Wait != nil:
		return s.Wait.String()
	case s.Fault != nil:
		return s.Fault.String()
	case s.Send != nil:
		return "send an order through " + s.Send.From + "'s sidecar"
	}
	return "heal " + s.Heal
}

// String says what a wait waits for.
func (w Wait) String() string {
	switch {
	case w.Orders == 1:
		return "wait for an order"
	case w.Orders > 0:
		return fmt.Sprintf("wait for %d orders", w.Orders)
	case w.Recovered != "":
		return "wait until " + w.Recovered + " has recovered"
	case w.Opened != "":
		return "wait until a breaker of " + w.Opened + " opens"
	}
	return "wait " + w.For.String()
}
