package zexa_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/zexa-ao/zexa-go"
)

// order returns the nth message; the fakes here know it by its recipient.
func order(n int) zexa.MessageParams {
	return zexa.SMS("MinhaLoja", fmt.Sprintf("+2449%08d", n), fmt.Sprintf("Order %d", n))
}

// orders returns the messages from 0 to n, and has taken count those that were
// asked for.
func orders(n int, taken *atomic.Int32) iter.Seq[zexa.MessageParams] {
	return func(yield func(zexa.MessageParams) bool) {
		for i := range n {
			if taken != nil {
				taken.Add(1)
			}
			if !yield(order(i)) {
				return
			}
		}
	}
}

// An api is a transport that answers the nth message or contact.
type api func(n int, r *http.Request) (*http.Response, error)

func (f api) RoundTrip(r *http.Request) (*http.Response, error) {
	defer r.Body.Close()
	var sent struct{ To, Phone string }
	if err := json.NewDecoder(r.Body).Decode(&sent); err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(strings.TrimPrefix(sent.To+sent.Phone, "+2449"))
	if err != nil {
		return nil, err
	}
	return f(n, r)
}

func (f api) client(t testing.TB, opts ...zexa.Option) *zexa.Client {
	t.Helper()
	c, err := zexa.New(testKey, append([]zexa.Option{zexa.WithHTTPClient(&http.Client{Transport: f})}, opts...)...)
	require.NoError(t, err)
	return c
}

// queued accepts the nth message after d.
func queued(n int, r *http.Request, d time.Duration) (*http.Response, error) {
	select {
	case <-time.After(d):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	return answer(201, fmt.Sprintf(`{"id":"msg_%d","status":"queued"}`, n))(r)
}

// everyOrder answers after a second.
func everyOrder(n int, r *http.Request) (*http.Response, error) { return queued(n, r, time.Second) }

// refusing answers the messages in script so, and accepts all others.
func refusing(script map[int]httpmock.Responder) api {
	return func(n int, r *http.Request) (*http.Response, error) {
		if respond := script[n]; respond != nil {
			return respond(r)
		}
		return everyOrder(n, r)
	}
}

func sorted(results []zexa.SendResult) []int {
	var indices []int
	for _, r := range results {
		indices = append(indices, r.Index)
	}
	slices.Sort(indices)
	return indices
}

func upTo(n int) []int {
	var all []int
	for i := range n {
		all = append(all, i)
	}
	return all
}

func TestEveryItemOfABatchHasOneResult(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		script := map[int]httpmock.Responder{
			3: apiError(422, zexa.CodeValidation), 4: fail(io.EOF), 5: answer(500, ""), 6: cutShort(201, `{"id":"msg_6",`), 7: apiErrorAfter("1"),
		}
		var tries atomic.Int32
		client := api(func(n int, r *http.Request) (*http.Response, error) {
			if n == 7 && tries.Add(1) > 1 {
				return everyOrder(n, r)
			}
			return refusing(script)(n, r)
		}).client(t)
		messages := slices.Collect(orders(100, nil))
		messages[8].To = "912"
		batch := client.Messages.SendMany(t.Context(), slices.Values(messages), zexa.BatchParams{})
		results := slices.Collect(batch.Results())
		assert.Equal(t, upTo(100), sorted(results))
		slices.SortFunc(results, func(a, b zexa.SendResult) int { return a.Index - b.Index })
		for i, r := range results {
			var outcome error
			attempts := 1
			switch i {
			case 3:
				outcome = zexa.ErrNotSent
			case 4, 5:
				outcome = zexa.ErrOutcomeUnknown
			case 6:
				outcome = zexa.ErrAccepted
			case 7:
				attempts = 2
			case 8:
				outcome, attempts = zexa.ErrNotSent, 0
			}
			assert.Equal(t, attempts, r.Attempts, "message %d", i)
			if outcome != nil {
				requireOutcome(t, r.Err, outcome)
				assert.Nil(t, r.Message)
				continue
			}
			require.NoError(t, r.Err)
			assert.Equal(t, fmt.Sprintf("msg_%d", i), r.Message.ID)
		}
		assert.Equal(t, zexa.BatchSummary[zexa.SendResult]{
			Tally: zexa.Tally{Accepted: 96, Refused: 2, Unknown: 2}, Next: 100,
		}, batch.Summary())
		assert.Equal(t, 100, batch.Summary().Done())
	})
}

