package zexa

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zexa-ao/zexa-go/internal/bounded"
	"github.com/zexa-ao/zexa-go/internal/pace"
	"github.com/zexa-ao/zexa-go/internal/pipeline"
	"github.com/zexa-ao/zexa-go/internal/policy"
	"github.com/zexa-ao/zexa-go/internal/redact"
)

// What is known of the effect of a call that failed. Exactly one of these
// matches, with [errors.Is], every error of a POST (and of the undocumented PUT
// and PATCH, through [Client.Do]); none matches an error of a GET or a DELETE.
// The outcome of a call is the worst of its attempts.
var (
	// ErrNotSent: the API has not acted. The call failed before anything was
	// sent, or the API refused it (4xx). It is safe to make the call again.
	ErrNotSent = errors.New("not sent")

	// ErrOutcomeUnknown: the API may have acted or not. The connection was
	// lost, the attempt timed out or was cancelled, or a gateway answered 5xx
	// or a redirect. A repetition can be a second message and a second charge:
	// leave it to a person, or to an event that tells.
	ErrOutcomeUnknown = errors.New("outcome unknown")

	// ErrAccepted: the API answered 2xx, so it has acted, but its answer could
	// not be read or decoded. Never make the call again. [Error.ID] holds the
	// id of what was created, if it could be found.
	ErrAccepted = errors.New("accepted")
)

// What kind of error it is, for [errors.Is]. A kind matches by the API's code
// if the code is known, else by the HTTP status.
var (
	// ErrInvalidRequest: 400, malformed or missing fields (code invalid_request).
	ErrInvalidRequest = errors.New("invalid request")

	// ErrUnauthorized: 401, the key is missing, wrong or revoked (code
	// unauthorized).
	ErrUnauthorized = errors.New("unauthorized")

	// ErrNotFound: 404, there is no such resource (code not_found).
	ErrNotFound = errors.New("not found")

	// ErrConflict: 409, a contact with this phone number exists (code conflict).
	ErrConflict = errors.New("conflict")

	// ErrValidation: 422, well-formed but not valid (code validation_error),
	// or found by this package before anything was sent (see
	// [ValidationError]).
	ErrValidation = errors.New("validation error")

	// ErrInsufficientCredits: 422, the balance does not cover the call (code
	// insufficient_credits). It does not match [ErrValidation].
	ErrInsufficientCredits = errors.New("insufficient credits")

	// ErrRateLimited: 429, too many requests for this account (code
	// rate_limit_exceeded). [Error.RetryAfter] says how long to wait.
	ErrRateLimited = errors.New("rate limited")

	// ErrServer: any 5xx.
	ErrServer = errors.New("server error")
)

var (
	outcomes = []error{ErrNotSent, ErrOutcomeUnknown, ErrAccepted}
	kinds    = []error{
		ErrInvalidRequest, ErrUnauthorized, ErrNotFound, ErrConflict, ErrValidation,
		ErrInsufficientCredits, ErrRateLimited, ErrServer,
	}
)

// The error codes seen in the vendor's documentation. Others may exist;
// [Error.Code] holds whatever the API sent.
const (
	CodeInvalidRequest      = "invalid_request"
	CodeUnauthorized        = "unauthorized"
	CodeNotFound            = "not_found"
	CodeConflict            = "conflict"
	CodeValidation          = "validation_error"
	CodeInsufficientCredits = "insufficient_credits"
	CodeRateLimitExceeded   = "rate_limit_exceeded"
)

// kindOf returns the kind of an error answer: by its code if that is known,
// else by its status.
func kindOf(code string, status int) error {
	switch code {
	case CodeInvalidRequest:
		return ErrInvalidRequest
	case CodeUnauthorized:
		return ErrUnauthorized
	case CodeNotFound:
		return ErrNotFound
	case CodeConflict:
		return ErrConflict
	case CodeValidation:
		return ErrValidation
	case CodeInsufficientCredits:
		return ErrInsufficientCredits
	case CodeRateLimitExceeded:
		return ErrRateLimited
	}
	switch status {
	case http.StatusBadRequest:
		return ErrInvalidRequest
	case http.StatusUnauthorized:
		return ErrUnauthorized
	case http.StatusNotFound:
		return ErrNotFound
	case http.StatusConflict:
		return ErrConflict
	case http.StatusUnprocessableEntity:
		return ErrValidation
	case http.StatusTooManyRequests:
		return ErrRateLimited
	}
	return nil
}

