package main

import (
	"fmt"
	"net/http"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// The messages between two daprd, written and read field by field.
//
// https://github.com/dapr/dapr/blob/v1.14.0/dapr/proto/internals/v1/service_invocation.proto

// A request is an InternalInvokeRequestStream, all in its first message.
type request struct {
	method, query, verb string
	header              http.Header
	body                []byte
	trace               string // its traceparent, beside the message
}

// A response is an InternalInvokeResponseStream.
type response struct {
	status int
	header http.Header
	body   []byte
}

var verbs = []string{"", "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}

func (r request) marshal() []byte {
	verb := uint64(0)
	for i, v := range verbs {
		if v == r.verb {
			verb = uint64(i)
		}
	}
	var extension, message, inner []byte
	extension = number(extension, 1, verb)
	extension = text(extension, 2, r.query)
	message = text(message, 1, r.method)
	message = text(message, 3, r.header.Get("Content-Type"))
	message = nested(message, 4, extension)
	inner = number(inner, 1, 1) // V1
	inner = headers(inner, 2, r.header)
	inner = nested(inner, 3, message)
	return nested(nested(nil, 1, inner), 2, payload(r.body))
}

func (r response) marshal() []byte {
	var status, inner []byte
	status = number(status, 1, uint64(r.status))
	status = text(status, 2, http.StatusText(r.status))
	inner = nested(inner, 1, status)
	inner = headers(inner, 2, r.header)
	inner = nested(inner, 4, text(nil, 2, r.header.Get("Content-Type")))
	return nested(nested(nil, 1, inner), 2, payload(r.body))
}

// payload is a StreamPayload, the first.
func payload(body []byte) []byte { return nested(nil, 1, body) }

func number(b []byte, n protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, n, protowire.VarintType), v)
}

func text(b []byte, n protowire.Number, v string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, n, protowire.BytesType), v)
}

func nested(b []byte, n protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, n, protowire.BytesType), v)
}

// headers is a map<string, ListStringValue>.
func headers(b []byte, n protowire.Number, h http.Header) []byte {
	for name, values := range h {
		var list []byte
		for _, v := range values {
			list = text(list, 1, v)
		}
		b = nested(b, n, nested(text(nil, 1, name), 2, list))
	}
	return b
}

func unmarshalRequest(b []byte) (r request, err error) {
	r.header = http.Header{}
	err = fields(b, visitor{
		1: func(inner []byte, _ uint64) error {
			return fields(inner, visitor{
				2: readHeader(r.header),
				3: func(message []byte, _ uint64) error {
					return fields(message, visitor{
						1: func(v []byte, _ uint64) error { r.method = string(v); return nil },
						4: func(extension []byte, _ uint64) error {
							return fields(extension, visitor{
								1: func(_ []byte, v uint64) error {
									if v >= uint64(len(verbs)) {
										return fmt.Errorf("unknown verb %d", v)
									}
									r.verb = verbs[v]
									return nil
								},
								2: func(v []byte, _ uint64) error { r.query = string(v); return nil },
							})
						},
					})
				},
			})
		},
		2: readPayload(&r.body),
	})
	return r, err
}

func unmarshalResponse(b []byte) (r response, err error) {
	r.header = http.Header{}
	err = fields(b, visitor{
		1: func(inner []byte, _ uint64) error {
			return fields(inner, visitor{
				1: func(status []byte, _ uint64) error {
					return fields(status, visitor{1: func(_ []byte, v uint64) error { r.status = int(v); return nil }})
				},
				2: readHeader(r.header),
			})
		},
		2: readPayload(&r.body),
	})
	return r, err
}

// A visitor takes fields by their number: bytes, or a number.
type visitor map[protowire.Number]func(bytes []byte, n uint64) error

func readPayload(to *[]byte) func([]byte, uint64) error {
	return func(b []byte, _ uint64) error {
		return fields(b, visitor{1: func(v []byte, _ uint64) error { *to = append(*to, v...); return nil }})
	}
}

func readHeader(to http.Header) func([]byte, uint64) error {
	return func(entry []byte, _ uint64) error {
		var name string
		return fields(entry, visitor{
			1: func(v []byte, _ uint64) error { name = string(v); return nil },
			2: func(list []byte, _ uint64) error {
				return fields(list, visitor{1: func(v []byte, _ uint64) error {
					to[http.CanonicalHeaderKey(name)] = append(to[http.CanonicalHeaderKey(name)], string(v))
					return nil
				}})
			},
		})
	}
}

func fields(b []byte, do visitor) error {
	for len(b) > 0 {
		n, kind, size := protowire.ConsumeTag(b)
		if size < 0 {
			return protowire.ParseError(size)
		}
		value := b[size:]
		skip := protowire.ConsumeFieldValue(n, kind, value)
		if skip < 0 {
			return protowire.ParseError(skip)
		}
		b = value[skip:]
		take := do[n]
		if take == nil {
			continue
		}
		bytes, _ := protowire.ConsumeBytes(value)
		number, _ := protowire.ConsumeVarint(value)
		if err := take(bytes, number); err != nil {
			return err
		}
	}
	return nil
}

// plain hands gRPC bytes that are messages already.
type plain struct{}

func (plain) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }

func (plain) Unmarshal(b []byte, v any) error {
	*v.(*[]byte) = append([]byte(nil), b...)
	return nil
}

func (plain) Name() string { return "proto" }

// hopByHop headers are of one connection, not of the call.
func dropHopByHop(h http.Header) {
	for _, name := range strings.Fields("Connection Keep-Alive Te Trailer Transfer-Encoding Upgrade Proxy-Connection") {
		h.Del(name)
	}
}
