package zexa_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/zexa-ao/zexa-go"
)

func TestNewRefusesNonsense(t *testing.T) {
	t.Parallel()
	var noTransport *http.Transport
	var noLimiter *limiter
	var noFunc func(*http.Request) (*http.Response, error)
	var noJar *cookiejar.Jar
	for name, tt := range map[string]struct {
		key  string
		opts []zexa.Option
		says string
	}{
		"an empty key":                {"", nil, "key is empty"},
		"a key with a space":          {"zx live", nil, "space"},
		"a key with a line break":     {"zx_live\n", nil, "control character"},
		"a key with a NUL":            {"zx\x00", nil, "control character"},
		"a key that is not ASCII":     {"zx_é", nil, "ASCII"},
		"a key with its scheme":       {"Bearer zx_live", nil, "Bearer"},
		"a nil option":                {testKey, []zexa.Option{nil}, "option 1 is nil"},
		"no URL":                      {testKey, []zexa.Option{zexa.WithBaseURL("")}, "base URL"},
		"a relative URL":              {testKey, []zexa.Option{zexa.WithBaseURL("/v1")}, "base URL"},
		"plain http":                  {testKey, []zexa.Option{zexa.WithBaseURL("http://api.zexa.ao/v1")}, "https"},
		"a URL with a password":       {testKey, []zexa.Option{zexa.WithBaseURL("https://u:secret@api.zexa.ao/v1")}, "password"},
		"a URL with a query":          {testKey, []zexa.Option{zexa.WithBaseURL("https://api.zexa.ao/v1?x=1")}, "query"},
		"no http.Client":              {testKey, []zexa.Option{zexa.WithHTTPClient(nil)}, "http.Client is nil"},
		"a transport that is no one":  {testKey, []zexa.Option{zexa.WithHTTPClient(&http.Client{Transport: noTransport})}, "nil pointer"},
		"a transport of no function":  {testKey, []zexa.Option{zexa.WithHTTPClient(&http.Client{Transport: roundTripper(noFunc)})}, "nil pointer or function"},
		"a jar that is no one":        {testKey, []zexa.Option{zexa.WithHTTPClient(&http.Client{Jar: noJar})}, "Jar"},
		"a negative client timeout":   {testKey, []zexa.Option{zexa.WithHTTPClient(&http.Client{Timeout: -1})}, "negative"},
		"no user agent":               {testKey, []zexa.Option{zexa.WithUserAgent("")}, "user agent"},
		"a user agent of two lines":   {testKey, []zexa.Option{zexa.WithUserAgent("a\r\nX: y")}, "user agent"},
		"negative retries":            {testKey, []zexa.Option{zexa.WithRetries(-1)}, "retries"},
		"endless retries":             {testKey, []zexa.Option{zexa.WithRetries(math.MaxInt)}, "retries"},
		"a wait of nothing":           {testKey, []zexa.Option{zexa.WithRetryWait(0, time.Second)}, "wait"},
		"a first wait over the last":  {testKey, []zexa.Option{zexa.WithRetryWait(2*time.Second, time.Second)}, "wait"},
		"no time for an attempt":      {testKey, []zexa.Option{zexa.WithAttemptTimeout(0)}, "timeout"},
		"no logger":                   {testKey, []zexa.Option{zexa.WithLogger(nil)}, "logger"},
		"a logger without a handler":  {testKey, []zexa.Option{zexa.WithLogger(new(slog.Logger))}, "logger"},
		"no key function":             {"", []zexa.Option{zexa.WithKeyFunc(nil)}, "key function"},
		"a key and a key function":    {testKey, []zexa.Option{zexa.WithKeyFunc(keys("x"))}, "not from both"},
		"no limiter":                  {testKey, []zexa.Option{zexa.WithRateLimiter(nil)}, "limiter"},
		"a limiter that is a nil one": {testKey, []zexa.Option{zexa.WithRateLimiter(noLimiter)}, "limiter"},
		"a limiter of no function":    {testKey, []zexa.Option{zexa.WithRateLimiter(limiterFunc(nil))}, "limiter"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := zexa.New(tt.key, tt.opts...)
			assert.Nil(t, c)
			require.ErrorContains(t, err, tt.says)
			assert.True(t, strings.HasPrefix(err.Error(), "zexa: "), err.Error())
			assert.NotContains(t, err.Error(), "zx_live")
			assert.NotContains(t, err.Error(), "secret")
		})
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

type limiterFunc func(context.Context) error

func (f limiterFunc) Wait(ctx context.Context) error { return f(ctx) }

func TestNewTakesWhatMakesSense(t *testing.T) {
	t.Parallel()
	for _, base := range []string{
		"https://api.zexa.ao/v1", "https://api.zexa.ao/v1/", "https://proxy.example:8443/zexa/v1",
		"http://127.0.0.1:8080/v1", "http://[::1]/v1", "http://localhost:1/v1", "https://api.zexa.ao",
	} {
		_, err := zexa.New(testKey, zexa.WithBaseURL(base), zexa.WithRetries(0), zexa.WithRetryWait(1, 1),
			zexa.WithAttemptTimeout(1), zexa.WithUserAgent("shop/1.4"), zexa.WithRateLimiter(&limiter{}),
			zexa.WithLogger(slog.New(slog.DiscardHandler)))
		assert.NoError(t, err, base)
	}
}

func TestNewFromEnvReadsTheDocumentedVariable(t *testing.T) {
	m := httpmock.NewMockTransport()
	m.RegisterResponder("GET", "=~.*", func(r *http.Request) (*http.Response, error) {
		assert.Equal(t, "Bearer zx_env", r.Header.Get("Authorization"))
		return answer(200, `{"credits":1}`)(r)
	})
	t.Setenv("ZEXA_API_KEY", "zx_env")
	c, err := zexa.NewFromEnv(zexa.WithHTTPClient(&http.Client{Transport: m}))
	require.NoError(t, err)
	_, err = c.Credits.Get(t.Context())
	require.NoError(t, err)

	t.Setenv("ZEXA_API_KEY", "")
	_, err = zexa.NewFromEnv()
	assert.ErrorContains(t, err, "key is empty")
}

func TestTheKeyIsInNothingThatIsPrinted(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	m := newMock(t, []zexa.Option{zexa.WithLogger(slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))},
		answer(500, `{"error":"`+testKey+`","message":"key `+testKey+` of +244912345678 and ana@exemplo.ao","request_id":"`+testKey+`"}`),
		fail(errors.New("proxy said: Bearer "+testKey+" to 244912345678")))
	c := m.Client
	_, err1 := c.Credits.Get(t.Context(), zexa.CallRetries(0))
	_, err2 := c.Messages.Send(t.Context(), zexa.SMS("L", "+244912345678", "segredo"), zexa.CallRetries(0))
	require.Error(t, err1)
	require.Error(t, err2)
	var e1 *zexa.Error
	require.ErrorAs(t, err1, &e1)
	assert.Contains(t, e1.Message, testKey, "the field keeps all")

	fresh, err := zexa.New(testKey)
	require.NoError(t, err)
	assert.Contains(t, everyString(reflect.ValueOf(fresh), map[uintptr]bool{}), "zexa-go/", "the walk goes everywhere")
	var printed []string
	for _, v := range []any{c, *c, err1, err2, *e1, fmt.Errorf("wrapped: %w", err1), struct{ E error }{err2}, c.Messages} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			printed = append(printed, fmt.Sprintf(verb, v))
		}
		j, err := json.Marshal(v)
		require.NoError(t, err)
		printed = append(printed, string(j))
	}
	for _, s := range append(printed, everyString(reflect.ValueOf(fresh), map[uintptr]bool{}), log.String()) {
		assert.NotContains(t, s, testKey)
		assert.NotContains(t, s, "912345678")
		assert.NotContains(t, s, "segredo")
		assert.NotContains(t, s, "ana@")
	}
	assert.Contains(t, err1.Error(), "[key]")
	assert.Contains(t, log.String(), `"path":"/messages"`)
}

