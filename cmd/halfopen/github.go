package main

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/halfopen/halfopen/harness"
	"github.com/halfopen/halfopen/harness/report"
)

// actions is where GitHub Actions wants to be told: annotations on the output, a summary in a file. The zero value
// tells nothing, as everywhere else.
type actions struct {
	annotate  bool
	summary   string // the file's path; "" for none
	workspace string
}

// https://docs.github.com/en/actions/reference/workflows-and-actions/variables
func inActions() actions {
	return actions{
		annotate: os.Getenv("GITHUB_ACTIONS") == "true", summary: os.Getenv("GITHUB_STEP_SUMMARY"), workspace: os.Getenv("GITHUB_WORKSPACE"),
	}
}

// guard keeps a runner from taking anything that is printed until done is called for a command of its own: what
// services log stands in reports, and GitHub looks for commands on each line.
func (a actions) guard(out io.Writer) (done func()) {
	if !a.annotate {
		return func() {}
	}
	var b [16]byte
	rand.Read(b[:])
	token := hex.EncodeToString(b[:])
	fmt.Fprintf(out, "::stop-commands::%s\n", token)
	return func() { fmt.Fprintf(out, "::%s::\n", token) }
}

// publish tells runs: annotations on out, and what the summary doesn't hold yet, in what room it has.
func (a actions) publish(out io.Writer, dirs []string) error {
	if !a.annotate && a.summary == "" || len(dirs) == 0 {
		return nil
	}
	var ins []report.Input
	told := map[string]bool{} // repeats say the same
	for _, dir := range dirs {
		in, err := harness.Read(dir)
		if err != nil {
			return err
		}
		ins = append(ins, in)
		if a.annotate {
			for line := range strings.Lines(string(report.Annotations(in, a.inRepository))) {
				if !told[line] {
					io.WriteString(out, line)
				}
				told[line] = true
			}
		}
	}
	if a.summary == "" {
		return nil
	}
	if err := summarize(a.summary, ins); err != nil {
		return fmt.Errorf("write the summary: %w", err)
	}
	return nil
}

// mostSummaryBytes is what GitHub takes of one step.
const mostSummaryBytes = 1 << 20

// summarize appends runs to a summary, each of them once.
func summarize(path string, ins []report.Input) error {
	before, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	var marks bytes.Buffer
	var news []report.Input
	for _, in := range ins {
		mark := "<!-- halfopen " + hex.EncodeToString([]byte(in.Verdict.Run)) + " -->\n"
		if bytes.Contains(before, []byte(mark)) || bytes.Contains(marks.Bytes(), []byte(mark)) {
			continue
		}
		marks.WriteString(mark)
		news = append(news, in)
	}
	text := report.Summary(news, mostSummaryBytes-len(before)-marks.Len()-1)
	if len(news) == 0 || len(text) == 0 {
		return nil
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if _, err := file.Write(append(append(marks.Bytes(), '\n'), text...)); err != nil {
		file.Close()
		return err
	}
	return file.Close()
}

// inRepository is a file's path in the checkout, "" where it lies elsewhere.
func (a actions) inRepository(file string) string {
	root := a.workspace
	if root == "" {
		root = "."
	}
	root, err := filepath.Abs(root)
	if err != nil {
		return ""
	}
	rel, err := filepath.Rel(root, file)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return ""
	}
	return filepath.ToSlash(rel)
}
