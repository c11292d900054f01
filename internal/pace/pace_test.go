package pace

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// taught returns a pacer whose account accepted n requests in the last second,
// and then refused one with a Retry-After of a second.
func taught(n int) *Pacer {
	p := New(time.Minute)
	for range n {
		p.Accepted(time.Now())
	}
	p.Refused(time.Now(), time.Second)
	return p
}

// leave returns how long each of n requests, which come at once, had to wait.
func leave(t *testing.T, p *Pacer, n int) []time.Duration {
	start := time.Now()
	var waits []time.Duration
	for range n {
		require.NoError(t, p.Wait(t.Context(), nil))
		waits = append(waits, time.Since(start))
	}
	return waits
}

func TestNothingIsHeldBackBeforeTheFirst429(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(time.Minute)
		for range 1000 {
			p.Accepted(time.Now())
		}
		assert.Zero(t, leave(t, p, 1000)[999])
	})
}

func TestNothingLocksBeforeTheFirst429(t *testing.T) {
	p, done := New(time.Minute), make(chan struct{})
	p.mu.Lock()
	go func() {
		defer close(done)
		assert.NoError(t, p.Wait(t.Context(), nil))
		p.Accepted(time.Now())
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Error("it waits for a lock")
	}
	p.mu.Unlock()
	<-done
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		p.Accepted(time.Now())
		p.Wait(t.Context(), nil)
	}))
}

func TestAfterA429RequestsAreSpacedByTheRateThatWasAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		waits := leave(t, taught(20), 20)
		assert.Equal(t, time.Second, waits[0], "Retry-After")
		for i, w := range waits[1:] {
			assert.InDelta(t, float64(time.Second)/19, float64(w-waits[i]), float64(time.Microsecond))
		}
	})
}

func TestTheRateIsKeptThenGrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, start, n := taught(20), time.Now(), 0
		perSecond := make(map[int]int)
		for second := 0; second < 15; second = int(time.Since(start) / time.Second) {
			require.NoError(t, p.Wait(t.Context(), nil))
			perSecond[int(time.Since(start)/time.Second)]++
			n++
		}
		for second := 1; second <= 6; second++ {
			assert.InDelta(t, 19, perSecond[second], 1, "second %d", second)
		}
		assert.Greater(t, perSecond[14], 10*perSecond[1])
	})
}

func TestAnIdleClientLearnsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := taught(20)
		leave(t, p, 2)
		time.Sleep(time.Hour)
		waits := leave(t, p, 5)
		assert.InDelta(t, float64(4*time.Second)/19, float64(waits[4]), float64(time.Millisecond)+float64(slack))
	})
}

func TestAnIdleClientLearnsNothingFromWhoWasTurnedAwayBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := taught(20)
		leave(t, p, 2)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		assert.Error(t, p.Wait(ctx, nil))
		time.Sleep(time.Hour)
		waits := leave(t, p, 5)
		assert.InDelta(t, float64(4*time.Second)/19, float64(waits[4]), float64(time.Millisecond)+float64(slack))
	})
}

func TestLittleEvidenceIsDoubted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		waits := leave(t, taught(1), 12)
		assert.Equal(t, 500*time.Millisecond, waits[1]-waits[0], "two a second to start from")
		assert.Less(t, waits[11], 6*time.Second, "and soon more")
	})
}

func TestARateThatIsRefusedAgainIsHalvedAndNoLongerDoubted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := taught(1)
		var rates []float64
		var holds []time.Duration
		for range 4 {
			leave(t, p, 1)
			rates, holds = append(rates, p.base), append(holds, p.hold)
			p.Refused(time.Now().Add(1), time.Second)
			time.Sleep(time.Minute)
		}
		assert.Equal(t, []float64{2, 1, 0.8, 0.8}, rates)
		assert.Equal(t, []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 6 * time.Second}, holds)
	})
}

func TestARateThatIsLowByMeasurementIsNotDoubtedForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := taught(3)
		leave(t, p, 1)
		assert.InDelta(t, 2.85, p.base, 0.001)
		assert.Equal(t, time.Second, p.hold)
		p.Refused(time.Now().Add(1), time.Second)
		leave(t, p, 1)
		assert.Equal(t, 2*time.Second, p.hold)
	})
}

func TestWhoIsTurnedAwayCountsAsWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, let, turned := taught(1), 0, 0
		for start := time.Now(); time.Since(start) < time.Minute; {
			time.Sleep(100 * time.Millisecond)
			ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
			if p.Wait(ctx, nil) == nil {
				let++
			} else {
				turned++
			}
			cancel()
		}
		assert.Greater(t, let, 500)
		assert.Less(t, turned, 90, "it is one 429 of a minute ago")
	})
}

func TestAGuessTurnsNobodyAwayForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, start := taught(1), time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
		defer cancel()
		var wg sync.WaitGroup
		for range 100 { // at two a second it would take 50 s
			wg.Go(func() { assert.NoError(t, p.Wait(ctx, nil)) })
		}
		wg.Wait()
		assert.Less(t, time.Since(start), 12*time.Second)
	})
}

func TestWhatTheLastOneHasToWaitIsReckonedRight(t *testing.T) {
	for _, accepted := range []int{1, 20} {
		synctest.Test(t, func(t *testing.T) {
			p := taught(accepted)
			for range 49 {
				go func() { assert.NoError(t, p.Wait(t.Context(), nil)) }()
				synctest.Wait()
			}
			start, told := time.Now(), time.Duration(0)
			require.NoError(t, p.Wait(t.Context(), func(d time.Duration) { told = d }))
			assert.InDelta(t, told.Seconds(), time.Since(start).Seconds(), 1)
		})
	}
}

func TestAPauseIsNoTimeToGrowIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, sent := taught(20), time.Now()
		leave(t, p, 2)
		p.Refused(sent, 30*time.Second) // of the first burst, but late
		waits := leave(t, p, 3)
		assert.Equal(t, 30*time.Second, waits[0])
		assert.InDelta(t, float64(time.Second)/19, float64(waits[2]-waits[1]), float64(time.Microsecond))
	})
}

func TestALateRefusalChangesNoRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, sent := taught(20), time.Now()
		for range 5 * 19 {
			leave(t, p, 1)
			p.Accepted(time.Now())
		}
		p.Refused(sent, time.Second)
		waits := leave(t, p, 2)
		assert.Equal(t, time.Second, waits[0])
		assert.InDelta(t, float64(time.Second)/19, float64(waits[1]-waits[0]), float64(time.Microsecond))
	})
}

func TestATurnIsNotSpentOnWhoHasGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := taught(20)
		time.Sleep(2 * time.Second)
		w := &waiter{first: make(chan struct{}), late: make(chan *TooLate, 1)}
		p.queue = append(p.queue, w)
		next := p.next
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		assert.ErrorIs(t, p.lead(ctx, w), context.Canceled)
		assert.Equal(t, next, p.next)
		assert.Empty(t, p.queue)
	})
}

// Whatever happens, everybody gets their turn or an error: at once or before
// their deadline, and nobody waits while a turn is free.
func TestNobodyIsForgotten(t *testing.T) {
	for seed := range uint64(100) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			ms := func(most int) time.Duration { return time.Duration(random.IntN(most)) * time.Millisecond }
			p := New(time.Minute)
			var wg sync.WaitGroup
			for range 300 {
				ctx, cancel := context.WithCancel(t.Context())
				switch random.IntN(4) {
				case 0:
					ctx, cancel = context.WithTimeout(t.Context(), ms(20_000))
				case 1:
					time.AfterFunc(ms(20_000), cancel)
				}
				refused, took := random.IntN(20) == 0, ms(300)
				pause := []time.Duration{-1, 0, time.Second, 5 * time.Second, time.Hour}[random.IntN(5)]
				wg.Go(func() {
					defer cancel()
					start := time.Now()
					err := p.Wait(ctx, nil)
					if deadline, ok := ctx.Deadline(); ok {
						assert.False(t, time.Now().After(deadline))
					}
					var late *TooLate
					switch {
					case errors.As(err, &late):
						assert.Positive(t, late.Wait)
						return
					case err != nil:
						assert.ErrorIs(t, err, ctx.Err())
						return
					}
					assert.Less(t, time.Since(start), time.Hour)
					sent := time.Now()
					time.Sleep(took)
					if refused {
						p.Refused(sent, pause)
					} else {
						p.Accepted(sent)
					}
				})
				time.Sleep(ms(100))
				synctest.Wait()
				p.mu.Lock()
				assert.False(t, len(p.queue) > 0 && p.next.Before(time.Now()), "somebody waits, but a turn is free")
				p.mu.Unlock()
			}
			wg.Wait()
			assert.Empty(t, p.queue)
		})
	}
}

