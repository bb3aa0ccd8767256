package resiliency

import (
	"fmt"
	"slices"
	"sync"

	"cel.dev/cel-go/cel"
)

// Counts are what a breaker has counted since its last change of state or its window's renewal.
type Counts struct {
	Requests, TotalSuccesses, TotalFailures, ConsecutiveSuccesses, ConsecutiveFailures int64
}

// Failure counts one more request that failed.
func (c *Counts) Failure() {
	c.Requests++
	c.TotalFailures++
	c.ConsecutiveFailures++
	c.ConsecutiveSuccesses = 0
}

// Success counts one more request that succeeded.
func (c *Counts) Success() {
	c.Requests++
	c.TotalSuccesses++
	c.ConsecutiveSuccesses++
	c.ConsecutiveFailures = 0
}

// variables are those that a trip may use.
var variables = []string{"requests", "totalSuccesses", "totalFailures", "consecutiveSuccesses", "consecutiveFailures"}

// A Trip is a breaker's condition, evaluated on each failure in the closed state.
type Trip struct {
	program cel.Program
	Unknown string // says what makes it false where its value is needed; "" for a trip that is well typed
}

// CompileTrip compiles a CEL expression. A syntax error is an error, as in daprd; an unknown variable or a type
// that doesn't fit is none: daprd loads it, and it is false wherever its value is needed.
func CompileTrip(expr string) (Trip, error) {
	env, err := tripEnv()
	if err != nil {
		return Trip{}, err
	}
	ast, issues := env.Parse(expr)
	if issues.Err() != nil {
		return Trip{}, fmt.Errorf("%s", firstIssue(issues))
	}
	var t Trip
	if checked, issues := env.Check(ast); issues.Err() != nil {
		t.Unknown = firstIssue(issues)
	} else if checked.OutputType() != cel.BoolType {
		t.Unknown = "its value is " + checked.OutputType().String() + ", not bool"
	}
	t.program, err = env.Program(ast)
	return t, err
}

var tripEnv = sync.OnceValues(func() (*cel.Env, error) {
	var options []cel.EnvOption
	for _, v := range variables {
		options = append(options, cel.Variable(v, cel.IntType))
	}
	return cel.NewEnv(options...)
})

func firstIssue(i *cel.Issues) string {
	errs := i.Errors()
	if len(errs) == 0 {
		return i.Err().Error()
	}
	return errs[0].Message
}

// Eval tells whether the breaker opens.
func (t Trip) Eval(c Counts) bool {
	out, _, err := t.program.Eval(map[string]any{
		"requests": c.Requests, "totalSuccesses": c.TotalSuccesses, "totalFailures": c.TotalFailures,
		"consecutiveSuccesses": c.ConsecutiveSuccesses, "consecutiveFailures": c.ConsecutiveFailures,
	})
	if err != nil {
		return false
	}
	open, ok := out.Value().(bool)
	return ok && open
}

// Variables are those that a trip may use.
func Variables() []string { return slices.Clone(variables) }
