// Handle-errors shows every kind of error, and what to do about it.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	zexa "github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/examples/internal/demo"
)

// advice says what to do about an error of a call. What became of the call comes
// first: until that is clear, why it failed does not matter.
func advice(err error) string {
	var e *zexa.Error
	if !errors.As(err, &e) {
		return "nothing: no call has failed"
	}
	switch {
	case errors.Is(err, zexa.ErrAccepted):
		return "it was done: keep the id " + e.ID + ", never repeat the call"
	case errors.Is(err, zexa.ErrOutcomeUnknown):
		return "it may have been done: find out before repeating the call"
	case errors.Is(err, zexa.ErrRateLimited):
		return fmt.Sprintf("call again, but not within %v", max(e.RetryAfter, time.Second))
	case errors.Is(err, zexa.ErrInsufficientCredits):
		return "top up, then call again"
	case errors.Is(err, zexa.ErrUnauthorized):
		return "check the key; it may have been revoked"
	case errors.Is(err, zexa.ErrValidation), errors.Is(err, zexa.ErrInvalidRequest):
		return "correct the parameters; Error.Fields names them"
	case errors.Is(err, zexa.ErrConflict):
		return "nothing: the contact is there already"
	case errors.Is(err, zexa.ErrNotFound):
		return "check the id"
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return "call again if it is still wanted: your own context ended the call"
	case errors.Is(err, zexa.ErrServer):
		return "call again later; support will ask for the request id, " + e.RequestID
	default:
		return "look into it: there was no connection, or an answer that nobody expected"
	}
}

func main() {
	errs, err := demo.Errors() // provoked, or of one call that reads if there is a key
	if err != nil {
		log.Fatal(err)
	}
	for _, err := range errs {
		fmt.Printf("%v\n  -> %s\n", err, advice(err))
	}
}
