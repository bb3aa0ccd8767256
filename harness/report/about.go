package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/halfopen/halfopen/harness/document"
	"github.com/halfopen/halfopen/harness/oracle"
)

// tiles are the few figures that a reader wants at once.
func tiles(v oracle.Verdict) []figure {
	f, g := v.Figures, group(v)
	out := []figure{
		{"promises kept", fmt.Sprintf("%d of %d", len(g.kept), len(g.kept)+len(g.failed)+len(g.unknown)+len(g.warned))},
		{"orders accepted", fmt.Sprintf("%d of %d", f.OrdersAccepted, f.OrdersSent)},
		{"attempts, of them retries", fmt.Sprintf("%d, %d", f.Attempts, f.Retries)},
		{"refused at once", fmt.Sprint(f.Refused)},
	}
	for _, d := range []struct {
		name string
		d    *time.Duration
	}{{"time to trip", f.TimeToTrip}, {"recovery after readiness", f.Recovery}} {
		text := "–"
		if d.d != nil {
			text = round(*d.d)
		}
		out = append(out, figure{d.name, text})
	}
	return out
}

// differences lays the run's figures beside those of its baseline.
func differences(v oracle.Verdict) []differenceRow {
	classes := map[oracle.Outcome]string{oracle.Pass: "ok", oracle.Fail: "failed", oracle.Unknown: "waiting"}
	var out []differenceRow
	for _, d := range v.Differences {
		out = append(out, differenceRow{
			Class: classes[d.Outcome], Mark: outcomeMark[d.Outcome], Figure: plain(d.Figure), Accepted: d.Accepted.In(d.Unit), Now: d.Now.In(d.Unit),
			Change: change(d), Why: plain(d.Why),
		})
	}
	return out
}

// about says where and with what a run was made.
func about(in Input) []figure {
	h := in.History.Header
	out := []figure{
		{"started", h.Started.UTC().Format("2006-01-02 15:04:05 UTC")},
		{"environment", plain(h.Env + ": " + h.EnvWhy)},
		{"sidecar", plain(h.Sidecar + " " + h.SidecarVersion)},
		{"scenario, SHA-256", plain(h.ScenarioSHA256)},
		{"spec, SHA-256", plain(h.SpecSHA256)},
	}
	for _, k := range slices.Sorted(maps.Keys(h.Versions)) {
		out = append(out, figure{plain(k), plain(h.Versions[k])})
	}
	return slices.DeleteFunc(out, func(f figure) bool { return f.Value == "" })
}

// A sourceFile is a file of the run's, line by line, with what each line caused.
type sourceFile struct {
	Name, Note string
	Lines      []sourceLine
}

type sourceLine struct {
	N           int
	Text, Class string
	Notes       []note
}

type note struct {
	What   string
	Checks []chip
	Events []eventLink
}

// A chip names a check, with its outcome.
type chip struct{ Name, Mark, Class string }

func sources(in Input) []sourceFile {
	var out []sourceFile
	if in.Spec != "" {
		f := source(in, "resiliency.yaml", in.Spec, false)
		f.Note = "the spec that is judged against"
		out = append(out, f)
	}
	if in.SidecarSpec != "" {
		out = append(out, sourceFile{Name: "sidecar-resiliency.yaml", Note: "what the sidecars got instead", Lines: textLines(in.SidecarSpec)})
	}
	return append(out, source(in, "scenario.yaml", in.Scenario, true))
}

// source lays causes beside the lines of their fields; one of a field that is left out beside the nearest above it.
func source(in Input, name, text string, isScenario bool) sourceFile {
	f := sourceFile{Name: name, Lines: textLines(text)}
	lines := document.Lines([]byte(text))
	for _, c := range in.Causes {
		if c.Scenario != isScenario {
			continue
		}
		path := strings.ToLower(c.Field)
		n, written := lines[path], lines[path] > 0
		for ; n == 0 && strings.Contains(path, "."); n = lines[path] {
			path = path[:strings.LastIndex(path, ".")]
		}
		if n == 0 || n > len(f.Lines) || (!written && c.Default == "") {
			continue
		}
		told := note{What: plain(c.What), Events: linksTo(c.Events)}
		if !written {
			told.What = fmt.Sprintf("%s (%s by default): %s", c.Field[strings.LastIndex(c.Field, ".")+1:], plain(c.Default), told.What)
		}
		l := &f.Lines[n-1]
		if l.Class == "" {
			l.Class = "caused"
		}
		for _, r := range in.Verdict.Results {
			if slices.Contains(c.Checks, r.Check) && r.Applies {
				told.Checks = append(told.Checks, chip{r.Check, row(r).Mark, row(r).Class})
				if r.Outcome == oracle.Fail {
					l.Class = "broken"
				}
			}
		}
		l.Notes = append(l.Notes, told)
	}
	return f
}

// textLines makes each line of a file plain.
func textLines(file string) []sourceLine {
	const most = 2000
	lines := strings.Split(strings.TrimRight(file, "\n"), "\n")
	var out []sourceLine
	for i, l := range lines {
		if i == most {
			return append(out, sourceLine{N: i + 1, Text: "…"})
		}
		out = append(out, sourceLine{N: i + 1, Text: plain(strings.ReplaceAll(strings.TrimRight(l, "\r"), "\t", "    "))})
	}
	return out
}
