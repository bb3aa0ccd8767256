package resiliency

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/halfopen/halfopen/harness/document"
)

// duration reads Dapr's durations: Go's form, or a bare number of milliseconds.
func (p *parser) duration(v document.Value, otherwise time.Duration) time.Duration {
	text := v.Text()
	if text == "" {
		return otherwise
	}
	d, err := ParseDuration(text)
	if err != nil {
		p.bad(v, err.Error(), "5s, 500ms, 1m30s; a bare number is milliseconds")
		return otherwise
	}
	if d < 0 {
		v.Tell(Negative, fmt.Sprintf("%s is negative", d), "0s for none")
		return 0
	}
	return d
}

// whole reads a number without a fraction, in any of YAML's ways of writing one. A number in quotes is none.
func (p *parser) whole(v document.Value, otherwise int) int {
	if !v.Set() || v.Text() == "" {
		return otherwise
	}
	n, err := strconv.ParseInt(v.Text(), 0, 64)
	if err != nil || !v.IsWhole() {
		v.Tell(document.Type, fmt.Sprintf("%q is no whole number", v.Text()), "a whole number without quotes: 3")
		return otherwise
	}
	return int(min(max(n, math.MinInt32), math.MaxInt32))
}

// ParseDuration reads one of Dapr's durations.
func ParseDuration(text string) (time.Duration, error) {
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil {
		const most = int64(1<<63-1) / int64(time.Millisecond)
		if ms > most || ms < -most {
			return 0, fmt.Errorf("%q is too long for a duration", text)
		}
		return time.Duration(ms) * time.Millisecond, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%q is no duration", text)
	}
	return d, nil
}

// ranges reads a list of status codes: "429,500-599".
func (p *parser) ranges(v document.Value, lowest, highest int) []StatusRange {
	text := v.Text()
	if text == "" {
		return nil
	}
	out, err := ParseRanges(text, lowest, highest)
	if err != nil {
		p.bad(v, err.Error(), "429,500-599: no blanks, no 5xx")
	}
	return out
}

// ParseRanges reads codes and ranges of codes, separated by commas without blanks.
func ParseRanges(text string, lowest, highest int) ([]StatusRange, error) {
	var out []StatusRange
	for part := range strings.SplitSeq(text, ",") {
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		a, aerr := strconv.Atoi(from)
		b, berr := strconv.Atoi(to)
		switch {
		case aerr != nil || berr != nil:
			return nil, fmt.Errorf("%q is no status code or range of them", part)
		case a > b:
			return nil, fmt.Errorf("%q ends before it begins", part)
		case a < lowest || b > highest:
			return nil, fmt.Errorf("%q is not within %d-%d", part, lowest, highest)
		}
		out = append(out, StatusRange{From: a, To: b})
	}
	return out, nil
}

// names are those of some policies.
type names struct {
	name func(string) bool
	all  func() []string
}

func defined[V any](m map[string]V) names {
	return names{
		name: func(n string) bool { _, ok := m[n]; return ok },
		all: func() []string {
			const many = 200 // among more, the nearest one is hardly the one that is meant
			if len(m) > many {
				return nil
			}
			return slices.Sorted(maps.Keys(m))
		},
	}
}
