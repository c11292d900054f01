package zexa_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/zexa-ao/zexa-go"
)

const testKey = "zx_test_5f2b81"

// mock is a client whose transport answers from a script and records what it
// was asked.
type mock struct {
	*zexa.Client
	transport *httpmock.MockTransport
	mu        sync.Mutex // httpmock leaves a responder behind whose request was cancelled
	requests  []*http.Request
	bodies    []string
}

// newMock returns a client that is answered by the responders in turn, and
// fails the test when it asks more often than that.
func newMock(t *testing.T, opts []zexa.Option, responders ...httpmock.Responder) *mock {
	t.Helper()
	m := &mock{transport: httpmock.NewMockTransport()}
	m.transport.RegisterNoResponder(func(r *http.Request) (*http.Response, error) {
		body := ""
		if r.Body != nil {
			b, err := io.ReadAll(r.Body)
			require.NoError(t, err)
			body = string(b)
		}
		m.mu.Lock()
		m.requests, m.bodies = append(m.requests, r), append(m.bodies, body)
		n := len(m.requests)
		m.mu.Unlock()
		if n > len(responders) {
			t.Errorf("request %d was not expected: %s %s", n, r.Method, r.URL)
			return httpmock.NewStringResponse(http.StatusTeapot, ""), nil
		}
		return responders[n-1](r)
	})
	client, err := zexa.New(testKey, append([]zexa.Option{
		zexa.WithHTTPClient(&http.Client{Transport: m.transport}),
	}, opts...)...)
	require.NoError(t, err)
	m.Client = client
	return m
}

// answer responds with a status, a body and headers given in pairs.
func answer(status int, body string, header ...string) httpmock.Responder {
	return func(r *http.Request) (*http.Response, error) {
		resp := httpmock.NewStringResponse(status, body)
		resp.Request = r
		resp.Header.Set("Content-Type", "application/json")
		for pair := range slices.Chunk(header, 2) {
			resp.Header.Set(pair[0], pair[1])
		}
		return resp, nil
	}
}

func apiError(status int, code string) httpmock.Responder {
	return answer(status, `{"error":"`+code+`","message":"because","details":{"field":"to","value":"912345678"},"request_id":"req_abc123"}`)
}

// apiErrorAfter is a 429 with a Retry-After.
func apiErrorAfter(retryAfter string) httpmock.Responder {
	return answer(429, `{"error":"rate_limit_exceeded","message":"slow down","request_id":"req_429"}`, "Retry-After", retryAfter)
}

func repeat(r httpmock.Responder, n int) []httpmock.Responder {
	return slices.Repeat([]httpmock.Responder{r}, n)
}

func fail(err error) httpmock.Responder {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

// An apiCall is one method of a service as the drivers below know it. A service
// registers its methods in apiCalls and is tested by all of them.
type apiCall struct {
	name     string
	method   string
	template string // path as errors show it
	path     string // path and query as sent
	body     string // JSON as sent, "" for none
	status   int    // of the documented answer
	answer   string
	call     func(context.Context, *zexa.Client, ...zexa.CallOption) (any, error)
	check    func(*testing.T, any) // of what the answer decodes to

	// badCalls are calls with bad parameters, by the field that the error must
	// name.
	badCalls map[string]func(context.Context, *zexa.Client) error
}

var apiCalls = slices.Concat(messageCalls, campaignCalls, contactCalls, senderIDCalls, webhookCalls, creditCalls)

func forEachCall(t *testing.T, f func(*testing.T, apiCall)) {
	for _, c := range apiCalls {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f(t, c)
		})
	}
}

func (c apiCall) posts() bool { return c.method == http.MethodPost }

// requireError checks what holds for the error of every call.
func (c apiCall) requireError(t *testing.T, err error, outcome error) *zexa.Error {
	t.Helper()
	var e *zexa.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, c.method, e.Method)
	assert.Equal(t, c.template, e.Path)
	assert.Contains(t, e.Error(), c.method+" "+c.template)
	if !c.posts() {
		outcome = nil
	}
	requireOutcome(t, err, outcome)
	return e
}

