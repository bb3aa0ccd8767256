package oracle

import "fmt"

// attemptsBelong: an attempt that nobody asked for, or that can't be told apart, breaks the count.
var attemptsBelong = Check{
	Name: "attempts-belong",
	Doc:  "each attempt between sidecars belongs to an operation that a caller began",
	Run: func(r *Reading) Result {
		var t tally
		for _, o := range r.Operations {
			t.examined += len(o.Attempts)
		}
		for _, x := range r.Orphans {
			t.examined++
			t.find(Finding{What: fmt.Sprintf("an attempt on %s belongs to no operation (trace id %q)", x.Link.Name, x.Op), Events: points(x.Request)})
		}
		for _, x := range r.Unattributed {
			t.doubt("an attempt on %s may belong to more than one operation, since they carry no trace id", x.Link.Name)
		}
		if t.examined == 0 && len(r.Operations) == 0 {
			return notHere("no order was sent")
		}
		return t.result()
	},
}