// everyString returns every string that reflection can reach in v, as a tool
// that dumps values for debugging would.
func everyString(v reflect.Value, seen map[uintptr]bool) string {
	switch v.Kind() {
	case reflect.String:
		return v.String() + "\n"
	case reflect.Pointer:
		if v.IsNil() || seen[v.Pointer()] {
			return ""
		}
		seen[v.Pointer()] = true
		return everyString(v.Elem(), seen)
	case reflect.Interface:
		return everyString(v.Elem(), seen)
	case reflect.Struct:
		var all string
		for i := range v.NumField() {
			all += everyString(v.Field(i), seen)
		}
		return all
	case reflect.Slice, reflect.Array:
		var all string
		for i := range v.Len() {
			all += everyString(v.Index(i), seen)
		}
		return all
	case reflect.Map:
		var all string
		for it := v.MapRange(); it.Next(); {
			all += everyString(it.Key(), seen) + everyString(it.Value(), seen)
		}
		return all
	}
	return ""
}

func TestWithoutALoggerNothingIsWritten(t *testing.T) {
	// Not parallel: it replaces the default logger.
	var log bytes.Buffer
	before := slog.Default()
	defer slog.SetDefault(before)
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	synctest.Test(t, func(t *testing.T) {
		_, err := newMock(t, nil, repeat(answer(500, ""), 4)...).Credits.Get(t.Context())
		assert.Error(t, err)
	})
	assert.Empty(t, log.String())
}