// Error is what every call of this package fails with; errors.As finds it.
// What the API answered is in its fields, whole. What is printed of it, with
// any verb, as JSON or by slog, holds neither the key nor a body nor values
// from Details, and masks e-mail addresses and, but in ids, runs of seven or
// more digits.
type Error struct {
	Method string // of the call
	Path   string // of the call, as a template: "/messages/{id}"

	// Outcome is ErrNotSent, ErrOutcomeUnknown or ErrAccepted for a call that
	// changes something, nil for one that does not.
	Outcome error

	// Attempts is how many requests were handed to the transport.
	Attempts int

	// Status is the HTTP status of the last answer, 0 if the last attempt had
	// none.
	Status int

	// Code, Message, Details and RequestID are documented parts of an error
	// answer: the code is for programs, the message for people, the request id
	// for the vendor's support. Details is raw JSON, nil if there was none; see
	// [Error.DecodeDetails]. They are empty if the answer has no such part, as
	// when a proxy answered in place of the API.
	Code      string
	Message   string
	Details   json.RawMessage
	RequestID string

	// RetryAfter is how long the API asked to wait, 0 if it did not; of a call
	// that would not have got its turn in time, how long that would have taken.
	RetryAfter time.Duration

	// ID is the id found in an answer that was accepted but not decodable.
	ID string

	// Header and Body are the last answer as received. Of an error answer at
	// most 64 KiB are kept.
	Header http.Header
	Body   []byte

	// Err is the cause that is not the API's answer: a [*ValidationError], a
	// network error, the context's error, a decoding error; else nil.
	Err error

	note  string              // why a retry was not made
	scrub func(string) string // removes a key that came back in an answer
}

// Is reports whether target is the outcome or the kind of e.
func (e *Error) Is(target error) bool {
	switch {
	case target == nil:
		return false
	case target == e.Outcome:
		return true
	case target == ErrServer:
		return e.Status >= 500
	default:
		return target == kindOf(e.Code, e.Status)
	}
}

// Unwrap returns Err. If that holds the error of another call, such as the cause
// of a context that was cancelled with one, the other's outcome, kind and
// parameters are not taken for those of e.
func (e *Error) Unwrap() error {
	var other *Error
	if errors.As(e.Err, &other) || slices.ContainsFunc(outcomes, func(o error) bool { return errors.Is(e.Err, o) }) {
		return foreignError{e.Err}
	}
	return e.Err
}

// A foreignError is an error that speaks of another call.
type foreignError struct{ error }

func (e foreignError) Is(target error) bool {
	return !slices.Contains(outcomes, target) && !slices.Contains(kinds, target) && errors.Is(e.error, target)
}

func (e foreignError) As(target any) bool {
	if _, ok := target.(**ValidationError); ok {
		return false
	}
	return errors.As(e.error, target)
}

// DecodeDetails decodes Details into v, a pointer. Documented members of
// details are the invalid field and its value ("field", "value"); the rest is
// undocumented. Without details it returns an error.
func (e *Error) DecodeDetails(v any) error {
	if e.Details == nil {
		return errors.New("zexa: the answer has no details")
	}
	if err := json.Unmarshal(e.Details, v); err != nil {
		return fmt.Errorf("zexa: details: %w", err)
	}
	return nil
}

// Fields returns what is wrong with which fields of the parameters, whether this
// package found it ([ValidationError]) or the API, which documents the invalid
// field as a member of details; its reason is then the message. It is nil if
// neither names a field.
func (e *Error) Fields() []FieldError {
	var local *ValidationError
	if errors.As(e.Unwrap(), &local) {
		return local.Fields
	}
	var details struct {
		Field string `json:"field"`
	}
	if e.Details == nil || json.Unmarshal(e.Details, &details) != nil || details.Field == "" {
		return nil
	}
	return []FieldError{{Field: details.Field, Reason: e.Message}}
}

// Error describes the failure in one line that is safe to log.
func (e *Error) Error() string { return e.text() }

func (e Error) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "zexa: %s %s", e.Method, e.printable(e.Path))
	if e.Outcome != nil {
		fmt.Fprintf(&b, ": %v", e.Outcome)
	}
	if e.Status != 0 {
		fmt.Fprintf(&b, ": %d", e.Status)
		if what := cmp.Or(e.printable(e.Code), http.StatusText(e.Status)); what != "" {
			b.WriteString(" " + what)
		}
	}
	cause := ""
	if e.Err != nil {
		cause = e.Err.Error()
	}
	for _, s := range []string{e.Message, cause, e.note} {
		if s = strings.TrimRight(e.printable(s), ". "); s != "" {
			b.WriteString(": " + s)
		}
	}
	if e.ID != "" {
		fmt.Fprintf(&b, " (id %s)", e.printableID(e.ID))
	}
	if e.RetryAfter > 0 {
		fmt.Fprintf(&b, " (retry after %v)", e.RetryAfter)
	}
	if e.RequestID != "" {
		fmt.Fprintf(&b, " (request id %s)", e.printableID(e.RequestID))
	}
	if e.Attempts > 1 {
		fmt.Fprintf(&b, " (%d attempts)", e.Attempts)
	}
	return b.String()
}