func TestABatchStartsItsItemsInOrderAndNoMoreThanItMayAtOnce(t *testing.T) {
	t.Parallel()
	for concurrency, want := range map[int]int32{0: zexa.DefaultConcurrency, 1: 1, 7: 7, zexa.MaxConcurrency: zexa.MaxConcurrency} {
		t.Run(strconv.Itoa(concurrency), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var started, under, most atomic.Int32
				client := api(func(n int, r *http.Request) (*http.Response, error) {
					assert.Less(t, int32(n), started.Add(1)-1+want, "an item is started when those before it are")
					assert.LessOrEqual(t, under.Add(1), want)
					defer under.Add(-1)
					for now := under.Load(); now > most.Load(); {
						most.Store(now)
					}
					return everyOrder(n, r)
				}).client(t)
				start := time.Now()
				summary := client.Messages.SendMany(t.Context(), orders(600, nil), zexa.BatchParams{Concurrency: concurrency}).Wait()
				assert.Equal(t, 600, summary.Accepted)
				assert.Equal(t, want, most.Load())
				assert.Equal(t, time.Duration((600+want-1)/want)*time.Second, time.Since(start))
			})
		})
	}
}

func TestNothingHappensBeforeABatchIsRangedOverAndItRunsOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var taken atomic.Int32
		batch := api(everyOrder).client(t).Messages.SendMany(t.Context(), orders(3, &taken), zexa.BatchParams{})
		results := batch.Results()
		synctest.Wait()
		assert.Zero(t, taken.Load())
		assert.Zero(t, batch.Summary())
		assert.Len(t, slices.Collect(results), 3)
		assert.Empty(t, slices.Collect(results))
		assert.Empty(t, slices.Collect(batch.Results()))
		assert.Equal(t, 3, batch.Wait().Accepted)
		assert.EqualValues(t, 3, taken.Load())
	})
}

func TestWhatIsUnderWayWhenALoopEndsEarlyIsFinishedAndKept(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(t *testing.T, batch *zexa.Batch[zexa.SendResult]) []zexa.SendResult{
		"by break": func(t *testing.T, batch *zexa.Batch[zexa.SendResult]) (seen []zexa.SendResult) {
			for r := range batch.Results() {
				if seen = append(seen, r); len(seen) == 20 {
					break
				}
			}
			return seen
		},
		"by a panic": func(t *testing.T, batch *zexa.Batch[zexa.SendResult]) (seen []zexa.SendResult) {
			assert.PanicsWithValue(t, "mine", func() {
				for r := range batch.Results() {
					if seen = append(seen, r); len(seen) == 20 {
						panic("mine")
					}
				}
			})
			return seen
		},
		"by Goexit": func(t *testing.T, batch *zexa.Batch[zexa.SendResult]) (seen []zexa.SendResult) {
			var wg sync.WaitGroup
			wg.Go(func() {
				for r := range batch.Results() {
					if seen = append(seen, r); len(seen) == 20 {
						runtime.Goexit()
					}
				}
			})
			wg.Wait()
			return seen
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var taken atomic.Int32
				batch := refusing(map[int]httpmock.Responder{
					30: func(r *http.Request) (*http.Response, error) { time.Sleep(9 * time.Second); return nil, io.EOF },
				}).client(t).Messages.SendMany(t.Context(), orders(1000, &taken), zexa.BatchParams{})
				start := time.Now()
				seen := leave(t, batch)
				assert.Equal(t, 9*time.Second, time.Since(start), "the slowest is waited for")
				summary := batch.Summary()
				assert.Equal(t, upTo(summary.Next), sorted(slices.Concat(seen, summary.Rest)), "none lost, none twice")
				assert.Len(t, seen, 20)
				assert.Less(t, summary.Next, 100)
				assert.Contains(t, []int{summary.Next, summary.Next + 1}, int(taken.Load()), "what is taken before the end is sent")
				assert.Equal(t, zexa.Tally{Accepted: summary.Next - 1, Unknown: 1}, summary.Tally)
				assert.NoError(t, summary.Stopped)
				synctest.Wait() // a goroutine that is left fails the bubble
			})
		})
	}
}

