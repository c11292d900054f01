package zexatest

import (
	"strconv"
	"time"
)

// LimitKind is how a rate limit counts.
type LimitKind int

const (
	// TokenBucket lets requests through at an even rate, and after a pause up to
	// Burst of them at once.
	TokenBucket LimitKind = iota
	// FixedWindow counts afresh in every window of the clock.
	FixedWindow
	// SlidingLog counts the requests let through in the window before each.
	SlidingLog
)

// Limit is a rate limit on the account: so many requests in a window of time.
// Those beyond it get the documented 429, and are not counted themselves.
type Limit struct {
	Kind     LimitKind
	Requests int           // in each window; 0 or less lifts the limit
	Window   time.Duration // 0 means 1 second
	Burst    int           // for TokenBucket; 0 means Requests
	// RetryAfter is the Retry-After header of the 429. Empty means whole seconds
	// until a request can pass, rounded up.
	RetryAfter string
}

// RateLimit sets the account's rate limit from now on. The zero Limit lifts it.
func (s *Server) RateLimit(l Limit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.Requests <= 0 {
		s.limit = nil
		return
	}
	if l.Window <= 0 {
		l.Window = time.Second
	}
	if l.Burst <= 0 {
		l.Burst = l.Requests
	}
	s.limit = &limiter{Limit: l, tokens: float64(l.Burst), filled: time.Now()}
}

type limiter struct {
	Limit
	tokens float64 // TokenBucket
	filled time.Time
	window time.Time // FixedWindow
	used   int
	log    []time.Time // SlidingLog: the last Requests times, log[oldest] first
	oldest int
}

// take lets a request through, or says how long until one can pass.
func (l *limiter) take(now time.Time) (wait time.Duration, ok bool) {
	switch l.Kind {
	case FixedWindow:
		if window := now.Truncate(l.Window); !window.Equal(l.window) {
			l.window, l.used = window, 0
		}
		if l.used >= l.Requests {
			return l.window.Add(l.Window).Sub(now), false
		}
		l.used++
		return 0, true
	case SlidingLog:
		if len(l.log) < l.Requests {
			l.log = append(l.log, now)
			return 0, true
		}
		if free := l.log[l.oldest].Add(l.Window); free.After(now) {
			return free.Sub(now), false
		}
		l.log[l.oldest] = now
		l.oldest = (l.oldest + 1) % l.Requests
		return 0, true
	default:
		perToken := float64(l.Window) / float64(l.Requests)
		l.tokens = min(l.tokens+float64(now.Sub(l.filled))/perToken, float64(l.Burst))
		l.filled = now
		// Sums of fractions may end a hair below a whole token.
		const enough = 1 - 1e-9
		if l.tokens < enough {
			return time.Duration((1 - l.tokens) * perToken), false
		}
		l.tokens--
		return 0, true
	}
}

func (l *limiter) retryAfter(wait time.Duration) string {
	if l.RetryAfter != "" {
		return l.RetryAfter
	}
	seconds := (wait + time.Second - 1) / time.Second
	return strconv.Itoa(max(int(seconds), 1))
}
