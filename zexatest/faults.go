package zexatest

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Always as Fault.Times makes a fault meet every request that it matches.
const Always = -1

// Fault is something that goes wrong with the requests that it matches. Its
// fields combine: Latency goes with all others, Act, Header, RetryAfter and
// Damage with any Status and Body.
//
// A request meets one fault at most: of those that match it, the first
// registered that has Times left, else the first that holds Always. Faults come
// before authentication and rate limit, and a request that is not acted on
// passes neither.
type Fault struct {
	// Method and Path choose the requests. Path is below the base URL, and {…}
	// in it stands for any one element, as in /messages/{id}. Either matches
	// everything when empty.
	Method string
	Path   string
	// Times is how many requests meet the fault: 0 means 1, see also [Always].
	Times int
	// Every lets only one in so many matching requests meet the fault: 10 means
	// the tenth, the twentieth and so on. 0 means each.
	Every int

	// Latency is waited before the answer, after the request was acted on. A
	// client that gives up meanwhile has sent its message all the same.
	Latency time.Duration

	// Status, if set, is answered in place of acting on the request, with the
	// documented error body of that status if it is 400 or more. It must be from
	// 200 to 999.
	Status int
	// Act has the request acted on although Status is set.
	Act bool
	// Body, if not nil, replaces the body of the answer. Its Content-Type is that
	// which it looks like.
	Body []byte
	// Header is set on the answer: a Location, another Content-Type.
	Header http.Header
	// RetryAfter is set as the Retry-After header: seconds, a date, garbage.
	RetryAfter string

	// Reset loses the connection instead of answering.
	Reset ResetPoint
	// Damage is done to the answer, whichever it is. Combine kinds with |.
	Damage Damage
	// Drip sends the body byte by byte, with this wait before each.
	Drip time.Duration
}

// ResetPoint is when a connection is lost. Over TCP the client sees a reset, in
// memory an end of file, over HTTP/2 a reset stream.
//
// Where a kept-alive connection is lost, net/http's Transport itself sends a GET
// once more.
type ResetPoint int

const (
	// ResetBeforeRead loses it when the header of a request has come, which is
	// what the fault is chosen by, and its body has not been read.
	ResetBeforeRead ResetPoint = iota + 1
	// ResetAfterRead loses it when the request was read. It is not acted on.
	ResetAfterRead
	// ResetAfterActed loses it when the request was acted on: a message was
	// accepted and its sender does not know.
	ResetAfterActed
)

// Damage is what is wrong with an answer. The request was acted on, unless
// Fault.Status says otherwise. An answer without a body stays whole.
type Damage int

const (
	// CutBody announces the whole length and loses the connection half-way.
	CutBody Damage = 1 << iota
	// EndlessBody sends spaces, without end, before the answer. JSON allows them.
	EndlessBody
	// GzipBomb sends 1 GiB of spaces before the answer, in a gzip of 1.3 MB.
	GzipBomb
	// InvalidJSON leaves out the last byte, so that an object never ends.
	InvalidJSON
	// UnknownFields adds a field to every object of the answer.
	UnknownFields
	// UnknownEnums puts values that no documentation knows in place of statuses,
	// channels, events and error codes.
	UnknownEnums
)

type fault struct {
	Fault
	seen int // matching requests, for Every
}

// Fault registers a fault for the requests to come.
func (s *Server) Fault(f Fault) {
	if f.Times == 0 {
		f.Times = 1
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &fault{Fault: f})
}

// ClearFaults forgets all faults. A rate limit stays.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// pick returns the fault that a request meets. The zero Fault is none.
func (s *Server) pick(method, path string) Fault {
	for _, always := range []bool{false, true} {
		for i, f := range s.faults {
			if (f.Times < 0) != always || !f.meets(method, path) {
				continue
			}
			if !always {
				if f.Times--; f.Times == 0 {
					s.faults = slices.Delete(s.faults, i, i+1)
				}
			}
			return f.Fault
		}
	}
	return Fault{}
}

func (f *fault) meets(method, path string) bool {
	if f.Method != "" && f.Method != method {
		return false
	}
	if f.Path != "" {
		if _, ok := match(f.Path, path); !ok {
			return false
		}
	}
	f.seen++
	return f.Every <= 1 || f.seen%f.Every == 0
}

// answer applies to an answer of the API what the fault says about status,
// header, and content.
func (f Fault) answer(a answer, requestID string) answer {
	if a.header == nil {
		a.header = http.Header{}
	}
	if f.Status != 0 && (f.Status >= 400 || !f.Act) {
		a = answer{header: http.Header{}}
		if f.Status >= 400 {
			a = (&apiError{status: f.Status, code: codeOf(f.Status), message: "A fault was asked for."}).answer(requestID)
		}
	}
	if f.Status != 0 {
		a.status = f.Status
	}
	if f.Body != nil {
		a.body = f.Body
		a.header.Set("Content-Type", http.DetectContentType(f.Body))
		if json.Valid(f.Body) {
			a.header.Set("Content-Type", "application/json")
		}
	}
	if !hasBody(a.status) {
		a.body = nil
	}
	if f.RetryAfter != "" {
		a.header.Set("Retry-After", f.RetryAfter)
	}
	for name, values := range f.Header {
		a.header[http.CanonicalHeaderKey(name)] = values
	}
	if f.Damage&(UnknownFields|UnknownEnums) != 0 {
		a.body = strange(a.body, f.Damage)
	}
	if f.Damage&InvalidJSON != 0 && len(a.body) > 0 {
		a.body = a.body[:len(a.body)-1]
	}
	return a
}

