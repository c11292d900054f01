package webhook_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/zexa-ao/zexa-go/webhook"
)

func memory(t testing.TB, size int) *webhook.MemoryStore {
	t.Helper()
	s, err := webhook.NewMemoryStore(size)
	require.NoError(t, err)
	return s
}

func claim(t *testing.T, s webhook.Store, key string) webhook.State {
	t.Helper()
	state, err := s.Claim(t.Context(), key, time.Minute)
	require.NoError(t, err)
	return state
}

func TestMemoryStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, ctx := memory(t, 3), t.Context()
		require.Equal(t, webhook.Claimed, claim(t, s, "a"))
		require.Equal(t, webhook.Busy, claim(t, s, "a"))
		require.NoError(t, s.Release(ctx, "a"))
		require.Equal(t, webhook.Claimed, claim(t, s, "a"), "what was released is free")
		require.NoError(t, s.Done(ctx, "a", time.Minute))
		require.Equal(t, webhook.Done, claim(t, s, "a"))
		require.NoError(t, s.Release(ctx, "a"))
		require.Equal(t, webhook.Done, claim(t, s, "a"), "what is done cannot be released")

		time.Sleep(time.Minute)
		require.Equal(t, webhook.Claimed, claim(t, s, "a"), "what is forgotten is free")
		time.Sleep(time.Hour)
		require.Equal(t, webhook.Busy, claim(t, s, "a"), "what is being handled is never forgotten")
		for i := range 10 {
			key := fmt.Sprint(i)
			require.Equal(t, webhook.Claimed, claim(t, s, key))
			require.NoError(t, s.Done(ctx, key, time.Hour))
		}
		require.Equal(t, webhook.Busy, claim(t, s, "a"), "not even when the store is full")
		require.NoError(t, s.Done(ctx, "a", time.Hour))
		for key, want := range map[string]webhook.State{"a": webhook.Done, "9": webhook.Done, "8": webhook.Done} {
			assert.Equal(t, want, claim(t, s, key), key)
		}
		assert.Equal(t, webhook.Claimed, claim(t, s, "7"), "of those that are done the oldest goes")
	})
}

// A place in the order that an event has left must not take it along.
func TestMemoryStoreKeepsWhatWasDoneAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, ctx := memory(t, 3), t.Context()
		require.NoError(t, s.Done(ctx, "long", time.Hour)) // keeps the next from leaving
		require.NoError(t, s.Done(ctx, "a", time.Second))
		time.Sleep(time.Second)
		require.Equal(t, webhook.Claimed, claim(t, s, "a"))
		require.NoError(t, s.Done(ctx, "a", time.Hour))
		require.NoError(t, s.Done(ctx, "b", time.Hour))
		require.NoError(t, s.Done(ctx, "c", time.Hour))
		assert.Equal(t, webhook.Done, claim(t, s, "a"))
		assert.Equal(t, webhook.Done, claim(t, s, "c"))
		assert.Equal(t, webhook.Claimed, claim(t, s, "long"))
	})
}

func TestMemoryStoreNeedsASize(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, -1} {
		_, err := webhook.NewMemoryStore(size)
		require.EqualError(t, err, "webhook: the size of the store must be positive")
	}
}

// brokenStore fails where it is told to.
type brokenStore struct {
	webhook.Store
	claim, done, release error
}

func (s *brokenStore) Claim(ctx context.Context, key string, lease time.Duration) (webhook.State, error) {
	if s.claim != nil {
		return webhook.Claimed, s.claim
	}
	return s.Store.Claim(ctx, key, lease)
}

func (s *brokenStore) Done(ctx context.Context, key string, ttl time.Duration) error {
	return errors.Join(s.done, s.Store.Done(ctx, key, ttl))
}

func (s *brokenStore) Release(ctx context.Context, key string) error {
	return errors.Join(s.release, s.Store.Release(ctx, key))
}

// forgetful panics when it is to remember.
type forgetful struct{ webhook.Store }

func (forgetful) Done(context.Context, string, time.Duration) error { panic("no connection") }

