package webhook_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	zexa "github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/webhook"
	"github.com/zexa-ao/zexa-go/zexatest"
)

const (
	secret = "0123456789abcdefghijklmnopqrstuvwxyz"
	target = "/zexa?secret=" + secret
	event  = `{"id":"evt_1","event":"message.delivered","data":{"id":"msg_1"}}`
)

// A recorder is functions that record which of them was called with what, and
// do what it is told.
type recorder struct {
	do func(context.Context, webhook.Event) error // nil: return nil

	mu    sync.Mutex
	calls []string
	last  webhook.Event
}

func (r *recorder) f(name string) func(context.Context, webhook.Event) error {
	return func(ctx context.Context, e webhook.Event) error {
		r.mu.Lock()
		r.calls = append(r.calls, name)
		r.last = e
		r.mu.Unlock()
		if r.do == nil {
			return nil
		}
		return r.do(ctx, e)
	}
}

func (r *recorder) funcs() webhook.Funcs {
	return webhook.Funcs{
		Delivered: r.f("delivered"), Failed: r.f("failed"), Undeliverable: r.f("undeliverable"), OptOut: r.f("opt-out"),
		CampaignSent: r.f("sent"), CampaignCompleted: r.f("completed"), Other: r.f("other"),
	}
}

func (r *recorder) called() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.calls
}

// handler returns a handler of r that knows the secret.
func handler(t testing.TB, r *recorder, opts ...webhook.Option) *webhook.Handler {
	t.Helper()
	h, err := webhook.NewHandler(r.funcs(), append([]webhook.Option{webhook.WithSecret(secret)}, opts...)...)
	require.NoError(t, err)
	return h
}

func post(h http.Handler, target, body string) *httptest.ResponseRecorder {
	return send(h, httptest.NewRequest(http.MethodPost, target, strings.NewReader(body)))
}