func TestABatchStopsWhenGoingOnIsPointless(t *testing.T) {
	t.Parallel()
	down := errors.New("vault is down")
	for name, tt := range map[string]struct {
		answer httpmock.Responder // to message 50 and all after it
		opts   []zexa.Option
		call   []zexa.CallOption
		err    error
		kind   error
	}{
		"the key is refused":                      {answer: apiError(401, zexa.CodeUnauthorized), kind: zexa.ErrUnauthorized},
		"the credits do not suffice":              {answer: apiError(422, zexa.CodeInsufficientCredits), kind: zexa.ErrInsufficientCredits},
		"Retry-After is over the longest wait":    {answer: apiErrorAfter("61"), kind: zexa.ErrRateLimited},
		"Retry-After of a proxy is too":           {answer: answer(429, "<html>", "Retry-After", "61"), kind: zexa.ErrRateLimited},
		"an option is wrong":                      {call: []zexa.CallOption{zexa.CallRetries(-1)}, kind: zexa.ErrNotSent},
		"an option is for one call":               {call: []zexa.CallOption{zexa.CallResponse(new(zexa.Response))}, kind: zexa.ErrNotSent},
		"the caller's limiter lets nothing pass":  {opts: []zexa.Option{zexa.WithRateLimiter(&brokenAfter{n: 50, err: down})}, kind: down},
		"the key function has no key":             {opts: []zexa.Option{zexa.WithKeyFunc((&brokenAfter{n: 50, err: down}).key)}, kind: down},
		"the key function has a key that is none": {opts: []zexa.Option{zexa.WithKeyFunc((&brokenAfter{n: 50}).key)}, kind: zexa.ErrNotSent},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				key := testKey
				if strings.Contains(name, "key function") {
					key = ""
				}
				var sent atomic.Int32
				client, err := zexa.New(key, append(tt.opts, zexa.WithHTTPClient(&http.Client{Transport: api(func(n int, r *http.Request) (*http.Response, error) {
					sent.Add(1)
					if n >= 50 && tt.answer != nil {
						return tt.answer(r)
					}
					return queued(n, r, time.Duration(n)*time.Millisecond)
				})}))...)
				require.NoError(t, err)
				batch := client.Messages.SendMany(t.Context(), orders(1000, nil), zexa.BatchParams{Concurrency: 10}, tt.call...)
				results := slices.Collect(batch.Results())
				summary := batch.Summary()
				assert.ErrorIs(t, summary.Stopped, tt.kind)
				assert.Equal(t, upTo(summary.Next), sorted(results))
				assert.LessOrEqual(t, summary.Next, 70, "at most those under way")
				assert.Equal(t, summary.Next, summary.Accepted+summary.Refused)
				assert.LessOrEqual(t, sent.Load(), int32(70))
				if tt.call == nil {
					assert.GreaterOrEqual(t, summary.Accepted, 45)
				}
			})
		})
	}
}

// The answer is judged before its place is given to another item.
func TestNothingIsStartedAfterTheResultThatMakesItPointless(t *testing.T) {
	t.Parallel()
	for range 50 {
		synctest.Test(t, func(t *testing.T) {
			summary := refusing(map[int]httpmock.Responder{2: apiError(422, zexa.CodeInsufficientCredits)}).client(t).
				Messages.SendMany(t.Context(), orders(100, nil), zexa.BatchParams{Concurrency: 1}).Wait()
			assert.ErrorIs(t, summary.Stopped, zexa.ErrInsufficientCredits)
			assert.Equal(t, 3, summary.Next)
		})
	}
}

