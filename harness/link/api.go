package link

import (
	"net/http"

	"github.com/gorilla/mux"
)

// ToxiproxyAPI is Toxiproxy's own HTTP API over the proxies of the set, for those who work with toxiproxy-cli.
// (Toxiproxy's server can't be embedded: its Listen ends the program on an error.)
func (s *Set) ToxiproxyAPI() http.Handler {
	r := mux.NewRouter()
	r.HandleFunc("/reset", s.server.ResetState).Methods("POST")
	r.HandleFunc("/proxies", s.server.ProxyIndex).Methods("GET")
	r.HandleFunc("/proxies/{proxy}", s.server.ProxyShow).Methods("GET")
	r.HandleFunc("/proxies/{proxy}", s.server.ProxyUpdate).Methods("POST")
	r.HandleFunc("/proxies/{proxy}/toxics", s.server.ToxicIndex).Methods("GET")
	r.HandleFunc("/proxies/{proxy}/toxics", s.server.ToxicCreate).Methods("POST")
	r.HandleFunc("/proxies/{proxy}/toxics/{toxic}", s.server.ToxicShow).Methods("GET")
	r.HandleFunc("/proxies/{proxy}/toxics/{toxic}", s.server.ToxicUpdate).Methods("POST")
	r.HandleFunc("/proxies/{proxy}/toxics/{toxic}", s.server.ToxicDelete).Methods("DELETE")
	r.HandleFunc("/version", s.server.Version).Methods("GET")
	return r
}
