package link

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// faultHeader names the fault that answered in an app's place, for whoever wonders where an answer came from.
const faultHeader = "Halfopen-Fault"

// respond answers in the app's place.
func (c *conn) respond(d *door, read *reader, in *bufio.Reader, head []byte, r *http.Request) error {
	in.Discard(len(head))
	if err := body(io.Discard, in, r); err != nil {
		return err
	}
	text := fmt.Sprintf("%s at the door of the app\n", d.fault.Name)
	h := http.Header{faultHeader: {d.fault.Name}, "Content-Type": {"text/plain; charset=utf-8"}, "Content-Length": {strconv.Itoa(len(text))}}
	if d.fault.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(d.fault.RetryAfter.Seconds())))
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", d.fault.Status, http.StatusText(d.fault.Status))
	h.Write(&b)
	b.WriteString("\r\n")
	if r.Method != http.MethodHead && d.fault.Status != http.StatusNoContent && d.fault.Status != http.StatusNotModified {
		b.WriteString(text)
	}
	return c.answer(read, b.Bytes())
}
