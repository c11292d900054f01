package zexa

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/zexa-ao/zexa-go/internal/backoff"
	"github.com/zexa-ao/zexa-go/internal/pipeline"
)

const (
	firstPoll   = 2 * time.Second
	longestPoll = 30 * time.Second
)

// waitFor gets a resource until it is done. An outage does not end the wait:
// only the context does, or an answer that will stay as it is. With an error it
// returns the resource as last seen, or nil.
func waitFor[T any](ctx context.Context, c *Client, r request, done func(*T) bool, opts []CallOption) (*T, error) {
	var last *T
	for n := 1; ; n++ {
		got, err := call[T](ctx, c, r, opts)
		pause := backoff.Delay(n, firstPoll, longestPoll)
		var e *Error
		switch {
		case err == nil && done(got):
			return got, nil
		case err == nil:
			last = got
		case !errors.As(err, &e) || !passing(e) || ctx.Err() != nil:
			return last, err
		default:
			pause = max(pause, e.RetryAfter)
			if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < e.RetryAfter {
				return last, err
			}
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			ended := fmt.Errorf("%w while waiting", pipeline.Ended(ctx))
			if e == nil {
				return last, localError(r.method, r.path, ended)
			}
			e.Err = errors.Join(ended, e.Err)
			return last, e
		}
	}
}

// passing reports whether a failed GET may succeed later.
func passing(e *Error) bool {
	if e.Status == 0 {
		return e.Attempts > 0
	}
	return e.Status == http.StatusTooManyRequests || e.Status >= 500
}
