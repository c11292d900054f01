package webhook

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	zexa "github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/internal/redact"
)

// Funcs are the functions that a [Handler] calls with events, by kind. The post
// is answered 200 once the function has returned nil, and 500 if it returns an
// error or panics, so that a sender that tries again will; whether and how often
// the vendor does is undocumented. Functions are called by many goroutines at
// once. The context is that of the request, with a deadline of its own: it ends
// when the sender hangs up.
//
// A function may see an event more than once: when a copy comes after the store
// has forgotten the event, when copies without an id differ in anything, or when
// the function returned an error after it had done its work. It should do no
// harm the second time.
type Funcs struct {
	Delivered     func(context.Context, Event) error // with a MessageID
	Failed        func(context.Context, Event) error // with a MessageID
	Undeliverable func(context.Context, Event) error // with a MessageID

	// OptOut gets a STOP reply or an unsubscribe. To is who opted out, or empty
	// if only the MessageID of what they replied to is known.
	OptOut func(context.Context, Event) error

	CampaignSent      func(context.Context, Event) error // with a CampaignID
	CampaignCompleted func(context.Context, Event) error // with a CampaignID

	// Other gets everything else, and is required, so that a payload that looks
	// different from what is assumed is noticed: kinds whose function is nil,
	// unknown events, events that do not say what they are about in a way that
	// [Parse] knows, the test event, and bodies that are not even JSON. What it
	// returns nil for is answered 200 and gone; log at least its Type.
	Other func(context.Context, Event) error
}

// of returns the function for e.
func (f *Funcs) of(e *Event) func(context.Context, Event) error {
	own, about := f.Other, ""
	switch e.Type {
	case zexa.EventMessageDelivered:
		own, about = f.Delivered, e.MessageID
	case zexa.EventMessageFailed:
		own, about = f.Failed, e.MessageID
	case zexa.EventMessageUndeliverable:
		own, about = f.Undeliverable, e.MessageID
	case zexa.EventMessageOptOut:
		own, about = f.OptOut, e.To+e.MessageID
	case zexa.EventCampaignSent:
		own, about = f.CampaignSent, e.CampaignID
	case zexa.EventCampaignCompleted:
		own, about = f.CampaignCompleted, e.CampaignID
	}
	if own == nil || about == "" || e.Test {
		return f.Other
	}
	return own
}

// A Handler receives events over HTTP. It works at any path of any router, is
// safe for concurrent use, and starts no goroutine: [http.Server.Shutdown] lets
// the events in flight be finished.
type Handler struct {
	config
	funcs Funcs

	mu      sync.Mutex
	flights map[digest]*flight
}

// A flight is an event that is being handled.
type flight struct {
	landed chan struct{} // made by the first copy that waits
	status int           // what its post is answered with; read it after landed is closed
}

// NewHandler returns a handler that calls funcs. One of [WithSecret],
// [WithVerifier] and [WithoutAuthentication] is required.
func NewHandler(funcs Funcs, opts ...Option) (*Handler, error) {
	h := &Handler{
		config: config{
			timeout:  DefaultTimeout,
			maxBody:  DefaultMaxBody,
			remember: DefaultRemember,
		},
		funcs:   funcs,
		flights: make(map[digest]*flight),
	}
	for i, opt := range opts {
		if opt == nil {
			return nil, fmt.Errorf("webhook: option %d is nil", i+1)
		}
		if err := opt(&h.config); err != nil {
			return nil, fmt.Errorf("webhook: %w", err)
		}
	}
	authenticated := h.secrets != nil || h.verify != nil
	switch {
	case funcs.Other == nil:
		return nil, errors.New("webhook: Funcs.Other is nil; it gets what no other function gets")
	case !authenticated && h.confirm != nil:
		return nil, errors.New("webhook: WithConfirmation needs WithSecret or WithVerifier below it")
	case !authenticated && !h.open:
		return nil, errors.New("webhook: WithSecret or WithVerifier is required, or WithoutAuthentication to accept every post")
	case authenticated && h.open:
		return nil, errors.New("webhook: WithoutAuthentication contradicts WithSecret and WithVerifier")
	}
	if h.keeper == nil {
		h.keeper = newMemoryStore(DefaultSize)
	}
	return h, nil
}

// ServeHTTP receives one event. It answers
//
//   - 200 if it has been handled, now or before
//   - 400 if the body could not be read
//   - 403 if it is not authentic, or the API contradicts it
//   - 405 if the method is not POST, whatever the Content-Type
//   - 413 if the body is too large
//   - 500 if the function failed
//   - 503 if the API has not confirmed it, the store failed, or a copy is still
//     being handled at the deadline
//
// A copy that arrives while the first is being handled is answered as the first
// is, and after it.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	status := h.serve(w, r)
	if status == http.StatusOK {
		w.WriteHeader(status)
		return
	}
	if status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", http.MethodPost)
	}
	http.Error(w, http.StatusText(status), status)
}

