package zexa_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/zexa-ao/zexa-go"
)

// A rateLimit decides whether a request that arrives now is let through.
type rateLimit func(now time.Time) bool

// fixedWindow lets n requests through in each second of the clock.
func fixedWindow(n int) rateLimit {
	var window time.Time
	count := 0
	return func(now time.Time) bool {
		if w := now.Truncate(time.Second); !w.Equal(window) {
			window, count = w, 0
		}
		count++
		return count <= n
	}
}

// slidingLog lets n requests through in any second.
func slidingLog(n int) rateLimit {
	var log []time.Time
	return func(now time.Time) bool {
		for len(log) > 0 && now.Sub(log[0]) >= time.Second {
			log = log[1:]
		}
		if len(log) >= n {
			return false
		}
		log = append(log, now)
		return true
	}
}

// tokenBucket holds burst tokens and gets n a second.
func tokenBucket(n, burst int) rateLimit {
	tokens, last := float64(burst), time.Now()
	return func(now time.Time) bool {
		tokens = min(float64(burst), tokens+now.Sub(last).Seconds()*float64(n))
		last = now
		if tokens < 1-1e-9 {
			return false
		}
		tokens--
		return true
	}
}

// A limitedServer is a transport to a server with a rate limit, a round trip
// away.
type limitedServer struct {
	mu       sync.Mutex
	limit    rateLimit // nil: none
	rtt      time.Duration
	accepted []time.Time
	refused  []time.Time
}

func (s *limitedServer) RoundTrip(r *http.Request) (*http.Response, error) {
	time.Sleep(s.rtt / 2)
	defer time.Sleep(s.rtt / 2)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.limit != nil && !s.limit(now) {
		s.refused = append(s.refused, now)
		return apiErrorAfter("1")(r)
	}
	s.accepted = append(s.accepted, now)
	return answer(201, queuedMessage)(r)
}

func (s *limitedServer) client(t *testing.T, opts ...zexa.Option) *zexa.Client {
	c, err := zexa.New(testKey, append(opts, zexa.WithHTTPClient(&http.Client{Transport: s}))...)
	require.NoError(t, err)
	return c
}

// within counts the times that are in the second from start on.
func within(times []time.Time, start time.Time) int {
	n := 0
	for _, at := range times {
		if !at.Before(start) && at.Before(start.Add(time.Second)) {
			n++
		}
	}
	return n
}

// sendFrom makes n goroutines send until they have sent total messages.
func sendFrom(ctx context.Context, c *zexa.Client, n, total int) []error {
	work := make(chan struct{}, total)
	for range total {
		work <- struct{}{}
	}
	close(work)
	var mu sync.Mutex
	var errs []error
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			for range work {
				if err := post(ctx, c); err != nil {
					mu.Lock()
					errs = append(errs, err)
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return errs
}

func forEachLimit(t *testing.T, f func(*testing.T, func() rateLimit, time.Duration)) {
	for name, limit := range map[string]func() rateLimit{
		"fixed window": func() rateLimit { return fixedWindow(20) },
		"sliding log":  func() rateLimit { return slidingLog(20) },
		"token bucket": func() rateLimit { return tokenBucket(20, 20) },
	} {
		for _, rtt := range []time.Duration{2 * time.Millisecond, 100 * time.Millisecond} {
			t.Run(fmt.Sprintf("%s, %v away", name, rtt), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { f(t, limit, rtt) })
			})
		}
	}
}

func TestAHundredGoroutinesLearnOneRateTogether(t *testing.T) {
	t.Parallel()
	forEachLimit(t, func(t *testing.T, limit func() rateLimit, rtt time.Duration) {
		s := &limitedServer{limit: limit(), rtt: rtt}
		start := time.Now()
		assert.Empty(t, sendFrom(t.Context(), s.client(t), 100, 400))
		took := time.Since(start)
		later := 0
		for _, at := range s.refused {
			if at.Sub(start) > time.Second {
				later++
			}
		}
		t.Logf("400 sends in %v, %d refused at first, %d later", took, len(s.refused)-later, later)
		assert.Len(t, s.accepted, 400)
		assert.LessOrEqual(t, took, 30*time.Second)
		assert.Less(t, later, 40)
	})
}

func TestALowLimitFailsNobody(t *testing.T) {
	t.Parallel()
	for n := 1; n <= 5; n++ {
		for name, limit := range map[string]func() rateLimit{
			"fixed window": func() rateLimit { return fixedWindow(n) },
			"sliding log":  func() rateLimit { return slidingLog(n) },
			"token bucket": func() rateLimit { return tokenBucket(n, n) },
		} {
			for _, rtt := range []time.Duration{2 * time.Millisecond, 100 * time.Millisecond} {
				t.Run(fmt.Sprintf("%s of %d a second, %v away", name, n, rtt), func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) {
						s := &limitedServer{limit: limit(), rtt: rtt}
						start := time.Now()
						assert.Empty(t, sendFrom(t.Context(), s.client(t), 100, 100))
						took, later := time.Since(start), len(s.refused)-(100-n)
						t.Logf("100 sends in %v, %d refused later", took, later)
						assert.LessOrEqual(t, took, time.Duration(100/n)*time.Second*3/2)
						assert.Less(t, later, 40)
					})
				})
			}
		}
	}
}

func TestShortDeadlinesDoNotKeepARateThatIsNoMore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		s := &limitedServer{limit: func(time.Time) bool { asked++; return asked != 3 }, rtt: 4 * time.Millisecond}
		c := s.client(t)
		send := func() error {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			return post(ctx, c)
		}
		for start := time.Now(); time.Since(start) < 20*time.Second; time.Sleep(100 * time.Millisecond) {
			if err := send(); err != nil {
				assert.ErrorIs(t, err, zexa.ErrRateLimited)
			}
		}
		for range 100 {
			require.NoError(t, send(), "one request was refused, 20 s ago")
			time.Sleep(100 * time.Millisecond)
		}
	})
}

