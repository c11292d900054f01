package zexa

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/zexa-ao/zexa-go/internal/pipeline"
)

// Bounds of [BatchParams.Concurrency].
const (
	DefaultConcurrency = 32
	MaxConcurrency     = 256
)

// BatchParams say how a batch is carried out. The zero value is the default.
type BatchParams struct {
	// Concurrency is how many calls are under way at once, up to
	// [MaxConcurrency]; 0 is [DefaultConcurrency].
	Concurrency int

	// Total is how many items there are, if that is known; it is only used to
	// tell Progress how much is left.
	Total int

	// Progress, if set, is called after each result that was ranged over, by
	// the goroutine that ranges.
	Progress func(Progress)
}

// Progress is how far a batch has come.
type Progress struct {
	Tally
	Total   int           // as given in [BatchParams]; 0 if unknown
	Elapsed time.Duration // since the batch began
	Rate    float64       // results a second, over the last ten seconds
	Left    time.Duration // at this rate; 0 if Total is unknown
}

// A Tally counts the results of a batch by what became of them.
type Tally struct {
	Accepted int // done, those with [ErrAccepted] included
	Existing int // contacts that were already there, or may have been; never in a batch of messages
	Refused  int // not sent: refused by the API, or before anything was sent
	Unknown  int // of unknown outcome
}

// Done is the number of results.
func (t Tally) Done() int { return t.Accepted + t.Existing + t.Refused + t.Unknown }

// A Batch is many calls made with bounded concurrency. Nothing happens before
// its results are ranged over.
type Batch[R any] struct {
	run func(yield func(R) bool)

	mu      sync.Mutex
	used    bool
	summary BatchSummary[R]
}

// BatchSummary is what became of a batch.
type BatchSummary[R any] struct {
	Tally

	// Next is the index of the first item that was never started; all before
	// it have a result. To go on, start there. That item, and no other, may have
	// been taken from the sequence: if it was asked for before the batch ended
	// and came after.
	Next int

	// Rest are the results that were not ranged over: of the calls that were
	// under way when the loop ended early.
	Rest []R

	// Stopped is why no more items were asked for: the error that made it
	// pointless to go on, or the context's. It is nil if the sequence came to
	// its end before, and after an early end of the loop.
	Stopped error
}

// Results returns the results as they come, in no order, one for each item that
// was started. Items are started in order as the loop goes on: a loop that is
// slow holds them back. If the loop ends early, no more are started, and those
// under way are finished before the loop is left; see [BatchSummary.Rest]. A
// batch runs once: a second range yields nothing.
//
// The sequence is walked over by a goroutine of its own, an item at a time when
// it can be started. The loop is not left before that goroutine has returned
// from it, so a sequence that waits for something, such as a queue, must give
// up when ctx ends. A panic in it is raised again by the loop.
func (b *Batch[R]) Results() iter.Seq[R] {
	return func(yield func(R) bool) {
		b.mu.Lock()
		used := b.used
		b.used = true
		b.mu.Unlock()
		if !used && b.run != nil {
			b.run(yield)
		}
	}
}

// Wait ranges over the results, without looking at them, and returns the
// summary.
func (b *Batch[R]) Wait() BatchSummary[R] {
	for range b.Results() {
	}
	return b.Summary()
}

// Summary returns what became of the batch so far.
func (b *Batch[R]) Summary() BatchSummary[R] {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.summary
}

// A verdict is what a result means for its batch.
type verdict struct {
	count *int  // of the tally
	stop  error // why it is pointless to go on
}

