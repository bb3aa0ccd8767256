package policy

import (
	"fmt"
	"sync"

	"cel.dev/cel-go/cel"
	"github.com/sony/gobreaker/v2"
)

// A trip is a breaker's condition.
type trip struct {
	program cel.Program // nil for a comparison
	comparison
}

// defaultTrip is Dapr's.
const defaultTrip = "consecutiveFailures > 5"

// celEnv is made once: it costs milliseconds.
var celEnv = sync.OnceValues(func() (*cel.Env, error) {
	return cel.NewEnv(
		cel.Variable("requests", cel.IntType),
		cel.Variable("totalSuccesses", cel.IntType),
		cel.Variable("totalFailures", cel.IntType),
		cel.Variable("consecutiveSuccesses", cel.IntType),
		cel.Variable("consecutiveFailures", cel.IntType),
	)
})

// newTrip compiles an expression. Only a syntax error is an error: an unknown variable loads, and makes the trip
// false wherever its value is needed.
func newTrip(expr string) (*trip, error) {
	if expr == "" {
		expr = defaultTrip
	}
	if c, ok := parseComparison(expr); ok {
		return &trip{comparison: c}, nil
	}
	return newProgram(expr)
}

func newProgram(expr string) (*trip, error) {
	env, err := celEnv()
	if err != nil {
		return nil, err
	}
	ast, issues := env.Parse(expr)
	if issues.Err() != nil {
		return nil, fmt.Errorf("trip: %w", issues.Err())
	}
	program, err := env.Program(ast)
	if err != nil {
		return nil, fmt.Errorf("trip: %w", err)
	}
	return &trip{program: program}, nil
}

// eval tells whether the breaker opens.
func (t *trip) eval(c gobreaker.Counts) bool {
	if t.program == nil {
		return t.holds(c)
	}
	out, _, err := t.program.Eval(map[string]any{
		"requests":             int64(c.Requests),
		"totalSuccesses":       int64(c.TotalSuccesses),
		"totalFailures":        int64(c.TotalFailures),
		"consecutiveSuccesses": int64(c.ConsecutiveSuccesses),
		"consecutiveFailures":  int64(c.ConsecutiveFailures),
	})
	if err != nil {
		return false
	}
	open, ok := out.Value().(bool)
	return ok && open
}
