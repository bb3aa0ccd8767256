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

// What the releases changed in the lines about resiliency.
const (
	tellsInterval = 10
	countsTries   = 13
	warnsOfRetry  = 14
)

// Retrying says once an operation that it goes on, as the release words it.
func (d *daprd) Retrying(operation, app string, gap time.Duration) {
	if app != "" {
		d.metrics.activated(app, "retry", "")
	}
	text := fmt.Sprintf("Error processing operation %s. Retrying in %v…", operation, gap)
	if d.minor < tellsInterval {
		text = fmt.Sprintf("Error processing operation %s. Retrying...", operation)
	}
	if d.minor < warnsOfRetry {
		d.log.info("dapr.runtime", "%s", text)
		return
	}
	d.log.warn("dapr.runtime", "%s", text)
}

// Recovered says that an operation that was retried has succeeded.
func (d *daprd) Recovered(operation string, attempts int) {
	text := fmt.Sprintf("Recovered processing operation %s after %d attempts", operation, attempts)
	if d.minor < countsTries {
		text = fmt.Sprintf("Recovered processing operation %s.", operation)
	}
	d.log.info("dapr.runtime", "%s", text)
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
