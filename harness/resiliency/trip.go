package resiliency

import (
	"fmt"
	"regexp"
	"slices"
	"sync"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types/ref"
)

// Counts are what a breaker has counted since its last change of state or its window's renewal.
type Counts struct {
	Requests, TotalSuccesses, TotalFailures, ConsecutiveSuccesses, ConsecutiveFailures int64
}

// Failure counts one more request that failed.
func (c *Counts) Failure() {
	c.Requests++
	c.Ended(false)
}

// Success counts one more request that succeeded.
func (c *Counts) Success() {
	c.Requests++
	c.Ended(true)
}

// Ended counts what a request came to that was counted when it was let through.
func (c *Counts) Ended(ok bool) {
	if ok {
		c.TotalSuccesses++
		c.ConsecutiveSuccesses++
		c.ConsecutiveFailures = 0
		return
	}
	c.TotalFailures++
	c.ConsecutiveFailures++
	c.ConsecutiveSuccesses = 0
}

// variables are those that a trip may use.
var variables = []string{"requests", "totalSuccesses", "totalFailures", "consecutiveSuccesses", "consecutiveFailures"}

// A Trip is a breaker's condition, evaluated on each failure in the closed state.
type Trip struct {
	program cel.Program
	root    ast.Expr
	Unknown string // says what makes it false where its value is needed; "" for a trip that is well typed
	// Undeclared says that Unknown is about a name that nobody knows: Name.
	Undeclared bool
	Name       string
	At         int // where in the expression Unknown is about, in characters from 0; -1 where that isn't known
}

// A TripError says why an expression isn't CEL.
type TripError struct {
	What string
	At   int // in characters from 0; -1 where that isn't known
}

func (e *TripError) Error() string { return e.What }

// maxTrip is the longest expression that is read, in bytes: CEL's parser takes a thousand times that in memory.
const maxTrip = 4096

// CompileTrip compiles a CEL expression. A syntax error is an error (a *TripError), as in daprd; an unknown variable
// or a type that doesn't fit (of what is computed: numbers of all types compare) is none: daprd loads it, and it is false wherever its value is needed.
func CompileTrip(expr string) (Trip, error) {
	if len(expr) > maxTrip {
		return Trip{}, &TripError{What: fmt.Sprintf("%d bytes are too long for a condition", len(expr)), At: -1}
	}
	env, err := tripEnv()
	if err != nil {
		return Trip{}, err
	}
	parsed, issues := env.Parse(expr)
	if issues.Err() != nil {
		what, at := firstIssue(expr, issues)
		return Trip{}, &TripError{What: what, At: at}
	}
	t := Trip{At: -1, root: parsed.NativeRep().Expr()}
	checked, issues := env.Check(parsed)
	if err := misfit(issues); err != nil {
		t.Unknown, t.At = err.Message, place(expr, err)
		if m := undeclared.FindStringSubmatch(t.Unknown); m != nil {
			t.Undeclared, t.Name = true, m[1]
		}
	}
	var options []cel.ProgramOption
	if t.loops() {
		options = append(options, cel.CostLimit(maxCost))
	}
	if t.program, err = env.Program(parsed, options...); err != nil {
		return Trip{}, &TripError{What: err.Error(), At: -1}
	}
	if t.Unknown == "" {
		t.Unknown = t.notBool(checked)
	}
	return t, nil
}

// notBool says of which other type the value is; "" for bool. What was not checked to its end tells it by its value.
func (t Trip) notBool(checked *cel.Ast) string {
	name := ""
	if checked != nil {
		name = checked.OutputType().String()
	} else if out, err := t.value(Counts{Requests: 1, TotalFailures: 1, ConsecutiveFailures: 1}); err == nil {
		name = out.Type().TypeName()
	}
	if name == "" || name == cel.BoolType.String() || name == cel.DynType.String() {
		return ""
	}
	return "its value is " + name + ", not bool"
}

// maxCost bounds a condition that loops over lists: a few nested ones would take years.
const maxCost = 10_000

var undeclared = regexp.MustCompile(`^undeclared reference to '([^']*)'`)

var tripEnv = sync.OnceValues(func() (*cel.Env, error) {
	var options []cel.EnvOption
	for _, v := range variables {
		options = append(options, cel.Variable(v, cel.IntType))
	}
	options = append(options, cel.CrossTypeNumericComparisons(true)) // as at run time
	return cel.NewEnv(options...)
})

// misfit is the first thing that CEL's check complains of and that is wrong at run time, too; nil for none. Only
// arithmetic needs numbers of one type there: daprd parses a condition and evaluates it, and checks nothing.
func misfit(i *cel.Issues) *cel.Error {
	for _, err := range i.Errors() {
		if !harmless.MatchString(err.Message) {
			return err
		}
	}
	return nil
}

// harmless is what the check refuses though evaluation takes it as it is meant: numbers of two types are compared all
// the same, and either branch of a choice will do. A number that is to be equal to something else never is.
var harmless = regexp.MustCompile(`^found no matching overload for ('_!=_'|'_==_' applied to '\((int|uint|double), (int|uint|double)\)|'@in' applied to '\(\w+, (list|map)\(|'_\?_:_' applied to '\(bool,)`)

// firstIssue is what CEL's parser complains of first, and where in the expression that is.
func firstIssue(expr string, i *cel.Issues) (what string, at int) {
	errs := i.Errors()
	if len(errs) == 0 {
		return i.Err().Error(), -1
	}
	return errs[0].Message, place(expr, errs[0])
}

// place is where in the expression an error is, in characters from 0; -1 where that isn't known.
func place(expr string, err *cel.Error) int {
	if l := err.Location; l != nil && l.Line() == 1 && l.Column() >= 0 && l.Column() <= utf8.RuneCountInString(expr) {
		return l.Column()
	}
	return -1
}

// Eval tells whether the breaker opens.
func (t Trip) Eval(c Counts) bool {
	out, err := t.value(c)
	if err != nil {
		return false
	}
	open, ok := out.Value().(bool)
	return ok && open
}

func (t Trip) value(c Counts) (ref.Val, error) {
	out, _, err := t.program.Eval(map[string]any{
		"requests": c.Requests, "totalSuccesses": c.TotalSuccesses, "totalFailures": c.TotalFailures,
		"consecutiveSuccesses": c.ConsecutiveSuccesses, "consecutiveFailures": c.ConsecutiveFailures,
	})
	return out, err
}

// Variables are those that a trip may use.
func Variables() []string { return slices.Clone(variables) }