// printable returns text from elsewhere without keys and personal data.
func (e Error) printable(s string) string { return redact.Text(e.scrubbed(s)) }

// printableID leaves the digits of an id, which somebody will ask for.
func (e Error) printableID(id string) string { return redact.Line(e.scrubbed(id)) }

// printableID is the same for the id of an answer that is no error.
func printableID(id string, keys []string) string {
	if id != "" && mentionsAny(id, keys) {
		id = scrubber(keys)(id)
	}
	return redact.Line(id)
}

func (e Error) scrubbed(s string) string {
	if e.scrub == nil {
		return s
	}
	return e.scrub(s)
}

// Format prints what Error returns, whatever the verb: the fields hold what
// must not be printed.
func (e Error) Format(s fmt.State, verb rune) {
	if verb == 'q' {
		fmt.Fprintf(s, "%q", e.text())
		return
	}
	io.WriteString(s, e.text())
}

// MarshalJSON returns the part of e that is safe to store or print.
func (e Error) MarshalJSON() ([]byte, error) {
	outcome := ""
	if e.Outcome != nil {
		outcome = e.Outcome.Error()
	}
	return json.Marshal(struct {
		Error      string `json:"error"`
		Method     string `json:"method"`
		Path       string `json:"path"`
		Outcome    string `json:"outcome,omitempty"`
		Status     int    `json:"status,omitempty"`
		Code       string `json:"code,omitempty"`
		RequestID  string `json:"request_id,omitempty"`
		RetryAfter string `json:"retry_after,omitempty"`
		Attempts   int    `json:"attempts,omitempty"`
	}{
		e.text(), e.Method, e.printable(e.Path), outcome, e.Status,
		e.printable(e.Code), e.printableID(e.RequestID), duration(e.RetryAfter), e.Attempts,
	})
}

// LogValue returns the part of e that is safe to log.
func (e Error) LogValue() slog.Value {
	attrs := []slog.Attr{
		slog.String("error", e.text()),
		slog.String("method", e.Method),
		slog.String("path", e.printable(e.Path)),
	}
	if e.Outcome != nil {
		attrs = append(attrs, slog.String("outcome", e.Outcome.Error()))
	}
	if e.Status != 0 {
		attrs = append(attrs, slog.Int("status", e.Status))
	}
	for _, a := range []slog.Attr{
		slog.String("code", e.printable(e.Code)),
		slog.String("request_id", e.printableID(e.RequestID)),
		slog.String("retry_after", duration(e.RetryAfter)),
	} {
		if a.Value.String() != "" {
			attrs = append(attrs, a)
		}
	}
	return slog.GroupValue(append(attrs, slog.Int("attempts", e.Attempts))...)
}

func duration(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}

// A ValidationError lists what is wrong with the parameters of a call that was
// therefore not made. It matches [ErrValidation], and is found with errors.As
// inside the [*Error] of the call.
type ValidationError struct {
	Fields []FieldError
}

// A FieldError is one thing wrong with one field. It does not repeat the value.
type FieldError struct {
	Field  string // the API's name of the field, as in "template.name"
	Reason string
}

// Error lists all fields with their reasons.
func (e *ValidationError) Error() string {
	parts := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		parts[i] = f.Error()
	}
	return strings.Join(parts, "; ")
}

// Is reports whether target is [ErrValidation].
func (e *ValidationError) Is(target error) bool { return target == ErrValidation }

// Error returns the field and the reason.
func (e FieldError) Error() string { return e.Field + ": " + e.Reason }

func outcomeError(method string, o policy.Outcome) error {
	switch {
	case policy.Repeatable(method):
		return nil
	case o == policy.NotSent:
		return ErrNotSent
	case o == policy.Unknown:
		return ErrOutcomeUnknown
	case o == policy.Accepted:
		return ErrAccepted
	default:
		return nil
	}
}

