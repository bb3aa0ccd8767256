package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// An annotation is what a step tells of a line of a file.
type annotation struct {
	kind, file, message string
	line                int
}

// A reader finds workflow commands in what a step prints, as a runner does.
type reader struct {
	rest    string
	stopped string // the token that lets commands be taken again; "" where they are
	found   []annotation
}

func (r *reader) Write(b []byte) (int, error) {
	r.rest += string(b)
	for {
		line, rest, ok := strings.Cut(r.rest, "\n")
		if !ok {
			return len(b), nil
		}
		r.line(line)
		r.rest = rest
	}
}

func (r *reader) end() []annotation {
	r.line(r.rest)
	return r.found
}

func (r *reader) line(text string) {
	text = strings.TrimSpace(text)
	if r.stopped != "" {
		if text == "::"+r.stopped+"::" {
			r.stopped = ""
		}
		return
	}
	head, ok := strings.CutPrefix(text, "::")
	if !ok {
		return
	}
	head, message, ok := strings.Cut(head, "::")
	if !ok {
		return
	}
	kind, properties, _ := strings.Cut(head, " ")
	switch kind {
	case "stop-commands":
		r.stopped = message
	case "error", "warning", "notice":
		a := annotation{kind: kind, message: message}
		for p := range strings.SplitSeq(properties, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
			value = strings.NewReplacer("%3A", ":", "%2C", ",", "%25", "%").Replace(value)
			switch name {
			case "file":
				a.file = value
			case "line":
				a.line, _ = strconv.Atoi(value)
			}
		}
		r.found = append(r.found, a)
	default:
		r.found = append(r.found, annotation{kind: kind, message: "no command of ours"})
	}
}

// check holds annotations against the files that they point into.
func (r *runner) check() error {
	for _, a := range r.annotations {
		if a.kind != "error" && a.kind != "warning" && a.kind != "notice" {
			return fmt.Errorf("a step printed ::%s:: as a command", a.kind)
		}
		if a.file == "" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(r.workspace, a.file))
		if err != nil {
			return fmt.Errorf("an annotation points nowhere: %w", err)
		}
		if lines := strings.Count(string(text), "\n"); a.line < 1 || a.line > lines {
			return fmt.Errorf("an annotation points at line %d of %s, which has %d", a.line, a.file, lines)
		}
		fmt.Fprintf(r.out, "-- %s at %s:%d: %s\n", a.kind, a.file, a.line, strings.Split(string(text), "\n")[a.line-1])
	}
	return nil
}
