// Package testimony reads what was written down elsewhere: logs of sidecars, in the forms in which people have them,
// and timelines of runs that halfopen did not watch. It gives histories, and judges nothing.
package testimony

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A Line is one line of a sidecar's log, taken apart.
type Line struct {
	Time    time.Time     // zero where the line tells none
	Since   time.Duration // `INFO[0005]`: whole seconds since the sidecar began; -1 where the line does not tell so
	Level   string        // debug | info | warning | error | fatal; "" where the line tells none
	Message string
	App     string // whose sidecar it is; "" where the line does not tell
	Replica string // which of an app's: the host or pod; "" where the line does not tell
	Version string // daprd's, "" where the line does not tell
	Own     bool   // it has one of the three forms of a sidecar's log
}

var (
	colour = regexp.MustCompile(`\x1b\[[0-9;]*m`)

	// What tools put before a line: `dapr run` its own mark, kubectl the pod and the time, Compose the container.
	runPrefix     = regexp.MustCompile(`^== (?:APP|DAPR)(?: - ([A-Za-z0-9._-]+))? == ?`)
	podPrefix     = regexp.MustCompile(`^\[([^\]\s]+/[^\]\s]+)\] `)
	timePrefix    = regexp.MustCompile(`^(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)) `)
	composePrefix = regexp.MustCompile(`^[A-Za-z0-9._-]+\s+\| `)
	embedded      = regexp.MustCompile(`^\S+ (?:\S+ )?(time="\d{4}-|\{"app_id":")`)

	field    = regexp.MustCompile(`(?:^|\s)(time|level|msg|app_id|instance|ver)=("(?:[^"\\]|\\.)*"|\S*)`)
	terminal = regexp.MustCompile(`^([A-Z]{4,5})\[(\d{1,9})\] ?`)
	trailing = regexp.MustCompile(`\s+(?:app_id|component|instance|scope|type|ver)=\S.*$`)
)

// levels are logrus's four letters on a terminal.
var levels = map[string]string{"DEBU": "debug", "INFO": "info", "WARN": "warning", "ERRO": "error", "FATA": "fatal", "DEBUG": "debug", "ERROR": "error", "FATAL": "fatal"}

// Parse takes a line apart. What has none of the three forms is its own message.
func Parse(text string) Line {
	l := Line{Since: -1}
	if strings.Contains(text, "\x1b[") {
		text = colour.ReplaceAllString(text, "")
	}
	text = l.strip(text)
	switch {
	case strings.HasPrefix(text, "{"):
		l.json(text)
	case strings.HasPrefix(text, "time="):
		l.logfmt(text)
	default:
		if m := terminal.FindStringSubmatch(text); m != nil {
			l.terminal(text[len(m[0]):], m[1], m[2])
		}
	}
	if !l.Own {
		l.Message = text
	}
	return l
}

// mostPrefixes bounds how many marks of tools stand before a line.
const mostPrefixes = 4

// strip takes off what tools put before a line.
func (l *Line) strip(text string) string {
	for range mostPrefixes {
		rest := l.stripOne(text)
		if rest == text {
			return text
		}
		text = rest
	}
	return text
}

// stripOne takes off one mark. Most lines have none, and that is seen far quicker without an expression.
func (l *Line) stripOne(text string) string {
	if text == "" {
		return text
	}
	switch first := text[0]; {
	case first == '=':
		if m := runPrefix.FindStringSubmatch(text); m != nil {
			l.App = m[1]
			return text[len(m[0]):]
		}
	case first >= '0' && first <= '9':
		if m := timePrefix.FindStringSubmatch(text); m != nil {
			l.Time = moment(m[1])
			return text[len(m[0]):]
		}
	case first == '[':
		if m := podPrefix.FindStringSubmatch(text); m != nil {
			l.Replica = m[1]
			return text[len(m[0]):]
		}
	}
	if strings.Contains(text, "| ") {
		if at := composePrefix.FindStringIndex(text); at != nil {
			return text[at[1]:]
		}
	}
	if behind := text[1:]; strings.Contains(behind, `time="`) || strings.Contains(behind, `{"app_id":"`) {
		if at := embedded.FindStringSubmatchIndex(text); at != nil {
			return text[at[2]:]
		}
	}
	return text
}

func (l *Line) json(text string) {
	var m struct {
		Time, Level, Msg, Instance, Ver string
		App                             string `json:"app_id"`
	}
	if json.Unmarshal([]byte(text), &m) != nil || m.Msg == "" {
		return
	}
	l.Level, l.Message, l.Version, l.Own = level(m.Level), m.Msg, m.Ver, true
	l.of(m.App, m.Instance, m.Time)
}

func (l *Line) logfmt(text string) {
	fields := map[string]string{}
	for _, f := range field.FindAllStringSubmatch(text, -1) {
		value, err := strconv.Unquote(f[2])
		if err != nil {
			value = f[2]
		}
		if _, twice := fields[f[1]]; !twice {
			fields[f[1]] = value
		}
	}
	if fields["msg"] == "" {
		return
	}
	l.Level, l.Message, l.Version, l.Own = level(fields["level"]), fields["msg"], fields["ver"], true
	l.of(fields["app_id"], fields["instance"], fields["time"])
}

func (l *Line) terminal(rest, letters, seconds string) {
	if levels[letters] == "" {
		return
	}
	n, _ := strconv.Atoi(seconds) // at most nine digits
	l.Level, l.Since, l.Own = levels[letters], time.Duration(n)*time.Second, true
	if !strings.Contains(rest, "=") { // nothing behind the message
		l.Message = strings.TrimRight(rest, " ")
		return
	}
	for _, f := range field.FindAllStringSubmatch(rest, -1) {
		switch f[1] {
		case "ver":
			l.Version = f[2]
		case "app_id":
			l.App = f[2]
		case "instance":
			l.Replica = f[2]
		}
	}
	l.Message = strings.TrimRight(trailing.ReplaceAllString(rest, ""), " ")
}

// of notes whose line it is, and when it was written: the sidecar's own word goes before a tool's.
func (l *Line) of(app, instance, when string) {
	if app != "" {
		l.App = app
	}
	if instance != "" {
		l.Replica = instance
	}
	if t := moment(when); !t.IsZero() {
		l.Time = t
	}
}

func level(text string) string {
	text = strings.ToLower(text)
	if text == "warn" {
		return "warning"
	}
	return text
}

func moment(text string) time.Time {
	for _, form := range []string{time.RFC3339Nano, "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05.999999999Z0700"} {
		if t, err := time.Parse(form, text); err == nil {
			return t
		}
	}
	return time.Time{}
}
