package env

import (
	"bufio"
	"errors"
	"io"

	"github.com/halfopen/halfopen/harness/history"
)

// maxLineBytes is where a line of output is cut in two: a service may print anything.
const maxLineBytes = 1 << 20

// RecordLines records what a part prints on one stream until it ends. A line is observed when its last byte is.
func RecordLines(from io.Reader, p Part, stream string, record func(history.Event)) {
	in := bufio.NewReaderSize(from, 64<<10)
	var line []byte
	for {
		chunk, err := in.ReadSlice('\n')
		line = append(line, chunk...)
		whole := err == nil || len(line) >= maxLineBytes
		if whole || (len(line) > 0 && err != nil && !errors.Is(err, bufio.ErrBufferFull)) {
			record(Line(p, stream, string(trimEnd(line))))
			line = line[:0]
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

// Line is the event of one line of output.
func Line(p Part, stream, text string) history.Event {
	return history.Event{
		Source: history.Output(p.Service, p.Part), Kind: history.KindLine, Service: p.Service, Part: p.Part,
		Text: text, Attrs: map[string]string{"stream": stream},
	}
}

func trimEnd(line []byte) []byte {
	for len(line) > 0 && (line[len(line)-1] == '\n' || line[len(line)-1] == '\r') {
		line = line[:len(line)-1]
	}
	return line
}