func send(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestEventsReachTheFunctionOfTheirKind(t *testing.T) {
	t.Parallel()
	tests := []struct{ body, want string }{
		{`{"event":"message.delivered","message_id":"msg_1"}`, "delivered"},
		{`{"event":"message.failed","message_id":"msg_1"}`, "failed"},
		{`{"event":"message.undeliverable","message_id":"msg_1"}`, "undeliverable"},
		{`{"event":"message.optout","to":"+244912345678"}`, "opt-out"},
		{`{"event":"message.optout","message_id":"msg_1"}`, "opt-out"},
		{`{"event":"campaign.sent","campaign_id":"cmp_1"}`, "sent"},
		{`{"event":"campaign.completed","campaign_id":"cmp_1"}`, "completed"},
		{`{"event":"message.read","message_id":"msg_1"}`, "other"},
		{`{"event":"webhook.test"}`, "other"},
		{`{"event":"message.delivered","message_id":"msg_1","test":true}`, "other"},
		{`{"event":"message.delivered","campaign_id":"cmp_1"}`, "other"},
		{`{"event":"campaign.completed","message_id":"msg_1"}`, "other"},
		{`{"event":"message.optout"}`, "other"},
		{`{}`, "other"},
		{`[]`, "other"},
		{`<xml/>`, "other"},
		{``, "other"},
	}
	for _, tt := range tests {
		var r recorder
		w := post(handler(t, &r), target, tt.body)
		assert.Equal(t, http.StatusOK, w.Code, tt.body)
		assert.Empty(t, w.Body.String(), tt.body)
		assert.Equal(t, []string{tt.want}, r.called(), tt.body)
		assert.Equal(t, tt.body, string(r.last.RawJSON()))
		assert.False(t, r.last.Confirmed)
	}
}

func TestKindsWithoutAFunctionGoToOther(t *testing.T) {
	t.Parallel()
	var r recorder
	h, err := webhook.NewHandler(webhook.Funcs{Other: r.f("other")}, webhook.WithSecret(secret))
	require.NoError(t, err)
	for _, name := range []string{"message.delivered", "message.optout", "campaign.sent"} {
		body := fmt.Sprintf(`{"event":%q,"message_id":"msg_1","campaign_id":"cmp_1"}`, name)
		assert.Equal(t, http.StatusOK, post(h, target, body).Code)
		assert.Equal(t, zexa.EventType(name), r.last.Type)
	}
	assert.Len(t, r.called(), 3)
}

func TestConstructorRefuses(t *testing.T) {
	t.Parallel()
	var r recorder
	client, err := zexa.New("zx_test")
	require.NoError(t, err)
	verify := func(context.Context, http.Header, []byte) error { return nil }
	ok := webhook.WithSecret(secret)
	tests := []struct {
		name  string
		funcs webhook.Funcs
		opts  []webhook.Option
		want  string
	}{
		{"no authentication", r.funcs(), nil, "WithSecret or WithVerifier is required"},
		{"an empty secret", r.funcs(), []webhook.Option{webhook.WithSecret("")}, "secret 1: the secret is empty"},
		{"no secret", r.funcs(), []webhook.Option{webhook.WithSecret()}, "takes one secret, or two"},
		{"three secrets", r.funcs(), []webhook.Option{webhook.WithSecret(secret, secret, secret)}, "takes one secret, or two"},
		{"an empty second secret", r.funcs(), []webhook.Option{webhook.WithSecret(secret, "")}, "secret 2: the secret is empty"},
		{"a short secret", r.funcs(), []webhook.Option{webhook.WithSecret("tooshort")}, "shorter than 20"},
		{"a long secret", r.funcs(), []webhook.Option{webhook.WithSecret(strings.Repeat("a", 257))}, "longer than 256"},
		{"a secret with odd characters", r.funcs(), []webhook.Option{webhook.WithSecret(secret + "&x")}, "other characters"},
		{"a nil verifier", r.funcs(), []webhook.Option{webhook.WithVerifier(nil)}, "verifier is nil"},
		{"a secret and none needed", r.funcs(), []webhook.Option{ok, webhook.WithoutAuthentication()}, "contradicts"},
		{"a verifier and none needed", r.funcs(), []webhook.Option{webhook.WithVerifier(verify), webhook.WithoutAuthentication()}, "contradicts"},
		{"confirmation alone", r.funcs(), []webhook.Option{webhook.WithConfirmation(client, 1)}, "WithConfirmation needs"},
		{"confirmation on nothing", r.funcs(), []webhook.Option{webhook.WithConfirmation(client, 1), webhook.WithoutAuthentication()}, "WithConfirmation needs"},
		{"confirmation without a client", r.funcs(), []webhook.Option{ok, webhook.WithConfirmation(nil, 1)}, "client for confirmation is nil"},
		{"no confirmation at once", r.funcs(), []webhook.Option{ok, webhook.WithConfirmation(client, 0)}, "at once must be positive"},
		{"no function for the rest", webhook.Funcs{Delivered: r.f("delivered")}, []webhook.Option{ok}, "Funcs.Other is nil"},
		{"a nil option", r.funcs(), []webhook.Option{ok, nil}, "option 2 is nil"},
		{"no timeout", r.funcs(), []webhook.Option{ok, webhook.WithTimeout(0)}, "timeout must be positive"},
		{"no body", r.funcs(), []webhook.Option{ok, webhook.WithMaxBody(0)}, "limit of the body must be positive"},
		{"no store", r.funcs(), []webhook.Option{ok, webhook.WithStore(nil)}, "store is nil"},
		{"no store in memory", r.funcs(), []webhook.Option{ok, webhook.WithStore((*webhook.MemoryStore)(nil))}, "not made by NewMemoryStore"},
		{"a store in memory without a size", r.funcs(), []webhook.Option{ok, webhook.WithStore(new(webhook.MemoryStore))}, "not made by NewMemoryStore"},
		{"no time to remember", r.funcs(), []webhook.Option{ok, webhook.WithRemember(-1)}, "time to remember must be positive"},
		{"no logger", r.funcs(), []webhook.Option{ok, webhook.WithLogger(nil)}, "logger is nil"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h, err := webhook.NewHandler(tt.funcs, tt.opts...)
			require.ErrorContains(t, err, tt.want)
			assert.True(t, strings.HasPrefix(err.Error(), "webhook: "), err)
			assert.NotContains(t, err.Error(), secret)
			assert.NotContains(t, err.Error(), "tooshort")
			assert.Nil(t, h)
		})
	}
}

func TestOnlyPOSTIsAllowed(t *testing.T) {
	t.Parallel()
	var r recorder
	h := handler(t, &r)
	for _, method := range []string{"GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "post"} {
		w := send(h, httptest.NewRequest(method, target, strings.NewReader(event)))
		assert.Equal(t, http.StatusMethodNotAllowed, w.Code, method)
		assert.Equal(t, "POST", w.Header().Get("Allow"), method)
	}
	assert.Empty(t, r.called())
	assert.Empty(t, post(h, target, event).Header().Get("Allow"))
}

func TestTheContentTypeDoesNotMatter(t *testing.T) {
	t.Parallel()
	for _, contentType := range []string{"", "text/plain", "application/x-www-form-urlencoded", "nonsense;;"} {
		var r recorder
		request := httptest.NewRequest(http.MethodPost, target, strings.NewReader(event))
		request.Header.Set("Content-Type", contentType)
		assert.Equal(t, http.StatusOK, send(handler(t, &r), request).Code, contentType)
		assert.Equal(t, []string{"delivered"}, r.called())
	}
}