// requireOutcome checks that err matches outcome and no other.
func requireOutcome(t *testing.T, err error, outcome error) {
	t.Helper()
	for _, o := range []error{zexa.ErrNotSent, zexa.ErrOutcomeUnknown, zexa.ErrAccepted} {
		assert.Equal(t, o == outcome, errors.Is(err, o), "%v: %v", o, err)
	}
}

func TestEveryCallSendsExactlyTheDocumentedRequest(t *testing.T) {
	t.Parallel()
	forEachCall(t, func(t *testing.T, c apiCall) {
		m := newMock(t, nil, answer(c.status, c.answer))
		got, err := c.call(t.Context(), m.Client)
		require.NoError(t, err)
		require.Len(t, m.requests, 1)
		r := m.requests[0]
		assert.Equal(t, c.method, r.Method)
		assert.Equal(t, zexa.DefaultBaseURL+c.path, r.URL.String())
		want := http.Header{
			"Authorization": {"Bearer " + testKey},
			"Accept":        {"application/json"},
			"User-Agent":    r.Header["User-Agent"],
		}
		if c.body == "" {
			assert.Empty(t, m.bodies[0])
		} else {
			want["Content-Type"] = []string{"application/json"}
			assert.JSONEq(t, c.body, m.bodies[0])
			assert.EqualValues(t, len(m.bodies[0]), r.ContentLength)
		}
		assert.Equal(t, want, r.Header)
		assert.Regexp(t, `^zexa-go/`+zexa.Version+` \(go[\w.-]+.*\)$`, r.Header.Get("User-Agent"))
		c.check(t, got)
	})
}

func TestEveryCallAcceptsWhatThisVersionDoesNotKnow(t *testing.T) {
	t.Parallel()
	forEachCall(t, func(t *testing.T, c apiCall) {
		if c.answer == "" {
			t.Skip("has no answer")
		}
		var object map[string]any
		require.NoError(t, json.Unmarshal([]byte(c.answer), &object))
		object["surprise"] = map[string]any{"deep": []any{1, nil, "x"}}
		more, err := json.Marshal(object)
		require.NoError(t, err)
		m := newMock(t, nil, answer(c.status, string(more)))
		got, err := c.call(t.Context(), m.Client)
		require.NoError(t, err)
		raw := got.(interface{ RawJSON() json.RawMessage }).RawJSON()
		assert.JSONEq(t, string(more), string(raw))

		for name := range object {
			object[name] = nil
		}
		nulls, err := json.Marshal(object)
		require.NoError(t, err)
		if _, isList := object["data"]; isList {
			return
		}
		_, err = c.call(t.Context(), newMock(t, nil, answer(c.status, string(nulls))).Client)
		assert.NoError(t, err, "nulls decode")
	})
}

