package container

import (
	"bufio"
	"context"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"

	"github.com/halfopen/halfopen/harness/env"
	"github.com/halfopen/halfopen/harness/history"
)

// A tail records each line that a container prints, once, across its stops and starts. The engine stamps the
// lines; asking again from the last stamp and dropping what was seen makes up for a broken stream.
type tail struct {
	client *client.Client
	id     string
	part   env.Part
	record func(at time.Time, e history.Event)
	seen   map[string]*mark // by stream
}

// A mark is how far one stream has been recorded.
type mark struct {
	at time.Time
	n  int // how many lines with exactly this stamp
}

func newTail(c *client.Client, id string, p env.Part, record func(time.Time, history.Event)) *tail {
	return &tail{client: c, id: id, part: p, record: record, seen: map[string]*mark{"stdout": {}, "stderr": {}}}
}

// follow records until the container has ended, then once more whatever is left.
func (t *tail) follow(ended <-chan struct{}) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for {
		t.read(ctx, true)
		select {
		case <-ended:
			t.read(ctx, false)
			return
		case <-time.After(tailPause):
		}
	}
}

// tailPause is how long a tail waits before it asks again.
const tailPause = 20 * time.Millisecond

// read takes the output from the earlier mark on.
func (t *tail) read(ctx context.Context, follow bool) {
	options := client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Timestamps: true, Follow: follow}
	if since := t.since(); !since.IsZero() {
		options.Since = strconv.FormatInt(since.Unix(), 10) + "." + leftPad(since.Nanosecond())
	}
	logs, err := t.client.ContainerLogs(ctx, t.id, options)
	if err != nil {
		return // gone, or busy: the caller asks again
	}
	defer logs.Close()
	var lines sync.WaitGroup
	var ends []*io.PipeWriter
	for _, stream := range []string{"stdout", "stderr"} {
		r, w := io.Pipe()
		ends = append(ends, w)
		lines.Go(func() { t.lines(r, stream) })
	}
	stdcopy.StdCopy(ends[0], ends[1], logs)
	for _, w := range ends {
		w.Close()
	}
	lines.Wait()
}

// since is the earlier of the two marks: 0 where a stream has said nothing yet.
func (t *tail) since() time.Time {
	out, err := t.seen["stdout"].at, t.seen["stderr"].at
	if err.IsZero() || out.IsZero() {
		return time.Time{}
	}
	if err.Before(out) {
		return err
	}
	return out
}

// lines records one stream's lines behind its mark.
func (t *tail) lines(from io.Reader, stream string) {
	m := t.seen[stream]
	again := 0 // lines with the mark's own stamp that were recorded before
	old := *m
	in := bufio.NewReaderSize(from, 64<<10)
	for {
		text, err := in.ReadString('\n')
		stamp, rest, ok := strings.Cut(strings.TrimRight(text, "\r\n"), " ")
		at, perr := time.Parse(time.RFC3339Nano, stamp)
		if ok && perr == nil {
			switch {
			case at.Before(old.at):
			case at.Equal(old.at) && again < old.n:
				again++
			default:
				if at.Equal(m.at) {
					m.n++
				} else {
					*m = mark{at: at, n: 1}
				}
				t.record(at, env.Line(t.part, stream, rest))
			}
		}
		if err != nil {
			io.Copy(io.Discard, from)
			return
		}
	}
}

// leftPad writes nanoseconds with all nine digits.
func leftPad(ns int) string {
	s := strconv.Itoa(ns)
	return strings.Repeat("0", 9-len(s)) + s
}
