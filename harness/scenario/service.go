package scenario

import (
	"fmt"
	"net"
	"regexp"
	"strings"
	"text/template"
	"time"

	"github.com/theory/jsonpath"

	"github.com/halfopen/halfopen/harness/document"
)

// builtins are the apps that halfopen brings itself, with the port they listen on.
var builtins = map[string]int{"checkout": 0, "order-processor": 6001}

// service reads one, and gives the place where it names its target.
func (p *parser) service(e document.Entry) (_ Service, to document.Value) {
	f := e.Value.Fields().Known("app", "image", "command", "port", "env", "ready", "readyWithin", "host", "sends")
	s := Service{Name: e.Key, App: f.Get("app").Text(), Image: f.Get("image").Text(), Ready: f.Get("ready").Text()}
	command := f.Get("command")
	switch {
	case command.Raw() != "":
		command.Tell(document.Type, "want a list, got a single value", "command: ["+strings.Join(strings.Fields(command.Raw()), ", ")+"]")
	case command.IsList() && len(command.Items()) == 0:
		command.Problem("is empty", "command: [python3, app.py]")
	}
	for _, v := range command.Items() {
		s.Command = append(s.Command, v.Text())
	}
	s.CommandAt = placeOf(command)
	s.Host, s.ReadyWithin = f.Get("host").Text(), span(f.Get("readyWithin"), 0)
	s.Env = texts(f.Get("env"))
	s.Port = f.Get("port").Int(builtins[s.App])
	if v := f.Get("port"); v.Set() && (s.Port < 1 || s.Port > 65535) {
		v.Problem(fmt.Sprintf("%q is no port", v.Text()), "1 to 65535")
	}
	switch port, builtin := builtins[s.App]; {
	case s.App != "" && !builtin:
		f.Get("app").Problem(fmt.Sprintf("no built-in app %q", s.App), "checkout or order-processor; your own comes with `image:` or `command:`")
	case s.App != "" && (s.Image != "" || len(s.Command) > 0):
		e.KeyAt.Problem("has `app:` beside `image:` or `command:`", "keep one of them")
	case s.App == "" && s.Image == "" && len(s.Command) == 0:
		if command.Set() {
			break // and it has been told what is wrong with it
		}
		e.KeyAt.Problem("has neither `app:` nor `image:` nor `command:`", "app: order-processor")
	case s.App == "" && !f.Get("port").Set() && !f.Get("sends").Set():
		e.KeyAt.Problem("has neither `port:` nor `sends:`", "where does it listen, or to whom does it send?")
	case port == 0 && s.App == "checkout" && f.Get("port").Set():
		f.Get("port").Problem("checkout listens nowhere", "remove it")
	}
	if s.App == "" && !f.Get("port").Set() {
		for _, field := range []string{"ready", "readyWithin", "host"} {
			if v := f.Get(field); v.Set() {
				v.Problem("is about a port, and there is none", "give it `port:`")
			}
		}
	}
	if v := f.Get("host"); v.Set() {
		p.host(v, s)
	}
	if v := f.Get("sends"); v.Set() {
		s.Sends, to = p.sends(v, s)
	} else if s.App == "checkout" {
		e.KeyAt.Problem("checkout has no `sends:`", "sends: { to: order-processor, every: 1s }")
	}
	f.Done()
	return s, to
}

// host checks where a command says that it listens.
func (p *parser) host(v document.Value, s Service) {
	if len(s.Command) == 0 || s.Image != "" {
		v.Problem("is only for a `command:`", "an app in a container is reached at its container's address: let it listen on 0.0.0.0")
	}
	if ip := net.ParseIP(s.Host); ip == nil || !ip.IsLoopback() {
		v.Problem(fmt.Sprintf("%q is no loopback address", s.Host), "host: 127.0.0.1")
	}
}

func (p *parser) sends(v document.Value, s Service) (_ *Sends, to document.Value) {
	f := v.Fields().Known("to", "method", "path", "headers", "body", "every", "callers", "timeout", "until", "id")
	switch {
	case s.App == "checkout" && f.Get("id").Set():
		f.Get("id").Problem("the built-in checkout tells the id in the header X-Order-Id", "remove it")
	case s.App == "order-processor":
		v.Problem("the built-in order-processor sends nothing", "app: checkout")
	case s.App == "" && f.Get("body").Set():
		f.Get("body").Problem("your own program sends what it sends", "remove it; `id: $.orderId` tells where an order's id stands in it")
	}
	out := &Sends{
		To: f.Need("to", "the app id that gets the orders").Text(), Method: or(f.Get("method").Text(), "POST"),
		Path: strings.TrimPrefix(or(f.Get("path").Text(), "orders"), "/"), Headers: texts(f.Get("headers")),
		Body: or(f.Get("body").Text(), `{"orderId":{{.ID}}}`), Every: span(f.Get("every"), time.Second),
		Callers: f.Get("callers").Int(1), Timeout: span(f.Get("timeout"), 0), Until: or(f.Get("until").Text(), "accepted"),
		ID: f.Get("id").Text(),
	}
	if out.ID != "" {
		if _, err := jsonpath.Parse(out.ID); err != nil {
			f.Get("id").Problem(fmt.Sprintf("%q is no JSON path: %v", out.ID, err), "id: $.orderId")
		}
	}
	for field, text := range map[string]string{"body": out.Body, "path": out.Path} {
		if t, err := template.New(field).Parse(text); err != nil {
			f.Get(field).Problem("not a template: "+err.Error(), `{"orderId":{{.ID}}}`)
		} else if err := t.Execute(&strings.Builder{}, struct{ ID int64 }{1}); err != nil {
			f.Get(field).Problem("not a template: "+err.Error(), "only {{.ID}} is known")
		}
	}
	if out.Callers < 1 {
		f.Get("callers").Problem("fewer than one caller", "callers: 1")
	}
	if !methodForm.MatchString(out.Method) {
		f.Get("method").Problem(fmt.Sprintf("%q is no HTTP method", out.Method), "POST")
	}
	if out.Until != "accepted" && out.Until != "once" {
		f.Get("until").Problem(fmt.Sprintf("%q: want accepted or once", out.Until), "until: accepted")
	}
	f.Done()
	return out, f.Get("to")
}

var methodForm = regexp.MustCompile(`^[A-Z]+$`)
