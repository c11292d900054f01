package zexatest

import (
	"net/http"
	"net/url"
	"time"
)

// Request is a request that reached a [Server], as it came.
type Request struct {
	Method string
	Path   string // below the base URL and still escaped: /messages/msg_000001; outside it, without a leading slash
	Query  url.Values
	Header http.Header
	Body   []byte // nil if it was not read
	Time   time.Time
	Status int // what it was answered with; 0 if it got no answer, or none yet
}

// Requests returns the requests recorded so far, oldest first: the last 10,000
// unless [Server.KeepRequests] says otherwise.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget()
	all := make([]Request, len(s.requests))
	for i, r := range s.requests {
		all[i] = *r
	}
	return all
}

// ResetRequests forgets the requests recorded so far.
func (s *Server) ResetRequests() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = nil
}

// KeepRequests sets how many requests are remembered. 0 or less turns recording
// off, for tests that send a great many.
func (s *Server) KeepRequests(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keep = max(n, 0)
	s.forget()
}

// arrive records a request, gives it its id and finds the fault that it meets.
func (s *Server) arrive(r *http.Request, path string) (*Request, string, Fault) {
	rec := &Request{Method: r.Method, Path: path, Time: time.Now()}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keep > 0 {
		rec.Query, rec.Header = r.URL.Query(), r.Header.Clone()
		s.requests = append(s.requests, rec)
		if len(s.requests) >= 2*s.keep {
			s.forget()
		}
	}
	return rec, s.nextID("req"), s.pick(r.Method, path)
}

// forget drops the oldest requests beyond those to keep.
func (s *Server) forget() {
	if old := len(s.requests) - s.keep; old > 0 {
		s.requests = append([]*Request(nil), s.requests[old:]...)
	}
}