func TestTheSecretIsRequired(t *testing.T) {
	t.Parallel()
	old := strings.ToUpper(secret)
	tests := []struct {
		name, target string
		want         int
	}{
		{"the secret", target, 200},
		{"the old secret", "/zexa?secret=" + old, 200},
		{"among other parameters", "/zexa?a=b&secret=" + secret + "&c", 200},
		{"at another path", "/a/b/c?secret=" + secret, 200},
		{"none", "/zexa", 403},
		{"an empty one", "/zexa?secret=", 403},
		{"only its name", "/zexa?secret", 403},
		{"a wrong one", "/zexa?secret=" + strings.Repeat("x", len(secret)), 403},
		{"its beginning", "/zexa?secret=" + secret[:len(secret)-1], 403},
		{"more than it", "/zexa?secret=" + secret + "0", 403},
		{"both in one", "/zexa?secret=" + secret + old, 403},
		{"in other letters", "/zexa?secret=" + "0123456789Abcdefghijklmnopqrstuvwxyz", 403},
		{"under another name", "/zexa?Secret=" + secret, 403},
		{"under a longer name", "/zexa?xsecret=" + secret, 403},
		{"in the path", "/zexa/" + secret, 403},
		{"in the path, looking like a query", "/zexa%3Fsecret=" + secret, 403},
		{"second to a wrong one", "/zexa?secret=x&secret=" + secret, 403},
		{"endless", "/zexa?secret=" + strings.Repeat("x", 1<<16), 403},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var r recorder
			h, err := webhook.NewHandler(r.funcs(), webhook.WithSecret(secret, old))
			require.NoError(t, err)
			w := post(h, tt.target, event)
			assert.Equal(t, tt.want, w.Code)
			assert.Equal(t, tt.want == 200, len(r.called()) == 1)
			assert.NotContains(t, w.Body.String(), secret)
		})
	}
}

func TestTheLongestSecret(t *testing.T) {
	t.Parallel()
	var r recorder
	longest := strings.Repeat("a", 256)
	h, err := webhook.NewHandler(r.funcs(), webhook.WithSecret(longest))
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, post(h, "/?secret="+longest, event).Code)
	assert.Equal(t, http.StatusForbidden, post(h, "/?secret="+longest+"a", event).Code)
}

func TestTheLastSecretsCount(t *testing.T) {
	t.Parallel()
	var r recorder
	another := webhook.NewSecret()
	h := handler(t, &r, webhook.WithSecret(another))
	assert.Equal(t, http.StatusForbidden, post(h, target, event).Code)
	assert.Equal(t, http.StatusOK, post(h, "/?secret="+another, event).Code)
}

// The secret decides before anything of the body is read.
func TestABodyWithoutTheSecretIsNotRead(t *testing.T) {
	t.Parallel()
	var r recorder
	request := httptest.NewRequest(http.MethodPost, "/zexa", iotest.ErrReader(errors.New("read")))
	assert.Equal(t, http.StatusForbidden, send(handler(t, &r), request).Code)
}

func TestTheSecretIsNotPrinted(t *testing.T) {
	t.Parallel()
	var r recorder
	h := handler(t, &r)
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		printed := fmt.Sprintf(format, h)
		assert.NotContains(t, printed, secret)
		assert.NotContains(t, printed, fmt.Sprintf("%x", secret))
	}
}

func TestVerifier(t *testing.T) {
	t.Parallel()
	wrong := errors.New("wrong signature")
	verify := func(_ context.Context, header http.Header, body []byte) error {
		if header.Get("X-Signature") != fmt.Sprint(len(body)) {
			return wrong
		}
		return nil
	}
	for _, tt := range []struct {
		name, target, signature string
		opts                    []webhook.Option
		want                    int
	}{
		{"right", "/", fmt.Sprint(len(event)), nil, 200},
		{"wrong", "/", "1", nil, 403},
		{"missing", "/", "", nil, 403},
		{"right, without the secret", "/", fmt.Sprint(len(event)), []webhook.Option{webhook.WithSecret(secret)}, 403},
		{"wrong, with the secret", target, "1", []webhook.Option{webhook.WithSecret(secret)}, 403},
		{"right, with the secret", target, fmt.Sprint(len(event)), []webhook.Option{webhook.WithSecret(secret)}, 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var r recorder
			h, err := webhook.NewHandler(r.funcs(), append(tt.opts, webhook.WithVerifier(verify))...)
			require.NoError(t, err)
			request := httptest.NewRequest(http.MethodPost, tt.target, strings.NewReader(event))
			request.Header.Set("X-Signature", tt.signature)
			assert.Equal(t, tt.want, send(h, request).Code)
			assert.Equal(t, tt.want == 200, len(r.called()) == 1)
		})
	}
}

func TestAVerifierThatPanicsOrIsLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		h, err := webhook.NewHandler(r.funcs(), webhook.WithTimeout(time.Second),
			webhook.WithVerifier(func(ctx context.Context, _ http.Header, body []byte) error {
				if len(body) == 0 {
					panic("no body")
				}
				<-ctx.Done()
				return ctx.Err()
			}))
		require.NoError(t, err)
		assert.Equal(t, http.StatusInternalServerError, post(h, "/", "").Code)
		start := time.Now()
		assert.Equal(t, http.StatusServiceUnavailable, post(h, "/", event).Code)
		assert.Equal(t, time.Second, time.Since(start))
		assert.Empty(t, r.called())
	})
}

