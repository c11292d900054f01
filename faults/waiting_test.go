package faults_test

import (
	"context"
	"errors"
	"math"
	"net/http"
	"slices"
	"sync"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/zexatest"
)

var waiting = slices.Concat(
	afterRefusal("20", 20*time.Second, 22*time.Second),
	[]row{
		waitsFor("429 with a date in 30 s", post, zexatest.Fault{Status: 429, RetryAfter: inHalfAMinute}, 30*time.Second, 33*time.Second),
		waitsFor("429 with a date that is past", post, zexatest.Fault{Status: 429, RetryAfter: "Fri, 31 Dec 1999 23:00:00 GMT"}, firstLeast, firstMost),
		waitsFor("429 without Retry-After", get, zexatest.Fault{Status: 429}, firstLeast, firstMost),
		waitsFor("429 with garbage", get, zexatest.Fault{Status: 429, RetryAfter: "soon"}, firstLeast, firstMost),
		waitsFor("429 with a negative number", get, zexatest.Fault{Status: 429, RetryAfter: "-20"}, firstLeast, firstMost),
		waitsFor("429 with the longest wait", post, zexatest.Fault{Status: 429, RetryAfter: "60"}, time.Minute, time.Minute),
		givesUp("429 with more than the longest wait", 0, "61", 61*time.Second),
		givesUp("429 with an hour", 0, "3600", time.Hour),
		givesUp("429 with a number that overflows", 0, "99999999999999999999", math.MaxInt64),
		givesUp("429 with 30 s, and a deadline in 10 s", 10*time.Second, "30", 30*time.Second),
		givesUp("503 with 30 s, and a deadline in 10 s", 10*time.Second, "30", 30*time.Second),
		{fault: "500 for ever", call: "GET", holds: "4 attempts by default; waits of up to 0.5, 1 and 2 s, at least half of that", over: inBubble, run: alwaysFails(nil, 4, 1750*time.Millisecond, 3500*time.Millisecond)},
		{fault: "500 for ever, 10 retries, longest wait 2 s", call: "GET", holds: "no wait is over the longest", over: inBubble, run: alwaysFails([]zexa.Option{zexa.WithRetries(10), zexa.WithRetryWait(500*time.Millisecond, 2*time.Second)}, 11, 8750*time.Millisecond, 17500*time.Millisecond)},
		{fault: "500, 502, reset, then 500 with a code", call: "DELETE", holds: "the last answer is in the error, not \"giving up\"", run: lastErrorStays},
		{fault: "cancelled 7 s into a wait of 30 s", call: "GET", holds: "ends at once; the 429 is joined to the context's error", over: inBubble, run: cancelledWait(get)},
		{fault: "cancelled 7 s into a wait of 30 s", call: "POST", holds: "ends at once, *not sent*; the 429 is joined to the context's error", over: inBubble, run: cancelledWait(post)},
		{fault: "the server is silent for ever", call: "POST", holds: "30 s for the attempt; *outcome unknown*, and not the context's error", over: inBubble, run: silent(post, 1, 30*time.Second, 30*time.Second)},
		{fault: "the server is silent for ever", call: "GET", holds: "30 s for each of 4 attempts", over: inBubble, run: silent(get, 4, 121750*time.Millisecond, 123500*time.Millisecond)},
		{fault: "the server is silent for ever, and a deadline in 45 s", call: "GET", holds: "the deadline bounds the whole", over: inBubble, run: silentPastDeadline},
		{fault: "100 goroutines, one client, 20 requests a second allowed", call: "POST", holds: "400 sends, none fails, within 30 s; after the first second fewer than 40 are refused", over: inBubble, run: learnsTheRate},
		{fault: "a turn that would come after the deadline", call: "POST", holds: "fails at once: rate limited and *not sent*, with the wait it would have needed", over: inBubble, run: noTurn},
	},
)

