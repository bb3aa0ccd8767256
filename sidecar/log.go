package sidecar

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/sony/gobreaker/v2"
)

// LogOptions say how the log looks.
type LogOptions struct {
	JSON     bool
	Terminal bool   // INFO[0005] … instead of time="…" level=info msg="…"
	Level    string // debug | info (default) | warn | error
	Daprd    bool   // daprd's own wording and levels instead of the quickstart page's
	Version  string // told as ver
}

// A logger writes Dapr's lines.
type logger struct {
	entry *logrus.Entry
	daprd bool
}

func newLogger(c Config) *logger {
	l := logrus.New()
	l.SetOutput(c.Out)
	if level, err := logrus.ParseLevel(c.Log.Level); err == nil {
		l.SetLevel(level)
	}
	names := logrus.FieldMap{logrus.FieldKeyTime: "time", logrus.FieldKeyLevel: "level", logrus.FieldKeyMsg: "msg"}
	switch {
	case c.Log.JSON:
		l.SetFormatter(&logrus.JSONFormatter{TimestampFormat: time.RFC3339Nano, FieldMap: names})
	case c.Log.Terminal:
		l.SetFormatter(&logrus.TextFormatter{ForceColors: true})
		return &logger{entry: logrus.NewEntry(l), daprd: c.Log.Daprd}
	default:
		l.SetFormatter(&logrus.TextFormatter{DisableColors: true, TimestampFormat: time.RFC3339Nano, FieldMap: names})
	}
	host, _ := os.Hostname()
	return &logger{daprd: c.Log.Daprd, entry: l.WithFields(logrus.Fields{
		"app_id": c.AppID, "instance": host, "scope": "dapr.runtime", "type": "log", "ver": c.Log.Version,
	})}
}

func (l *logger) info(format string, args ...any)  { l.entry.Infof(format, args...) }
func (l *logger) warn(format string, args ...any)  { l.entry.Warnf(format, args...) }
func (l *logger) error(format string, args ...any) { l.entry.Errorf(format, args...) }

// called says that the API was called, as daprd does with API logging on.
func (l *logger) called(r *http.Request) {
	fields := logrus.Fields{"method": r.Method + " " + r.URL.Path, "scope": "dapr.runtime.http-info"}
	if agent := r.UserAgent(); agent != "" {
		fields["useragent"] = agent
	}
	l.entry.WithFields(fields).Info("HTTP API Called")
}

// std takes what net/http has to say: of no interest to a reader of Dapr's log, so only at debug.
func (l *logger) std() *log.Logger {
	return log.New(writer(func(b []byte) { l.entry.Debug(string(b)) }), "", 0)
}

type writer func([]byte)

func (w writer) Write(b []byte) (int, error) {
	w(b)
	return len(b), nil
}

var _ io.Writer = writer(nil)

// Retrying says once an operation that it goes on.
func (s *sidecar) Retrying(operation, app string, gap time.Duration) {
	if app != "" { // daprd doesn't count its built-in retries
		s.metrics.activated(app, "retry", "")
	}
	if s.log.daprd {
		s.log.warn("Error processing operation %s. Retrying in %s…", operation, gap)
		return
	}
	s.log.info("Error processing operation %s. Retrying...", operation)
}

// Recovered says that an operation that was retried has succeeded.
func (s *sidecar) Recovered(operation string, attempts int) {
	s.log.info("Recovered processing operation %s after %d attempts", operation, attempts)
}

// Changed says that a breaker has changed its state.
func (s *sidecar) Changed(breaker, app string, from, to gobreaker.State) {
	if to != gobreaker.StateHalfOpen {
		s.metrics.activated(app, "circuitbreaker", to.String())
	}
	s.log.info("%s", fmt.Sprintf("Circuit breaker %q changed state from %s to %s", breaker, from, to))
}

// TimedOut notes once an operation that an attempt took too long.
func (s *sidecar) TimedOut(app string) { s.metrics.activated(app, "timeout", "") }