func TestWithoutAuthenticationEverythingPasses(t *testing.T) {
	t.Parallel()
	var r recorder
	h, err := webhook.NewHandler(r.funcs(), webhook.WithoutAuthentication())
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, post(h, "/", event).Code)
	assert.Len(t, r.called(), 1)
}

func TestBodyLimit(t *testing.T) {
	t.Parallel()
	limit := int64(len(event))
	for _, tt := range []struct {
		name   string
		body   string
		length int64 // announced
		want   int
	}{
		{"exactly the limit", event, limit, 200},
		{"exactly the limit, not announced", event, -1, 200},
		{"announced too large", event, limit + 1, 413},
		{"too large, not announced", event + " ", -1, 413},
		{"too large, announced as less", event + " ", limit, 413},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var r recorder
			request := httptest.NewRequest(http.MethodPost, target, strings.NewReader(tt.body))
			request.ContentLength = tt.length
			assert.Equal(t, tt.want, send(handler(t, &r, webhook.WithMaxBody(limit)), request).Code)
			assert.Equal(t, tt.want == 200, len(r.called()) == 1)
		})
	}
}

func TestBodiesOfAnySizeArriveWhole(t *testing.T) {
	t.Parallel()
	var r recorder
	for _, size := range []int{0, 1, 511, 512, 513, 1 << 16, 1<<16 + 1, 1 << 18, webhook.DefaultMaxBody} {
		body := strings.Repeat("x", size)
		for _, length := range []int64{int64(size), -1} {
			for _, reader := range []io.Reader{strings.NewReader(body), iotest.HalfReader(strings.NewReader(body)), iotest.DataErrReader(strings.NewReader(body))} {
				request := httptest.NewRequest(http.MethodPost, target, reader)
				request.ContentLength = length
				require.Equal(t, http.StatusOK, send(handler(t, &r), request).Code)
				assert.Equal(t, body, string(r.last.RawJSON()), "%d bytes, announced as %d", size, length)
			}
		}
	}
}

func TestABodyThatBreaksOffIsNoEvent(t *testing.T) {
	t.Parallel()
	var r recorder
	body := io.MultiReader(strings.NewReader(event), iotest.ErrReader(io.ErrUnexpectedEOF))
	request := httptest.NewRequest(http.MethodPost, target, body)
	assert.Equal(t, http.StatusBadRequest, send(handler(t, &r), request).Code)
	assert.Empty(t, r.called())
}

func TestFailuresAreAnswered500AndTriedAgain(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func() error{
		"an error":            func() error { return errors.New("database is down") },
		"a panic":             func() error { panic("index out of range") },
		"a panic with nil":    func() error { panic(error(nil)) },
		"a panic of net/http": func() error { panic(http.ErrAbortHandler) },
		"an error that panics": func() error {
			var err *http.MaxBytesError
			return fmt.Errorf("%w", badError{err})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			failing := true
			r := &recorder{do: func(context.Context, webhook.Event) error {
				if failing {
					return fail()
				}
				return nil
			}}
			h := handler(t, r, webhook.WithLogger(slog.New(slog.DiscardHandler)))
			assert.Equal(t, http.StatusInternalServerError, post(h, target, event).Code)
			assert.Equal(t, http.StatusInternalServerError, post(h, target, event).Code)
			failing = false
			assert.Equal(t, http.StatusOK, post(h, target, event).Code)
			assert.Equal(t, http.StatusOK, post(h, target, event).Code)
			assert.Len(t, r.called(), 3)
		})
	}
}

type badError struct{ error }

func (e badError) Error() string {
	return e.error.(*http.MaxBytesError).Error() + fmt.Sprint(e.error.(*http.MaxBytesError).Limit)
}

// A function may end its goroutine, as t.FailNow does.
func TestAFunctionThatExitsIsNotRemembered(t *testing.T) {
	t.Parallel()
	exiting := true
	r := &recorder{do: func(context.Context, webhook.Event) error {
		if exiting {
			runtime.Goexit()
		}
		return nil
	}}
	h := handler(t, r)
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		post(h, target, event)
	}()
	<-gone
	exiting = false
	assert.Equal(t, http.StatusOK, post(h, target, event).Code)
	assert.Len(t, r.called(), 2)
}

func TestACopyOfWhatExitsFailsToo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{do: func(context.Context, webhook.Event) error {
			time.Sleep(time.Second)
			runtime.Goexit()
			return nil
		}}
		h := handler(t, r)
		go post(h, target, event)
		synctest.Wait()
		assert.Equal(t, http.StatusInternalServerError, post(h, target, event).Code)
		assert.Len(t, r.called(), 1)
	})
}

func TestTheContextIsTheRequestsWithADeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		var start time.Time
		r := &recorder{do: func(ctx context.Context, _ webhook.Event) error {
			assert.Equal(t, "value", ctx.Value(key{}))
			deadline, _ := ctx.Deadline()
			assert.Equal(t, start.Add(3*time.Second), deadline)
			<-ctx.Done()
			return ctx.Err()
		}}
		h := handler(t, r, webhook.WithTimeout(3*time.Second))

		start = time.Now()
		ctx := context.WithValue(t.Context(), key{}, "value")
		request := httptest.NewRequest(http.MethodPost, target, strings.NewReader(event)).WithContext(ctx)
		assert.Equal(t, http.StatusInternalServerError, send(h, request).Code)
		assert.Equal(t, 3*time.Second, time.Since(start))

		start = time.Now()
		ctx, hangUp := context.WithCancel(ctx)
		time.AfterFunc(time.Second, hangUp)
		assert.Equal(t, http.StatusInternalServerError, send(h, request.WithContext(ctx)).Code)
		assert.Equal(t, time.Second, time.Since(start))
	})
}

// A sender that takes its time over the body does not take that of the function.
func TestTheDeadlineCountsFromTheEndOfTheBody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{do: func(ctx context.Context, _ webhook.Event) error {
			deadline, _ := ctx.Deadline()
			assert.Equal(t, webhook.DefaultTimeout, time.Until(deadline))
			return ctx.Err()
		}}
		body, slow := io.Pipe()
		go func() {
			time.Sleep(2 * webhook.DefaultTimeout)
			_, _ = io.WriteString(slow, event)
			_ = slow.Close()
		}()
		request := httptest.NewRequest(http.MethodPost, target, body)
		assert.Equal(t, http.StatusOK, send(handler(t, r), request).Code)
	})
}

func TestTheDefaultTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{do: func(ctx context.Context, _ webhook.Event) error { <-ctx.Done(); return ctx.Err() }}
		start := time.Now()
		post(handler(t, r), target, event)
		assert.Equal(t, webhook.DefaultTimeout, time.Since(start))
	})
}

func TestCopiesAreAnsweredAndGoNoFurther(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, first, second string
		handled             int
	}{
		{"the same bytes", event, event, 1},
		{"the same id, another attempt", `{"id":"evt_1","event":"message.delivered","message_id":"msg_1","attempt":1}`,
			`{"id":"evt_1","event":"message.delivered","message_id":"msg_1","attempt":2,"timestamp":17}`, 1},
		{"another id", event, strings.Replace(event, "evt_1", "evt_2", 1), 2},
		{"an id that is not the event's, of two messages", `{"id":"acct_1","event":"message.delivered","message_id":"msg_1"}`,
			`{"id":"acct_1","event":"message.delivered","message_id":"msg_2"}`, 2},
		{"an id that is not the event's, of two events", `{"id":"acct_1","event":"message.delivered","message_id":"msg_1"}`,
			`{"id":"acct_1","event":"message.failed","message_id":"msg_1"}`, 2},
		{"an id that is not the event's, of two unknown events", `{"id":"acct_1","event":"a"}`, `{"id":"acct_1","event":"b"}`, 2},
		{"an id that is not the event's, of two campaigns", `{"id":"acct_1","event":"campaign.sent","campaign_id":"cmp_1"}`,
			`{"id":"acct_1","event":"campaign.sent","campaign_id":"cmp_2"}`, 2},
		{"an id that is not the event's, of two people", `{"id":"acct_1","event":"message.optout","to":"+244912345678"}`,
			`{"id":"acct_1","event":"message.optout","to":"+244912345679"}`, 2},
		{"an id that is not the event's, of two statuses", `{"id":"acct_1","event":"x","message_id":"msg_1","status":"queued"}`,
			`{"id":"acct_1","event":"x","message_id":"msg_1","status":"sent"}`, 2},
		{"an id that is not the event's, of two statuses of a campaign", `{"id":"acct_1","event":"x","campaign_id":"cmp_1","status":"sending"}`,
			`{"id":"acct_1","event":"x","campaign_id":"cmp_1","status":"paused"}`, 2},
		{"a test does not stand for the real one", `{"id":"evt_1","event":"message.delivered","message_id":"msg_1","test":true}`,
			`{"id":"evt_1","event":"message.delivered","message_id":"msg_1"}`, 2},
		{"no id, the same in another spelling", `{"event":"message.optout","data":{"to":"+244912345678","a":[1,{"b":2,"c":3}]}}`,
			"{ \"data\": {\"a\":[1 , {\"c\":3,\"b\":2}],\n\"to\":\"+244912345678\"}, \"event\":\"message.optout\"}\n", 1},
		{"no id, many members in another order", "{" + many(1, 30) + "," + many(31, 60) + "}", "{" + many(31, 60) + "," + many(1, 30) + "}", 1},
		{"no id, an unknown field differs", `{"event":"x","n":[1,2]}`, `{"event":"x","n":[2,1]}`, 2},
		{"no id, a value moves to another name", `{"a":1,"b":2}`, `{"a":2,"b":1}`, 2},
		{"no id, nesting differs", `{"a":[[1],2]}`, `{"a":[[1,2]]}`, 2},
		{"no id, a member more", `{"a":{"b":1},"c":1}`, `{"a":{"b":1,"c":1}}`, 2},
		{"no id, nested deeply", nested("[1]", 20), nested("[1]", 20), 1},
		{"no id, a difference deep inside", nested("[1]", 20), nested("[2]", 20), 2},
		{"not JSON", "hello", "hello", 1},
		{"not JSON, blanks differ", "hello", "hello ", 2},
		{"not JSON, almost the same as JSON", `{"a":1}`, `{"a":1,}`, 2},
		{"blanks around a number", "17", " 17\n", 1},
		{"JSON that looks like what is not", `"a"`, `"a`, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var r recorder
			h := handler(t, &r)
			for _, body := range []string{tt.first, tt.second, tt.first, tt.second} {
				assert.Equal(t, http.StatusOK, post(h, target, body).Code)
			}
			assert.Len(t, r.called(), tt.handled)
		})
	}
}

