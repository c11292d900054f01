package zexa

import (
	"encoding/json"
	"errors"
	"time"
)

// exactJSON is the part of a resource that holds the answer it was decoded
// from.
type exactJSON struct{ raw json.RawMessage }

// RawJSON returns the exact JSON of the resource, with all that this version
// of the package has no field for. It is nil for a value that did not come
// from the API, and must not be changed. An item of a list shares memory with
// its page: keeping it keeps the page, unless it is cloned with bytes.Clone.
func (r *exactJSON) RawJSON() json.RawMessage { return r.raw }

func (r *exactJSON) keep(raw json.RawMessage) { r.raw = raw }

// decodeError is an answer that does not fit its type. It says where, but does
// not repeat the value, as the error of encoding/json does.
type decodeError struct{ err error }

func (e *decodeError) Error() string {
	var (
		odd    *json.UnmarshalTypeError
		syntax *json.SyntaxError
		date   *time.ParseError
	)
	switch {
	case errors.As(e.err, &odd) && odd.Field != "":
		return "the answer cannot be decoded: " + odd.Field + " has an unexpected type"
	case errors.As(e.err, &odd):
		return "the answer cannot be decoded: it has an unexpected type"
	case errors.As(e.err, &syntax):
		return "the answer cannot be decoded: it is not valid JSON"
	case errors.As(e.err, &date):
		return "the answer cannot be decoded: a time is not in RFC 3339"
	default:
		return "the answer cannot be decoded: " + e.err.Error()
	}
}

func (e *decodeError) Unwrap() error { return e.err }

// wholeSecondUTC returns t as requests carry it. It is rounded up, so that a
// message never leaves before the time that was asked for.
func wholeSecondUTC(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	whole := t.Truncate(time.Second)
	if whole.Before(t) {
		whole = whole.Add(time.Second)
	}
	return whole.UTC()
}