func TestALoggerIsToldOfEachCallAndEachRetry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		h := slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})
		m := newMock(t, []zexa.Option{zexa.WithLogger(slog.New(h))},
			apiErrorAfter("7"), answer(200, queuedMessage, "X-Request-Id", "req_1"), apiError(404, zexa.CodeNotFound))
		_, err := m.Messages.Get(t.Context(), "msg_1")
		require.NoError(t, err)
		_, err = m.Messages.Get(t.Context(), "msg_2")
		require.Error(t, err)
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		require.Len(t, lines, 4)
		for i, want := range []string{
			`"level":"WARN","msg":"zexa: retry","method":"GET","path":"/messages/{id}","status":429,"request_id":"req_429","attempt":1,"wait":7`,
			`"level":"DEBUG","msg":"zexa: call","method":"GET","path":"/messages/{id}","status":200,"request_id":"req_1","attempt":2,"duration":7`,
			`"level":"INFO","msg":"zexa: held back","method":"GET","path":"/messages/{id}","wait":4`,
			`"level":"ERROR","msg":"zexa: call","method":"GET","path":"/messages/{id}","status":404,"request_id":"req_abc123","attempt":1,"duration":4`,
		} {
			assert.Contains(t, lines[i], want)
			assert.NotContains(t, lines[i], "msg_1")
		}
	})
}

func TestTheCallersHTTPClientIsCopiedAndNeverChanged(t *testing.T) {
	t.Parallel()
	m := httpmock.NewMockTransport()
	m.RegisterResponder("GET", "=~.*", answer(200, `{"credits":1}`))
	mine := &http.Client{Transport: m, Timeout: time.Minute}
	c, err := zexa.New(testKey, zexa.WithHTTPClient(mine))
	require.NoError(t, err)
	_, err = c.Credits.Get(t.Context())
	require.NoError(t, err)
	assert.Same(t, m, mine.Transport)
	assert.Equal(t, time.Minute, mine.Timeout)
	assert.Nil(t, mine.CheckRedirect)

	mine.Transport = httpmock.NewMockTransport() // changed afterwards, with no effect
	_, err = c.Credits.Get(t.Context())
	assert.NoError(t, err)
}

func TestClosingIdleConnectionsSparesTheCallersTransport(t *testing.T) {
	t.Parallel()
	spy := &closeSpy{}
	c, err := zexa.New(testKey, zexa.WithHTTPClient(&http.Client{Transport: spy}), zexa.WithRetries(0))
	require.NoError(t, err)
	_, err = c.Credits.Get(t.Context())
	require.Error(t, err)
	c.CloseIdleConnections()
	assert.False(t, spy.closed)
}

type closeSpy struct{ closed bool }

func (s *closeSpy) RoundTrip(*http.Request) (*http.Response, error) { return nil, errors.New("no") }
func (s *closeSpy) CloseIdleConnections()                           { s.closed = true }

func TestTheUserAgentNamesTheProgram(t *testing.T) {
	t.Parallel()
	m := newMock(t, []zexa.Option{zexa.WithUserAgent("shop/1.4")}, answer(200, `{"credits":1}`))
	_, err := m.Credits.Get(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "zexa-go/"+zexa.Version+" ("+runtime.Version()+") shop/1.4", m.requests[0].UserAgent())
}