// hasBody reports whether HTTP lets an answer of a status have a body.
func hasBody(status int) bool {
	return status != http.StatusNoContent && status != http.StatusNotModified
}

func codeOf(status int) string {
	switch status {
	case http.StatusBadRequest:
		return "invalid_request"
	case http.StatusUnauthorized:
		return "unauthorized"
	case http.StatusNotFound:
		return "not_found"
	case http.StatusConflict:
		return "conflict"
	case http.StatusUnprocessableEntity:
		return "validation_error"
	case http.StatusTooManyRequests:
		return "rate_limit_exceeded"
	}
	return "internal_error"
}

// strange adds unknown fields and enum values to a JSON body.
func strange(body []byte, damage Damage) []byte {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var v any
	if decoder.Decode(&v) != nil {
		return body
	}
	alter(v, damage)
	altered, err := json.Marshal(v)
	if err != nil {
		return body
	}
	return altered
}

func alter(v any, damage Damage) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			alter(item, damage)
		}
	case map[string]any:
		for name, value := range v {
			alter(value, damage)
			if damage&UnknownEnums == 0 {
				continue
			}
			switch name {
			case "status", "channel", "error":
				v[name] = "x_unknown"
			case "events":
				v[name] = []any{"x_unknown"}
			}
		}
		if damage&UnknownFields != 0 {
			v["x_unknown"] = map[string]any{"list": []any{1, "two", nil}}
		}
	}
}

// reset loses the connection of a request.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil { // HTTP/2 shares its connections: only the stream goes
		panic(http.ErrAbortHandler)
	}
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetLinger(0) // it is being lost anyway
	}
	conn.Close()
}

// send writes an answer as the fault wants it.
func (s *Server) send(w http.ResponseWriter, r *http.Request, f Fault, a answer) {
	if len(a.body) == 0 {
		f.Damage, f.Drip = 0, 0
	}
	switch {
	case f.Damage&GzipBomb != 0:
		s.sendBomb(w, a)
	case f.Damage&EndlessBody != 0:
		s.sendEndless(w, a)
	case f.Damage&CutBody != 0:
		s.sendCut(w, r, f, a)
	case f.Drip > 0:
		writeHeader(w, a)
		s.drip(w, r, f, a.body)
	default:
		send(w, a)
	}
}

func send(w http.ResponseWriter, a answer) {
	writeHeader(w, a)
	w.Write(a.body) // the client may be gone
}

func writeHeader(w http.ResponseWriter, a answer) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	if hasBody(a.status) {
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	w.WriteHeader(a.status)
}

func (s *Server) sendCut(w http.ResponseWriter, r *http.Request, f Fault, a answer) {
	writeHeader(w, a)
	s.drip(w, r, f, a.body[:len(a.body)/2])
	http.NewResponseController(w).Flush() // the client may be gone
	panic(http.ErrAbortHandler)
}

// drip writes a body at the fault's pace, or at once if it has none.
func (s *Server) drip(w http.ResponseWriter, r *http.Request, f Fault, body []byte) {
	if f.Drip <= 0 {
		w.Write(body) // the client may be gone
		return
	}
	for i := range body {
		if !s.sleep(r.Context(), f.Drip) {
			return
		}
		if _, err := w.Write(body[i : i+1]); err != nil || http.NewResponseController(w).Flush() != nil {
			return
		}
	}
}

var spaces = bytes.Repeat([]byte(" "), 64<<10)

func (s *Server) sendEndless(w http.ResponseWriter, a answer) {
	writeUnmeasured(w, a)
	for s.ctx.Err() == nil {
		if _, err := w.Write(spaces); err != nil {
			return
		}
	}
}

func (s *Server) sendBomb(w http.ResponseWriter, a answer) {
	w.Header().Set("Content-Encoding", "gzip")
	writeUnmeasured(w, a)
	bomb, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		panic("zexatest: " + err.Error()) // the level is one of gzip's own
	}
	defer bomb.Close()
	for range 1 << 30 / len(spaces) {
		if _, err := bomb.Write(spaces); err != nil || s.ctx.Err() != nil {
			return
		}
	}
	io.Copy(bomb, bytes.NewReader(a.body)) // the client may be gone
}

// writeUnmeasured writes a header that does not say how long the body is.
func writeUnmeasured(w http.ResponseWriter, a answer) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.WriteHeader(a.status)
}