// The band of the first wait by default.
const (
	firstLeast = 250 * time.Millisecond
	firstMost  = 500 * time.Millisecond
)

// inHalfAMinute is the date in 30 s by the clock of a bubble, which starts at
// midnight on 1 January 2000.
const inHalfAMinute = "Sat, 01 Jan 2000 00:00:30 GMT"

// afterRefusal are rows in which a Retry-After is waited for, whatever its
// status, and so is its date.
func afterRefusal(retryAfter string, least, most time.Duration) (rows []row) {
	for _, v := range []verb{get, del, post} {
		rows = append(rows, waitsFor("429 with "+retryAfter+" s", v, zexatest.Fault{Status: 429, RetryAfter: retryAfter}, least, most))
	}
	return append(rows, waitsFor("503 with "+retryAfter+" s", get, zexatest.Fault{Status: 503, RetryAfter: retryAfter}, least, most))
}

// waitsFor is a row in which the second attempt succeeds after a wait.
func waitsFor(fault string, v verb, f zexatest.Fault, least, most time.Duration) row {
	return row{fault: fault, call: v.method, holds: "never sooner; then retried, succeeds", over: inBubble, run: func(x *trial) {
		w := x.world()
		w.api.Fault(f)
		start := time.Now()
		require.NoError(x, v.call(x.Context(), w))
		x.waits(least, most, time.Since(start))
		x.arrives(2, w.requests())
		if v.method != http.MethodGet {
			x.acts(1, w.effects(v))
		}
	}}
}

// givesUp is a row in which a wait is not begun.
func givesUp(fault string, deadline time.Duration, retryAfter string, want time.Duration) row {
	status := 429
	if fault[:3] == "503" {
		status = 503
	}
	return row{fault: fault, call: "GET", holds: "returns at once, with the API's own error and the wait it asked for", over: inBubble, run: func(x *trial) {
		w := x.world()
		w.api.Fault(zexatest.Fault{Status: status, RetryAfter: retryAfter, Times: zexatest.Always})
		ctx := x.Context()
		if deadline > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, deadline)
			defer cancel()
		}
		start := time.Now()
		err := get.call(ctx, w)
		x.waits(0, 0, time.Since(start))
		x.arrives(1, w.requests())
		e := x.apiError(err)
		assert.Equal(x, status, e.Status)
		assert.Equal(x, want, e.RetryAfter)
		assert.NotEmpty(x, e.RequestID)
		assert.Equal(x, status == 429, errors.Is(err, zexa.ErrRateLimited))
		assert.NotErrorIs(x, err, context.DeadlineExceeded)
	}}
}

func alwaysFails(opts []zexa.Option, attempts int, least, most time.Duration) func(*trial) {
	return func(x *trial) {
		w := x.world(opts...)
		w.api.Fault(zexatest.Fault{Status: 500, Times: zexatest.Always})
		start := time.Now()
		err := get.call(x.Context(), w)
		x.waits(least, most, time.Since(start))
		x.arrives(attempts, w.requests())
		assert.ErrorIs(x, err, zexa.ErrServer)
		assert.Equal(x, attempts, x.apiError(err).Attempts)
	}
}

func lastErrorStays(x *trial) {
	w := x.world()
	for _, f := range []zexatest.Fault{
		{Status: 500}, {Status: 502, Body: []byte("<html>")}, {Reset: zexatest.ResetAfterRead},
		{Status: 500, Body: []byte(`{"error":"the_last","message":"out of ink","request_id":"req_last"}`)},
	} {
		w.api.Fault(f)
	}
	err := del.call(x.Context(), w)
	e := x.apiError(err)
	assert.Equal(x, "the_last", e.Code)
	assert.Equal(x, "out of ink", e.Message)
	assert.Equal(x, "req_last", e.RequestID)
	assert.NotContains(x, err.Error(), "giving up")
	x.arrives(4, w.requests())
}