// serve returns the status to answer with. The order of the steps matters: what
// is cheap and needs no trust comes first.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request) (status int) {
	defer h.survive(r.Context(), nil, &status)
	if r.Method != http.MethodPost {
		return http.StatusMethodNotAllowed
	}
	if h.secrets != nil && !h.secrets.in(r.URL.RawQuery) {
		h.log(r.Context(), slog.LevelWarn, "refused", nil, http.StatusForbidden, errors.New("the secret is missing or wrong"))
		return http.StatusForbidden
	}
	body, status, err := h.read(w, r)
	if err != nil {
		h.log(r.Context(), slog.LevelWarn, "refused", nil, status, err)
		return status
	}
	ctx, cancel := context.WithTimeout(r.Context(), h.timeout)
	defer cancel()
	if h.verify != nil {
		if status := h.verified(ctx, r.Header, body); status != http.StatusOK {
			return status
		}
	}
	e, err := Parse(body)
	d, ttl := h.identify(&e, err == nil)
	return h.once(ctx, d, ttl, &e)
}

// trusted is how many bytes are allocated on the word of Content-Length.
const trusted = 64 << 10

// read reads the body, in one allocation if its length was announced.
func (h *Handler) read(w http.ResponseWriter, r *http.Request) (body []byte, status int, err error) {
	if r.ContentLength > h.maxBody {
		return nil, http.StatusRequestEntityTooLarge, errors.New("the body is too large")
	}
	size := int64(bytes.MinRead)
	if r.ContentLength >= 0 {
		size = min(r.ContentLength, trusted) + 1 // one more to meet the end in
	}
	body = make([]byte, 0, size)
	limited := http.MaxBytesReader(w, r.Body, h.maxBody)
	for {
		n, err := limited.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case err == io.EOF:
			return body, http.StatusOK, nil
		case err != nil:
			var tooLarge *http.MaxBytesError
			if errors.As(err, &tooLarge) {
				return nil, http.StatusRequestEntityTooLarge, err
			}
			return nil, http.StatusBadRequest, err
		case len(body) == cap(body):
			body = slices.Grow(body, bytes.MinRead)
		}
	}
}

// verified calls the verifier.
func (h *Handler) verified(ctx context.Context, header http.Header, body []byte) (status int) {
	switch err := h.verify(ctx, header, body); {
	case err == nil:
		return http.StatusOK
	case ctx.Err() != nil:
		h.log(ctx, slog.LevelWarn, "not verified in time", nil, http.StatusServiceUnavailable, err)
		return http.StatusServiceUnavailable
	default:
		h.log(ctx, slog.LevelWarn, "refused", nil, http.StatusForbidden, err)
		return http.StatusForbidden
	}
}

// identify returns the digest by which a copy of e is recognised, and for how long.
//
// With an id, that and what the event is understood to say make the digest: should
// the id turn out to be that of something else, which is the same in many
// events, none is lost. Without one it is all that the payload says, understood
// or not.
func (h *Handler) identify(e *Event, isJSON bool) (d digest, ttl time.Duration) {
	var few [512]byte
	said, ttl := few[:0], h.remember
	if e.ID != "" {
		said = append(said, 'i')
		for _, s := range [...]string{
			e.ID, string(e.Type), e.MessageID, e.CampaignID, string(e.Status), string(e.CampaignStatus), e.To,
		} {
			said = append(binary.AppendUvarint(said, uint64(len(s))), s...)
		}
		if e.Test {
			said = append(said, 't')
		}
	} else {
		if isJSON {
			said = canonical(append(said, 'j'), bytes.TrimSpace(e.raw), 0)
		} else {
			said = append(append(said, 'b'), e.raw...)
		}
		if e.Time.IsZero() {
			ttl = min(ttl, rememberVague)
		}
	}
	sum := sha256.Sum256(said)
	copy(d[:], sum[:])
	return d, ttl
}

