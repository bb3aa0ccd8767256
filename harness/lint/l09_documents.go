package lint

import "fmt"

func l09() Rule {
	return Rule{
		ID: "L09", Severity: Error, Link: pageOverview,
		Title:  "a resource behind another document of its file",
		Reason: "From a folder, daprd reads the first document of each file only. (kubectl applies them all: files with other kinds of Kubernetes in them, and all files with --kubernetes, are free of this.)",
		Effect: "the resource is not loaded, without a word",
		Mend:   "give the resource a file of its own",
		Shown:  "in memory",
		check: func(c *checking) {
			if c.res.doc.Index == 0 || c.res.item > 0 || c.res.file.foreign || c.run.options.Kubernetes {
				return
			}
			c.tell(c.res.root, fmt.Sprintf("the resource is document %d of its file", c.res.doc.Index+1),
				"daprd reads only the first document of a file: this resource is not loaded, without a word", "give it a file of its own")
		},
	}
}