func keys(list ...string) func(context.Context) (string, error) {
	var mu sync.Mutex
	return func(context.Context) (string, error) {
		mu.Lock()
		defer mu.Unlock()
		key := list[0]
		if len(list) > 1 {
			list = list[1:]
		}
		return key, nil
	}
}

func newKeyed(t *testing.T, key func(context.Context) (string, error), script ...httpmock.Responder) *mock {
	m := newMock(t, nil, script...)
	client, err := zexa.New("", zexa.WithHTTPClient(&http.Client{Transport: m.transport}), zexa.WithKeyFunc(key))
	require.NoError(t, err)
	m.Client = client
	return m
}

func TestAKeyIsRotatedWhileRunning(t *testing.T) {
	t.Parallel()
	refused := apiError(401, zexa.CodeUnauthorized)
	for name, tt := range map[string]struct {
		keys   []string
		script []httpmock.Responder
		sent   []string
		is     error
	}{
		"a 401 is tried once more with another key": {[]string{"old", "new"}, []httpmock.Responder{refused, answer(201, queuedMessage)}, []string{"old", "new"}, nil},
		"a 401 with the same key is final":          {[]string{"old"}, []httpmock.Responder{refused}, []string{"old"}, zexa.ErrUnauthorized},
		"a second 401 is final":                     {[]string{"a", "b", "c"}, []httpmock.Responder{refused, refused}, []string{"a", "b"}, zexa.ErrUnauthorized},
		"a bad key is never sent":                   {[]string{"bad key"}, nil, nil, zexa.ErrNotSent},
		"an empty key is never sent":                {[]string{""}, nil, nil, zexa.ErrNotSent},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newKeyed(t, keys(tt.keys...), tt.script...)
			_, err := m.Messages.Send(t.Context(), zexa.SMS("L", "+244912345678", "x"), zexa.CallRetries(0))
			if tt.is == nil {
				require.NoError(t, err)
			} else {
				assert.ErrorIs(t, err, tt.is)
				requireOutcome(t, err, zexa.ErrNotSent)
			}
			var sent []string
			for _, r := range m.requests {
				sent = append(sent, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
			}
			assert.Equal(t, tt.sent, sent)
		})
	}
	t.Run("an error of the function is the call's", func(t *testing.T) {
		m := newKeyed(t, func(context.Context) (string, error) { return "", assert.AnError })
		_, err := m.Credits.Get(t.Context())
		assert.ErrorIs(t, err, assert.AnError)
	})
}

type limiter struct {
	waits int
	err   error
}

func (l *limiter) Wait(context.Context) error { l.waits++; return l.err }

func TestTheRateLimiterIsAskedBeforeEveryAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &limiter{}
		m := newMock(t, []zexa.Option{zexa.WithRateLimiter(l)}, answer(500, ""), answer(200, `{"credits":1}`))
		_, err := m.Credits.Get(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 2, l.waits)
	})
	m := newMock(t, []zexa.Option{zexa.WithRateLimiter(&limiter{err: assert.AnError})})
	_, err := m.Messages.Send(t.Context(), zexa.SMS("L", "+244912345678", "x"))
	assert.ErrorIs(t, err, assert.AnError)
	requireOutcome(t, err, zexa.ErrNotSent)
}