// once handles e unless it has been handled, and returns what to answer. While
// it is being handled by this process, a copy waits for the result.
func (h *Handler) once(ctx context.Context, d digest, ttl time.Duration, e *Event) int {
	h.mu.Lock()
	if f, ok := h.flights[d]; ok {
		if f.landed == nil {
			f.landed = make(chan struct{})
		}
		h.mu.Unlock()
		select {
		case <-f.landed:
			return f.status
		case <-ctx.Done():
			return h.busy(ctx, e)
		}
	}
	f := &flight{status: http.StatusInternalServerError}
	h.flights[d] = f
	h.mu.Unlock()
	// Deferred, as the function of the caller may end its goroutine.
	defer func() {
		h.mu.Lock()
		delete(h.flights, d)
		landed := f.landed
		h.mu.Unlock()
		if landed != nil {
			close(landed)
		}
	}()
	f.status = h.claimed(ctx, d, ttl, e)
	return f.status
}

// claimed handles e if the store gives it to this process.
func (h *Handler) claimed(ctx context.Context, d digest, ttl time.Duration, e *Event) (status int) {
	state, err := h.claim(ctx, d)
	switch {
	case err != nil:
		h.log(ctx, slog.LevelError, "the store failed", e, http.StatusServiceUnavailable, err)
		return http.StatusServiceUnavailable
	case state == Done:
		return http.StatusOK
	case state == Busy:
		return h.busy(ctx, e)
	}
	defer func() { h.settle(ctx, d, ttl, e, status) }() // deferred as in once
	return h.handle(ctx, e)
}

// settle tells the store how it ended. If the store fails, even with a panic,
// the answer stays the same.
func (h *Handler) settle(ctx context.Context, d digest, ttl time.Duration, e *Event, status int) {
	defer func() {
		if p := recover(); p != nil {
			h.logPanic(ctx, e, status, p)
		}
	}()
	var err error
	if status == http.StatusOK {
		err = h.keeper.done(ctx, d, ttl)
	} else {
		err = h.keeper.release(ctx, d)
	}
	if err != nil {
		h.log(ctx, slog.LevelError, "the store failed", e, status, err)
	}
}

// busy answers a copy that waited in vain.
func (h *Handler) busy(ctx context.Context, e *Event) (status int) {
	h.log(ctx, slog.LevelWarn, "still being handled", e, http.StatusServiceUnavailable, context.Cause(ctx))
	return http.StatusServiceUnavailable
}

const (
	// A claim outlasts the deadline, as a function may overrun it somewhat.
	leaseMargin = 30 * time.Second

	firstLook   = 50 * time.Millisecond
	longestLook = time.Second
)

// claim asks the store for an event. While another process has it, it looks
// again and again until the deadline.
func (h *Handler) claim(ctx context.Context, d digest) (State, error) {
	for wait := firstLook; ; wait = min(2*wait, longestLook) {
		state, err := h.keeper.claim(ctx, d, max(h.timeout, h.timeout+leaseMargin)) // it may overflow
		switch {
		case err != nil || state == Claimed || state == Done:
			return state, err
		case state != Busy:
			return state, fmt.Errorf("its Claim returned %d, which is no State", state)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return Busy, nil
		}
	}
}

// handle has e confirmed, if that is wanted, and calls its function.
func (h *Handler) handle(ctx context.Context, e *Event) (status int) {
	defer h.survive(ctx, e, &status)
	call := h.funcs.of(e)
	if h.confirm != nil {
		if status, err := h.confirm.confirm(ctx, e); err != nil {
			h.log(ctx, slog.LevelWarn, "not confirmed", e, status, err)
			return status
		}
	}
	if err := call(ctx, *e); err != nil {
		h.log(ctx, slog.LevelError, "the function failed", e, http.StatusInternalServerError, err)
		return http.StatusInternalServerError
	}
	return http.StatusOK
}

// survive makes a panic of the caller's code a 500. It is deferred.
func (h *Handler) survive(ctx context.Context, e *Event, status *int) {
	p := recover()
	if p == nil {
		return
	}
	*status = http.StatusInternalServerError
	h.logPanic(ctx, e, *status, p)
}

func (h *Handler) logPanic(ctx context.Context, e *Event, status int, p any) {
	h.log(ctx, slog.LevelError, "panic", e, status, fmt.Errorf("%v", p), slog.String("stack", string(debug.Stack())))
}

// log writes a record. e is nil before there is an event.
func (h *Handler) log(ctx context.Context, level slog.Level, what string, e *Event, status int, err error, more ...slog.Attr) {
	if h.logger == nil {
		return
	}
	attrs := []slog.Attr{slog.Int("status", status), slog.String("error", redact.Text(err.Error()))}
	if e != nil {
		attrs = append(attrs, slog.String("event", redact.Text(string(e.Type))), slog.String("id", redact.Text(e.ID)))
	}
	h.logger.LogAttrs(ctx, level, "zexa webhook: "+what, append(attrs, more...)...)
}
