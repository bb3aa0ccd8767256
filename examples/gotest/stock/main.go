// Command stock takes what is sold off the shelf.
package main

import (
	"encoding/json"
	"log"
	"net"
	"net/http"
	"os"
)

func main() {
	http.HandleFunc("POST /reservations", func(w http.ResponseWriter, r *http.Request) {
		var item struct{ Article string }
		if err := json.NewDecoder(r.Body).Decode(&item); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		log.Printf("reserved %s", item.Article)
		w.WriteHeader(http.StatusCreated)
	})
	http.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	log.SetFlags(0)
	log.Fatal(http.ListenAndServe(net.JoinHostPort(os.Getenv("APP_HOST"), os.Getenv("APP_PORT")), nil))
}