// nested returns value inside of depth objects.
func nested(value string, depth int) string {
	return strings.Repeat(`{"data":`, depth) + value + strings.Repeat("}", depth)
}

// many returns the members of an object that are numbered from first to last.
func many(first, last int) string {
	var members []string
	for i := first; i <= last; i++ {
		members = append(members, fmt.Sprintf(`"%d":%d`, i, i))
	}
	return strings.Join(members, ",")
}

func TestHowLongACopyIsRecognised(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for _, tt := range []struct {
		name, body string
		opts       []webhook.Option
		want       time.Duration
	}{
		{"with an id", `{"id":"evt_1","event":"message.optout"}`, nil, 3 * day},
		{"with a time", `{"event":"message.optout","created_at":"2026-06-24T12:00:00Z"}`, nil, 3 * day},
		{"with neither", `{"event":"message.optout","to":"+244912345678"}`, nil, 5 * time.Minute},
		{"with a time that is not the event's", `{"event":"message.optout","data":{"to":"+244912345678","created_at":"2026-06-24T12:00:00Z"}}`, nil, 5 * time.Minute},
		{"not JSON", `hello`, nil, 5 * time.Minute},
		{"with an id, as set", `{"id":"evt_1"}`, []webhook.Option{webhook.WithRemember(time.Hour)}, time.Hour},
		{"with neither, set shorter", `{}`, []webhook.Option{webhook.WithRemember(time.Minute)}, time.Minute},
		{"with neither, set longer", `{}`, []webhook.Option{webhook.WithRemember(time.Hour)}, 5 * time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var r recorder
				h := handler(t, &r, tt.opts...)
				post(h, target, tt.body)
				time.Sleep(tt.want - time.Nanosecond)
				post(h, target, tt.body)
				assert.Len(t, r.called(), 1)
				time.Sleep(time.Nanosecond)
				post(h, target, tt.body)
				assert.Len(t, r.called(), 2)
			})
		})
	}
}

func TestRememberingForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		h := handler(t, &r, webhook.WithRemember(math.MaxInt64))
		for range 3 {
			post(h, target, event)
			time.Sleep(50 * 365 * 24 * time.Hour)
		}
		assert.Len(t, r.called(), 1)
	})
}

func TestACopyWaitsForTheFirst(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		err  error
		want int
	}{
		{"which succeeds", nil, http.StatusOK},
		{"which fails", errors.New("no"), http.StatusInternalServerError},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := &recorder{do: func(context.Context, webhook.Event) error {
					time.Sleep(4 * time.Second)
					return tt.err
				}}
				h := handler(t, r)
				var posts sync.WaitGroup
				start := time.Now()
				for range 10 {
					posts.Go(func() {
						assert.Equal(t, tt.want, post(h, target, event).Code)
						assert.Equal(t, 4*time.Second, time.Since(start))
					})
					time.Sleep(time.Millisecond)
				}
				posts.Wait()
				assert.Len(t, r.called(), 1)
			})
		})
	}
}

func TestACopyWaitsNoLongerThanItsOwnDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		// The function overruns its deadline, and succeeds.
		r := &recorder{do: func(context.Context, webhook.Event) error { time.Sleep(time.Minute); return nil }}
		h := handler(t, r, webhook.WithTimeout(10*time.Second))
		var first sync.WaitGroup
		first.Go(func() { assert.Equal(t, http.StatusOK, post(h, target, event).Code) })
		time.Sleep(5 * time.Second)
		start := time.Now()
		assert.Equal(t, http.StatusServiceUnavailable, post(h, target, event).Code)
		assert.Equal(t, 10*time.Second, time.Since(start))

		start = time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second) // its sender hangs up
		defer cancel()
		request := httptest.NewRequest(http.MethodPost, target, strings.NewReader(event)).WithContext(ctx)
		assert.Equal(t, http.StatusServiceUnavailable, send(h, request).Code)
		assert.Equal(t, time.Second, time.Since(start))

		first.Wait()
		assert.Equal(t, http.StatusOK, post(h, target, event).Code)
		assert.Len(t, r.called(), 1)
	})
}