// newBatch returns a batch that calls do for each item of in, and judge, from
// one goroutine, for each result.
func newBatch[P, R any](ctx context.Context, in iter.Seq[P], p BatchParams, do func(int, P) R, judge func(*Tally, R) verdict) *Batch[R] {
	b := new(Batch[R])
	b.run = func(yield func(R) bool) {
		err := p.check()
		switch {
		case ctx == nil:
			err = errors.New("zexa: the context is nil")
		case in == nil:
			err = errors.New("zexa: the sequence is nil")
		}
		if err != nil {
			b.mu.Lock()
			b.summary.Stopped = err
			b.mu.Unlock()
			return
		}
		workers := p.Concurrency
		if workers == 0 {
			workers = DefaultConcurrency
		}
		r := &batchRun[P, R]{
			batch: b, ctx: ctx, idle: make(chan struct{}, workers), work: make(chan item[P]),
			results: make(chan R), stop: make(chan struct{}),
		}
		r.start(in, workers, do)
		r.collect(p, judge, yield)
	}
	return b
}

func (p BatchParams) check() error {
	var v invalid
	if p.Concurrency < 0 || p.Concurrency > MaxConcurrency {
		v.add("concurrency", fmt.Sprintf("is not between 1 and %d", MaxConcurrency))
	}
	if p.Total < 0 {
		v.add("total", "is negative")
	}
	return v.err()
}

type item[P any] struct {
	index int
	value P
}

type batchRun[P, R any] struct {
	batch   *Batch[R]
	ctx     context.Context
	idle    chan struct{} // one for each item that may be started
	work    chan item[P]
	results chan R

	stop   chan struct{}
	once   sync.Once
	reason error  // why no more are started
	crash  func() // ends the loop as the caller's code ended one of our goroutines
}

// end lets nothing more be started. err, if any, is the reason.
func (r *batchRun[P, R]) end(err error) {
	r.once.Do(func() {
		if err != nil && r.ctx.Err() != nil {
			err = pipeline.Ended(r.ctx)
		}
		r.reason = err
		close(r.stop)
	})
}

func (r *batchRun[P, R]) start(in iter.Seq[P], workers int, do func(int, P) R) {
	var all sync.WaitGroup
	all.Go(func() {
		defer close(r.work)
		r.guard(func() { r.feed(in) })
	})
	for range workers {
		r.idle <- struct{}{}
		all.Go(func() {
			r.guard(func() {
				for it := range r.work {
					r.results <- do(it.index, it.value)
				}
			})
		})
	}
	go func() {
		all.Wait()
		close(r.results)
	}()
}

// guard calls f. If the caller's code in it ends this goroutine, the goroutine
// that ranges over the results ends the same way.
func (r *batchRun[P, R]) guard(f func()) {
	guard(f, func(crash func()) {
		r.batch.mu.Lock()
		r.crash = crash
		r.batch.mu.Unlock()
		r.end(nil)
	})
}

// guard calls f, in which code of the caller's runs on a goroutine of ours: a
// sequence, a transport, a hook. A panic there must not end the program, nor a
// runtime.Goexit, as of a test that fails, our goroutine alone. report is given
// a function that does the same to the goroutine that calls it.
func guard(f func(), report func(crash func())) {
	returned := false
	defer func() {
		if returned {
			return
		}
		crash := runtime.Goexit
		if v := recover(); v != nil {
			crash = func() { panic(v) }
		}
		report(crash)
	}()
	f()
	returned = true
}

// feed hands out the items in order. One is taken from the sequence when it can
// be started, as what was taken cannot be put back.
func (r *batchRun[P, R]) feed(in iter.Seq[P]) {
	if !r.ready() {
		return
	}
	next := 0
	for value := range in {
		if !r.open() {
			return
		}
		next++
		r.batch.mu.Lock()
		r.batch.summary.Next = next
		r.batch.mu.Unlock()
		r.work <- item[P]{next - 1, value}
		if !r.ready() {
			return
		}
	}
	r.open() // a sequence may end because the context did
}

// ready waits until another item can be started, and reports whether it may.
func (r *batchRun[P, R]) ready() bool {
	select {
	case <-r.idle:
	case <-r.stop:
	}
	return r.open()
}

