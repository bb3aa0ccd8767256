package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/halfopen/halfopen/harness"
)

// looks say how the command line shows itself.
type looks struct {
	quiet, noColor bool
	terminal       bool // stderr is one: a live line is welcome
	color          bool // stdout is a terminal and colours are welcome
	width          int
}

func (l *looks) flags(f *pflag.FlagSet) {
	f.BoolVarP(&l.quiet, "quiet", "q", false, "print the verdict only")
	f.BoolVar(&l.noColor, "no-color", false, "no colours (also where NO_COLOR is set)")
}

// settle finds out what the streams are.
func (l *looks) settle(cmd *cobra.Command) {
	l.width = 100
	if f, ok := cmd.OutOrStdout().(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		l.color = !l.noColor && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
			l.width = w
		}
	}
	if f, ok := cmd.ErrOrStderr().(*os.File); ok {
		l.terminal = term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
	}
}

// A live is the progress of a run on one line: rewritten in place on a terminal, a plain line at each change of
// phase elsewhere.
type live struct {
	w     io.Writer
	look  looks
	mu    sync.Mutex
	at    harness.Progress
	began time.Time
	shown string
	stop  chan struct{}
	done  sync.WaitGroup
}

func newLive(w io.Writer, look looks) *live {
	l := &live{w: w, look: look, began: time.Now(), stop: make(chan struct{})}
	if look.terminal && !look.quiet {
		l.done.Go(l.tick)
	}
	return l
}

// tick keeps the clock of the live line going.
func (l *live) tick() {
	t := time.NewTicker(200 * time.Millisecond)
	defer t.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-t.C:
			l.mu.Lock()
			l.draw()
			l.mu.Unlock()
		}
	}
}

// show takes the news of a run.
func (l *live) show(p harness.Progress) {
	if l.look.quiet {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.at
	l.at = p
	switch {
	case l.look.terminal:
		l.draw()
	case p.Phase != before.Phase || p.Fault != before.Fault || p.Breaker != before.Breaker:
		fmt.Fprintln(l.w, l.line())
	}
}

func (l *live) draw() {
	if l.at.Phase == "" {
		return
	}
	line := l.line()
	if n := l.look.width - 1; len([]rune(line)) > n {
		line = string([]rune(line)[:n-1]) + "…"
	}
	fmt.Fprint(l.w, "\r\x1b[2K"+line)
	l.shown = line
}

func (l *live) line() string {
	elapsed := time.Since(l.began).Round(time.Second)
	parts := []string{fmt.Sprintf("%4s of about %s", elapsed, l.at.Expected.Round(time.Second))}
	if l.at.Breaker != "" {
		parts = append(parts, "breaker: "+l.at.Breaker)
	}
	if l.at.Orders > 0 {
		parts = append(parts, fmt.Sprintf("%d orders accepted", l.at.Orders))
	}
	if l.at.Fault != "" {
		parts = append(parts, "fault: "+l.at.Fault)
	}
	parts = append(parts, l.at.Phase)
	return strings.Join(parts, " · ")
}

// end takes the live line off the screen.
func (l *live) end() {
	close(l.stop)
	l.done.Wait()
	if l.shown != "" {
		fmt.Fprint(l.w, "\r\x1b[2K")
	}
}
