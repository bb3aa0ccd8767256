package report

import "fmt"

// HTML is a placeholder that the page replaces.
func HTML(in Input) []byte { return []byte(fmt.Sprintf("<title>%s</title>", in.Verdict.Scenario)) }