// open reports whether another item may be started.
func (r *batchRun[P, R]) open() bool {
	if r.ctx.Err() != nil {
		r.end(pipeline.Ended(r.ctx))
	}
	select {
	case <-r.stop:
		r.batch.mu.Lock()
		r.batch.summary.Stopped = r.reason
		r.batch.mu.Unlock()
		return false
	default:
		return true
	}
}

func (r *batchRun[P, R]) collect(p BatchParams, judge func(*Tally, R) verdict, yield func(R) bool) {
	meter := newMeter(p.Total)
	count := func(result R) Tally {
		r.batch.mu.Lock()
		v := judge(&r.batch.summary.Tally, result)
		*v.count++
		tally := r.batch.summary.Tally
		r.batch.mu.Unlock()
		if v.stop != nil {
			r.end(v.stop)
		}
		r.idle <- struct{}{} // only now, so that nothing is started after a stop
		return tally
	}
	// Whatever ends the loop, a panic included, the calls under way are
	// finished and no goroutine stays.
	defer func() {
		r.end(nil)
		for result := range r.results {
			count(result)
			r.batch.mu.Lock()
			r.batch.summary.Rest = append(r.batch.summary.Rest, result)
			r.batch.mu.Unlock()
		}
		if r.crash != nil {
			r.crash()
		}
	}()
	for result := range r.results {
		tally := count(result)
		more := yield(result)
		if p.Progress != nil {
			p.Progress(meter.progress(tally))
		}
		if !more {
			return
		}
	}
}

// A meter measures the rate of results.
type meter struct {
	total   int
	begun   time.Time
	samples []sample // one a second, of the last seconds
}

type sample struct {
	at   time.Time
	done int
}

// meterSpan is long enough for results that come in bursts, as under a rate limit.
const meterSpan = 10 * time.Second

func newMeter(total int) *meter {
	now := time.Now()
	return &meter{total: total, begun: now, samples: []sample{{at: now}}}
}

func (m *meter) progress(t Tally) Progress {
	now := time.Now()
	p := Progress{Tally: t, Total: m.total, Elapsed: now.Sub(m.begun)}
	if now.Sub(m.samples[len(m.samples)-1].at) >= time.Second {
		m.samples = append(m.samples, sample{now, t.Done()})
	}
	for len(m.samples) > 1 && now.Sub(m.samples[1].at) >= meterSpan {
		m.samples = m.samples[1:]
	}
	if since := now.Sub(m.samples[0].at); since > 0 {
		p.Rate = float64(t.Done()-m.samples[0].done) / since.Seconds()
	}
	if left := m.total - t.Done(); left > 0 && p.Rate > 0 {
		const longest = 1 << 62 // a Duration holds no more than twice that
		p.Left = time.Duration(min(float64(left)/p.Rate*float64(time.Second), longest))
	}
	return p
}

// outcomeVerdict judges the error of one POST in a batch.
func outcomeVerdict(t *Tally, err error) verdict {
	e, _ := err.(*Error)
	switch {
	case err == nil || e.Outcome == ErrAccepted:
		return verdict{count: &t.Accepted}
	case e.Outcome == ErrOutcomeUnknown:
		return verdict{count: &t.Unknown}
	case pointless(e):
		return verdict{&t.Refused, err}
	default:
		return verdict{count: &t.Refused}
	}
}

// pointless reports whether what refused a call would refuse the next ones too.
func pointless(e *Error) bool {
	switch {
	case e.Is(ErrUnauthorized), e.Is(ErrInsufficientCredits):
		return true
	case e.Is(ErrRateLimited) && strings.HasPrefix(e.note, "not retried"):
		return true // there is no time to wait for the rate limit
	case e.Attempts > 0:
		return false
	}
	// Nothing was sent: by the item's own fault, or because its turn would come
	// too late, or by fault of the options, the key function or the caller's
	// limiter.
	var (
		bad   *ValidationError
		unfit *json.MarshalerError
	)
	return !errors.As(e.Err, &bad) && !errors.As(e.Err, &unfit)
}
