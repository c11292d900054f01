// Package policy decides, after each attempt, whether the server can have
// acted and whether the call may be attempted again.
package policy

import "net/http"

// Outcome says what is known of the effect of a call that changes something.
// The values are ordered: the outcome of a call is the largest of its
// attempts.
type Outcome uint8

const (
	NotSent  Outcome = iota + 1 // the API refused, or nothing reached it
	Unknown                     // the API may have acted
	Accepted                    // the API said it acted, but its answer is unusable
)

// An Attempt is how one attempt ended.
type Attempt struct {
	Status    int  // status of the answer; 0 if there was none
	Unsent    bool // no answer, and proof that no byte of the request was written
	Cut       bool // the body of a 2xx answer ended early
	Unusable  bool // the body of a 2xx answer is over the limit
	Cancelled bool // the context of the call has ended
}

// A Decision is what follows from an attempt.
type Decision struct {
	OK      bool    // the call has succeeded
	Retry   bool    // another attempt is harmless and may help
	Outcome Outcome // of this attempt; meaningless if OK
}

// Repeatable reports whether a request with this method has the same effect
// when it arrives twice. PUT and PATCH are not counted among them: the API
// documents neither.
func Repeatable(method string) bool {
	return method == http.MethodGet || method == http.MethodDelete
}

// Decide maps an attempt to a decision. With repeat, a method that is not
// [Repeatable] is treated as if it were, which only its caller can allow.
// A 401 is never a retry here: whether there is another key is not for this
// package to know.
func Decide(method string, repeat bool, a Attempt) Decision {
	again := (repeat || Repeatable(method)) && !a.Cancelled
	switch s := a.Status; {
	case s == 0 && a.Unsent:
		return Decision{Retry: !a.Cancelled, Outcome: NotSent}
	case s == 0:
		return Decision{Retry: again, Outcome: Unknown}
	case s >= 200 && s < 300:
		return decideSuccess(method, a)
	case s == http.StatusTooManyRequests:
		return Decision{Retry: !a.Cancelled, Outcome: NotSent}
	case s >= 400 && s < 500:
		return Decision{Outcome: NotSent}
	case s == http.StatusNotImplemented, s == http.StatusHTTPVersionNotSupported:
		return Decision{Outcome: Unknown}
	case s >= 500 && s < 600:
		return Decision{Retry: again, Outcome: Unknown}
	default: // 1xx, 3xx, and what is no HTTP status at all
		return Decision{Outcome: Unknown}
	}
}

func decideSuccess(method string, a Attempt) Decision {
	switch {
	case !a.Cut && !a.Unusable, method == http.MethodDelete:
		return Decision{OK: true}
	case method == http.MethodGet:
		return Decision{Retry: a.Cut && !a.Cancelled, Outcome: Accepted}
	default:
		return Decision{Outcome: Accepted}
	}
}
