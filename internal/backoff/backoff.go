// Package backoff says how long to wait before an attempt or a poll.
package backoff

import (
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Delay draws the wait before the nth repetition, n from 1. It lies between
// half of a ceiling and the ceiling, which is first for n = 1 and doubles up to
// longest. Half is kept so that a run of unlucky draws is still a back-off.
func Delay(n int, first, longest time.Duration) time.Duration {
	ceiling := first
	for range n - 1 {
		if ceiling > longest/2 {
			ceiling = longest
			break
		}
		ceiling *= 2
	}
	ceiling = min(ceiling, longest)
	return ceiling - rand.N(ceiling/2+1)
}

// Plan returns the wait before the nth retry: a [Delay], and never less than
// floor, the wait that the server asked for. A floor is given a tenth of
// jitter on top, so that those who were refused together do not come back
// together. fits is false if the floor is over longest or the wait would last
// past the deadline (the zero deadline is none).
func Plan(n int, first, longest, floor time.Duration, now, deadline time.Time) (wait time.Duration, fits bool) {
	if floor > longest {
		return floor, false
	}
	wait = Delay(n, first, longest)
	if floor > 0 {
		wait = max(wait, floor+min(rand.N(floor/10+1), longest-floor))
	}
	if deadline.IsZero() || now.Add(wait).Before(deadline) {
		return wait, true
	}
	// The jitter is ours to give up; what the server asked for is not.
	if floor > 0 && now.Add(floor).Before(deadline) {
		return floor, true
	}
	return max(floor, wait), false
}

// RetryAfter reads the Retry-After header, in seconds or as an HTTP date. A
// date is taken relative to the Date header of the same answer, if it has one,
// so that clocks that disagree do no harm. What cannot be read is absent, what
// is too large for a Duration is the largest Duration.
func RetryAfter(h http.Header, now time.Time) (d time.Duration, ok bool) {
	s := strings.TrimSpace(h.Get("Retry-After"))
	if s == "" {
		return 0, false
	}
	if digits(s) {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil || n > int64(math.MaxInt64/time.Second) {
			return math.MaxInt64, true
		}
		return time.Duration(n) * time.Second, true
	}
	at, err := http.ParseTime(s)
	if err != nil {
		return 0, false
	}
	if sent, err := http.ParseTime(h.Get("Date")); err == nil {
		now = sent
	}
	return max(at.Sub(now), 0), true
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
