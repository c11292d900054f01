package zexatest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	basePath    = "/v1"
	maxBody     = 1 << 20 // of a request, in bytes
	maxPerPage  = 100
	defaultPage = 50 // items on a page when per_page is not given
)

// endpoint is one documented method and path, and what it does. do runs under
// the lock and returns the status and the value to answer with.
type endpoint struct {
	method string
	path   string
	do     func(*Server, *call) (int, any, *apiError)
}

var endpoints = []endpoint{
	{"POST", "/messages", (*Server).postMessage},
	{"GET", "/messages/{id}", (*Server).getMessage},
	{"GET", "/sender-ids", (*Server).getSenderIDs},
	{"POST", "/campaigns", (*Server).postCampaign},
	{"GET", "/campaigns", (*Server).getCampaigns},
	{"GET", "/campaigns/{id}", (*Server).getCampaign},
	{"POST", "/contacts", (*Server).postContact},
	{"GET", "/contacts", (*Server).getContacts},
	{"DELETE", "/contacts/{id}", (*Server).deleteContact},
	{"POST", "/webhooks", (*Server).postWebhook},
	{"GET", "/credits", (*Server).getCredits},
}

// call is one request on its way to an endpoint.
type call struct {
	id    string // what {id} stands for
	query url.Values
	form  form
}

// answer is what goes back, before a fault damages it.
type answer struct {
	status int
	header http.Header
	body   []byte // nil for 204
}

// apiError is a documented error. Field and value become its details.
type apiError struct {
	status  int
	code    string
	message string
	field   string
	value   any
	header  http.Header
}

func invalidRequest(field, format string, args ...any) *apiError {
	return &apiError{status: http.StatusBadRequest, code: "invalid_request", field: field, message: fmt.Sprintf(format, args...)}
}

func validationError(field string, value any, format string, args ...any) *apiError {
	return &apiError{status: http.StatusUnprocessableEntity, code: "validation_error", field: field, value: value, message: fmt.Sprintf(format, args...)}
}

func notFound(what, id string) *apiError {
	return &apiError{status: http.StatusNotFound, code: "not_found", field: "id", value: id, message: "There is no such " + what + "."}
}

func insufficientCredits() *apiError {
	return &apiError{status: http.StatusUnprocessableEntity, code: "insufficient_credits", message: "The balance does not cover this."}
}

// answer encodes the error in its documented shape.
func (e *apiError) answer(requestID string) answer {
	wire := struct {
		Error     string         `json:"error"`
		Message   string         `json:"message"`
		Details   map[string]any `json:"details,omitempty"`
		RequestID string         `json:"request_id"`
	}{Error: e.code, Message: e.message, RequestID: requestID}
	if e.field != "" {
		wire.Details = map[string]any{"field": e.field}
		if e.value != nil {
			wire.Details["value"] = e.value
		}
	}
	a := jsonAnswer(e.status, wire)
	maps.Copy(a.header, e.header)
	return a
}

func jsonAnswer(status int, v any) answer {
	a := answer{status: status, header: http.Header{}}
	if status == http.StatusNoContent {
		return a
	}
	body, err := json.Marshal(v)
	if err != nil {
		panic("zexatest: " + err.Error()) // only our own structs come here
	}
	a.header.Set("Content-Type", "application/json")
	a.body = body
	return a
}

// ServeHTTP answers one request of the API, after recording it and applying the
// [Fault] that it meets, if any.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.enter() {
		closed := &apiError{status: http.StatusServiceUnavailable, code: "unavailable", message: "The server is closed."}
		send(w, closed.answer("req_000000"))
		return
	}
	defer s.running.Done()

	path := relative(r)
	rec, requestID, f := s.arrive(r, path)
	if f.Reset == ResetBeforeRead {
		s.sleep(r.Context(), f.Latency)
		reset(w)
		return
	}

	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if len(body) > maxBody {
		// Read on, as net/http doesn't keep a connection with a rest on it.
		_, err = io.Copy(io.Discard, r.Body)
	}
	s.mu.Lock()
	rec.Body = body
	s.mu.Unlock()

	var a answer
	switch {
	case f.Reset == ResetAfterRead:
	case f.Status != 0 && !f.Act:
		a = f.answer(answer{}, requestID)
	default:
		a = f.answer(s.act(r, path, body, err, requestID), requestID)
	}
	if !s.sleep(r.Context(), f.Latency) || f.Reset != 0 {
		reset(w)
		return
	}
	s.mu.Lock()
	rec.Status = a.status
	s.mu.Unlock()
	s.send(w, r, f, a)
}

// act does what the API does with a request, and returns its own answer.
func (s *Server) act(r *http.Request, path string, body []byte, readErr error, requestID string) answer {
	if err := s.admit(r); err != nil {
		return err.answer(requestID)
	}
	ep, id, err := route(r.Method, path)
	if err != nil {
		return err.answer(requestID)
	}
	c := &call{id: id, query: r.URL.Query()}
	if r.Method == http.MethodPost {
		if c.form, err = parseForm(r, body, readErr); err != nil {
			return err.answer(requestID)
		}
	}

	s.mu.Lock()
	status, v, err := ep.do(s, c)
	s.unlock()
	if err != nil {
		return err.answer(requestID)
	}
	return jsonAnswer(status, v)
}

