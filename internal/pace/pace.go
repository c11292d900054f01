// Package pace learns how many requests a second an account may make, and holds
// all that share a client to it.
//
// What it decides, and why:
//
//   - Nothing is limited before the first 429: one atomic load a request.
//   - A 429 stops everybody until its Retry-After has passed. The limit is the
//     account's, so what one was refused, all would be.
//   - The rate that follows is what was accepted in the second before the
//     refused request was sent, less 5 %. It is measured rather than guessed
//     (the adaptive retry mode of the AWS SDKs does so too; it then takes 30 %
//     off, as CUBIC does, since it shares its limit with unknown others, while
//     an account's limit is mostly one program's).
//   - Requests are spaced evenly. A burst that a token bucket lets through is
//     refused by a fixed window and by a sliding log.
//   - The rate is kept for 6 s and then doubles every 2 s until the next 429.
//     So a limit that stays costs a refusal or two every seven seconds, and one
//     that is lifted is found within 13 s (ten times the rate). Only time in
//     which somebody waited counts: an idle client has learned nothing.
//   - Fewer than five accepted requests say little: the limit may be of another
//     window, or used up by somebody else. The rate then starts at two a second
//     at least, and is kept for 1 s only.
//   - Refusals of requests that were sent before the last change say nothing
//     new.
package pace

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	window   = time.Second            // in which accepted requests are counted
	headroom = 0.95                   // of the rate that was accepted
	hold     = 6 * time.Second        // before the rate grows
	doubt    = time.Second            // the same, if little was measured
	little   = 5                      // accepted requests
	slowest  = 2                      // requests a second to start from, if little was measured
	crawl    = 0.8                    // the same, if that was refused again and again
	doubling = 2 * time.Second        // of the rate, once it grows
	slack    = 10 * time.Millisecond  // of timers, made up for afterwards
	unasked  = 500 * time.Millisecond // pause after a 429 without Retry-After
	fastest  = 10_000                 // requests a second, above which nothing is held back
)

// A Pacer paces the requests of one account. It is safe for concurrent use.
type Pacer struct {
	longest time.Duration
	on      atomic.Bool
	recent  counter

	mu      sync.Mutex
	queue   []*waiter // first come, first served; the first one watches the clock
	next    time.Time // when the next request may leave
	rate    float64   // requests a second now
	base    float64   // rate after the last change
	hold    time.Duration
	grown   time.Duration
	taken   time.Time // when the last request left, or the pause ends
	wanted  time.Time // when somebody was turned away last
	changed time.Time // the last 429 that changed the rate
	measure time.Time // when the request was sent that it refused; zero: measured
}

type waiter struct {
	deadline time.Time
	first    chan struct{} // closed when it is first in the queue
	late     chan *TooLate // gets the error that ends its wait
}

// New returns a pacer. longest bounds a pause, so that one absurd Retry-After
// does not stop a program: when it is over, one request finds out.
func New(longest time.Duration) *Pacer {
	return &Pacer{longest: longest, rate: fastest}
}

// TooLate is the error of a request whose turn would come after its deadline.
type TooLate struct {
	Wait time.Duration // what it would have taken
}

func (e *TooLate) Error() string {
	return fmt.Sprintf("its turn would come in %v, after the deadline", e.Wait.Round(time.Millisecond))
}

// Wait returns when a request may leave. If its turn would come after the
// deadline of ctx, it returns a [*TooLate] at once. If it has to wait, held,
// unless nil, is told for about how long.
func (p *Pacer) Wait(ctx context.Context, held func(time.Duration)) error {
	if !p.on.Load() {
		return nil
	}
	deadline, _ := ctx.Deadline()
	p.mu.Lock()
	now := time.Now()
	if len(p.queue) == 0 && !now.Before(p.next) {
		p.take(now, false)
		p.mu.Unlock()
		return nil
	}
	wait := p.turn(now, len(p.queue))
	if !deadline.IsZero() && !now.Add(wait).Before(deadline) {
		p.wanted = now
		p.mu.Unlock()
		return &TooLate{wait}
	}
	w := &waiter{deadline, make(chan struct{}), make(chan *TooLate, 1)}
	if p.queue = append(p.queue, w); len(p.queue) == 1 {
		close(w.first)
	}
	p.mu.Unlock()
	if held != nil {
		held(wait)
	}

	select {
	case <-w.first:
		return p.lead(ctx, w)
	case late := <-w.late:
		return late
	case <-ctx.Done():
		p.leave(w)
		return ctx.Err()
	}
}

// lead waits for the next departure at the head of the queue.
func (p *Pacer) lead(ctx context.Context, w *waiter) error {
	for {
		if ctx.Err() != nil {
			p.leave(w)
			return ctx.Err() // its turn is the next one's
		}
		p.mu.Lock()
		now := time.Now()
		wait := p.next.Sub(now)
		if wait <= 0 {
			p.take(now, true)
			p.mu.Unlock()
			p.leave(w)
			return nil
		}
		p.mu.Unlock()
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case late := <-w.late:
			timer.Stop()
			return late
		case <-ctx.Done():
			timer.Stop()
			p.leave(w)
			return ctx.Err()
		}
	}
}