// newError makes the error of a call that was made. cause is set if its answer
// could not be used.
func newError(method, path string, r *pipeline.Result, cause error) *Error {
	e := &Error{
		Method: method, Path: path, Outcome: outcomeError(method, r.Outcome), Attempts: r.Attempts,
		Status: r.Status, RetryAfter: r.RetryAfter, Header: r.Header, Body: r.Body,
		Err: cause, note: r.NoRetry,
	}
	if cause == nil {
		e.Err = causeOf(r)
	}
	if r.Halt != nil {
		var late *pace.TooLate
		if errors.As(r.Halt, &late) {
			e.Err = fmt.Errorf("%w: %w", ErrRateLimited, e.Err)
			e.RetryAfter = late.Wait
		}
	}
	switch {
	case e.Outcome == ErrAccepted:
		e.ID = findID(r.Body)
	case r.Status != 0 && r.Status < 200 || r.Status > 299:
		e.readAnswer()
	}
	e.RequestID = requestID(e.RequestID, r.Header)
	if e.mentions(r.Keys) {
		e.scrub = scrubber(r.Keys)
	}
	return e
}

// causeOf joins what ended a call besides the API's answer.
func causeOf(r *pipeline.Result) error {
	lost := r.Err
	switch {
	case lost == nil:
	case r.Status != 0 && !errors.Is(lost, bounded.ErrTooLarge):
		lost = fmt.Errorf("the answer was cut off: %w", lost)
	case errors.Is(lost, io.EOF), errors.Is(lost, io.ErrUnexpectedEOF):
		lost = fmt.Errorf("the connection was lost: %w", lost)
	}
	switch {
	case r.Ended == nil && r.Halt == nil:
		return lost
	case r.Ended == nil && lost == nil:
		return r.Halt
	case r.Ended == nil:
		return fmt.Errorf("%w (before: %w)", r.Halt, lost)
	case lost == nil || errors.Is(r.Ended, r.Err):
		return r.Ended
	default:
		return fmt.Errorf("%w (%w)", r.Ended, lost)
	}
}

func isOddType(err error) bool {
	var odd *json.UnmarshalTypeError
	return errors.As(err, &odd)
}

// readAnswer fills in what an error answer says. Any part of it may be
// missing, or of another type than documented.
func (e *Error) readAnswer() {
	var answer struct {
		Error     string          `json:"error"`
		Message   string          `json:"message"`
		Details   json.RawMessage `json:"details"`
		RequestID string          `json:"request_id"`
	}
	err := json.Unmarshal(e.Body, &answer)
	if err == nil || isOddType(err) {
		e.Code, e.Message, e.RequestID = answer.Error, answer.Message, answer.RequestID
		if len(answer.Details) > 0 && !bytes.Equal(answer.Details, []byte("null")) {
			e.Details = answer.Details
		}
	}
	if e.Code != "" || e.Message != "" || e.note != "" || e.Err != nil {
		return
	}
	switch {
	case e.Status >= 300 && e.Status < 400:
		e.note = "redirects are not followed"
	case len(e.Body) == 0:
		e.note = "the answer is empty"
	case err != nil:
		e.note = fmt.Sprintf("the answer is not the API's JSON (%d bytes)", len(e.Body))
		if t, _, _ := strings.Cut(e.Header.Get("Content-Type"), ";"); t != "" {
			e.note = fmt.Sprintf("the answer is not the API's JSON (%s, %d bytes)", t, len(e.Body))
		}
	}
}

// mentions reports whether anything that is printed contains a key.
func (e *Error) mentions(keys []string) bool {
	for _, s := range []string{e.Message, e.Code, e.RequestID, e.ID, e.Path, e.note} {
		if s != "" && mentionsAny(s, keys) {
			return true
		}
	}
	return e.Err != nil && mentionsAny(e.Err.Error(), keys)
}

// mentionsAny disregards keys so short that any text may hold them by chance.
func mentionsAny(s string, keys []string) bool {
	return slices.ContainsFunc(keys, func(key string) bool { return len(key) >= 4 && strings.Contains(s, key) })
}

func scrubber(keys []string) func(string) string {
	var pairs []string
	for _, key := range keys {
		pairs = append(pairs, key, "[key]")
	}
	return strings.NewReplacer(pairs...).Replace
}

// requestID returns the id from an answer's body, where it is documented, or
// from the header that usually carries one, which the API does not document.
func requestID(fromBody string, h http.Header) string {
	if fromBody != "" {
		return fromBody
	}
	return h.Get("X-Request-Id")
}

// findID looks for the top-level id in an answer that is not whole or not as
// expected.
func findID(body []byte) string {
	value := bounded.Member(body, "id")
	if len(value) == 0 {
		return ""
	}
	var id string
	var n float64
	switch c := value[0]; {
	case c == '"':
		json.Unmarshal(value, &id)
	case c == '-', c >= '0' && c <= '9':
		if json.Unmarshal(value, &n) == nil {
			id = strconv.FormatFloat(n, 'f', -1, 64)
		}
	}
	return id
}