func TestAStoreThatFails(t *testing.T) {
	t.Parallel()
	down := errors.New("down")
	t.Run("to claim: the event is not handled", func(t *testing.T) {
		t.Parallel()
		var r recorder
		h := handler(t, &r, webhook.WithStore(&brokenStore{Store: memory(t, 1), claim: down}))
		assert.Equal(t, http.StatusServiceUnavailable, post(h, target, event).Code)
		assert.Empty(t, r.called())
	})
	t.Run("to remember, with a panic: the event was handled all the same", func(t *testing.T) {
		t.Parallel()
		var r recorder
		var out bytes.Buffer
		h := handler(t, &r, webhook.WithStore(forgetful{memory(t, 1)}), webhook.WithLogger(slog.New(slog.NewTextHandler(&out, nil))))
		assert.Equal(t, http.StatusOK, post(h, target, event).Code)
		assert.Len(t, r.called(), 1)
		assert.Contains(t, out.String(), `"zexa webhook: panic"`)
	})
	t.Run("to remember: the event was handled all the same", func(t *testing.T) {
		t.Parallel()
		var r recorder
		h := handler(t, &r, webhook.WithStore(&brokenStore{Store: memory(t, 1), done: down}))
		assert.Equal(t, http.StatusOK, post(h, target, event).Code)
		assert.Len(t, r.called(), 1)
	})
	t.Run("to release: the event was not handled all the same", func(t *testing.T) {
		t.Parallel()
		r := &recorder{do: func(context.Context, webhook.Event) error { return down }}
		h := handler(t, r, webhook.WithStore(&brokenStore{Store: memory(t, 1), release: down}))
		assert.Equal(t, http.StatusInternalServerError, post(h, target, event).Code)
	})
	t.Run("with a panic", func(t *testing.T) {
		t.Parallel()
		var r recorder
		h := handler(t, &r, webhook.WithStore(&brokenStore{}))
		assert.Equal(t, http.StatusInternalServerError, post(h, target, event).Code)
		assert.Equal(t, http.StatusInternalServerError, post(h, target, event).Code)
	})
}

// Two handlers with one store stand for two processes.
func TestProcessesThatShareAStore(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		takes  time.Duration
		err    error
		want   int
		called int // of the second one
	}{
		{"the first succeeds", 4 * time.Second, nil, http.StatusOK, 0},
		{"the first fails, so the second tries", 4 * time.Second, errors.New("no"), http.StatusOK, 1},
		{"the first takes too long", 30 * time.Second, nil, http.StatusServiceUnavailable, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := webhook.WithStore(memory(t, 10))
				slow := &recorder{do: func(context.Context, webhook.Event) error { time.Sleep(tt.takes); return tt.err }}
				first := handler(t, slow, store)
				var r recorder
				second := handler(t, &r, store)
				var posts sync.WaitGroup
				posts.Go(func() { post(first, target, event) })
				synctest.Wait()
				start := time.Now()
				assert.Equal(t, tt.want, post(second, target, event).Code)
				assert.GreaterOrEqual(t, time.Since(start), min(tt.takes, webhook.DefaultTimeout))
				assert.LessOrEqual(t, time.Since(start), min(tt.takes+time.Second, webhook.DefaultTimeout))
				assert.Len(t, r.called(), tt.called)
				posts.Wait()
			})
		})
	}
}

// deadStore holds a claim that no process will settle.
type deadStore struct {
	webhook.Store
	lease time.Duration
}

func (s *deadStore) Claim(_ context.Context, _ string, lease time.Duration) (webhook.State, error) {
	s.lease = lease
	return webhook.Busy, nil
}

func TestAClaimOutlastsTheTimeout(t *testing.T) {
	t.Parallel()
	for timeout, least := range map[time.Duration]time.Duration{
		time.Minute:   time.Minute + 10*time.Second,
		math.MaxInt64: math.MaxInt64,
	} {
		synctest.Test(t, func(t *testing.T) {
			var r recorder
			s := &deadStore{}
			h := handler(t, &r, webhook.WithStore(s), webhook.WithTimeout(timeout))
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			request := httptest.NewRequest(http.MethodPost, target, strings.NewReader(event)).WithContext(ctx)
			assert.Equal(t, http.StatusServiceUnavailable, send(h, request).Code)
			assert.GreaterOrEqual(t, s.lease, least)
			assert.Empty(t, r.called())
		})
	}
}

// leaseStore is a store whose claims end when the lease is over, as those of a
// database do.
type leaseStore struct {
	mu    sync.Mutex
	until map[string]time.Time
}

func (s *leaseStore) Claim(_ context.Context, key string, lease time.Duration) (webhook.State, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Now().Before(s.until[key]) {
		return webhook.Busy, nil
	}
	s.until[key] = time.Now().Add(lease)
	return webhook.Claimed, nil
}

func (s *leaseStore) Done(context.Context, string, time.Duration) error { return nil }

func (s *leaseStore) Release(_ context.Context, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.until, key)
	return nil
}

// Who overran its lease and failed must not give back what is another's by now.
func TestAClaimIsNotReleasedAfterItsLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &leaseStore{until: map[string]time.Time{}}
		late := &recorder{do: func(context.Context, webhook.Event) error { time.Sleep(time.Minute); return errors.New("no") }}
		slow := &recorder{do: func(context.Context, webhook.Event) error { time.Sleep(30 * time.Second); return nil }}
		var third recorder
		var posts sync.WaitGroup
		posts.Go(func() { post(handler(t, late, webhook.WithStore(store)), target, event) })
		time.Sleep(45 * time.Second) // more than timeout and margin
		posts.Go(func() { post(handler(t, slow, webhook.WithStore(store)), target, event) })
		time.Sleep(20 * time.Second) // the first has failed, the second is at it
		assert.Equal(t, http.StatusServiceUnavailable, post(handler(t, &third, webhook.WithStore(store)), target, event).Code)
		posts.Wait()
		assert.Len(t, slow.called(), 1)
		assert.Empty(t, third.called())
	})
}
