package lint

// l00 is told by the suppressions themselves: see suppress.go.
func l00() Rule {
	return Rule{
		ID: "L00", Severity: Warning, Link: pageOverview,
		Title:  "a suppression without a reason, or one that suppresses nothing",
		Reason: "A comment that hides a finding is a decision. Whoever reads the spec next needs its reason, and a comment that hides nothing today may hide something else tomorrow.",
		Effect: "nothing is suppressed",
		Mend:   "# halfopen:ignore L18 because …",
	}
}
