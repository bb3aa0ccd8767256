package link

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/scenario"
)

// A Server lets a harness elsewhere work a Set over HTTP, and tells it what the taps see.
type Server struct {
	set *Set

	mu      sync.Mutex
	first   uint64  // the sequence number of journal[0]
	journal []entry // what nobody has acknowledged yet
	more    chan struct{}
	ended   bool
}

// An entry is one event on its way: observed at WallNS on the observer's clock.
type entry struct {
	WallNS int64         `json:"wall_ns"`
	Event  history.Event `json:"event"`
	Last   bool          `json:"last,omitempty"` // nothing follows: all taps are closed
}

// NewServer makes a server around a fresh, empty set.
func NewServer() *Server {
	s := &Server{first: 1, more: make(chan struct{})}
	s.set = New(s.note)
	return s
}

// Set is what the server serves.
func (s *Server) Set() *Set { return s.set }

// Run keeps a metronome beside the taps until ctx ends.
func (s *Server) Run(ctx context.Context) {
	history.Metronome(ctx, history.Links, func(e history.Event) { s.note(time.Now(), e) })
}

func (s *Server) note(at time.Time, e history.Event) {
	s.add(entry{WallNS: at.UnixNano(), Event: e})
}

func (s *Server) add(n entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	s.ended = n.Last
	n.Event.Seq = s.first + uint64(len(s.journal))
	s.journal = append(s.journal, n)
	close(s.more)
	s.more = make(chan struct{})
}

// since gives what follows the acknowledged events, which are forgotten.
func (s *Server) since(from uint64) ([]entry, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if from > s.first {
		n := min(from-s.first, uint64(len(s.journal)))
		s.journal = append([]entry(nil), s.journal[n:]...)
		s.first += n
	}
	return s.journal[:len(s.journal):len(s.journal)], s.more
}

// Handler is the control API:
//
//	GET    /clock            the observer's clock
//	GET    /events?from=SEQ  a stream of entries, from a sequence number on
//	GET    /probe?url=URL    a direct probe; 200 with status and body, 502 where it failed
//	POST   /links            a Config; gives the tap's address
//	POST   /faults           a fault; DELETE /faults/NAME heals it
//	POST   /send             a Request
//	POST   /close            heals and closes everything; the stream of events then ends
func (s *Server) Handler() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /clock", func(w http.ResponseWriter, r *http.Request) {
		reply(w, map[string]int64{"wall_ns": time.Now().UnixNano()}, nil)
	})
	m.HandleFunc("GET /events", s.events)
	m.HandleFunc("GET /probe", func(w http.ResponseWriter, r *http.Request) {
		status, body, err := s.set.Probe(r.Context(), r.URL.Query().Get("url"))
		reply(w, probed{Status: status, Body: body}, err)
	})
	m.HandleFunc("POST /links", func(w http.ResponseWriter, r *http.Request) {
		var c Config
		if read(w, r, &c) {
			addr, err := s.set.Open(c)
			reply(w, map[string]string{"addr": addr}, err)
		}
	})
	m.HandleFunc("POST /faults", func(w http.ResponseWriter, r *http.Request) {
		var f scenario.Fault
		if read(w, r, &f) {
			reply(w, struct{}{}, s.set.Apply(f))
		}
	})
	m.HandleFunc("DELETE /faults/{name}", func(w http.ResponseWriter, r *http.Request) {
		reply(w, struct{}{}, s.set.Heal(r.PathValue("name")))
	})
	m.HandleFunc("POST /send", func(w http.ResponseWriter, r *http.Request) {
		var q Request
		if read(w, r, &q) {
			reply(w, struct{}{}, s.set.Send(r.Context(), q))
		}
	})
	m.HandleFunc("POST /close", func(w http.ResponseWriter, r *http.Request) {
		err := s.set.Close()
		s.add(entry{Last: true})
		reply(w, struct{}{}, err)
	})
	return m
}

// probed is what a probe found.
type probed struct {
	Status int    `json:"status"`
	Body   []byte `json:"body"`
}

func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	from, err := strconv.ParseUint(r.URL.Query().Get("from"), 10, 64)
	if err != nil || from == 0 {
		http.Error(w, "from: want a sequence number from 1 on", http.StatusBadRequest)
		return
	}
	out, flush := json.NewEncoder(w), http.NewResponseController(w)
	flush.Flush()
	for {
		entries, more := s.since(from)
		for _, n := range entries {
			if out.Encode(n) != nil {
				return
			}
			from = n.Event.Seq + 1
		}
		if flush.Flush() != nil || (len(entries) > 0 && entries[len(entries)-1].Last) {
			return
		}
		select {
		case <-more:
		case <-r.Context().Done():
			return
		}
	}
}

func read(w http.ResponseWriter, r *http.Request, v any) bool {
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(v); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return false
	}
	return true
}

func reply(w http.ResponseWriter, v any, err error) {
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		http.Error(w, err.Error(), http.StatusNotImplemented)
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadGateway)
	default:
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(v)
	}
}

// Serve answers on l until ctx ends, then closes all links.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	srv := &http.Server{Handler: s.Handler(), ReadHeaderTimeout: dialTimeout}
	stop := context.AfterFunc(ctx, func() { srv.Close() })
	defer stop()
	go s.Run(ctx)
	err := srv.Serve(l)
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return errors.Join(err, s.set.Close())
}
