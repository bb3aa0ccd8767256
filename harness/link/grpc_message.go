package link

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"net/url"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// A message is one of a gRPC stream, as it comes: a byte for compression, four for its length, and itself.
type message struct {
	head []byte
}

// maxMessageBytes is how much of a message is kept: what follows the metadata is somebody's order.
const maxMessageBytes = 1 << 20

// add takes more bytes, and gives the message once it is there, with what came of the next one. One that is compressed or
// too long is given as far as it can be read; rest is nil then, and what follows is not to be added.
func (m *message) add(b []byte) (whole, rest []byte, ok bool) {
	m.head = append(m.head, b...)
	const prefix = 5
	if len(m.head) < prefix {
		return nil, nil, false
	}
	length := int(binary.BigEndian.Uint32(m.head[1:prefix]))
	have := m.head[prefix:]
	if len(have) < length && len(have) < maxMessageBytes {
		return nil, nil, false
	}
	compressed := m.head[0] != 0
	m.head = nil
	switch {
	case compressed:
		return nil, nil, true
	case len(have) < length:
		return have, nil, true
	}
	return have[:length], have[length:], true
}

// An invoked is what a tap reads of a call's first message.
type invoked struct {
	path, method string
	headers      map[string]string // lower-case name → first value
	body         []byte            // all of it, or the first of a stream's payloads
}

func (i invoked) header(name string) string { return i.headers[strings.ToLower(name)] }

// verbs are those of common.v1.HTTPExtension, by their number.
var verbs = [...]string{"", "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}

// readInvokeRequest reads an InternalInvokeRequest, or one within an InternalInvokeRequestStream: in the stream's
// message it is field 1, which in the other is the API's version.
func readInvokeRequest(b []byte) invoked {
	out := invoked{headers: map[string]string{}}
	request, stream := b, false
	if inner := bytesField(b, 1); inner != nil && bytesField(inner, 3) != nil {
		request, stream = inner, true
	}
	eachField(request, 2, func(entry []byte) { // map<string, ListStringValue> metadata
		if first := bytesField(bytesField(entry, 2), 1); first != nil {
			out.headers[strings.ToLower(string(bytesField(entry, 1)))] = string(first)
		}
	})
	message := bytesField(request, 3)
	out.path = string(bytesField(message, 1))
	if verb := numberField(bytesField(message, 4), 1); verb < uint64(len(verbs)) {
		out.method = verbs[verb]
	}
	if out.body = bytesField(bytesField(message, 2), 2); stream {
		out.body = readPayload(b)
	}
	return out
}

// readPayload reads the piece of the body that an InternalInvokeRequestStream carries.
func readPayload(b []byte) []byte { return bytesField(bytesField(b, 2), 1) }

// readInvokeResponse reads the app's status out of an InternalInvokeResponse, or of one within a stream's message.
func readInvokeResponse(b []byte) int {
	status := bytesField(b, 1)
	if inner := bytesField(status, 1); inner != nil {
		status = inner
	}
	return int(numberField(status, 1))
}

// eachField hands on each value of a field that holds bytes.
func eachField(b []byte, field protowire.Number, do func([]byte)) {
	for len(b) > 0 {
		n, kind, size := protowire.ConsumeTag(b)
		if size < 0 {
			return
		}
		b = b[size:]
		if n == field && kind == protowire.BytesType {
			v, size := protowire.ConsumeBytes(b)
			if size < 0 {
				return
			}
			do(v)
			b = b[size:]
			continue
		}
		if size = protowire.ConsumeFieldValue(n, kind, b); size < 0 {
			return
		}
		b = b[size:]
	}
}

// bytesField is the last value of a field that holds bytes; nil where there is none.
func bytesField(b []byte, field protowire.Number) (out []byte) {
	eachField(b, field, func(v []byte) { out = v })
	return out
}

// numberField is the value of a field that holds a number; 0 where there is none.
func numberField(b []byte, field protowire.Number) uint64 {
	for len(b) > 0 {
		n, kind, size := protowire.ConsumeTag(b)
		if size < 0 {
			return 0
		}
		b = b[size:]
		if n == field && kind == protowire.VarintType {
			v, _ := protowire.ConsumeVarint(b)
			return v
		}
		if size = protowire.ConsumeFieldValue(n, kind, b); size < 0 {
			return 0
		}
		b = b[size:]
	}
	return 0
}

// binaryTraceID takes the trace id out of OpenCensus' binary form, as gRPC's metadata carry it; "" where it is none.
func binaryTraceID(value string) string {
	b, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(value, "="))
	const head, length = 2, 16 // version 0, field 0
	if err != nil || len(b) < head+length || b[0] != 0 || b[1] != 0 {
		return ""
	}
	return hex.EncodeToString(b[head : head+length])
}

// percentDecoded is a grpc-message as it was meant.
func percentDecoded(text string) string {
	if plain, err := url.PathUnescape(text); err == nil {
		return plain
	}
	return text
}
