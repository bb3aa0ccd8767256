package resiliency

import (
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
)

// maxFailures is how many failures are tried in search of the one that trips.
const maxFailures = 1000

// Threshold is the how-manieth failure opens the breaker where every request since the counts were cleared has
// failed; false where none of the first thousand does.
func (t Trip) Threshold() (failures int, ok bool) { return t.after(0) }

// FewestFailures is the same where any number of successes may have come before: a trip that counts requests may
// need fewer failures then.
func (t Trip) FewestFailures() (failures int, ok bool) {
	for _, successes := range []int{0, 1, 2, 3, 5, 10, 20, 50, 100, 1000, 10_000, 1_000_000} {
		if n, trips := t.after(successes); trips && (!ok || n < failures) {
			failures, ok = n, true
		}
	}
	return failures, ok
}

// after counts failures that follow some successes.
func (t Trip) after(successes int) (failures int, ok bool) {
	c := Counts{Requests: int64(successes), TotalSuccesses: int64(successes), ConsecutiveSuccesses: int64(successes)}
	for failures = 1; failures <= maxFailures; failures++ {
		c.Failure()
		if t.Eval(c) {
			return failures, true
		}
	}
	return 0, false
}

// Uses tells whether a variable stands in the expression.
func (t Trip) Uses(variable string) bool {
	return t.any(func(e ast.Expr) bool { return e.Kind() == ast.IdentKind && e.AsIdent() == variable })
}

// OnlyConsecutive tells whether it looks at consecutiveFailures alone: any success then starts the count anew.
func (t Trip) OnlyConsecutive() bool {
	return t.Uses("consecutiveFailures") && !t.any(func(e ast.Expr) bool {
		return e.Kind() == ast.IdentKind && e.AsIdent() != "consecutiveFailures"
	})
}

// WholeDivision tells whether one count is divided by another without being multiplied first: whole numbers have
// no fractions, so the quotient of the smaller by the larger is 0.
func (t Trip) WholeDivision() bool {
	return t.any(func(e ast.Expr) bool {
		if e.Kind() != ast.CallKind || e.AsCall().FunctionName() != operators.Divide || len(e.AsCall().Args()) != 2 {
			return false
		}
		above, below := e.AsCall().Args()[0], e.AsCall().Args()[1]
		return count(above) && has(below, count) && !has(below, func(e ast.Expr) bool {
			return e.Kind() == ast.CallKind && e.AsCall().FunctionName() == "double"
		})
	})
}

// loops tells whether it has a macro such as all() or exists().
func (t Trip) loops() bool {
	return t.any(func(e ast.Expr) bool { return e.Kind() == ast.ComprehensionKind })
}

func count(e ast.Expr) bool {
	if e.Kind() != ast.IdentKind {
		return false
	}
	for _, v := range variables {
		if e.AsIdent() == v {
			return true
		}
	}
	return false
}

func (t Trip) any(is func(ast.Expr) bool) bool { return t.root != nil && has(t.root, is) }

// has looks for an expression within another.
func has(e ast.Expr, is func(ast.Expr) bool) bool {
	found := false
	ast.PreOrderVisit(e, ast.NewExprVisitor(func(e ast.Expr) { found = found || is(e) }))
	return found
}

// Ratio tells whether counts are set against each other: one divided by another, or compared with it.
func (t Trip) Ratio() bool {
	return t.any(func(e ast.Expr) bool {
		if e.Kind() != ast.CallKind || len(e.AsCall().Args()) != 2 {
			return false
		}
		left, right := e.AsCall().Args()[0], e.AsCall().Args()[1]
		switch e.AsCall().FunctionName() {
		case operators.Divide:
			return has(left, count) && has(right, count)
		case operators.Greater, operators.GreaterEquals, operators.Less, operators.LessEquals:
			return has(left, count) && has(right, count) && !has(left, divides) && !has(right, divides)
		}
		return false
	})
}

// DividesBySuccesses tells whether it divides by totalSuccesses alone: while nothing has succeeded, that is an error.
func (t Trip) DividesBySuccesses() bool {
	return t.any(func(e ast.Expr) bool {
		return divides(e) && e.AsCall().Args()[1].Kind() == ast.IdentKind && e.AsCall().Args()[1].AsIdent() == "totalSuccesses"
	})
}

func divides(e ast.Expr) bool {
	return e.Kind() == ast.CallKind && e.AsCall().FunctionName() == operators.Divide && len(e.AsCall().Args()) == 2
}
