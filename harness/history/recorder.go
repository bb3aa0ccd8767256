package history

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"
)

// A Recorder owns the run's clock and writes one history, line by line, as it grows.
// It is safe for many goroutines; it keeps what it recorded for those who wait for an event.
type Recorder struct {
	start time.Time // wall and monotonic: 0 of the run's clock
	run   string

	mu      sync.Mutex
	w       io.Writer
	seq     map[string]uint64
	events  []Event
	changed chan struct{} // closed and replaced at each event
	err     error
	closed  bool
}

// NewRecorder writes the header to w and starts the run's clock at h.Started (now where that is zero).
func NewRecorder(w io.Writer, h Header) (*Recorder, error) {
	if h.Started.IsZero() {
		h.Started = time.Now()
	}
	h.Format = Format
	r := &Recorder{start: h.Started, run: h.Run, w: w, seq: map[string]uint64{}, changed: make(chan struct{})}
	if err := r.writeLine(h); err != nil {
		return nil, fmt.Errorf("write the history's header: %w", err)
	}
	return r, nil
}

// Now is the time on the run's clock.
func (r *Recorder) Now() time.Duration { return time.Since(r.start) }

// Started is the wall clock at 0 of the run's clock.
func (r *Recorder) Started() time.Time { return r.start }

// Record writes one event. A zero At becomes now; a zero Seq becomes the next number of its source.
// An event after [Recorder.Close] is dropped: the end is the end.
func (r *Recorder) Record(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	if e.At == 0 {
		e.At = time.Since(r.start)
	}
	r.append(e)
}

func (r *Recorder) append(e Event) {
	if e.Seq == 0 {
		e.Seq = r.seq[e.Source] + 1
	}
	r.seq[e.Source] = max(r.seq[e.Source], e.Seq)
	e.Run = r.run
	r.events = append(r.events, e)
	if err := r.writeLine(e); err != nil && r.err == nil {
		r.err = fmt.Errorf("write the history: %w", err)
	}
	close(r.changed)
	r.changed = make(chan struct{})
}

// Since gives the events recorded from the n-th on (from 0), and a channel that is closed at the next one.
func (r *Recorder) Since(n int) ([]Event, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n = min(n, len(r.events))
	return r.events[n:len(r.events):len(r.events)], r.changed
}

// Close writes the end with the count of events and how the run ended (done, interrupted, failed).
// It gives the first error of any write.
func (r *Recorder) Close(how string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return r.err
	}
	r.append(Event{
		At: time.Since(r.start), Source: Runner, Kind: KindEnd,
		Attrs: map[string]string{"count": strconv.Itoa(len(r.events)), "how": how},
	})
	r.closed = true
	return r.err
}

func (r *Recorder) writeLine(v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	n, err := r.w.Write(append(line, '\n'))
	if err == nil && n <= len(line) {
		err = errors.New("short write")
	}
	return err
}
