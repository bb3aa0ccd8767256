package lint

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"path"
	"strings"
)

// WriteSARIF tells a report to code scanning: SARIF 2.1.0, with file names relative to the repository's root where
// they were given so. Columns count characters. What is suppressed is left out, since code scanning shows it.
//
// https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
func WriteSARIF(w io.Writer, r Report, version string) error {
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false)
	rules, index := sarifRules()
	run := sarifRun{
		Tool:        sarifTool{sarifDriver{Name: "halfopen", Version: version, InformationURI: "https://github.com/halfopen/halfopen", Rules: rules}},
		ColumnKind:  "unicodeCodePoints",
		Results:     []sarifResult{},
		Invocations: []sarifInvocation{{ExecutionSuccessful: len(r.Unread) == 0}},
	}
	seen := map[string]int{}
	for _, f := range r.Findings {
		run.Results = append(run.Results, sarifOf(f, index[f.Rule], seen))
	}
	for _, p := range r.Unread {
		run.Invocations[0].Notifications = append(run.Invocations[0].Notifications, sarifNotification{Level: "error", Message: sarifText{p.String()}})
	}
	return out.Encode(sarifLog{
		Schema: "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run},
	})
}

func sarifOf(f Finding, index int, seen map[string]int) sarifResult {
	return sarifResult{
		RuleID: f.Rule, RuleIndex: index, Level: string(f.Severity),
		Message: sarifText{fmt.Sprintf("%s\nWhat happens: %s.\nMend: %s", f.What, f.Effect, f.Mend)},
		Locations: []sarifLocation{{sarifPhysical{
			Artifact: sarifArtifact{URI: uri(f.File)},
			Region:   sarifRegion{StartLine: f.Line, StartColumn: f.Column, EndColumn: f.EndColumn},
		}}},
		Fingerprints: map[string]string{"halfopen/v1": fingerprint(f, seen)},
	}
}

// fingerprint knows a finding again when lines before it have come or gone: by rule, file, resource and field.
func fingerprint(f Finding, seen map[string]int) string {
	key := strings.Join([]string{f.Rule, f.File, f.Resource, f.Field, f.What}, "\x00")
	seen[key]++
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d", key, seen[key]))
	return hex.EncodeToString(sum[:16])
}

// uri is a file's name as a URI reference.
func uri(file string) string {
	file = strings.ToValidUTF8(strings.ReplaceAll(file, `\`, "/"), "_")
	if path.IsAbs(file) {
		return (&url.URL{Scheme: "file", Path: file}).String()
	}
	return strings.TrimPrefix((&url.URL{Path: path.Clean(file)}).String(), "./")
}

func sarifRules() ([]sarifRule, map[string]int) {
	index := map[string]int{}
	var out []sarifRule
	for i, r := range Rules() {
		index[r.ID] = i
		out = append(out, sarifRule{
			ID: r.ID, Name: r.ID, Short: sarifText{r.Title}, Full: sarifText{r.Reason + " What happens: " + r.Effect + "."},
			Help:    sarifHelp{Text: "Mend: " + r.Mend + "\n" + r.Link, Markdown: fmt.Sprintf("%s\n\n**What happens:** %s\n\n**Mend:** %s\n\n[Dapr's page](%s)\n", r.Reason, r.Effect, r.Mend, r.Link)},
			HelpURI: r.Link, Default: sarifDefault{string(r.Severity)},
			Properties: sarifProperties{Tags: []string{"resiliency", "dapr"}, Precision: "high"},
		})
	}
	return out, index
}

type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool        sarifTool         `json:"tool"`
		ColumnKind  string            `json:"columnKind"`
		Invocations []sarifInvocation `json:"invocations"`
		Results     []sarifResult     `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		Version        string      `json:"version,omitempty"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID         string          `json:"id"`
		Name       string          `json:"name"`
		Short      sarifText       `json:"shortDescription"`
		Full       sarifText       `json:"fullDescription"`
		Help       sarifHelp       `json:"help"`
		HelpURI    string          `json:"helpUri"`
		Default    sarifDefault    `json:"defaultConfiguration"`
		Properties sarifProperties `json:"properties"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifHelp struct {
		Text     string `json:"text"`
		Markdown string `json:"markdown"`
	}
	sarifDefault struct {
		Level string `json:"level"`
	}
	sarifProperties struct {
		Tags      []string `json:"tags"`
		Precision string   `json:"precision"`
	}
	sarifInvocation struct {
		ExecutionSuccessful bool                `json:"executionSuccessful"`
		Notifications       []sarifNotification `json:"toolExecutionNotifications,omitempty"`
	}
	sarifNotification struct {
		Level   string    `json:"level"`
		Message sarifText `json:"message"`
	}
	sarifResult struct {
		RuleID       string            `json:"ruleId"`
		RuleIndex    int               `json:"ruleIndex"`
		Level        string            `json:"level"`
		Message      sarifText         `json:"message"`
		Locations    []sarifLocation   `json:"locations"`
		Fingerprints map[string]string `json:"partialFingerprints"`
	}
	sarifLocation struct {
		Physical sarifPhysical `json:"physicalLocation"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   sarifRegion   `json:"region"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn"`
		EndColumn   int `json:"endColumn"`
	}
)