func TestDoCallsWhatThisVersionDoesNotKnow(t *testing.T) {
	t.Parallel()
	type report struct {
		ID string `json:"id"`
	}
	m := newMock(t, nil, answer(200, `{"id":"rep_1"}`), answer(202, ""), answer(200, `[1]`), apiError(404, zexa.CodeNotFound))
	var out report
	err := m.Do(t.Context(), http.MethodGet, "/reports/{id}/rows", nil, &out,
		zexa.CallPathValue("id", "../a b?"), zexa.CallQuery(url.Values{"q": {"é"}}))
	require.NoError(t, err)
	assert.Equal(t, "rep_1", out.ID)
	assert.Equal(t, "/v1/reports/%2E%2E%2Fa%20b%3F/rows?q=%C3%A9", m.requests[0].URL.RequestURI())
	assert.Equal(t, "Bearer "+testKey, m.requests[0].Header.Get("Authorization"))

	require.NoError(t, m.Do(t.Context(), http.MethodPatch, "/reports", report{"x"}, nil))
	assert.JSONEq(t, `{"id":"x"}`, m.bodies[1])
	var raw json.RawMessage
	require.NoError(t, m.Do(t.Context(), http.MethodDelete, "/reports", nil, &raw))
	assert.Equal(t, "[1]", string(raw))

	err = m.Do(t.Context(), http.MethodPost, "/reports/{id}", map[string]int{"a": 1}, &out, zexa.CallPathValue("id", "912345678"))
	requireOutcome(t, err, zexa.ErrNotSent)
	assert.ErrorIs(t, err, zexa.ErrNotFound)
	assert.Contains(t, err.Error(), "POST /reports/{id}: ")
	assert.NotContains(t, err.Error(), "912345678")
}

func TestDoSendsNothingForANilPointer(t *testing.T) {
	t.Parallel()
	var none *zexa.MessageParams
	m := newMock(t, nil)
	err := m.Do(t.Context(), http.MethodPost, "/messages", none, nil)
	assert.ErrorIs(t, err, zexa.ErrNotSent)
	assert.ErrorContains(t, err, "in is a nil *zexa.MessageParams")
	assert.ErrorIs(t, m.Do(t.Context(), http.MethodPost, "/messages", &zexa.MessageParams{}, nil), zexa.ErrValidation)
}

// As when errgroup cancels the context of a group with its first error.
func TestAnErrorOfAnotherCallIsACauseAndNoMore(t *testing.T) {
	t.Parallel()
	sms := zexa.SMS("L", "+244912345678", "x")
	stopped := errors.New("stopped")
	for name, first := range map[string]func(context.Context, *zexa.Client, ...zexa.CallOption) error{"POST": post, "GET": get} {
		for name2, script := range map[string]httpmock.Responder{
			"of unknown outcome": answer(500, ""), "accepted": answer(201, ""), "refused": apiError(422, zexa.CodeValidation),
		} {
			t.Run(name+" "+name2, func(t *testing.T) {
				cause := errors.Join(first(t.Context(), newMock(t, []zexa.Option{zexa.WithRetries(0)}, script).Client), stopped)
				ctx, cancel := context.WithCancelCause(t.Context())
				cancel(cause)
				_, err := newMock(t, nil).Messages.Send(ctx, sms)
				requireOutcome(t, err, zexa.ErrNotSent)
				assert.ErrorIs(t, err, context.Canceled)
				assert.ErrorIs(t, err, stopped)
				for _, kind := range []error{zexa.ErrServer, zexa.ErrValidation} {
					assert.NotErrorIs(t, err, kind)
				}
				requireOutcome(t, get(ctx, newMock(t, nil).Client), nil)
			})
		}
	}
	t.Run("a validation error", func(t *testing.T) {
		cause := post(t.Context(), newMock(t, nil).Client, nil)
		_, bad := newMock(t, nil).Messages.Send(t.Context(), zexa.MessageParams{})
		for _, cause := range []error{cause, bad} {
			_, err := newMock(t, []zexa.Option{zexa.WithRateLimiter(limiterFunc(func(context.Context) error { return cause }))}).Messages.Send(t.Context(), sms)
			requireOutcome(t, err, zexa.ErrNotSent)
			assert.NotErrorIs(t, err, zexa.ErrValidation)
			var e *zexa.Error
			require.ErrorAs(t, err, &e)
			assert.Empty(t, e.Fields())
			var other *zexa.ValidationError
			assert.False(t, errors.As(err, &other))
		}
	})
	t.Run("an outcome that a transport claims", func(t *testing.T) {
		err := post(t.Context(), newMock(t, nil, fail(fmt.Errorf("breaker is open: %w", zexa.ErrNotSent))).Client)
		requireOutcome(t, err, zexa.ErrOutcomeUnknown)
	})
}

func TestAPathValueIsForDo(t *testing.T) {
	t.Parallel()
	err := get(t.Context(), newMock(t, nil).Client, zexa.CallPathValue("id", "msg_2"))
	assert.ErrorContains(t, err, "CallPathValue is for Do")
}