func TestRefusalsOfTheSameBurstChangeTheRateOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, sent := New(time.Minute), time.Now()
		time.Sleep(100 * time.Millisecond)
		for range 20 {
			p.Accepted(sent)
		}
		for range 80 {
			p.Refused(sent, time.Second)
		}
		waits := leave(t, p, 2)
		assert.InDelta(t, float64(time.Second)/19, float64(waits[1]-waits[0]), float64(time.Microsecond))
	})
}

func TestRequestsLeaveInTheOrderTheyCame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := taught(20)
		var mu sync.Mutex
		var order []int
		for i := range 50 {
			go func() {
				assert.NoError(t, p.Wait(t.Context(), nil))
				mu.Lock()
				order = append(order, i)
				mu.Unlock()
			}()
			synctest.Wait()
		}
		time.Sleep(time.Minute)
		mu.Lock()
		defer mu.Unlock()
		require.Len(t, order, 50)
		assert.IsIncreasing(t, order)
	})
}

func TestATurnAfterTheDeadlineIsRefusedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, start := taught(20), time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var late *TooLate
		require.ErrorAs(t, p.Wait(ctx, func(time.Duration) { t.Error("it does not wait") }), &late)
		assert.Equal(t, time.Second, late.Wait)
		assert.Zero(t, time.Since(start))
	})
}

func TestHeldIsToldOfTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, told := taught(20), time.Duration(0)
		start := time.Now()
		require.NoError(t, p.Wait(t.Context(), func(d time.Duration) { told = d }))
		assert.Equal(t, told, time.Since(start))
	})
}

func TestAPauseIsNotLongerThanAllowedNorWithoutRetryAfterNothing(t *testing.T) {
	for name, tt := range map[string]struct{ retryAfter, want time.Duration }{
		"absurd":   {100 * time.Hour, time.Minute},
		"none":     {0, unasked},
		"negative": {-5, unasked},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := New(time.Minute)
				p.Refused(time.Now(), tt.retryAfter)
				assert.Equal(t, tt.want, leave(t, p, 1)[0])
			})
		})
	}
}

func TestWhoGivesUpMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := taught(20)
		errs := make(chan error, 10)
		ctx, cancel := context.WithCancel(t.Context())
		for range 10 {
			go func() { errs <- p.Wait(ctx, nil) }()
		}
		synctest.Wait()
		cancel()
		for range 10 {
			assert.True(t, errors.Is(<-errs, context.Canceled))
		}
		assert.Equal(t, time.Second, leave(t, p, 1)[0])
		assert.Empty(t, p.queue)
	})
}

func TestARateWithoutBoundSwitchesThePaceOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := taught(20)
		for p.on.Load() {
			require.NoError(t, p.Wait(t.Context(), nil))
		}
		assert.Zero(t, leave(t, p, 100)[99])
		p.Refused(time.Now(), time.Second)
		assert.Equal(t, time.Second, leave(t, p, 1)[0], "until it is refused again")
	})
}

func TestTheCounterCountsTheLastSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c counter
		start := time.Now()
		for range 10 {
			c.add(time.Now())
			time.Sleep(100 * time.Millisecond)
		}
		assert.Equal(t, 10, c.sum(start.Add(-time.Second), time.Now()))
		assert.Equal(t, 5, c.sum(start.Add(450*time.Millisecond), time.Now()))
		time.Sleep(buckets * bucketSize)
		c.add(start)
		assert.Equal(t, 0, c.sum(start.Add(-time.Second), start.Add(-bucketSize)))
		c.add(time.Now())
		c.add(start) // too long ago to be counted
		assert.Equal(t, 1, c.sum(time.Now().Add(-bucketSize), time.Now()))
	})
}
