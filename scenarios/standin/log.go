package main

import (
	"fmt"
	"os"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/sony/gobreaker/v2"
)

// A logger writes daprd's lines to stdout.
type logger struct{ entry *logrus.Entry }

func newLogger(id, version, level string, asJSON bool) *logger {
	l := logrus.New()
	l.SetOutput(os.Stdout)
	if parsed, err := logrus.ParseLevel(level); err == nil {
		l.SetLevel(parsed)
	}
	names := logrus.FieldMap{logrus.FieldKeyTime: "time", logrus.FieldKeyLevel: "level", logrus.FieldKeyMsg: "msg"}
	l.SetFormatter(&logrus.TextFormatter{DisableColors: true, TimestampFormat: time.RFC3339Nano, FieldMap: names})
	if asJSON {
		l.SetFormatter(&logrus.JSONFormatter{TimestampFormat: time.RFC3339Nano, FieldMap: names})
	}
	host, _ := os.Hostname()
	return &logger{l.WithFields(logrus.Fields{"app_id": id, "instance": host, "type": "log", "ver": version})}
}

func (l *logger) info(scope, format string, args ...any) {
	l.entry.WithField("scope", scope).Infof(format, args...)
}

func (l *logger) warn(scope, format string, args ...any) {
	l.entry.WithField("scope", scope).Warnf(format, args...)
}

func (l *logger) error(scope, format string, args ...any) {
	l.entry.WithField("scope", scope).Errorf(format, args...)
}

func (l *logger) fatal(format string, args ...any) {
	l.entry.WithField("scope", "dapr.runtime").Log(logrus.FatalLevel, fmt.Sprintf(format, args...))
}

// Retrying says once an operation that it goes on. Releases before 1.14 worded this and the next line otherwise.
func (d *daprd) Retrying(operation, app string, gap time.Duration) {
	if app != "" {
		d.metrics.activated(app, "retry", "")
	}
	d.log.warn("dapr.runtime", "Error processing operation %s. Retrying in %v…", operation, gap)
}

// Recovered says that an operation that was retried has succeeded.
func (d *daprd) Recovered(operation string, attempts int) {
	d.log.info("dapr.runtime", "Recovered processing operation %s after %d attempts", operation, attempts)
}

// Changed says that a breaker has changed its state.
func (d *daprd) Changed(breaker, app string, from, to gobreaker.State) {
	if to != gobreaker.StateHalfOpen {
		d.metrics.activated(app, "circuitbreaker", to.String())
	}
	d.log.info("dapr.runtime", "Circuit breaker %q changed state from %s to %s", breaker, from, to)
}

// TimedOut counts an operation of which an attempt took too long.
func (d *daprd) TimedOut(app string) { d.metrics.activated(app, "timeout", "") }
