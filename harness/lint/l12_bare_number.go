package lint

import (
	"fmt"
	"regexp"
	"time"

	"github.com/halfopen/halfopen/harness/document"
	"github.com/halfopen/halfopen/harness/resiliency"
)

func l12() Rule {
	return Rule{
		ID: "L12", Severity: Warning, Link: pageTimeouts,
		Title:  "a bare number as a duration",
		Reason: "Dapr reads a number without a unit as milliseconds.",
		Effect: "timeout: 5 is 5 ms",
		Mend:   "write the unit: 5s, or 5ms",
		check: func(c *checking) {
			_, timeouts := c.res.root.Find("spec", "policies", "timeouts")
			for _, name := range unique(timeouts.Keys()) {
				_, v := timeouts.Find(name)
				c.bare(v)
			}
			c.bareFields(kindRetry, "duration", "maxInterval")
			c.bareFields(kindBreaker, "interval", "timeout")
		},
	}
}

func (c *checking) bareFields(kind string, fields ...string) {
	_, policies := c.res.root.Find("spec", "policies", kind)
	for _, name := range unique(policies.Keys()) {
		for _, field := range fields {
			_, v := policies.Find(name, field)
			c.bare(v)
		}
	}
}

var bareNumber = regexp.MustCompile(`^[+-]?[0-9]+$`)

func (c *checking) bare(v document.Value) {
	text := v.Raw()
	d, err := resiliency.ParseDuration(text)
	if !bareNumber.MatchString(text) || err != nil || d <= 0 {
		return
	}
	mend := fmt.Sprintf("%ss, or %s if that is meant", text, span(d))
	if d >= time.Second {
		mend = span(d)
	}
	c.tell(v, text+" has no unit", fmt.Sprintf("it is %s: a bare number is milliseconds", span(d)), mend)
}