// brokenAfter is a limiter and a key function that works n times.
type brokenAfter struct {
	n    int32
	used atomic.Int32
	err  error
}

func (b *brokenAfter) Wait(context.Context) error {
	if b.used.Add(1) > b.n {
		return b.err
	}
	return nil
}

func (b *brokenAfter) key(ctx context.Context) (string, error) {
	if b.used.Add(1) > b.n {
		return "", b.err
	}
	return testKey, nil
}

func TestABatchStopsWhenTheRateLimitLeavesNoTimeBeforeTheDeadline(t *testing.T) {
	t.Parallel()
	for name, respond := range map[string]httpmock.Responder{
		"by what the API says": apiErrorAfter("30"),
		"by what was learned":  apiErrorAfter("3"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				client := api(func(n int, r *http.Request) (*http.Response, error) {
					if n < 10 {
						return queued(n, r, 100*time.Millisecond)
					}
					return respond(r)
				}).client(t, zexa.WithRetries(100))
				start := time.Now()
				summary := client.Messages.SendMany(ctx, orders(1000, nil), zexa.BatchParams{}).Wait()
				assert.ErrorIs(t, summary.Stopped, zexa.ErrRateLimited)
				assert.NotErrorIs(t, summary.Stopped, context.DeadlineExceeded)
				assert.Less(t, time.Since(start), 10*time.Second)
				assert.Less(t, summary.Next, 100)
				assert.LessOrEqual(t, summary.Accepted, 10)
				assert.Equal(t, summary.Next, summary.Accepted+summary.Refused)
			})
		})
	}
}

func TestABatchGoesOnAfterWhatConcernsOneItem(t *testing.T) {
	t.Parallel()
	for name, respond := range map[string]httpmock.Responder{
		"a 422":                  apiError(422, zexa.CodeValidation),
		"a 404":                  apiError(404, zexa.CodeNotFound),
		"a 500":                  answer(500, ""),
		"a 429, again and again": apiErrorAfter("1"),
		"a 429 without a body":   answer(429, "", "Retry-After", "1"),
		"a connection refused":   fail(io.EOF),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				summary := refusing(map[int]httpmock.Responder{7: respond}).client(t).
					Messages.SendMany(t.Context(), orders(1000, nil), zexa.BatchParams{}).Wait()
				assert.NoError(t, summary.Stopped)
				assert.Equal(t, 999, summary.Accepted)
				assert.Equal(t, 1000, summary.Done())
			})
		})
	}
	t.Run("bad parameters", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			messages := slices.Collect(orders(100, nil))
			messages[3].From = ""
			messages[4].Template = &zexa.Template{Name: "x", Extra: map[string]any{"name": "y"}}
			messages[5].Template = &zexa.Template{Name: "x", Extra: map[string]any{"f": func() {}}}
			summary := api(everyOrder).client(t).Messages.SendMany(t.Context(), slices.Values(messages), zexa.BatchParams{}).Wait()
			assert.NoError(t, summary.Stopped)
			assert.Equal(t, zexa.Tally{Accepted: 97, Refused: 3}, summary.Tally)
		})
	})
}

func TestABatchEndsWithItsContextAndFinishesWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(2500*time.Millisecond, func() { cancel(errors.New("shutting down")) })
		var taken atomic.Int32
		batch := api(everyOrder).client(t).Messages.SendMany(ctx, orders(1000, &taken), zexa.BatchParams{Concurrency: 10})
		start := time.Now()
		results := slices.Collect(batch.Results())
		assert.Equal(t, 3*time.Second, time.Since(start), "those under way are answered")
		summary := batch.Summary()
		assert.Equal(t, zexa.Tally{Accepted: 30}, summary.Tally, "and not made unknown")
		assert.Equal(t, upTo(30), sorted(results))
		assert.Equal(t, 30, summary.Next)
		assert.EqualValues(t, 30, taken.Load(), "nothing is taken that is not sent")
		assert.ErrorIs(t, summary.Stopped, context.Canceled)
		assert.ErrorContains(t, summary.Stopped, "shutting down")
	})
}

