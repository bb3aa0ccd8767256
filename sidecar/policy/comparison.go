package policy

import (
	"regexp"
	"strconv"
	"sync"

	"github.com/sony/gobreaker/v2"
)

// A comparison is a trip in its usual form, one count against a number, read without CEL: CEL's parser costs a
// sidecar 5 ms of its start and megabytes of its memory.
type comparison struct {
	count func(gobreaker.Counts) uint32
	op    string
	value int64
}

var comparisonForm = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^\s*([A-Za-z]+)\s*(>=|<=|==|!=|>|<)\s*(0|[1-9][0-9]{0,17})\s*$`)
})

// parseComparison reads an expression; false where it has another form, which is CEL's to judge.
func parseComparison(expr string) (comparison, bool) {
	parts := comparisonForm().FindStringSubmatch(expr)
	if parts == nil {
		return comparison{}, false
	}
	c := comparison{op: parts[2]}
	switch parts[1] {
	case "requests":
		c.count = func(c gobreaker.Counts) uint32 { return c.Requests }
	case "totalSuccesses":
		c.count = func(c gobreaker.Counts) uint32 { return c.TotalSuccesses }
	case "totalFailures":
		c.count = func(c gobreaker.Counts) uint32 { return c.TotalFailures }
	case "consecutiveSuccesses":
		c.count = func(c gobreaker.Counts) uint32 { return c.ConsecutiveSuccesses }
	case "consecutiveFailures":
		c.count = func(c gobreaker.Counts) uint32 { return c.ConsecutiveFailures }
	default:
		return comparison{}, false
	}
	var err error
	c.value, err = strconv.ParseInt(parts[3], 10, 64)
	return c, err == nil
}

func (c comparison) holds(counts gobreaker.Counts) bool {
	n := int64(c.count(counts))
	switch c.op {
	case ">=":
		return n >= c.value
	case "<=":
		return n <= c.value
	case "==":
		return n == c.value
	case "!=":
		return n != c.value
	case ">":
		return n > c.value
	}
	return n < c.value
}
