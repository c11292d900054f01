package zexa_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/zexa-ao/zexa-go"
)

type hookKey string

func TestHooksAreToldOfCallsAndAttempts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told []string
		tell := func(format string, args ...any) { told = append(told, fmt.Sprintf(format, args...)) }
		hooks := zexa.Hooks{
			CallStart: func(ctx context.Context, c zexa.CallInfo) context.Context {
				tell("start %s %s", c.Method, c.Path)
				return context.WithValue(ctx, hookKey("call"), "span 1")
			},
			AttemptStart: func(ctx context.Context, c zexa.CallInfo, n int) context.Context {
				tell("attempt %d in %v", n, ctx.Value(hookKey("call")))
				return context.WithValue(ctx, hookKey("attempt"), n)
			},
			AttemptEnd: func(ctx context.Context, c zexa.CallInfo, end zexa.AttemptEnd) {
				tell("attempt %v ended: %d %s again %v, %v", ctx.Value(hookKey("attempt")), end.Status, end.RequestID, end.Retrying, errors.Is(end.Err, zexa.ErrRateLimited))
				assert.Equal(t, time.Second, end.Duration)
				assert.Equal(t, end.Retrying, end.Wait >= 5*time.Second)
			},
			CallEnd: func(ctx context.Context, c zexa.CallInfo, end zexa.CallEnd) {
				tell("end %v: %d %s after %d, %v", ctx.Value(hookKey("call")), end.Status, end.RequestID, end.Attempts, end.Err)
				assert.GreaterOrEqual(t, end.Duration, 7*time.Second)
			},
		}
		seen := []any{}
		slow := func(r *http.Request) {
			seen = append(seen, r.Context().Value(hookKey("attempt")))
			time.Sleep(time.Second)
		}
		m := newMock(t, []zexa.Option{zexa.WithHooks(hooks), zexa.WithHooks(zexa.Hooks{})},
			func(r *http.Request) (*http.Response, error) { slow(r); return apiErrorAfter("5")(r) },
			func(r *http.Request) (*http.Response, error) {
				slow(r)
				return answer(200, queuedMessage, "X-Request-Id", "req_7")(r)
			})
		require.NoError(t, get(t.Context(), m.Client))
		assert.Equal(t, []string{
			"start GET /messages/{id}",
			"attempt 1 in span 1",
			"attempt 1 ended: 429 req_429 again true, true",
			"attempt 2 in span 1",
			"attempt 2 ended: 200 req_7 again false, false",
			"end span 1: 200 req_7 after 2, <nil>",
		}, told)
		assert.Equal(t, []any{1, 2}, seen, "the transport sees the context of its attempt")

		told = nil
		_, err := m.Messages.Get(t.Context(), "")
		require.Error(t, err)
		assert.Empty(t, told, "what is not called is not told")
	})
}

func TestAHookThatReturnsNoContextDoesNoHarm(t *testing.T) {
	t.Parallel()
	m := newMock(t, []zexa.Option{zexa.WithHooks(zexa.Hooks{
		CallStart:    func(context.Context, zexa.CallInfo) context.Context { return nil },
		AttemptStart: func(context.Context, zexa.CallInfo, int) context.Context { return nil },
	})}, answer(200, queuedMessage))
	assert.NoError(t, get(t.Context(), m.Client))
}

func TestHooksAreToldWhenThePaceHoldsACallBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var held []time.Duration
		m := newMock(t, []zexa.Option{zexa.WithRetries(0), zexa.WithHooks(zexa.Hooks{
			Held: func(_ context.Context, c zexa.CallInfo, wait time.Duration) {
				assert.Equal(t, zexa.CallInfo{Method: "POST", Path: "/messages"}, c)
				held = append(held, wait)
			},
		})}, apiErrorAfter("10"), answer(201, queuedMessage))
		require.Error(t, post(t.Context(), m.Client))
		assert.Empty(t, held)
		require.NoError(t, post(t.Context(), m.Client))
		assert.Equal(t, []time.Duration{10 * time.Second}, held)
	})
}

func TestAHookSeesTheOutcomeOfAnAttempt(t *testing.T) {
	t.Parallel()
	var seen error
	m := newMock(t, []zexa.Option{zexa.WithHooks(zexa.Hooks{
		AttemptEnd: func(_ context.Context, _ zexa.CallInfo, end zexa.AttemptEnd) { seen = end.Err },
	})}, answer(500, ""))
	require.Error(t, post(t.Context(), m.Client))
	requireOutcome(t, seen, zexa.ErrOutcomeUnknown)
}