func TestEveryCallTellsEachDocumentedErrorByItsKind(t *testing.T) {
	t.Parallel()
	kinds := []error{
		zexa.ErrInvalidRequest, zexa.ErrUnauthorized, zexa.ErrNotFound, zexa.ErrConflict, zexa.ErrValidation,
		zexa.ErrInsufficientCredits, zexa.ErrRateLimited, zexa.ErrServer,
	}
	cases := []struct {
		name    string
		status  int
		code    string
		kind    error
		outcome error
	}{
		{"invalid_request", 400, zexa.CodeInvalidRequest, zexa.ErrInvalidRequest, zexa.ErrNotSent},
		{"unauthorized", 401, zexa.CodeUnauthorized, zexa.ErrUnauthorized, zexa.ErrNotSent},
		{"not_found", 404, zexa.CodeNotFound, zexa.ErrNotFound, zexa.ErrNotSent},
		{"conflict", 409, zexa.CodeConflict, zexa.ErrConflict, zexa.ErrNotSent},
		{"validation_error", 422, zexa.CodeValidation, zexa.ErrValidation, zexa.ErrNotSent},
		{"insufficient_credits", 422, zexa.CodeInsufficientCredits, zexa.ErrInsufficientCredits, zexa.ErrNotSent},
		{"rate_limit_exceeded", 429, zexa.CodeRateLimitExceeded, zexa.ErrRateLimited, zexa.ErrNotSent},
		{"500 with a code nobody has heard of", 500, "meltdown", zexa.ErrServer, zexa.ErrOutcomeUnknown},
		{"422 with a code nobody has heard of", 422, "too_funny", zexa.ErrValidation, zexa.ErrNotSent},
		{"418 with a code nobody has heard of", 418, "teapot", nil, zexa.ErrNotSent},
	}
	forEachCall(t, func(t *testing.T, c apiCall) {
		for _, tt := range cases {
			t.Run(tt.name, func(t *testing.T) {
				m := newMock(t, []zexa.Option{zexa.WithRetries(0)}, apiError(tt.status, tt.code))
				_, err := c.call(t.Context(), m.Client)
				e := c.requireError(t, err, tt.outcome)
				for _, k := range kinds {
					assert.Equal(t, k == tt.kind, errors.Is(err, k), "%v", k)
				}
				assert.Equal(t, tt.status, e.Status)
				assert.Equal(t, tt.code, e.Code)
				assert.Equal(t, "because", e.Message)
				assert.Equal(t, "req_abc123", e.RequestID)
				assert.Equal(t, 1, e.Attempts)
				var details struct{ Field, Value string }
				require.NoError(t, e.DecodeDetails(&details))
				assert.Equal(t, "to", details.Field)
				assert.Equal(t, "912345678", details.Value)
				assert.NotContains(t, err.Error(), "912345678")
			})
		}
	})
}

func TestEveryCallMakesAReadableErrorOfWhatIsNotTheAPIs(t *testing.T) {
	t.Parallel()
	html := "<html><body><h1>502 Bad Gateway</h1> 912345678</body></html>"
	cases := []struct {
		name    string
		answer  httpmock.Responder
		outcome error
		says    string
	}{
		{"a proxy's page", answer(502, html, "Content-Type", "text/html; charset=utf-8"), zexa.ErrOutcomeUnknown, "502 Bad Gateway: the answer is not the API's JSON (text/html, 60 bytes)"},
		{"an empty body", answer(503, ""), zexa.ErrOutcomeUnknown, "503 Service Unavailable: the answer is empty"},
		{"odd types", answer(400, `{"error":{"code":7},"message":["a"],"request_id":9}`), zexa.ErrNotSent, "400 Bad Request"},
		{"a JSON string", answer(404, `"no"`), zexa.ErrNotSent, "404 Not Found"},
		{"a status without a name", answer(520, "x"), zexa.ErrOutcomeUnknown, "520: the answer is not the API's JSON"},
		{"a redirect", answer(302, "", "Location", "https://elsewhere.example/"), zexa.ErrOutcomeUnknown, "302 Found: redirects are not followed"},
		{"a redirect that cannot be parsed", answer(307, "", "Location", "http://[::bad"), zexa.ErrOutcomeUnknown, "307 Temporary Redirect"},
	}
	forEachCall(t, func(t *testing.T, c apiCall) {
		for _, tt := range cases {
			t.Run(tt.name, func(t *testing.T) {
				m := newMock(t, []zexa.Option{zexa.WithRetries(0)}, tt.answer)
				_, err := c.call(t.Context(), m.Client)
				c.requireError(t, err, tt.outcome)
				assert.Contains(t, err.Error(), tt.says)
				assert.NotContains(t, err.Error(), "912345678")
				assert.NotContains(t, err.Error(), "invalid character")
			})
		}
	})
}