func TestABatchWhoseContextHasEndedTakesNothing(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var taken atomic.Int32
	summary := api(everyOrder).client(t).Messages.SendMany(ctx, orders(5, &taken), zexa.BatchParams{}).Wait()
	assert.Equal(t, zexa.BatchSummary[zexa.SendResult]{Stopped: context.Canceled}, summary)
	assert.Zero(t, taken.Load())
}

func TestWaitsOfABatchEndWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(5*time.Second, cancel)
		client := api(func(n int, r *http.Request) (*http.Response, error) { return apiErrorAfter("30")(r) }).client(t)
		start := time.Now()
		summary := client.Messages.SendMany(ctx, orders(1000, nil), zexa.BatchParams{}).Wait()
		assert.Equal(t, 5*time.Second, time.Since(start))
		assert.ErrorIs(t, summary.Stopped, context.Canceled)
		assert.Equal(t, zexa.Tally{Refused: summary.Next}, summary.Tally, "a 429 is no unknown outcome")
	})
}

// A sequence that looks at the context ends as if it had come to its end.
func TestASequenceThatEndsWithTheContextIsNotOneThatCameToItsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		queue := make(chan zexa.MessageParams, 3)
		for n := range 3 {
			queue <- order(n)
		}
		messages := func(yield func(zexa.MessageParams) bool) {
			for {
				select {
				case m := <-queue:
					if !yield(m) {
						return
					}
				case <-ctx.Done():
					return
				}
			}
		}
		summary := api(everyOrder).client(t).Messages.SendMany(ctx, messages, zexa.BatchParams{}).Wait()
		assert.Equal(t, 3, summary.Accepted)
		assert.ErrorIs(t, summary.Stopped, context.DeadlineExceeded)
	})
}

func TestWhatASequenceGivesAfterTheEndIsNotStarted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		late := func(yield func(zexa.MessageParams) bool) {
			if yield(order(0)) {
				time.Sleep(time.Minute)
				assert.False(t, yield(order(1)))
			}
		}
		batch := api(everyOrder).client(t).Messages.SendMany(ctx, late, zexa.BatchParams{})
		start := time.Now()
		assert.Len(t, slices.Collect(batch.Results()), 1)
		assert.Equal(t, time.Minute, time.Since(start), "the loop waits for the sequence")
		assert.Equal(t, 1, batch.Summary().Next)
		assert.ErrorIs(t, batch.Summary().Stopped, context.DeadlineExceeded)
	})
}

func TestABatchThatEndedWithItsContextSaysNothingElse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		slow := func(yield func(zexa.MessageParams) bool) {
			if yield(order(0)) {
				time.Sleep(time.Minute)
			}
		}
		client := newMock(t, []zexa.Option{zexa.WithRateLimiter(closedLimiter{})}).Client
		summary := client.Messages.SendMany(ctx, slow, zexa.BatchParams{}).Wait()
		assert.Equal(t, zexa.Tally{Refused: 1}, summary.Tally)
		assert.Equal(t, context.DeadlineExceeded, summary.Stopped)
	})
}

// closedLimiter lets nothing pass.
type closedLimiter struct{}

func (closedLimiter) Wait(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// What is taken from a channel is gone, so it must be sent.
func TestNoItemIsTakenBeforeItCanBeStarted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var taken atomic.Int32
		batch := refusing(map[int]httpmock.Responder{4: apiError(401, zexa.CodeUnauthorized)}).client(t).
			Messages.SendMany(t.Context(), orders(100, &taken), zexa.BatchParams{Concurrency: 2})
		for range batch.Results() {
			synctest.Wait()
			assert.LessOrEqual(t, taken.Load(), int32(batch.Summary().Next))
		}
		assert.EqualValues(t, taken.Load(), batch.Summary().Next)
		assert.Less(t, batch.Summary().Next, 10)
	})
}