// admit checks the key and then the rate limit, which is per account.
func (s *Server) admit(r *http.Request) *apiError {
	s.mu.Lock()
	defer s.mu.Unlock()
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || key != s.key {
		return &apiError{status: http.StatusUnauthorized, code: "unauthorized", message: "The API key is missing or invalid."}
	}
	if s.limit == nil {
		return nil
	}
	if wait, ok := s.limit.take(time.Now()); !ok {
		return &apiError{
			status:  http.StatusTooManyRequests,
			code:    "rate_limit_exceeded",
			message: "Too many requests.",
			header:  http.Header{"Retry-After": {s.limit.retryAfter(wait)}},
		}
	}
	return nil
}

// relative returns the path of a request below the base, still escaped. One that
// is elsewhere comes back without its leading slashes, and fits no pattern.
func relative(r *http.Request) string {
	path := r.URL.EscapedPath()
	if below, ok := strings.CutPrefix(path, basePath); ok && strings.HasPrefix(below, "/") {
		return below
	}
	return strings.TrimLeft(path, "/")
}

// route finds the endpoint for a path, which is relative to the base and still
// escaped.
func route(method, path string) (endpoint, string, *apiError) {
	var allowed []string
	for _, ep := range endpoints {
		id, ok := match(ep.path, path)
		if !ok {
			continue
		}
		if ep.method == method {
			return ep, id, nil
		}
		allowed = append(allowed, ep.method)
	}
	if allowed == nil {
		return endpoint{}, "", &apiError{status: http.StatusNotFound, code: "not_found", message: "There is no such endpoint."}
	}
	return endpoint{}, "", &apiError{
		status:  http.StatusMethodNotAllowed,
		code:    "method_not_allowed",
		message: "The endpoint does not take this method.",
		header:  http.Header{"Allow": {strings.Join(allowed, ", ")}},
	}
}

// match reports whether an escaped path fits a pattern, in which {…} stands for
// any one element, and what the last such element is, unescaped.
func match(pattern, path string) (id string, ok bool) {
	want, got := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return "", false
	}
	for i, element := range want {
		if !strings.HasPrefix(element, "{") {
			if element != got[i] {
				return "", false
			}
			continue
		}
		unescaped, err := url.PathUnescape(got[i])
		if err != nil || unescaped == "" {
			return "", false
		}
		id = unescaped
	}
	return id, true
}

// form is the JSON object of a request body. Unlike encoding/json's structs it
// takes field names literally.
type form map[string]json.RawMessage

func parseForm(r *http.Request, body []byte, readErr error) (form, *apiError) {
	if len(body) > maxBody {
		return nil, &apiError{status: http.StatusRequestEntityTooLarge, code: "invalid_request", message: "The body is larger than 1 MiB."}
	}
	if readErr != nil {
		return nil, invalidRequest("", "The body could not be read.")
	}
	if media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); media != "application/json" {
		return nil, invalidRequest("", "The Content-Type must be application/json.")
	}
	var f form
	if err := json.Unmarshal(body, &f); err != nil || f == nil {
		return nil, invalidRequest("", "The body is not a JSON object.")
	}
	maps.DeleteFunc(f, func(_ string, v json.RawMessage) bool { return string(v) == "null" })
	return f, nil
}

// decode stores the named fields where they belong. A field that is absent is
// left alone, one of another type is an error.
func (f form) decode(fields map[string]any) *apiError {
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		raw, ok := f[name]
		if !ok {
			continue
		}
		if err := json.Unmarshal(raw, fields[name]); err != nil {
			wrong := invalidRequest(name, "The field %s has the wrong type.", name)
			wrong.value = raw
			return wrong
		}
	}
	return nil
}

// require wants each named field to be there and not empty.
func (f form) require(names ...string) *apiError {
	for _, name := range names {
		var plain bytes.Buffer
		json.Compact(&plain, f[name]) // it is JSON, or absent
		switch plain.String() {
		case "", `""`, "[]", "{}":
			return invalidRequest(name, "The field %s is required.", name)
		}
	}
	return nil
}

// page is the documented envelope of every list.
type page struct {
	Data any `json:"data"`
	Meta struct {
		Total   int `json:"total"`
		Page    int `json:"page"`
		PerPage int `json:"per_page"`
	} `json:"meta"`
}

// paginate answers with the page of items that the query asks for.
func paginate[T, W any](c *call, items []T, wire func(T) W) (int, any, *apiError) {
	number, err := c.number("page", 1)
	if err != nil {
		return 0, nil, err
	}
	size, err := c.number("per_page", defaultPage)
	if err != nil {
		return 0, nil, err
	}
	size = min(size, maxPerPage)
	data := []W{}
	// A page number far beyond the end must not overflow.
	if first := number - 1; first <= len(items)/size {
		for _, item := range items[first*size : min(first*size+size, len(items))] {
			data = append(data, wire(item))
		}
	}
	p := page{Data: data}
	p.Meta.Total, p.Meta.Page, p.Meta.PerPage = len(items), number, size
	return http.StatusOK, p, nil
}

func (c *call) number(name string, otherwise int) (int, *apiError) {
	text := c.query.Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		wrong := invalidRequest(name, "The parameter %s must be a whole number from 1.", name)
		wrong.value = text
		return 0, wrong
	}
	return n, nil
}

// timestamp writes times as the documentation does.
func timestamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