func TestTheStoreHearsTheEndAlsoOfASenderThatHangsUp(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		err    error
		called int // after a second post
	}{
		{"what was handled stays so", nil, 1},
		{"what was not is free for the next", errors.New("no"), 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ctx, hangUp := context.WithCancel(t.Context())
			r := &recorder{do: func(context.Context, webhook.Event) error { hangUp(); return tt.err }}
			store := &checkedStore{Store: memory(t, 10), settled: errors.New("not told")}
			h := handler(t, r, webhook.WithStore(store))
			send(h, httptest.NewRequest(http.MethodPost, target, strings.NewReader(event)).WithContext(ctx))
			require.NoError(t, store.settled)
			post(h, target, event)
			assert.Len(t, r.called(), tt.called)
		})
	}
}

// checkedStore records the state of the context that it was told the end with.
type checkedStore struct {
	webhook.Store
	settled error
}

func (s *checkedStore) check(ctx context.Context) {
	s.settled = ctx.Err()
	if _, bounded := ctx.Deadline(); !bounded {
		s.settled = errors.New("no deadline")
	}
}

func (s *checkedStore) Done(ctx context.Context, key string, ttl time.Duration) error {
	s.check(ctx)
	return s.Store.Done(ctx, key, ttl)
}

func (s *checkedStore) Release(ctx context.Context, key string) error {
	s.check(ctx)
	return s.Store.Release(ctx, key)
}

func TestAnyRouter(t *testing.T) {
	t.Parallel()
	var r recorder
	h := handler(t, &r)
	mux := http.NewServeMux()
	mux.Handle("POST /hooks/{vendor}", h)
	mux.Handle("/strip/", http.StripPrefix("/strip", h))
	assert.Equal(t, http.StatusOK, post(mux, "/hooks"+target, event).Code)
	assert.Equal(t, http.StatusOK, post(mux, "/strip"+target, event).Code)
	assert.Equal(t, http.StatusForbidden, post(mux, "/strip/zexa", event).Code)
	assert.Len(t, r.called(), 1)
}

// The sandbox stands for the vendor: every kind of event, each tried twice, as
// the functions fail at first.
func TestAllThatTheSandboxDelivers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server, client := zexatest.New(t)
		failed := map[zexa.EventType]bool{}
		r := &recorder{do: func(_ context.Context, e webhook.Event) error {
			if !failed[e.Type] {
				failed[e.Type] = true
				return errors.New("not yet")
			}
			return nil
		}}
		h := handler(t, r, webhook.WithConfirmation(client, 1))
		server.SetWebhookDelivery(zexatest.WebhookDelivery{Client: zexatest.ClientFor(h)})
		got := func() []string { // since it was last called
			time.Sleep(time.Minute)
			synctest.Wait()
			calls := r.called()
			r.mu.Lock()
			defer r.mu.Unlock()
			r.calls = nil
			return calls
		}

		url, err := webhook.URL("https://shop.example/zexa", secret)
		require.NoError(t, err)
		_, err = client.Webhooks.Register(t.Context(), zexa.WebhookParams{URL: url, Events: []zexa.EventType{zexa.EventAll}})
		require.NoError(t, err)
		assert.Equal(t, []string{"other", "other"}, got())
		assert.True(t, r.last.Test)

		for _, status := range []zexa.DeliveryStatus{zexa.StatusDelivered, zexa.StatusFailed, zexa.StatusUndeliverable} {
			message, err := client.Messages.Send(t.Context(), zexa.SMS(zexatest.DefaultSender, "+244912345678", "Olá"))
			require.NoError(t, err)
			require.NoError(t, server.SetMessageStatus(message.ID, status))
			assert.Equal(t, []string{string(status), string(status)}, got())
			assert.True(t, r.last.Confirmed)
			assert.Equal(t, message.ID, r.last.MessageID)
			assert.Equal(t, "+244912345678", r.last.To)
			assert.False(t, r.last.Time.IsZero())
			assert.NotEmpty(t, r.last.ID)
		}

		server.OptOut("+244912345678")
		assert.Equal(t, []string{"opt-out", "opt-out"}, got())
		assert.Equal(t, "+244912345678", r.last.To)

		campaign, err := client.Campaigns.Create(t.Context(), zexa.CampaignParams{
			Name: "Julho", Channel: zexa.ChannelSMS, ContactListID: server.AddContactList("Clientes"),
			SenderID: zexatest.DefaultSender, Body: "Olá",
		})
		require.NoError(t, err)
		assert.Equal(t, []string{"sent", "sent", "completed", "completed"}, got())
		assert.True(t, r.last.Confirmed)
		assert.Equal(t, campaign.ID, r.last.CampaignID)
	})
}