func TestASequenceThatPanicsOrExitsDoesSoInTheLoop(t *testing.T) {
	t.Parallel()
	broken := func(end func()) iter.Seq[zexa.MessageParams] {
		return func(yield func(zexa.MessageParams) bool) {
			for m := range orders(5, nil) {
				if !yield(m) {
					return
				}
			}
			end()
		}
	}
	requireEnded := func(t *testing.T, batch *zexa.Batch[zexa.SendResult], seen []zexa.SendResult) {
		assert.Equal(t, upTo(5), sorted(slices.Concat(seen, batch.Summary().Rest)), "what was started is finished")
		assert.Equal(t, 5, batch.Summary().Accepted)
		synctest.Wait()
	}
	t.Run("panic", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			batch := api(everyOrder).client(t).Messages.SendMany(t.Context(), broken(func() { panic("no more rows") }), zexa.BatchParams{})
			var seen []zexa.SendResult
			assert.PanicsWithValue(t, "no more rows", func() { seen = slices.AppendSeq(seen, batch.Results()) })
			batch2 := api(everyOrder).client(t).Messages.SendMany(t.Context(), broken(func() { panic("no more rows") }), zexa.BatchParams{})
			assert.PanicsWithValue(t, "no more rows", func() {
				for r := range batch2.Results() {
					seen = append(seen[:0], r)
					break
				}
			}, "also when the loop has ended")
			requireEnded(t, batch2, seen)
		})
	})
	t.Run("Goexit", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			batch := api(everyOrder).client(t).Messages.SendMany(t.Context(), broken(runtime.Goexit), zexa.BatchParams{})
			var seen []zexa.SendResult
			var passed bool
			var wg sync.WaitGroup
			wg.Go(func() {
				for r := range batch.Results() {
					seen = append(seen, r)
				}
				passed = true
			})
			wg.Wait()
			assert.False(t, passed)
			requireEnded(t, batch, seen)
		})
	})
	t.Run("a panic because it goes on after the end", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			stubborn := func(yield func(zexa.MessageParams) bool) {
				for n := range 100 {
					yield(order(n))
				}
			}
			batch := api(everyOrder).client(t).Messages.SendMany(t.Context(), stubborn, zexa.BatchParams{})
			assert.Panics(t, func() {
				for range batch.Results() {
					break
				}
			})
			synctest.Wait()
		})
	})
}

func TestATransportThatPanicsOrExitsDoesSoInTheLoop(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(){"panic": func() { panic("nil map") }, "Goexit": runtime.Goexit} {
		for _, concurrency := range []int{1, 8} {
			t.Run(fmt.Sprintf("%s at %d", name, concurrency), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					client := api(func(n int, r *http.Request) (*http.Response, error) {
						if n >= 20 {
							end()
						}
						return everyOrder(n, r)
					}).client(t)
					batch := client.Messages.SendMany(t.Context(), orders(1000, nil), zexa.BatchParams{Concurrency: concurrency})
					var seen []zexa.SendResult
					var passed bool
					var got any
					var wg sync.WaitGroup
					wg.Go(func() {
						defer func() { got = recover() }()
						for r := range batch.Results() {
							seen = append(seen, r)
						}
						passed = true
					})
					wg.Wait()
					assert.False(t, passed)
					assert.Equal(t, name == "panic", got == "nil map")
					assert.Equal(t, upTo(20), sorted(seen))
					assert.LessOrEqual(t, batch.Summary().Next, 20+concurrency)
					synctest.Wait()
				})
			})
		}
	}
}