func cancelledWait(v verb) func(*trial) {
	return func(x *trial) {
		w := x.world()
		w.api.Fault(zexatest.Fault{Status: 429, RetryAfter: "30"})
		ctx, cancel := context.WithCancel(x.Context())
		start := time.Now()
		time.AfterFunc(7*time.Second, cancel)
		err := v.call(ctx, w)
		x.waits(7*time.Second, 7*time.Second, time.Since(start))
		assert.ErrorIs(x, err, context.Canceled)
		assert.ErrorIs(x, err, zexa.ErrRateLimited)
		ends(x, v.method, zexa.ErrNotSent, err)
		e := x.apiError(err)
		assert.Equal(x, 30*time.Second, e.RetryAfter)
		assert.NotEmpty(x, e.RequestID)
		time.Sleep(time.Hour)
		x.arrives(1, w.requests())
	}
}

func silent(v verb, attempts int, least, most time.Duration) func(*trial) {
	return func(x *trial) {
		w := x.world()
		w.api.Fault(zexatest.Fault{Latency: time.Hour, Times: zexatest.Always})
		start := time.Now()
		err := v.call(x.Context(), w)
		x.waits(least, most, time.Since(start))
		x.arrives(attempts, w.requests())
		if v.method == http.MethodPost {
			x.acts(attempts, w.effects(v))
		}
		ends(x, v.method, zexa.ErrOutcomeUnknown, err)
		assert.NotErrorIs(x, err, context.DeadlineExceeded)
	}
}

func silentPastDeadline(x *trial) {
	w := x.world()
	w.api.Fault(zexatest.Fault{Latency: time.Hour, Times: zexatest.Always})
	ctx, cancel := context.WithTimeout(x.Context(), 45*time.Second)
	defer cancel()
	start := time.Now()
	err := get.call(ctx, w)
	x.waits(45*time.Second, 45*time.Second, time.Since(start))
	x.arrives(2, w.requests())
	assert.ErrorIs(x, err, context.DeadlineExceeded)
}

func learnsTheRate(x *trial) {
	const sends = 400
	w := x.world()
	w.api.RateLimit(zexatest.Limit{Kind: zexatest.SlidingLog, Requests: 20})
	start := time.Now()
	work := make(chan struct{}, sends)
	for range sends {
		work <- struct{}{}
	}
	close(work)
	var workers sync.WaitGroup
	for range 100 {
		workers.Go(func() {
			for range work {
				assert.NoError(x, post.call(x.Context(), w))
			}
		})
	}
	workers.Wait()
	x.waits(19*time.Second, 30*time.Second, time.Since(start))
	later := 0
	for _, r := range w.api.Requests() {
		if r.Status == http.StatusTooManyRequests && r.Time.Sub(start) > time.Second {
			later++
		}
	}
	assert.Less(x, later, 40)
	x.arrived = "under 540"
	x.acts(sends, w.effects(post))
}

func noTurn(x *trial) {
	w := x.world(zexa.WithRetries(0))
	w.api.Fault(zexatest.Fault{Status: 429, RetryAfter: "30"})
	require.ErrorIs(x, post.call(x.Context(), w), zexa.ErrRateLimited)
	waits := make(chan error)
	go func() { waits <- post.call(x.Context(), w) }()
	synctest.Wait()

	ctx, cancel := context.WithTimeout(x.Context(), 10*time.Second)
	defer cancel()
	start := time.Now()
	err := post.call(ctx, w)
	x.waits(0, 0, time.Since(start))
	x.arrives(1, w.requests())
	assert.ErrorIs(x, err, zexa.ErrRateLimited)
	ends(x, http.MethodPost, zexa.ErrNotSent, err)
	assert.GreaterOrEqual(x, x.apiError(err).RetryAfter, 30*time.Second)
	require.NoError(x, <-waits)
	assert.Equal(x, 30*time.Second, time.Since(start))
	x.acts(1, w.effects(post))
}
