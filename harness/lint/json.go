package lint

import (
	"encoding/json"
	"io"

	"github.com/halfopen/halfopen/harness/problem"
)

// WriteJSON tells a report to programs.
func WriteJSON(w io.Writer, r Report) error {
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false)
	return out.Encode(struct {
		Files      int            `json:"files"`
		Resources  int            `json:"resources"`
		Errors     int            `json:"errors"`
		Warnings   int            `json:"warnings"`
		Notes      int            `json:"notes"`
		Findings   []Finding      `json:"findings"`
		Suppressed []Suppressed   `json:"suppressed"`
		Unread     []unreadOfJSON `json:"unread"`
	}{
		r.Files, r.Resources, r.Count(Error), r.Count(Warning), r.Count(Note),
		orEmpty(r.Findings), orEmpty(r.Suppressed), unread(r.Unread),
	})
}

type unreadOfJSON struct {
	File string `json:"file"`
	Line int    `json:"line,omitempty"`
	What string `json:"what"`
	Hint string `json:"hint,omitempty"`
}

func unread(l problem.List) []unreadOfJSON {
	out := []unreadOfJSON{}
	for _, p := range l {
		out = append(out, unreadOfJSON{p.File, p.Line, p.What, p.Hint})
	}
	return out
}

// orEmpty makes [] of nothing: null would be a third thing to handle.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