func TestARateThatIsLiftedIsFound(t *testing.T) {
	t.Parallel()
	forEachLimit(t, func(t *testing.T, limit func() rateLimit, rtt time.Duration) {
		s := &limitedServer{limit: limit(), rtt: rtt}
		c := s.client(t)
		ctx, cancel := context.WithCancel(t.Context())
		var lifted time.Time
		time.AfterFunc(20*time.Second+300*time.Millisecond, func() {
			s.mu.Lock()
			s.limit, lifted = nil, time.Now()
			s.mu.Unlock()
		})
		time.AfterFunc(36*time.Second, cancel)
		sendFrom(ctx, c, 100, 100_000)
		before, after := within(s.accepted, lifted.Add(-time.Second)), within(s.accepted, lifted.Add(14*time.Second))
		t.Logf("%d a second before, %d in the fifteenth second after", before, after)
		assert.GreaterOrEqual(t, after, 200)
	})
}

func TestACallThatCannotGetItsTurnFailsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &limitedServer{limit: fixedWindow(2), rtt: 2 * time.Millisecond}
		c := s.client(t)
		go sendFrom(t.Context(), c, 50, 50)
		time.Sleep(1500 * time.Millisecond) // the refused are back, and wait for their turn
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		err := post(ctx, c)
		assert.Zero(t, time.Since(start))
		assert.ErrorIs(t, err, zexa.ErrRateLimited)
		requireOutcome(t, err, zexa.ErrNotSent)
		assert.NotErrorIs(t, err, context.DeadlineExceeded)
		var e *zexa.Error
		require.ErrorAs(t, err, &e)
		assert.Greater(t, e.RetryAfter, 5*time.Second)
		assert.Zero(t, e.Attempts)
		assert.Contains(t, err.Error(), "retry after")
	})
}

func TestAPauseTellsThoseWhoCannotMakeItAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMock(t, []zexa.Option{zexa.WithRetries(0)}, apiErrorAfter("1"), apiErrorAfter("50"))
		require.Error(t, post(t.Context(), m.Client))
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		done := make(chan error, 2)
		go func() { done <- post(t.Context(), m.Client) }()
		synctest.Wait()
		go func() { done <- post(ctx, m.Client) }() // second in the queue
		require.ErrorIs(t, <-done, zexa.ErrRateLimited, "the second 429")
		err := <-done
		assert.ErrorIs(t, err, zexa.ErrRateLimited)
		requireOutcome(t, err, zexa.ErrNotSent)
		assert.Equal(t, time.Second, time.Since(start), "not at its deadline")
	})
}

func TestCancellingWhileWaitingForATurnLetsTheNextOneGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMock(t, []zexa.Option{zexa.WithRetries(0)}, apiErrorAfter("10"), answer(201, queuedMessage))
		require.Error(t, post(t.Context(), m.Client))
		start := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 3)
		for range 2 { // the first in the queue, and one behind it
			go func() { done <- post(ctx, m.Client) }()
			synctest.Wait()
		}
		go func() { done <- post(t.Context(), m.Client) }()
		synctest.Wait()
		cancel()
		for range 2 {
			err := <-done
			assert.ErrorIs(t, err, context.Canceled)
			requireOutcome(t, err, zexa.ErrNotSent)
		}
		assert.Zero(t, time.Since(start))
		assert.NoError(t, <-done)
		assert.Equal(t, 10*time.Second, time.Since(start))
	})
}

func TestAnAbsurdPauseIsCutToTheLongestWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMock(t, nil, apiErrorAfter("86400"), answer(201, queuedMessage))
		require.Error(t, post(t.Context(), m.Client))
		start := time.Now()
		require.NoError(t, post(t.Context(), m.Client))
		assert.Equal(t, time.Minute, time.Since(start))
	})
}

func TestWithoutPacingEveryCallFindsOutForItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMock(t, []zexa.Option{zexa.WithoutPacing(), zexa.WithRetries(0)}, apiErrorAfter("30"), answer(201, queuedMessage))
		require.Error(t, post(t.Context(), m.Client))
		start := time.Now()
		require.NoError(t, post(t.Context(), m.Client))
		assert.Zero(t, time.Since(start))
	})
}

func TestASteadyClientUnderItsRateIsNotHeldBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &limitedServer{limit: tokenBucket(20, 20), rtt: 2 * time.Millisecond}
		c := s.client(t)
		sendFrom(t.Context(), c, 100, 100)
		for range 50 {
			time.Sleep(200 * time.Millisecond)
			start := time.Now()
			require.NoError(t, post(t.Context(), c))
			require.Equal(t, s.rtt, time.Since(start))
		}
	})
}

func TestAnErrorFromThePaceKeepsTheAnswerBeforeIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &limitedServer{limit: func(time.Time) bool { return false }, rtt: time.Millisecond}
		ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
		defer cancel()
		for _, err := range sendFrom(ctx, s.client(t), 30, 30) {
			assert.ErrorIs(t, err, zexa.ErrRateLimited)
			requireOutcome(t, err, zexa.ErrNotSent)
			var e *zexa.Error
			require.ErrorAs(t, err, &e)
			if e.Attempts > 0 {
				assert.Equal(t, 429, e.Status)
				assert.Equal(t, "req_429", e.RequestID)
			}
			assert.False(t, errors.Is(err, zexa.ErrOutcomeUnknown))
		}
	})
}