func TestALoopThatIsSlowHoldsTheBatchBackAndLosesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var taken atomic.Int32
		batch := api(everyOrder).client(t).Messages.SendMany(t.Context(), orders(200, &taken), zexa.BatchParams{Concurrency: 4})
		var seen []zexa.SendResult
		for r := range batch.Results() {
			assert.Greater(t, batch.Summary().Next, r.Index)
			seen = append(seen, r)
			time.Sleep(time.Minute)
			assert.LessOrEqual(t, int(taken.Load()), len(seen)+4)
		}
		assert.Equal(t, upTo(200), sorted(seen))
	})
}

func TestALoopThatIsSlowDoesNotOutliveItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
		defer cancel()
		batch := api(everyOrder).client(t).Messages.SendMany(ctx, orders(200, nil), zexa.BatchParams{Concurrency: 4})
		var seen []zexa.SendResult
		for r := range batch.Results() {
			seen = append(seen, r)
			time.Sleep(time.Minute)
		}
		assert.Equal(t, upTo(batch.Summary().Next), sorted(seen))
		assert.LessOrEqual(t, len(seen), 7)
		assert.ErrorIs(t, batch.Summary().Stopped, context.DeadlineExceeded)
	})
}

func TestABatchGoesOnWhereAnotherStopped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		sent := map[int]int{}
		credits := 300
		client := api(func(n int, r *http.Request) (*http.Response, error) {
			mu.Lock()
			defer mu.Unlock()
			if credits--; credits < 0 {
				return apiError(422, zexa.CodeInsufficientCredits)(r)
			}
			sent[n]++
			return answer(201, queuedMessage)(r)
		}).client(t)
		messages := slices.Collect(orders(1000, nil))
		var again []zexa.MessageParams
		for rest := messages; len(rest) > 0; {
			batch := client.Messages.SendMany(t.Context(), slices.Values(rest), zexa.BatchParams{})
			again = nil
			for r := range batch.Results() {
				if errors.Is(r.Err, zexa.ErrNotSent) {
					again = append(again, rest[r.Index])
				}
			}
			rest = append(again, rest[batch.Summary().Next:]...)
			mu.Lock()
			credits = 300
			mu.Unlock()
		}
		assert.Len(t, sent, 1000)
		for n, times := range sent {
			assert.Equal(t, 1, times, "message %d", n)
		}
	})
}

func TestABatchIsCheckedBeforeItBegins(t *testing.T) {
	t.Parallel()
	var none context.Context
	client := newMock(t, nil).Client
	for name, tt := range map[string]struct {
		ctx      context.Context
		messages iter.Seq[zexa.MessageParams]
		params   zexa.BatchParams
		says     string
	}{
		"negative concurrency":   {t.Context(), orders(3, nil), zexa.BatchParams{Concurrency: -1}, "concurrency: is not between 1 and 256"},
		"too much concurrency":   {t.Context(), orders(3, nil), zexa.BatchParams{Concurrency: 257}, "concurrency: is not between 1 and 256"},
		"a negative total":       {t.Context(), orders(3, nil), zexa.BatchParams{Total: -1}, "total: is negative"},
		"a context that is nil":  {none, orders(3, nil), zexa.BatchParams{}, "the context is nil"},
		"a sequence that is nil": {t.Context(), nil, zexa.BatchParams{}, "the sequence is nil"},
	} {
		t.Run(name, func(t *testing.T) {
			summary := client.Messages.SendMany(tt.ctx, tt.messages, tt.params).Wait()
			assert.ErrorContains(t, summary.Stopped, tt.says)
			summary.Stopped = nil
			assert.Zero(t, summary)
		})
	}
	assert.Zero(t, client.Messages.SendMany(t.Context(), orders(0, nil), zexa.BatchParams{}).Wait())
	assert.Zero(t, new(zexa.Batch[zexa.SendResult]).Wait(), "nor does the zero batch panic")
}

func TestProgressTellsCountsRateAndTimeLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var seen []zexa.Progress
		batch := refusing(map[int]httpmock.Responder{5: apiError(422, "x"), 6: fail(io.EOF)}).client(t).
			Messages.SendMany(t.Context(), orders(1000, nil), zexa.BatchParams{
			Concurrency: 10, Total: 1000,
			Progress: func(p zexa.Progress) {
				assert.Equal(t, time.Since(start), p.Elapsed)
				seen = append(seen, p) // without a lock: the race detector watches
			},
		})
		n := 0
		for range batch.Results() {
			assert.Len(t, seen, n, "after the result")
			n++
		}
		require.Len(t, seen, 1000)
		for i, p := range seen {
			assert.Equal(t, i+1, p.Done())
			assert.Equal(t, 1000, p.Total)
			if p.Elapsed >= 10*time.Second {
				assert.InDelta(t, 10, p.Rate, 1)
				assert.InDelta(t, float64(999-i)/10, p.Left.Seconds(), 10)
			}
		}
		last := seen[999]
		assert.Equal(t, zexa.Tally{Accepted: 998, Refused: 1, Unknown: 1}, last.Tally)
		assert.Zero(t, last.Left)
	})
}

func TestTheRateIsThatOfTheLastSeconds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := api(func(n int, r *http.Request) (*http.Response, error) {
			if n < 200 {
				return queued(n, r, 100*time.Millisecond)
			}
			return queued(n, r, 2*time.Second)
		}).client(t)
		n := 0
		client.Messages.SendMany(t.Context(), orders(230, nil), zexa.BatchParams{Concurrency: 1, Total: 230, Progress: func(p zexa.Progress) {
			switch n++; {
			case n >= 10 && n <= 200:
				assert.InDelta(t, 10, p.Rate, 0.5)
			case n > 210:
				assert.InDelta(t, 0.5, p.Rate, 0.2)
				assert.InDelta(t, 2*(230-n), p.Left.Seconds(), 15)
			}
		}}).Wait()
		assert.Equal(t, 230, n)
	})
}

func TestProgressOfAnUnknownTotalHasNoTimeLeft(t *testing.T) {
	t.Parallel()
	for name, total := range map[string]int{"unknown": 0, "too few": 3, "far too many": 1 << 62} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n := 0
				api(everyOrder).client(t).Messages.SendMany(t.Context(), orders(50, nil), zexa.BatchParams{Total: total, Concurrency: 1, Progress: func(p zexa.Progress) {
					n++
					assert.Equal(t, name == "far too many" || p.Done() < total, p.Left > 0, "%v", p)
					assert.GreaterOrEqual(t, p.Left, time.Duration(0))
				}}).Wait()
				assert.Equal(t, 50, n)
			})
		})
	}
}

func TestAProgressThatPanicsLosesNoResult(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		batch := api(everyOrder).client(t).Messages.SendMany(t.Context(), orders(100, nil), zexa.BatchParams{
			Progress: func(p zexa.Progress) { panic("no terminal") },
		})
		var seen []zexa.SendResult
		assert.PanicsWithValue(t, "no terminal", func() {
			for r := range batch.Results() {
				seen = append(seen, r)
			}
		})
		assert.Equal(t, upTo(batch.Summary().Next), sorted(slices.Concat(seen, batch.Summary().Rest)))
		synctest.Wait()
	})
}

func TestABatchHoldsNoMoreThanIsUnderWay(t *testing.T) { // not parallel: it measures the heap
	n := 30_000
	if testing.Short() {
		n = 10_000
	}
	client := api(func(n int, r *http.Request) (*http.Response, error) { return answer(201, queuedMessage)(r) }).client(t)
	batch := client.Messages.SendMany(t.Context(), orders(n, nil), zexa.BatchParams{})
	var first, last uint64
	seen := 0
	for range batch.Results() {
		if seen++; seen%(n/10) == 0 {
			last = heap()
			if first == 0 {
				first = last
			}
		}
	}
	assert.Equal(t, n, batch.Summary().Accepted)
	t.Logf("%d bytes more after %d messages", int(last)-int(first), n*9/10)
	assert.Less(t, last, first+(1<<20))
}

// heap returns the bytes in use after a collection.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
