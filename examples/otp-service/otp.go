package main

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"slices"
	"sync"
	"time"

	zexa "github.com/zexa-ao/zexa-go"
)

const (
	lifetime = 10 * time.Minute // an SMS can take minutes
	pause    = time.Minute      // before the same phone gets another code
	keep     = 24 * time.Hour   // for so long a repeated request is recognized
	attempts = 5

	// More than one attempt of the client may take: a shorter time makes
	// outcomes unknown.
	sendTimeout = zexa.DefaultAttemptTimeout + 5*time.Second
)

// A code was asked for under a request id.
type code struct {
	phone, digits, state string
	asked                time.Time
	wrong                int
}

// A service keeps its codes in memory. Yours has a table with a unique key on
// the request id: what a crash left there as sending has an unknown outcome.
type service struct {
	client *zexa.Client
	from   string
	log    *slog.Logger

	mu    sync.Mutex
	codes map[string]*code // by request id
}

func newService(client *zexa.Client, from string, log *slog.Logger) *service {
	return &service{client: client, from: from, log: log, codes: map[string]*code{}}
}

type request struct {
	ID    string `json:"request_id"` // made by the caller, a new one for each code the user asks for
	Phone string `json:"phone"`
	Code  string `json:"code"`
}

func (s *service) handler() http.Handler {
	mux := http.NewServeMux()
	for path, f := range map[string]func(context.Context, request) (int, string){"POST /otp": s.send, "POST /otp/check": s.check} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			var in request
			status, answer := http.StatusBadRequest, "no request_id, or no JSON"
			if json.NewDecoder(http.MaxBytesReader(w, r.Body, 1024)).Decode(&in) == nil && in.ID != "" {
				// A user who closes the page must not make the outcome unknown.
				status, answer = f(context.WithoutCancel(r.Context()), in)
			}
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			json.NewEncoder(w).Encode(map[string]string{"answer": answer})
		})
	}
	return mux
}

// send sends a code, at most once for a request id.
func (s *service) send(ctx context.Context, in request) (int, string) {
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		return http.StatusInternalServerError, "no code could be made"
	}
	digits := fmt.Sprintf("%06d", n)
	c := &code{phone: in.Phone, digits: digits, state: "sending", asked: time.Now()}
	if status, answer := s.record(in.ID, c); answer != "" {
		return status, answer
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	_, err = s.client.Messages.Send(ctx, zexa.SMS(s.from, in.Phone, "O seu código é "+digits+"."))
	if err != nil {
		s.log.Warn("otp", "call", err) // of which neither phone number nor text is printed
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil, errors.Is(err, zexa.ErrAccepted):
		c.state = "sent"
	case errors.Is(err, zexa.ErrOutcomeUnknown):
		c.state = "unknown"
	default: // it was not sent, so the same request may be made again
		delete(s.codes, in.ID)
		var e *zexa.Error
		if errors.As(err, &e) && slices.ContainsFunc(e.Fields(), func(f zexa.FieldError) bool { return f.Field == "to" }) {
			return http.StatusUnprocessableEntity, "not sent: this is not a phone number we can write to"
		}
		return http.StatusServiceUnavailable, "not sent: please try again later"
	}
	return c.answer()
}

// record records a code before it is sent. It returns an answer if the code must
// not be sent.
func (s *service) record(id string, c *code) (int, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.codes[id]; old != nil && old.phone == c.phone {
		return old.answer()
	} else if old != nil {
		return http.StatusConflict, "this request_id was used for another phone"
	}
	for id, old := range s.codes {
		if age := time.Since(old.asked); age > keep {
			delete(s.codes, id)
		} else if old.phone == c.phone && age < pause {
			return http.StatusTooManyRequests, "not sent: wait a minute before you ask for another code"
		}
	}
	s.codes[id] = c
	return 0, ""
}

func (c *code) answer() (int, string) {
	switch c.state {
	case "sent":
		return http.StatusOK, "sent"
	case "unknown":
		return http.StatusAccepted, "perhaps sent: if no code comes within a minute, ask for a new one"
	default:
		return http.StatusAccepted, "being sent"
	}
}

// check checks what the user typed. A code whose outcome is unknown is as good
// as any: who knows it has received it.
func (s *service) check(_ context.Context, in request) (int, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.codes[in.ID]
	switch {
	case c == nil:
		return http.StatusNotFound, "no code was sent"
	case c.digits == "" || time.Since(c.asked) > lifetime:
		return http.StatusGone, "used or expired: ask for a new code"
	case c.wrong >= attempts:
		return http.StatusTooManyRequests, "too many wrong codes: ask for a new one"
	case subtle.ConstantTimeCompare([]byte(in.Code), []byte(c.digits)) == 0:
		c.wrong++
		return http.StatusForbidden, "wrong code"
	}
	c.digits = "" // good for once
	return http.StatusOK, "right"
}