func TestThePathOfDoIsMaskedInTheLogToo(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	m := newMock(t, []zexa.Option{zexa.WithLogger(slog.New(slog.NewTextHandler(&log, nil)))}, answer(404, ""))
	require.Error(t, m.Do(t.Context(), http.MethodGet, "/contacts/+244912345678", nil, nil))
	assert.Contains(t, log.String(), "path=/contacts/+***")
	assert.NotContains(t, log.String(), "912345678")
}

func TestTheIDOfWhatWasAcceptedIsPrintedWhole(t *testing.T) {
	t.Parallel()
	err := post(t.Context(), newMock(t, nil, answer(201, `{"id":"msg_20260624100000","status":7}`)).Client)
	assert.Contains(t, err.Error(), "(id msg_20260624100000)")
}

func TestDoStaysUnderTheBaseURL(t *testing.T) {
	t.Parallel()
	m := newMock(t, nil)
	for _, path := range []string{
		"", "reports", "//evil.example/", "/../v2", "/a/../../b", "/a/./b", "/a//b", "https://evil.example/", "/a?b", "/a#b",
		"/%2e%2e/x", "/a\\b", "/a b", "/a\nb", "/é", "/@evil/{id}", "/{id}", "/{}", "/a/", "/{id}/..", ":80/x",
	} {
		err := m.Do(t.Context(), http.MethodGet, path, nil, nil)
		assert.Error(t, err, path)
	}
	for _, value := range []string{""} {
		assert.ErrorContains(t, m.Do(t.Context(), http.MethodGet, "/{id}", nil, nil, zexa.CallPathValue("id", value)), "id is empty")
	}
	var nowhere *int
	for name, err := range map[string]error{
		"a method of its own": m.Do(t.Context(), "BREW", "/a", nil, nil),
		"a GET with a body":   m.Do(t.Context(), http.MethodGet, "/a", 1, nil),
		"no pointer":          m.Do(t.Context(), http.MethodGet, "/a", nil, 1),
		"a nil pointer":       m.Do(t.Context(), http.MethodGet, "/a", nil, nowhere),
	} {
		assert.Error(t, err, name)
	}
	requireOutcome(t, m.Do(t.Context(), http.MethodPost, "/a", func() {}, nil), zexa.ErrNotSent)
}

func TestHostileIDsStayOneSegment(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		".": "%2E", "..": "%2E%2E", "a/b": "a%2Fb", "../credits": "%2E%2E%2Fcredits", "a?b#c": "a%3Fb%23c", "%2e": "%252e",
		"a\nb": "a%0Ab", "é": "%C3%A9", "\xff": "%FF", "a\\b": "a%5Cb", " ": "%20", "msg_xyz-789": "msg_xyz-789",
	} {
		m := newMock(t, nil, answer(200, queuedMessage))
		_, err := m.Messages.Get(t.Context(), id)
		require.NoError(t, err)
		assert.Equal(t, "/v1/messages/"+want, m.requests[0].URL.RequestURI())
		assert.Equal(t, "api.zexa.ao", m.requests[0].URL.Host)
	}
}

func TestAnAnswerThatWouldTakeTooMuchMemoryIsRefused(t *testing.T) {
	// Not parallel: it reads what the whole process has allocated.
	for name, body := range map[string]string{
		"a list in a contact": `{"id":"cnt_1","lists":[` + strings.Repeat(`"",`, 2<<20) + `""]}`,
		"a page of nothing":   `{"data":[` + strings.Repeat(`{},`, 2<<20) + `{}]}`,
		"more than 8 MiB":     `{"id":"cnt_1","name":"` + strings.Repeat("x", 8<<20) + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			respond := func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: 201, ContentLength: -1, Body: io.NopCloser(strings.NewReader(body))}, nil
			}
			m := newMock(t, nil, respond, respond)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := m.Contacts.Create(t.Context(), anaParams)
			runtime.ReadMemStats(&after)
			requireOutcome(t, err, zexa.ErrAccepted)
			assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<20))
			_, err = m.Contacts.List(t.Context(), zexa.ContactQuery{})
			require.Error(t, err)
			assert.Len(t, m.requests, 2, "what is too large is not asked for again")
		})
	}
}