func TestLog(t *testing.T) {
	t.Parallel()
	const phone, mail = "+244912345678", "ana@example.com"
	var mode string
	r := &recorder{do: func(_ context.Context, e webhook.Event) error {
		switch mode {
		case "panic":
			panic("cannot reach " + phone)
		case "error":
			return errors.New("cannot reach " + mail)
		}
		return nil
	}}
	var out bytes.Buffer
	h := handler(t, r, webhook.WithLogger(slog.New(slog.NewTextHandler(&out, nil))), webhook.WithMaxBody(200))
	body := `{"event":"message.optout","id":"` + phone + `","to":"` + phone + `","text":"private words"}`
	for _, tt := range []struct {
		mode, target, body string
		want               []string
	}{
		{"", target, body, nil},
		{"", target, body, nil},            // a copy
		{"panic", target, body + " ", nil}, // another
		{"panic", target, strings.Replace(body, `"to"`, `"message_id":"msg_1","to"`, 1),
			[]string{"level=ERROR", `"zexa webhook: panic"`, "status=500", "event=message.optout", "id=+***", "handler_test.go"}},
		{"panic", target, body + mail, []string{"level=ERROR", `"zexa webhook: panic"`, "status=500"}},
		{"error", target, `{"event":"message.optout","id":"evt_1","to":"` + phone + `"}`,
			[]string{"level=ERROR", `"zexa webhook: the function failed"`, "status=500", "event=message.optout", "id=evt_1", "***@example.com"}},
		{"", "/zexa?secret=guess", body, []string{"level=WARN", `"zexa webhook: refused"`, "status=403"}},
		{"", target, strings.Repeat("x", 201), []string{"level=WARN", `"zexa webhook: refused"`, "status=413"}},
	} {
		mode = tt.mode
		out.Reset()
		post(h, tt.target, tt.body)
		for _, want := range tt.want {
			assert.Contains(t, out.String(), want)
		}
		if tt.want == nil {
			assert.Empty(t, out.String())
		}
		for _, private := range []string{phone[1:], "ana@", "private words", secret, "guess"} {
			assert.NotContains(t, out.String(), private)
		}
	}
}

func TestACopyThatWaitedInVainIsLogged(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		store webhook.Store
		want  string
	}{
		{"for this process", memory(t, 1), `level=WARN msg="zexa webhook: still being handled"`},
		{"for another process", &deadStore{}, `level=WARN msg="zexa webhook: still being handled"`},
		{"for a store that is confused", oddStore{}, `level=ERROR msg="zexa webhook: the store failed"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				r := &recorder{do: func(context.Context, webhook.Event) error { time.Sleep(time.Minute); return nil }}
				h := handler(t, r, webhook.WithStore(tt.store), webhook.WithLogger(slog.New(slog.NewTextHandler(&out, nil))))
				go post(h, target, event)
				synctest.Wait()
				assert.Equal(t, http.StatusServiceUnavailable, post(h, target, event).Code)
				time.Sleep(time.Minute)
				synctest.Wait() // the first has been answered too
				assert.Contains(t, out.String(), tt.want)
				assert.Contains(t, out.String(), "status=503")
				assert.Contains(t, out.String(), "id=evt_1")
			})
		})
	}
}

// oddStore answers what no store should.
type oddStore struct{ webhook.Store }

func (oddStore) Claim(context.Context, string, time.Duration) (webhook.State, error) {
	return 17, nil
}

func FuzzHandler(f *testing.F) {
	for _, body := range []string{event, `{"event":"message.optout","data":{"to":"+244912345678","a":[1,{"b":2}]}}`, "[]", "", "{"} {
		f.Add("POST", "secret="+secret, []byte(body))
	}
	f.Add("GET", "secret=", []byte("x"))
	f.Fuzz(func(t *testing.T, method, query string, body []byte) {
		var r recorder
		h := handler(t, &r, webhook.WithMaxBody(1000))
		request := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
		request.Method, request.URL.RawQuery = method, query
		status := send(h, request).Code
		want := http.StatusOK
		switch {
		case method != http.MethodPost:
			want = http.StatusMethodNotAllowed
		case !strings.Contains("&"+query+"&", "&secret="+secret+"&"):
			want = http.StatusForbidden
		case strings.HasPrefix(query, "secret=") && !strings.HasPrefix(query+"&", "secret="+secret+"&"),
			strings.Count("&"+query, "&secret=") > 1:
			return // which of several counts is tested elsewhere
		case len(body) > 1000:
			want = http.StatusRequestEntityTooLarge
		}
		if status != want {
			t.Fatalf("answered %d, want %d", status, want)
		}
		if calls := len(r.called()); (calls == 1) != (want == http.StatusOK) {
			t.Fatalf("%d calls after a %d", calls, status)
		}
		if want != http.StatusOK {
			return
		}
		request.Body = io.NopCloser(bytes.NewReader(append(body, '\n')))
		request.ContentLength = -1
		send(h, request)
		if _, err := webhook.Parse(body); err == nil && len(body) < 1000 && len(r.called()) != 1 {
			t.Fatal("a copy was handled again")
		}
	})
}
