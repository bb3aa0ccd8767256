package link

import (
	"bytes"
	"encoding/hex"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/halfopen/halfopen/harness/history"
)

// Whatever crosses a link, its parser gets to the end of it.
func FuzzGRPC(f *testing.F) {
	text, err := os.ReadFile("testdata/daprd-messages.txt")
	if err != nil {
		f.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if _, code, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			b, _ := hex.DecodeString(code)
			f.Add(b)
			var framed bytes.Buffer
			fr := http2.NewFramer(&framed, nil)
			fr.WriteData(1, true, append([]byte{0, 0, 0, 0, byte(len(b))}, b...))
			f.Add(framed.Bytes())
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		readInvokeRequest(b)
		readInvokeResponse(b)
		c := &conn{tap: &tap{record: func(time.Time, history.Event) {}}}
		m := newMultiplex(c)
		m.calls[1] = &call{n: 1}
		var s stream
		m.requests(&s, bytes.NewReader(b))
		m.responses(&s, io.LimitReader(bytes.NewReader(b), 1<<16))
		m.close()
	})
}