// leave takes w out of the queue.
func (p *Pacer) leave(w *waiter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.Index(p.queue, w); i >= 0 {
		p.queue = slices.Delete(p.queue, i, i+1)
		p.promote()
	}
}

// promote lets the first in the queue know that it is.
func (p *Pacer) promote() {
	if len(p.queue) == 0 {
		return
	}
	select {
	case <-p.queue[0].first:
	default:
		close(p.queue[0].first)
	}
}

// turn returns how long it will take until a request with ahead others before it
// may leave.
func (p *Pacer) turn(now time.Time, ahead int) time.Duration {
	rate, keep, grown := p.rate, p.hold, p.grown
	if !p.measure.IsZero() {
		rate, keep = p.start()
		grown = 0
	}
	seconds := float64(ahead) / rate
	if kept := max(keep-grown, 0).Seconds(); keep < hold && seconds > kept {
		// After that, it doubles: the sum of requests is an exponential function.
		seconds = kept + doubling.Seconds()*math.Log2(1+(seconds-kept)*math.Ln2/doubling.Seconds())
	}
	return max(p.next.Sub(now), 0) + time.Duration(seconds*float64(time.Second))
}

// take lets one request leave. waited says whether it had to wait for it.
func (p *Pacer) take(now time.Time, waited bool) {
	if !p.measure.IsZero() {
		p.base, p.hold = p.start()
		p.grown, p.measure = 0, time.Time{}
	} else if waited {
		p.grown += max(now.Sub(p.taken), 0)
	} else {
		p.grown += max(p.wanted.Sub(p.taken), 0)
	}
	p.taken = now
	p.rate = p.base * math.Exp2(float64(max(p.grown-p.hold, 0))/float64(doubling))
	if p.rate > fastest {
		p.on.Store(false)
	}
	from := p.next
	if earliest := now.Add(-slack); from.Before(earliest) {
		from = earliest
	}
	p.next = from.Add(time.Duration(float64(time.Second) / p.rate))
}

// start returns the rate to start from after a 429, and how long to keep it.
func (p *Pacer) start() (rate float64, keep time.Duration) {
	accepted := p.recent.sum(p.measure.Add(-window), p.measure)
	rate = headroom * float64(accepted) / window.Seconds()
	switch half := p.rate / 2; {
	case accepted >= little:
		return rate, hold
	case half >= little:
		return max(rate, slowest), doubt
	default:
		return max(rate, min(half, slowest), crawl), min(2*p.hold, hold)
	}
}

// Accepted tells of an answer, other than 429, to a request sent at the given
// time.
func (p *Pacer) Accepted(sent time.Time) { p.recent.add(sent) }

// Refused tells of a 429 to a request sent at the given time.
func (p *Pacer) Refused(sent time.Time, retryAfter time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if retryAfter <= 0 {
		retryAfter = unasked
	}
	if resume := now.Add(min(retryAfter, p.longest)); resume.After(p.next) || !p.on.Load() {
		p.next, p.taken = resume, resume // a pause is no time to grow in
	}
	if p.on.Load() && !sent.After(p.changed) {
		return
	}
	p.changed, p.measure = now, sent
	p.on.Store(true)

	// Those who can no longer make it are told now, not at their deadline.
	ahead := 0
	p.queue = slices.DeleteFunc(p.queue, func(w *waiter) bool {
		wait := p.turn(now, ahead)
		if w.deadline.IsZero() || now.Add(wait).Before(w.deadline) {
			ahead++
			return false
		}
		w.late <- &TooLate{wait}
		return true
	})
	p.promote()
}

const (
	bucketSize = 25 * time.Millisecond
	buckets    = 128
)

// A counter counts events of the last three seconds without a lock. Each bucket
// holds its number above, and its count in the lowest 24 bits.
type counter [buckets]atomic.Uint64

func bucketOf(t time.Time) uint64 { return uint64(t.UnixNano() / int64(bucketSize)) }

func (c *counter) add(t time.Time) {
	b := bucketOf(t)
	for {
		old := c[b%buckets].Load()
		count := old&(1<<24-1) + 1
		switch is := old >> 24; {
		case is > b:
			return // t is too long ago
		case is < b:
			count = 1
		}
		if c[b%buckets].CompareAndSwap(old, b<<24|count) {
			return
		}
	}
}

// sum returns the events after from, until to.
func (c *counter) sum(from, to time.Time) int {
	n := 0
	for b := bucketOf(from) + 1; b <= bucketOf(to); b++ {
		if v := c[b%buckets].Load(); v>>24 == b {
			n += int(v & (1<<24 - 1))
		}
	}
	return n
}