func TestEveryCallThatIsAnsweredWithNonsenseSaysSo(t *testing.T) {
	t.Parallel()
	forEachCall(t, func(t *testing.T, c apiCall) {
		for _, body := range []string{"", " \n", "null", `"x"`, "[[1]]", "<html>", `{"id":`, `{"id":{},"data":7,"credits":"many"}`} {
			t.Run(body, func(t *testing.T) {
				m := newMock(t, nil, answer(c.status, body))
				_, err := c.call(t.Context(), m.Client)
				if c.method == http.MethodDelete {
					assert.NoError(t, err)
					return
				}
				e := c.requireError(t, err, zexa.ErrAccepted)
				assert.Equal(t, c.status, e.Status)
				assert.Equal(t, body, string(e.Body))
			})
		}
	})
}

func TestEveryCallEndsWithItsContext(t *testing.T) {
	t.Parallel()
	forEachCall(t, func(t *testing.T, c apiCall) {
		t.Run("before it began", func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_, err := c.call(ctx, newMock(t, nil).Client)
			c.requireError(t, err, zexa.ErrNotSent)
			assert.ErrorIs(t, err, context.Canceled)
		})
		t.Run("while it was answered", func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			m := newMock(t, nil, func(r *http.Request) (*http.Response, error) {
				cancel(errors.New("shutting down"))
				<-r.Context().Done()
				return nil, r.Context().Err()
			})
			_, err := c.call(ctx, m.Client)
			c.requireError(t, err, zexa.ErrOutcomeUnknown)
			assert.ErrorIs(t, err, context.Canceled)
			assert.Contains(t, err.Error(), "shutting down")
		})
		t.Run("nil is an error", func(t *testing.T) {
			var none context.Context
			_, err := c.call(none, newMock(t, nil).Client)
			c.requireError(t, err, zexa.ErrNotSent)
		})
	})
}

func TestEveryCallIsBuiltBeforeAnythingIsSent(t *testing.T) {
	t.Parallel()
	forEachCall(t, func(t *testing.T, c apiCall) {
		for name, opt := range map[string]zexa.CallOption{
			"nil option":             nil,
			"negative retries":       zexa.CallRetries(-1),
			"a timeout of nothing":   zexa.CallAttemptTimeout(0),
			"a header with a break":  zexa.CallHeader("X-A", "b\r\nX-C: d"),
			"a header without name":  zexa.CallHeader("", "b"),
			"another Authorization":  zexa.CallHeader("authorization", "Bearer x"),
			"a response that is nil": zexa.CallResponse(nil),
		} {
			t.Run(name, func(t *testing.T) {
				_, err := c.call(t.Context(), newMock(t, nil).Client, opt)
				c.requireError(t, err, zexa.ErrNotSent)
			})
		}
		for field, call := range c.badCalls {
			t.Run("bad "+field, func(t *testing.T) {
				err := call(t.Context(), newMock(t, nil).Client)
				c.requireError(t, err, zexa.ErrNotSent)
				assert.Contains(t, err.Error(), field)
			})
		}
	})
}

func TestEveryCallTakesCallOptions(t *testing.T) {
	t.Parallel()
	forEachCall(t, func(t *testing.T, c apiCall) {
		var resp zexa.Response
		m := newMock(t, nil, answer(c.status, c.answer, "X-Request-Id", "req_9"))
		_, err := c.call(t.Context(), m.Client, zexa.CallHeader("x-trace", "7"), zexa.CallResponse(&resp))
		require.NoError(t, err)
		assert.Equal(t, "7", m.requests[0].Header.Get("X-Trace"))
		assert.Equal(t, c.status, resp.Status)
		assert.Equal(t, "req_9", resp.RequestID)
		assert.Equal(t, "req_9", resp.Header.Get("X-Request-Id"))
		assert.Equal(t, 1, resp.Attempts)
	})
}
