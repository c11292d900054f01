package pipeline

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/zexa-ao/zexa-go/internal/bounded"
	"github.com/zexa-ao/zexa-go/internal/pace"
	"github.com/zexa-ao/zexa-go/internal/policy"
)

const (
	firstWait      = 500 * time.Millisecond
	longestWait    = time.Minute
	attemptTimeout = 30 * time.Second
	successLimit   = 100
	errorLimit     = 10
)

var errReset = errors.New("connection reset")

// A step is what a transport does with one attempt.
type step func(*http.Request) (*http.Response, error)

// respond is a step that answers with what body gives, which may be nil.
// headers are names and values in turn.
func respond(status int, body func(*http.Request) io.Reader, headers ...string) step {
	return func(r *http.Request) (*http.Response, error) {
		h := http.Header{}
		for i := 0; i < len(headers); i += 2 {
			h.Add(headers[i], headers[i+1])
		}
		resp := &http.Response{StatusCode: status, Header: h, ContentLength: -1, Request: r}
		if b := body(r); b != nil {
			resp.Body = io.NopCloser(b)
		}
		return resp, nil
	}
}

// answer is a step that answers with a whole body.
func answer(status int, body string, headers ...string) step {
	return respond(status, func(*http.Request) io.Reader { return strings.NewReader(body) }, headers...)
}

// status is a step that answers with "{}".
func status(code int, headers ...string) step { return answer(code, "{}", headers...) }

// bare is a step that answers without a body.
func bare(code int) step {
	return respond(code, func(*http.Request) io.Reader { return nil })
}

// cut is a step of which the body ends early, after `{"i`.
func cut(code int) step {
	return respond(code, func(*http.Request) io.Reader {
		return io.MultiReader(strings.NewReader(`{"i`), iotest.ErrReader(errReset))
	})
}

// stall is a step of which the body hangs after `{"i`.
func stall(code int) step {
	return respond(code, func(r *http.Request) io.Reader {
		return io.MultiReader(strings.NewReader(`{"i`), readerFunc(func([]byte) (int, error) {
			<-r.Context().Done()
			return 0, r.Context().Err()
		}))
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// silent is a step that fails and reports nothing of what it did.
func silent(*http.Request) (*http.Response, error) { return nil, errReset }

// unsent is a step that reports that it asked for a connection and got none.
func unsent(r *http.Request) (*http.Response, error) {
	if trace := httptrace.ContextClientTrace(r.Context()); trace != nil {
		trace.GetConn("api.example.com:443")
	}
	return nil, errReset
}

// sent is a step that reports that it got a connection.
func sent(r *http.Request) (*http.Response, error) {
	if trace := httptrace.ContextClientTrace(r.Context()); trace != nil {
		trace.GetConn("api.example.com:443")
		trace.GotConn(httptrace.GotConnInfo{})
	}
	return nil, errReset
}

// nothing is a step that breaks the contract of http.RoundTripper.
func nothing(*http.Request) (*http.Response, error) { return nil, nil }

// hang is a step that ends with the context.
func hang(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// A script is a transport that takes its steps one by one. More attempts than
// steps fail the test.
type script struct {
	t        *testing.T
	steps    []step
	requests []*http.Request
	times    []time.Time
	closed   int // calls of CloseIdleConnections
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	s.requests = append(s.requests, r)
	s.times = append(s.times, time.Now())
	if len(s.requests) > len(s.steps) {
		s.t.Errorf("attempt %d was not expected", len(s.requests))
		return nil, errReset
	}
	return s.steps[len(s.requests)-1](r)
}

func (s *script) CloseIdleConnections() { s.closed++ }

// gaps returns the time between each two attempts.
func (s *script) gaps() (gaps []time.Duration) {
	for i := 1; i < len(s.times); i++ {
		gaps = append(gaps, s.times[i].Sub(s.times[i-1]))
	}
	return gaps
}

func play(t *testing.T, steps ...step) *script { return &script{t: t, steps: steps} }

// keys gives each of list in turn, and then the last one for ever.
func keys(list ...string) func(context.Context) (string, error) {
	var n atomic.Int64
	return func(context.Context) (string, error) {
		return list[min(int(n.Add(1)), len(list))-1], nil
	}
}

func configFor(transport http.RoundTripper) Config {
	return Config{
		HTTPClient:     &http.Client{Transport: transport},
		Key:            keys("key-1"),
		FirstWait:      firstWait,
		LongestWait:    longestWait,
		SuccessLimit:   successLimit,
		ErrorLimit:     errorLimit,
		AttemptTimeout: attemptTimeout,
	}
}

func newCall(method string) *Call {
	c := &Call{
		Method:  method,
		URL:     &url.URL{Scheme: "https", Host: "api.example.com", Path: "/v1/messages"},
		Set:     http.Header{"User-Agent": {"test"}},
		Retries: 3,
	}
	if method == http.MethodPost {
		c.Payload = []byte(`{"a":1}`)
	}
	return c
}

// do makes one call through a pipeline of its own.
func do(ctx context.Context, config Config, c *Call) *Call {
	New(config).Do(ctx, c)
	return c
}

// bubble runs f in a bubble of its own, where time costs nothing and nothing
// may be left running.
func bubble(t *testing.T, f func(*testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, f)
}

func TestAttempts(t *testing.T) {
	t.Parallel()
	const (
		get, post, del             = http.MethodGet, http.MethodPost, http.MethodDelete
		notSent, unknown, accepted = policy.NotSent, policy.Unknown, policy.Accepted
		ok                         = policy.Outcome(0) // the call succeeds
	)
	retryAfter := []string{"Retry-After", "1"}
	large := func(code int) step { return answer(code, strings.Repeat("x", successLimit+1)) }

	tests := []struct {
		name     string
		method   string
		steps    []step // all are taken
		want     policy.Outcome
		lastCode int
	}{
		{"a GET that succeeds is made once", get, []step{status(200)}, ok, 200},
		{"a POST that succeeds is made once", post, []step{status(201)}, ok, 201},
		{"a DELETE that succeeds is made once", del, []step{status(204)}, ok, 204},
		{"an answer without a body is whole", post, []step{bare(201)}, ok, 201},
		{"an error without a body is an answer", post, []step{bare(400)}, notSent, 400},

		{"a GET is retried as often as allowed", get, []step{status(500), status(502), status(503), status(504)}, unknown, 504},
		{"a GET is retried until it succeeds", get, []step{status(500), silent, cut(200), status(200)}, ok, 200},
		{"a DELETE is retried until it succeeds", del, []step{status(500), silent, status(429), status(204)}, ok, 204},
		{"a GET is not retried after 501", get, []step{status(501)}, unknown, 501},
		{"a GET is not retried after 404", get, []step{status(404)}, notSent, 404},

		{"a POST is not retried after 500", post, []step{status(500)}, unknown, 500},
		{"a POST is not retried after 503 with Retry-After", post, []step{status(503, retryAfter...)}, unknown, 503},
		{"a POST is retried after 429 until it succeeds", post, []step{status(429), status(429, retryAfter...), status(201)}, ok, 201},
		{"a POST that is refused for its rate to the end is not sent", post, []step{status(429), status(429), status(429), status(429)}, notSent, 429},
		{"a POST is not retried after 400", post, []step{status(400)}, notSent, 400},
		{"a 401 is not retried when there is one key", post, []step{status(401)}, notSent, 401},

		{"silence of the transport proves nothing", post, []step{silent}, unknown, 0},
		{"a connection that was asked for and not got proves that nothing was sent", post, []step{unsent, unsent, status(201)}, ok, 201},
		{"a POST of which nothing was ever sent is not sent", post, []step{unsent, unsent, unsent, unsent}, notSent, 0},
		{"a connection that was got proves nothing", post, []step{sent}, unknown, 0},
		{"proof is for one attempt", post, []step{unsent, sent}, unknown, 0},
		{"proof of one attempt is not that of the next", post, []step{unsent, silent}, unknown, 0},
		{"neither an answer nor an error proves nothing", post, []step{nothing}, unknown, 0},
		{"a GET is retried after neither an answer nor an error", get, []step{nothing, status(200)}, ok, 200},
		{"an answer counts, whatever the transport reported", post, []step{unsent, status(500)}, unknown, 500},

		{"a GET of which the body is cut off is retried to the end", get, []step{cut(200), cut(200), cut(200), cut(200)}, accepted, 200},
		{"a POST of which the body is cut off is accepted", post, []step{cut(201)}, accepted, 201},
		{"a DELETE of which the body is cut off has succeeded", del, []step{cut(200)}, ok, 200},
		{"a GET of which the body is too large is not retried", get, []step{large(200)}, accepted, 200},
		{"a POST of which the body is too large is accepted", post, []step{large(201)}, accepted, 201},
		{"a DELETE of which the body is too large has succeeded", del, []step{large(200)}, ok, 200},
		{"a refusal of which the body is cut off is a refusal", post, []step{cut(422)}, notSent, 422},
		{"a 429 of which the body is cut off is retried", post, []step{cut(429), status(201)}, ok, 201},
		{"a 500 of which the body is cut off is of unknown outcome", post, []step{cut(500)}, unknown, 500},

		{"a redirect is not followed", get, []step{status(302, "Location", "https://evil.example/")}, unknown, 302},
		{"a redirect that keeps the method is not followed", post, []step{status(307, "Location", "/elsewhere")}, unknown, 307},
		{"a Location that is no URL disturbs nobody", post, []step{status(301, "Location", "%zz:")}, unknown, 301},
		{"a Location of a success disturbs nobody", post, []step{status(201, "Location", "%zz:")}, ok, 201},

		{"a DELETE that finds nothing has failed", del, []step{status(404)}, notSent, 404},
		{"a DELETE that finds nothing after an unknown outcome has succeeded", del, []step{status(503), status(404)}, ok, 404},
		{"a DELETE that finds nothing after a lost connection has succeeded", del, []step{sent, status(404)}, ok, 404},
		{"a DELETE that finds nothing later has succeeded too", del, []step{silent, status(429), unsent, status(404)}, ok, 404},
		{"a DELETE that finds nothing after a refusal has failed", del, []step{status(429), status(404)}, notSent, 404},
		{"a DELETE that finds nothing after nothing was sent has failed", del, []step{unsent, status(404)}, notSent, 404},
		{"a DELETE is refused after an unknown outcome", del, []step{status(503), status(400)}, unknown, 400},
		{"a GET that finds nothing after an unknown outcome has failed", get, []step{status(503), status(404)}, unknown, 404},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := play(t, tt.steps...)
				c := do(t.Context(), configFor(s), newCall(tt.method))
				assert.Len(t, s.requests, len(tt.steps))
				assert.Equal(t, len(tt.steps), c.Attempts)
				assert.Equal(t, tt.lastCode, c.Status)
				assert.Equal(t, tt.want == ok, c.OK)
				if tt.want != ok {
					assert.Equal(t, tt.want, c.Outcome)
				}
				assert.False(t, c.Retrying)
				assert.NoError(t, c.Ended)
				assert.NoError(t, c.Halt)
				assert.Zero(t, s.closed, "connections of the caller's transport are the caller's")
			})
		})
	}
}

func TestRepeat(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		steps []step
		ok    bool
		want  policy.Outcome
	}{
		{"a POST is repeated after an unknown outcome", []step{status(500), silent, hang, status(201)}, true, policy.Unknown},
		{"a refusal after an unknown outcome leaves it unknown", []step{status(503), status(422)}, false, policy.Unknown},
		{"a 429 to the end after an unknown outcome leaves it unknown", []step{silent, status(429), status(429), status(429)}, false, policy.Unknown},
		{"nothing sent after an unknown outcome leaves it unknown", []step{status(500), unsent, unsent, unsent}, false, policy.Unknown},
		{"an answer cut off after an unknown outcome is accepted", []step{status(500), cut(201)}, false, policy.Accepted},
		{"a refusal is not repeated", []step{status(422)}, false, policy.NotSent},
		{"a 404 is no success of a POST", []step{status(503), status(404)}, false, policy.Unknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := play(t, tt.steps...)
				c := newCall(http.MethodPost)
				var observed policy.Outcome
				c.Repeat, c.Observe = true, func(context.Context) { observed = c.Outcome }
				do(t.Context(), configFor(s), c)
				assert.Len(t, s.requests, len(tt.steps))
				assert.Equal(t, tt.ok, c.OK)
				assert.Equal(t, tt.want, c.Outcome)
				assert.Equal(t, tt.want, observed, "it is known as soon as the attempt is")
			})
		})
	}
}

func TestRetriesAreCounted(t *testing.T) {
	t.Parallel()
	for _, retries := range []int{0, 1, 7} {
		t.Run(fmt.Sprintf("%d retries are made", retries), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := play(t, slices.Repeat([]step{status(503)}, retries+1)...)
				c := newCall(http.MethodGet)
				c.Retries = retries
				do(t.Context(), configFor(s), c)
				assert.Equal(t, retries+1, c.Attempts)
				assert.Empty(t, c.NoRetry, "that all are made needs no explanation")
			})
		})
	}
}

func TestTheResultIsThatOfTheLastAttempt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := play(t,
			answer(429, "slow", "Retry-After", "3", "X-Request-Id", "1"),
			unsent,
			answer(422, "no", "X-Request-Id", "2"))
		var seen []Result
		c := newCall(http.MethodPost)
		c.Observe = func(context.Context) { seen = append(seen, c.Result) }
		do(t.Context(), configFor(s), c)

		require.Len(t, seen, 3, "each attempt is observed")
		assert.Equal(t, 429, seen[0].Status)
		assert.Equal(t, "slow", string(seen[0].Body))
		assert.Equal(t, 3*time.Second, seen[0].RetryAfter)
		assert.True(t, seen[0].Retrying)

		assert.Zero(t, seen[1].Status)
		assert.Nil(t, seen[1].Header)
		assert.Nil(t, seen[1].Body)
		assert.Zero(t, seen[1].RetryAfter)
		assert.ErrorIs(t, seen[1].Err, errReset)
		assert.True(t, seen[1].Retrying)

		assert.Equal(t, 422, seen[2].Status)
		assert.NoError(t, seen[2].Err)
		assert.False(t, seen[2].Retrying)
		assert.Zero(t, seen[2].Wait)
		assert.Equal(t, []int{1, 2, 3}, []int{seen[0].Attempts, seen[1].Attempts, seen[2].Attempts})

		assert.Equal(t, []time.Duration{seen[0].Wait, seen[1].Wait}, s.gaps(), "what is announced is what is waited")
		assert.Equal(t, "no", string(c.Body))
		assert.Equal(t, "2", c.Header.Get("X-Request-Id"))
	})
}

func TestBeginGivesEachAttemptItsContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		type key struct{}
		number := func(ctx context.Context) any { return ctx.Value(key{}) }
		s := play(t, sent, hang, status(200))
		var begun, observed []any
		var took []time.Duration
		c := newCall(http.MethodGet)
		c.Begin = func(ctx context.Context) context.Context {
			ctx = context.WithValue(ctx, key{}, c.Attempts)
			begun = append(begun, number(ctx))
			return ctx
		}
		c.Observe = func(ctx context.Context) {
			observed, took = append(observed, number(ctx)), append(took, c.Took)
		}
		do(t.Context(), configFor(s), c)
		require.True(t, c.OK)
		var requested []any
		for _, r := range s.requests {
			requested = append(requested, number(r.Context()))
		}
		assert.Equal(t, []any{1, 2, 3}, begun)
		assert.Equal(t, begun, requested)
		assert.Equal(t, begun, observed)
		assert.Equal(t, []time.Duration{0, attemptTimeout, 0}, took, "its timeout is still its own")
	})
}

func TestTheTransportSeesTheValuesOfTheCallersContext(t *testing.T) {
	t.Parallel()
	type key struct{}
	s := play(t, status(200))
	do(context.WithValue(t.Context(), key{}, "value"), configFor(s), newCall(http.MethodGet))
	assert.Equal(t, "value", s.requests[0].Context().Value(key{}))
}

func TestAnAttemptTakesUntilItsBodyWasRead(t *testing.T) {
	bubble(t, func(t *testing.T) {
		slow := respond(200, func(*http.Request) io.Reader {
			return readerFunc(func([]byte) (int, error) {
				time.Sleep(7 * time.Second)
				return 0, io.EOF
			})
		})
		assert.Equal(t, 7*time.Second, do(t.Context(), configFor(play(t, slow)), newCall(http.MethodGet)).Took)
	})
}

// A drained attempt outlives the context of its call, and nothing follows it.
func TestDrain(t *testing.T) {
	t.Parallel()
	late := func(s step) step {
		return func(r *http.Request) (*http.Response, error) {
			select {
			case <-time.After(20 * time.Second):
				return s(r)
			case <-r.Context().Done():
				return nil, r.Context().Err()
			}
		}
	}
	tests := []struct {
		name    string
		step    step
		took    time.Duration
		ok      bool
		outcome policy.Outcome
		status  int
		ended   bool
		err     string
	}{
		{"an answer that comes later is the answer", late(status(201)), 20 * time.Second, true, 0, 201, false, ""},
		{"a refusal that comes later is a refusal", late(status(422)), 20 * time.Second, false, policy.NotSent, 422, false, ""},
		{"a 429 that comes later is not retried", late(status(429)), 20 * time.Second, false, policy.NotSent, 429, true, ""},
		{"nothing sent is not tried again", late(unsent), 20 * time.Second, false, policy.NotSent, 0, true, errReset.Error()},
		{"the attempt has its own timeout", hang, attemptTimeout, false, policy.Unknown, 0, true, "no whole answer within 30s"},
		{"the body has it too", stall(201), attemptTimeout, false, policy.Accepted, 201, true, "no whole answer within 30s"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				time.AfterFunc(10*time.Second, cancel)
				start := time.Now()
				c := newCall(http.MethodPost)
				c.Drain = true
				c.Observe = func(context.Context) { assert.False(t, c.Retrying, "no retry is announced") }
				do(ctx, configFor(play(t, tt.step)), c)
				assert.Equal(t, tt.took, time.Since(start))
				assert.Equal(t, tt.ok, c.OK)
				if !tt.ok {
					assert.Equal(t, tt.outcome, c.Outcome)
				}
				assert.Equal(t, tt.status, c.Status)
				assert.Empty(t, c.NoRetry)
				assert.Equal(t, tt.ended, c.Ended != nil, "%v", c.Ended)
				if tt.err == "" {
					assert.NoError(t, c.Err)
				} else {
					assert.EqualError(t, c.Err, tt.err)
				}
			})
		})
	}
}

func TestBodies(t *testing.T) {
	t.Parallel()
	of := func(n int) string { return strings.Repeat("x", n) }
	announced := func(code int, body string, length int64) step {
		return func(r *http.Request) (*http.Response, error) {
			resp, err := answer(code, body)(r)
			resp.ContentLength = length
			return resp, err
		}
	}
	tests := []struct {
		name string
		step step
		body string
		err  error
	}{
		{"a success body at the limit is read whole", answer(201, of(successLimit)), of(successLimit), nil},
		{"a success body over the limit is an error", answer(201, of(successLimit+1)), of(successLimit), bounded.ErrTooLarge},
		{"an error body at the limit is read whole", answer(400, of(errorLimit)), of(errorLimit), nil},
		{"an error body over the limit is cut without another error", answer(400, of(errorLimit+1)), of(errorLimit), nil},
		{"the body of a redirect is under the limit of errors", answer(302, of(errorLimit+1)), of(errorLimit), nil},
		{"what was read of a success before it was lost is kept", cut(201), `{"i`, errReset},
		{"what was read of an error before it was lost is kept", cut(400), `{"i`, nil},
		{"an announced body is read whole", announced(201, "{}", 2), "{}", nil},
		{"a body shorter than announced is cut off", announced(201, "{}", 3), "{}", io.ErrUnexpectedEOF},
		{"a body of a transport that announces nothing is read whole", announced(201, "{}", 0), "{}", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := do(t.Context(), configFor(play(t, tt.step)), newCall(http.MethodPost))
			assert.Equal(t, tt.body, string(c.Body))
			if tt.err == nil {
				assert.NoError(t, c.Err)
			} else {
				assert.ErrorIs(t, c.Err, tt.err)
			}
		})
	}
}

func TestEveryBodyIsClosed(t *testing.T) {
	t.Parallel()
	for _, code := range []int{200, 302, 400, 500} {
		body := &closer{Reader: io.MultiReader(strings.NewReader("x"), iotest.ErrReader(errReset))}
		step := func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: code, Body: body, ContentLength: -1}, nil
		}
		do(t.Context(), configFor(play(t, step)), newCall(http.MethodPost))
		assert.Equal(t, 1, body.closed, "status %d", code)
	}
}

type closer struct {
	io.Reader
	closed int
}

func (c *closer) Close() error {
	c.closed++
	return nil
}

func TestWaits(t *testing.T) {
	t.Parallel()
	const s = time.Second
	date := func(in time.Duration) string { return time.Now().Add(in).UTC().Format(http.TimeFormat) }

	tests := []struct {
		name    string
		headers func() []string
		longest time.Duration
		least   time.Duration
		most    time.Duration
	}{
		{"without Retry-After the first wait is drawn", nil, longestWait, firstWait / 2, firstWait},
		{"Retry-After is waited for", func() []string { return []string{"Retry-After", "20"} }, longestWait, 20 * s, 22 * s},
		{"Retry-After of the longest wait is waited for exactly", func() []string { return []string{"Retry-After", "20"} }, 20 * s, 20 * s, 20 * s},
		{"a date is waited for exactly", func() []string { return []string{"Retry-After", date(20 * s)} }, 20 * s, 20 * s, 20 * s},
		{"a date is relative to the server's clock", func() []string {
			return []string{"Retry-After", date(20*s + time.Hour), "Date", date(time.Hour)}
		}, 20 * s, 20 * s, 20 * s},
		{"garbage is ignored", func() []string { return []string{"Retry-After", "-20"} }, longestWait, firstWait / 2, firstWait},
	}
	for _, tt := range tests {
		for _, code := range []int{429, 503} {
			t.Run(fmt.Sprintf("%s after a %d", tt.name, code), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					var headers []string
					if tt.headers != nil {
						headers = tt.headers()
					}
					s := play(t, status(code, headers...), status(200))
					config := configFor(s)
					config.LongestWait = tt.longest
					c := do(t.Context(), config, newCall(http.MethodGet))
					require.True(t, c.OK)
					require.Len(t, s.gaps(), 1)
					assert.GreaterOrEqual(t, s.gaps()[0], tt.least)
					assert.LessOrEqual(t, s.gaps()[0], tt.most)
				})
			})
		}
	}
}

func TestTheWaitDoublesUpToTheLongest(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := play(t, slices.Repeat([]step{status(503)}, 7)...)
		config := configFor(s)
		config.LongestWait = 6 * time.Second
		c := newCall(http.MethodGet)
		c.Retries = 6
		do(t.Context(), config, c)
		ceilings := []time.Duration{firstWait, 2 * firstWait, 4 * firstWait, 8 * firstWait, config.LongestWait, config.LongestWait}
		require.Len(t, s.gaps(), len(ceilings))
		for i, gap := range s.gaps() {
			assert.GreaterOrEqual(t, gap, ceilings[i]/2, "wait %d", i+1)
			assert.LessOrEqual(t, gap, ceilings[i], "wait %d", i+1)
		}
	})
}

func TestAWaitThatDoesNotFitIsNotBegun(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		deadline time.Duration
		headers  []string
		first    time.Duration
		asked    time.Duration
		why      string
	}{
		{"Retry-After past the deadline", 10 * time.Second, []string{"Retry-After", "20"}, firstWait, 20 * time.Second,
			`^not retried: a wait of 2[0-2](\.\d+)?s would pass the deadline$`},
		{"Retry-After over the longest wait", time.Hour, []string{"Retry-After", "61"}, firstWait, 61 * time.Second,
			`^not retried: Retry-After is over the longest wait of 1m0s$`},
		{"Retry-After over both", 10 * time.Second, []string{"Retry-After", "3600"}, firstWait, time.Hour,
			`^not retried: Retry-After is over the longest wait of 1m0s$`},
		{"a drawn wait past the deadline", 10 * time.Second, nil, longestWait, 0,
			`^not retried: a wait of \S+ would pass the deadline$`},
	}
	for _, tt := range tests {
		t.Run(tt.name+" leaves the API's answer at once", func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				start := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), tt.deadline)
				defer cancel()
				config := configFor(play(t, status(429, tt.headers...)))
				config.FirstWait = tt.first
				c := do(ctx, config, newCall(http.MethodPost))
				assert.Equal(t, start, time.Now(), "nothing was waited for")
				assert.Equal(t, 429, c.Status)
				assert.Equal(t, "{}", string(c.Body))
				assert.Equal(t, tt.asked, c.RetryAfter)
				assert.Equal(t, policy.NotSent, c.Outcome)
				assert.NoError(t, c.Ended)
				assert.Regexp(t, tt.why, c.NoRetry)
			})
		})
	}
}

func TestACancelledWaitKeepsTheLastAnswer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		stopped := errors.New("stopped by the user")
		ctx, cancel := context.WithCancelCause(t.Context())
		start := time.Now()
		time.AfterFunc(5*time.Second, func() { cancel(stopped) })

		s := play(t, status(429, "Retry-After", "20"))
		var observed int
		c := newCall(http.MethodPost)
		c.Observe = func(context.Context) { observed++ }
		do(ctx, configFor(s), c)
		assert.Equal(t, 5*time.Second, time.Since(start), "the wait ends with the context")
		assert.Equal(t, 429, c.Status)
		assert.Equal(t, "{}", string(c.Body))
		assert.Equal(t, 20*time.Second, c.RetryAfter)
		assert.Equal(t, policy.NotSent, c.Outcome)
		assert.ErrorIs(t, c.Ended, context.Canceled)
		assert.ErrorIs(t, c.Ended, stopped)
		assert.False(t, c.Retrying)
		assert.Equal(t, 1, c.Attempts)
		assert.Equal(t, 1, observed)
		assert.Zero(t, s.closed, "the connections of other calls stay open")
	})
}

func TestACancelledWaitKeepsTheUnknownOutcome(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		c := newCall(http.MethodPost)
		c.Repeat = true
		c.Observe = func(context.Context) { cancel() }
		do(ctx, configFor(play(t, silent)), c)
		assert.Equal(t, policy.Unknown, c.Outcome)
		assert.ErrorIs(t, c.Err, errReset)
		assert.Equal(t, context.Canceled, c.Ended)
	})
}

func TestAContextThatHasEndedSendsNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 0)
		defer cancel()
		config := configFor(play(t))
		config.Key = func(context.Context) (string, error) {
			t.Error("the key is not needed")
			return "", nil
		}
		config.Gate = func(context.Context) error {
			t.Error("a turn is not needed")
			return nil
		}
		c := newCall(http.MethodGet)
		c.Observe = func(context.Context) { t.Error("there was no attempt") }
		do(ctx, config, c)
		assert.Zero(t, c.Attempts)
		assert.Equal(t, policy.NotSent, c.Outcome)
		assert.ErrorIs(t, c.Ended, context.DeadlineExceeded)
		assert.ErrorIs(t, c.Halt, context.DeadlineExceeded)
	})
}

// What ends an attempt is the caller's context or the attempt's own timeout,
// and only the first ends the call.
func TestTimeouts(t *testing.T) {
	t.Parallel()
	const soon = 10 * time.Second // before the attempt's timeout
	none := time.Duration(0)

	tests := []struct {
		name     string
		method   string
		deadline time.Duration
		steps    []step
		took     time.Duration // 0: not only one attempt
		ok       bool
		outcome  policy.Outcome
		status   int
		ended    bool
		timedOut bool
	}{
		{"a POST that times out is of unknown outcome", http.MethodPost, none, []step{hang},
			attemptTimeout, false, policy.Unknown, 0, false, true},
		{"a GET that times out is retried", http.MethodGet, none, []step{hang, status(200)},
			0, true, 0, 200, false, false},
		{"a GET that times out to the end has timed out", http.MethodGet, none, []step{hang, hang, hang, hang},
			0, false, policy.Unknown, 0, false, true},
		{"a POST that got no connection in time is retried", http.MethodPost, none,
			[]step{func(r *http.Request) (*http.Response, error) { unsent(r); return hang(r) }, status(201)},
			0, true, 0, 201, false, false},
		{"a POST that times out in the body is accepted", http.MethodPost, none, []step{stall(201)},
			attemptTimeout, false, policy.Accepted, 201, false, true},
		{"a GET that times out in the body is retried", http.MethodGet, none, []step{stall(200), status(200)},
			0, true, 0, 200, false, false},
		{"a refusal that times out in the body is a refusal", http.MethodPost, none, []step{stall(422)},
			attemptTimeout, false, policy.NotSent, 422, false, false},
		{"a 429 that times out in the body is retried", http.MethodPost, none, []step{stall(429), status(201)},
			0, true, 0, 201, false, false},

		{"a POST that the context ends is of unknown outcome", http.MethodPost, soon, []step{hang},
			soon, false, policy.Unknown, 0, true, false},
		{"a GET that the context ends is not retried", http.MethodGet, soon, []step{hang},
			soon, false, policy.Unknown, 0, true, false},
		{"a POST that the context ends before a connection is not sent", http.MethodPost, soon,
			[]step{func(r *http.Request) (*http.Response, error) { unsent(r); return hang(r) }},
			soon, false, policy.NotSent, 0, true, false},
		{"a POST that the context ends in the body is accepted", http.MethodPost, soon, []step{stall(201)},
			soon, false, policy.Accepted, 201, true, false},
		{"a GET that the context ends in the body is not retried", http.MethodGet, soon, []step{stall(200)},
			soon, false, policy.Accepted, 200, true, false},
		{"a DELETE that the context ends in the body has succeeded", http.MethodDelete, soon, []step{stall(200)},
			soon, true, 0, 200, true, false},
		{"a 429 that the context ends in the body is not retried", http.MethodPost, soon, []step{stall(429)},
			soon, false, policy.NotSent, 429, true, false},
		{"a 503 that the context ends in the body is not retried", http.MethodGet, soon, []step{stall(503)},
			soon, false, policy.Unknown, 503, true, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				ctx, start := t.Context(), time.Now()
				if tt.deadline > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tt.deadline)
					defer cancel()
				}
				s := play(t, tt.steps...)
				c := do(ctx, configFor(s), newCall(tt.method))
				assert.Len(t, s.requests, len(tt.steps))
				if tt.took > 0 {
					assert.Equal(t, tt.took, time.Since(start))
				}
				assert.Equal(t, tt.ok, c.OK)
				if !tt.ok {
					assert.Equal(t, tt.outcome, c.Outcome)
				}
				assert.Equal(t, tt.status, c.Status)
				if tt.ended {
					assert.Equal(t, context.DeadlineExceeded, c.Ended)
					assert.Empty(t, c.NoRetry, "no retry was considered")
				} else {
					assert.NoError(t, c.Ended)
				}
				if tt.timedOut {
					var timeout interface { // net.Error, of which one method is deprecated
						Timeout() bool
						Temporary() bool
					}
					require.ErrorAs(t, c.Err, &timeout)
					assert.True(t, timeout.Timeout())
					assert.EqualError(t, c.Err, "no whole answer within 30s")
					assert.True(t, timeout.Temporary())
					assert.NotErrorIs(t, c.Err, context.DeadlineExceeded, "the caller's context has not ended")
				}
			})
		})
	}
}

func TestTheTimeoutOfAnAttempt(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name         string
		client, call time.Duration
		want         time.Duration
	}{
		{"it is the pipeline's", 0, 0, attemptTimeout},
		{"it is the call's if that is set", 0, time.Minute, time.Minute},
		{"the http.Client's bounds the pipeline's", 3 * time.Second, 0, 3 * time.Second},
		{"the http.Client's bounds the call's", 3 * time.Second, time.Minute, 3 * time.Second},
		{"the http.Client's does not lengthen the call's", time.Hour, 2 * time.Second, 2 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := play(t, hang, hang)
				config := configFor(s)
				config.HTTPClient.Timeout = tt.client
				c := newCall(http.MethodGet)
				c.Timeout, c.Retries = tt.call, 1
				start := time.Now()
				var ends []time.Duration
				c.Observe = func(context.Context) { ends = append(ends, time.Since(start)) }
				do(t.Context(), config, c)
				require.Len(t, ends, 2)
				assert.Equal(t, tt.want, ends[0])
				assert.Equal(t, tt.want, ends[1]-s.times[1].Sub(start), "each attempt has it whole")
				assert.EqualError(t, c.Err, fmt.Sprintf("no whole answer within %v", tt.want))
			})
		})
	}
}

func TestTheTimeoutOfTheHTTPClientSpansNeitherGateNorWaits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		config := configFor(play(t, status(429, "Retry-After", "40"), status(200)))
		config.HTTPClient.Timeout = time.Second
		config.Gate = func(context.Context) error {
			time.Sleep(10 * time.Second)
			return nil
		}
		c := do(t.Context(), config, newCall(http.MethodGet))
		assert.True(t, c.OK)
	})
}

func TestTheGateIsAskedBeforeEachAttempt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var order []string
		note := func(what string, s step) step {
			return func(r *http.Request) (*http.Response, error) {
				order = append(order, what)
				return s(r)
			}
		}
		config := configFor(play(t, note("429", status(429)), note("lost", unsent), note("201", status(201))))
		config.Gate = func(ctx context.Context) error {
			order = append(order, "gate")
			return ctx.Err()
		}
		config.Key = func(ctx context.Context) (string, error) {
			order = append(order, "key")
			return "key-1", ctx.Err()
		}
		c := do(t.Context(), config, newCall(http.MethodPost))
		require.True(t, c.OK)
		assert.Equal(t, []string{"gate", "key", "429", "gate", "key", "lost", "gate", "key", "201"}, order)
	})
}

// A halt comes from the gate, or from the function that supplies the key.
func TestAHaltSendsNothingMoreAndKeepsWhatIsKnown(t *testing.T) {
	t.Parallel()
	full := errors.New("the queue is full")
	halts := map[string]struct {
		set  func(*Config, func() error)
		text string
	}{
		"gate": {func(config *Config, f func() error) {
			config.Gate = func(context.Context) error { return f() }
		}, "rate limiter: the queue is full"},
		"key function": {func(config *Config, f func() error) {
			config.Key = func(context.Context) (string, error) { return "key-1", f() }
		}, "the queue is full"},
	}
	tests := []struct {
		name    string
		repeat  bool
		steps   []step // before the halt
		outcome policy.Outcome
		status  int
		err     error
	}{
		{"before the first attempt", false, nil, policy.NotSent, 0, nil},
		{"after a 429", false, []step{status(429, "Retry-After", "7")}, policy.NotSent, 429, nil},
		{"after nothing was sent", false, []step{unsent}, policy.NotSent, 0, errReset},
		{"after a repeated POST of unknown outcome", true, []step{status(503, "Retry-After", "7")}, policy.Unknown, 503, nil},
		{"after a repeated POST that was lost", true, []step{silent}, policy.Unknown, 0, errReset},
	}
	for kind, halt := range halts {
		for _, tt := range tests {
			t.Run(fmt.Sprintf("an error of the %s %s", kind, tt.name), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					config := configFor(play(t, tt.steps...))
					turn := 0
					halt.set(&config, func() error {
						if turn++; turn > len(tt.steps) {
							return full
						}
						return nil
					})
					observed := 0
					c := newCall(http.MethodPost)
					c.Repeat, c.Observe = tt.repeat, func(context.Context) { observed++ }
					do(t.Context(), config, c)
					assert.ErrorIs(t, c.Halt, full)
					assert.EqualError(t, c.Halt, halt.text)
					assert.False(t, c.OK)
					assert.False(t, c.Retrying)
					assert.Equal(t, tt.outcome, c.Outcome)
					assert.Equal(t, len(tt.steps), c.Attempts)
					assert.Equal(t, len(tt.steps), observed)
					assert.Equal(t, tt.status, c.Status)
					assert.Equal(t, tt.err, c.Err)
					assert.NoError(t, c.Ended)
					if tt.status != 0 {
						assert.Equal(t, "{}", string(c.Body))
						assert.Equal(t, 7*time.Second, c.RetryAfter)
					}
				})
			})
		}
	}
}

func TestAContextThatEndsAtTheGateEndsTheCall(t *testing.T) {
	t.Parallel()
	gates := map[string]func(context.Context) error{
		"says so":       func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
		"does not care": func(ctx context.Context) error { <-ctx.Done(); return nil },
	}
	for name, gate := range gates {
		t.Run("when the gate "+name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				config := configFor(play(t))
				config.Gate = gate
				c := do(ctx, config, newCall(http.MethodPost))
				assert.ErrorIs(t, c.Halt, context.DeadlineExceeded)
				assert.ErrorIs(t, c.Ended, context.DeadlineExceeded)
				assert.Equal(t, policy.NotSent, c.Outcome)
				assert.Zero(t, c.Attempts)
			})
		})
	}
}

func TestThePaceIsThatOfThePipeline(t *testing.T) {
	t.Parallel()
	const asked = 20 * time.Second
	// refused makes a call that learns of the limit.
	refused := func(t *testing.T, paced bool, next ...step) (*Pipeline, *script) {
		s := play(t, append([]step{status(429, "Retry-After", "20")}, next...)...)
		config := configFor(s)
		config.Paced = paced
		p := New(config)
		c := newCall(http.MethodPost)
		c.Retries = 0
		p.Do(t.Context(), c)
		assert.Equal(t, 429, c.Status)
		return p, s
	}
	t.Run("a call waits for what another was told to wait for", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			p, s := refused(t, true, status(201))
			c := newCall(http.MethodPost)
			var held []time.Duration
			c.Held = func(_ context.Context, wait time.Duration) { held = append(held, wait) }
			p.Do(t.Context(), c)
			assert.True(t, c.OK)
			assert.Equal(t, []time.Duration{asked}, s.gaps())
			assert.Equal(t, []time.Duration{asked}, held, "and is told so")
			assert.Equal(t, 1, c.Attempts, "waiting for the pace is not a retry")
		})
	})
	t.Run("a call that gets no turn before its deadline fails at once", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			p, s := refused(t, true)
			start := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), asked)
			defer cancel()
			c := newCall(http.MethodPost)
			p.Do(ctx, c)
			assert.Equal(t, start, time.Now())
			var late *pace.TooLate
			require.ErrorAs(t, c.Halt, &late)
			assert.Equal(t, asked, late.Wait)
			assert.NoError(t, c.Ended)
			assert.Equal(t, policy.NotSent, c.Outcome)
			assert.Len(t, s.requests, 1)
		})
	})
	t.Run("without it nobody waits for others", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			p, s := refused(t, false, status(201))
			p.Do(t.Context(), newCall(http.MethodPost))
			assert.Equal(t, []time.Duration{0}, s.gaps())
		})
	})
	t.Run("the rate is that of the requests that were accepted", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			const n = 20
			s := play(t, append(slices.Repeat([]step{status(201)}, n), status(429, "Retry-After", "1"), status(201), status(201))...)
			config := configFor(s)
			config.Paced = true
			p := New(config)
			for range n {
				p.Do(t.Context(), newCall(http.MethodPost))
				time.Sleep(time.Second / n)
			}
			for range 2 {
				c := newCall(http.MethodPost)
				p.Do(t.Context(), c)
				require.True(t, c.OK)
			}
			gap := s.gaps()[n+1]
			assert.Greater(t, gap, time.Second/n/2)
			assert.Less(t, gap, 2*time.Second/n)
		})
	})
}

// authorizations returns what each attempt was sent with.
func (s *script) authorizations() (list []string) {
	for _, r := range s.requests {
		list = append(list, strings.Join(r.Header["Authorization"], "|"))
	}
	return list
}

func TestEachAttemptAsksForItsKey(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := play(t, status(429), unsent, status(429), status(201))
		config := configFor(s)
		config.Key = keys("key-1", "key-2", "key-1", "key-3")
		c := do(t.Context(), config, newCall(http.MethodPost))
		require.True(t, c.OK)
		assert.Equal(t, []string{"Bearer key-1", "Bearer key-2", "Bearer key-1", "Bearer key-3"}, s.authorizations())
		assert.Equal(t, []string{"key-1", "key-2", "key-3"}, c.Keys, "each key used is known once")
	})
}

func TestA401IsAttemptedOnceMoreWithAnotherKey(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		rotates bool
		retries int
		keys    []string
		steps   []step
		sent    []string
		ok      bool
		status  int
	}{
		{"another key is tried at once, and is no retry", true, 0, []string{"a", "b"},
			[]step{status(401), status(201)}, []string{"a", "b"}, true, 201},
		{"the same key is not tried again", true, 3, []string{"a", "a", "b"},
			[]step{status(401)}, []string{"a"}, false, 401},
		{"a second 401 is the end, whatever keys there are", true, 3, []string{"a", "b", "c"},
			[]step{status(401), status(401)}, []string{"a", "b"}, false, 401},
		{"a client of one key does not ask for another", false, 3, []string{"a", "b"},
			[]step{status(401)}, []string{"a"}, false, 401},
		{"retries after it are all there, with the keys of their time", true, 1, []string{"a", "b", "c"},
			[]step{status(401), status(429), status(201)}, []string{"a", "b", "c"}, true, 201},
		{"retries before it count", true, 1, []string{"a", "a", "b"},
			[]step{status(429), status(401), status(429)}, []string{"a", "a", "b"}, false, 429},
		{"Retry-After of a 401 is not waited for", true, 0, []string{"a", "b"},
			[]step{status(401, "Retry-After", "20"), status(201)}, []string{"a", "b"}, true, 201},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := play(t, tt.steps...)
				config := configFor(s)
				config.Rotates, config.Key = tt.rotates, keys(tt.keys...)
				c := newCall(http.MethodPost)
				var codes []int
				c.Retries, c.Observe = tt.retries, func(context.Context) { codes = append(codes, c.Status) }
				do(t.Context(), config, c)
				var want []string
				for _, key := range tt.sent {
					want = append(want, "Bearer "+key)
				}
				assert.Equal(t, want, s.authorizations())
				assert.Equal(t, tt.ok, c.OK)
				assert.Equal(t, tt.status, c.Status)
				for i, gap := range s.gaps() {
					assert.Equal(t, codes[i] == 401, gap == 0, "only the attempt after the 401 comes at once")
				}
			})
		})
	}
}

func TestA401WithoutAKeyToReplaceItStays(t *testing.T) {
	t.Parallel()
	t.Run("when the key function fails", func(t *testing.T) {
		t.Parallel()
		config := configFor(play(t, status(401)))
		asked := 0
		config.Rotates, config.Key = true, func(context.Context) (string, error) {
			if asked++; asked > 1 {
				return "key-2", errors.New("no more keys")
			}
			return "key-1", nil
		}
		c := do(t.Context(), config, newCall(http.MethodPost))
		assert.Equal(t, 401, c.Status)
		assert.NoError(t, c.Halt)
		assert.Equal(t, policy.NotSent, c.Outcome)
		assert.Equal(t, 2, asked)
	})
	t.Run("when the context has ended", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			config := configFor(play(t, stall(401)))
			asked := 0
			config.Rotates, config.Key = true, func(context.Context) (string, error) {
				asked++
				return fmt.Sprint("key-", asked), nil
			}
			c := do(ctx, config, newCall(http.MethodPost))
			assert.Equal(t, 401, c.Status)
			assert.Equal(t, context.DeadlineExceeded, c.Ended)
			assert.NoError(t, c.Halt)
			assert.Equal(t, 1, asked)
		})
	})
}

func TestEachAttemptIsTheRequestThatWasDescribed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var bodies []string
		read := func(s step) step {
			return func(r *http.Request) (*http.Response, error) {
				body, err := io.ReadAll(r.Body)
				assert.NoError(t, err)
				bodies = append(bodies, string(body))
				return s(r)
			}
		}
		http1 := func(r *http.Request) (*http.Response, error) {
			resp, err := status(429)(r)
			resp.ProtoMajor = 1
			return resp, err
		}
		s := play(t, read(http1), read(unsent), read(status(201)))
		c := do(t.Context(), configFor(s), newCall(http.MethodPost))
		require.True(t, c.OK)
		assert.Equal(t, []string{`{"a":1}`, `{"a":1}`, `{"a":1}`}, bodies, "each has the whole body")
		for i, r := range s.requests {
			assert.Equal(t, http.MethodPost, r.Method)
			assert.Equal(t, "https://api.example.com/v1/messages", r.URL.String())
			assert.Equal(t, "api.example.com", r.Host)
			assert.Equal(t, int64(7), r.ContentLength)
			assert.Equal(t, http.Header{"User-Agent": {"test"}, "Authorization": {"Bearer key-1"}}, r.Header)
			if i == 0 {
				assert.Nil(t, r.GetBody, "it is not known yet which HTTP is spoken")
				continue
			}
			again, err := r.GetBody()
			require.NoError(t, err)
			body, err := io.ReadAll(again)
			require.NoError(t, err)
			assert.Equal(t, `{"a":1}`, string(body), "net/http can take it from the beginning")
		}
	})
}

func TestACallWithoutPayloadHasNoBody(t *testing.T) {
	t.Parallel()
	s := play(t, status(200))
	require.True(t, do(t.Context(), configFor(s), newCall(http.MethodGet)).OK)
	r := s.requests[0]
	assert.Nil(t, r.Body)
	assert.Nil(t, r.GetBody)
	assert.Zero(t, r.ContentLength)
}

func TestACallNeedsNoHeader(t *testing.T) {
	t.Parallel()
	s := play(t, status(200))
	c := newCall(http.MethodGet)
	c.Set = nil
	require.True(t, do(t.Context(), configFor(s), c).OK)
	assert.Equal(t, http.Header{"Authorization": {"Bearer key-1"}}, s.requests[0].Header)
	assert.Nil(t, c.Set)
}

func TestEachAttemptHasAHeaderMapOfItsOwn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		deface := func(s step) step {
			return func(r *http.Request) (*http.Response, error) {
				r.Header.Set("X-Attempt", "1")
				r.Header.Del("User-Agent")
				return s(r)
			}
		}
		s := play(t, deface(status(429)), status(201))
		config := configFor(s)
		config.Key = keys("key-1", "key-2")
		c := newCall(http.MethodPost)
		c.Set["Authorization"] = []string{"Bearer another"}
		set := maps.Clone(c.Set)
		do(t.Context(), config, c)
		assert.Equal(t, set, c.Set, "what the caller set stays as it was")
		assert.Equal(t, http.Header{"X-Attempt": {"1"}, "Authorization": {"Bearer key-1"}}, s.requests[0].Header)
		assert.Equal(t, http.Header{"User-Agent": {"test"}, "Authorization": {"Bearer key-2"}}, s.requests[1].Header)
	})
}

// A transport must not change a request, but some do.
func TestEachAttemptHasAURLOfItsOwn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		rewrite := func(s step) step {
			return func(r *http.Request) (*http.Response, error) {
				r.URL.Path = "/proxy" + r.URL.Path
				return s(r)
			}
		}
		s := play(t, rewrite(status(429)), rewrite(status(201)))
		do(t.Context(), configFor(s), newCall(http.MethodPost))
		require.Len(t, s.requests, 2)
		for _, r := range s.requests {
			assert.Equal(t, "/proxy/v1/messages", r.URL.Path)
		}
	})
}

func TestTheCallersHTTPClientIsUsedAndNotChanged(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := play(t, status(429), status(302, "Location", "https://evil.example/"))
		config := configFor(s)
		followed := false
		client := config.HTTPClient
		client.Timeout = time.Hour
		client.CheckRedirect = func(*http.Request, []*http.Request) error {
			followed = true
			return nil
		}
		c := do(t.Context(), config, newCall(http.MethodPost))
		assert.Equal(t, 302, c.Status)
		assert.Equal(t, "https://evil.example/", c.Header.Get("Location"))
		assert.False(t, followed, "there is no redirect to ask about")
		assert.Same(t, s, client.Transport)
		assert.Equal(t, time.Hour, client.Timeout)
		require.NotNil(t, client.CheckRedirect)
		require.NoError(t, client.CheckRedirect(nil, nil))
		assert.True(t, followed, "it is still the caller's")
		assert.Nil(t, client.Jar)
	})
}

func TestACookieJarIsUsedAndEachAttemptHasItsCookiesOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := play(t, status(429, "Set-Cookie", "node=1"), status(429, "Set-Cookie", "node=2"), status(429), status(201))
		config := configFor(s)
		var err error
		config.HTTPClient.Jar, err = cookiejar.New(nil)
		require.NoError(t, err)
		c := newCall(http.MethodPost)
		config.HTTPClient.Jar.SetCookies(c.URL, []*http.Cookie{{Name: "node", Value: "0"}})
		set := maps.Clone(c.Set)
		do(t.Context(), config, c)
		require.True(t, c.OK)
		var cookies []string
		for _, r := range s.requests {
			cookies = append(cookies, r.Header.Get("Cookie"))
		}
		assert.Equal(t, []string{"node=0", "node=1", "node=2", "node=2"}, cookies)
		assert.Equal(t, set, c.Set, "what the caller set stays as it was")

		s.steps = append(s.steps, status(201))
		c = newCall(http.MethodPost)
		c.Set["Cookie"] = []string{"own=1"}
		do(t.Context(), config, c)
		assert.Equal(t, []string{"own=1; node=2"}, s.requests[4].Header["Cookie"], "they join those of the call")

		s.steps = append(s.steps, status(201))
		full := errors.New("the queue is full")
		config.Gate = func(context.Context) error { return full }
		p := New(config)
		p.Do(t.Context(), newCall(http.MethodPost))
		full = nil
		p.Do(t.Context(), newCall(http.MethodPost))
		assert.Equal(t, []string{"node=2"}, s.requests[5].Header["Cookie"], "those of a call that was halted are not those of the next")
	})
}

func TestConnectionsOfTheCallersTransportAreNeverClosed(t *testing.T) {
	t.Parallel()
	tests := map[string][]step{
		"after a success":              {status(200)},
		"after the last retry":         {status(503), status(503), status(503), status(503)},
		"after a refusal":              {status(400)},
		"after a lost connection":      {silent, silent, silent, silent},
		"when a wait is cancelled":     {status(503, "Retry-After", "30")},
		"when an attempt is cancelled": {hang},
	}
	for name, steps := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				time.AfterFunc(20*time.Second, cancel)
				s := play(t, steps...)
				do(ctx, configFor(s), newCall(http.MethodGet))
				assert.Len(t, s.requests, len(steps))
				assert.Zero(t, s.closed)
			})
		})
	}
}

// It replaces http.DefaultTransport, so it is not parallel.
func TestWithoutATransportTheDefaultOfTheMomentIsUsed(t *testing.T) {
	p := New(configFor(nil))
	before := http.DefaultTransport
	t.Cleanup(func() { http.DefaultTransport = before })
	s := play(t, status(200))
	http.DefaultTransport = s
	c := newCall(http.MethodGet)
	p.Do(t.Context(), c)
	assert.True(t, c.OK)
	assert.Len(t, s.requests, 1)
}

// No answer of the transport makes http.Client fail, so it is asked directly.
func TestAnErrorOfHTTPClientItselfIsNoAnswer(t *testing.T) {
	t.Parallel()
	p := New(configFor(play(t)))
	c := newCall(http.MethodPost)
	c.ctx = t.Context()
	c.Status, c.Header, c.Body, c.RetryAfter, c.unsent = 429, http.Header{"Retry-After": {"1"}}, []byte("{}"), time.Second, true
	again, err := p.decide(context.WithValue(t.Context(), callKey{}, c), nil, errReset)
	assert.NoError(t, err)
	assert.False(t, again)
	c.Outcome = 0
	assert.Equal(t, Result{Err: errReset}, c.Result)
}

func TestOnePipelineServesManyCallsAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var n atomic.Int64
		transport := step(func(r *http.Request) (*http.Response, error) {
			if n.Add(1)%3 == 0 {
				return status(200)(r)
			}
			return answer(503, r.URL.Path)(r)
		})
		p := New(configFor(transport))
		var calls [50]*Call
		var wg sync.WaitGroup
		for i := range calls {
			wg.Go(func() {
				calls[i] = newCall(http.MethodGet)
				calls[i].URL = &url.URL{Scheme: "https", Host: "api.example.com", Path: fmt.Sprint("/", i)}
				p.Do(t.Context(), calls[i])
			})
		}
		wg.Wait()
		attempts := 0
		for i, c := range calls {
			attempts += c.Attempts
			if !c.OK {
				assert.Equal(t, fmt.Sprint("/", i), string(c.Body), "an answer is that of its own call")
				assert.Equal(t, 4, c.Attempts)
			}
		}
		assert.EqualValues(t, n.Load(), attempts)
	})
}

func (s step) RoundTrip(r *http.Request) (*http.Response, error) { return s(r) }

// A site is a server on loopback that counts what reaches it.
type site struct {
	address string
	conns   atomic.Int64
	arrived atomic.Int64 // requests that were read whole
}

// serve answers each request by handle, which has the connection.
func serve(t *testing.T, handle func(*site, net.Conn)) *site {
	t.Helper()
	return serveWith(t, func(s *site, conn net.Conn) {
		r := bufio.NewReader(conn)
		for {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			if _, err := io.Copy(io.Discard, req.Body); err != nil {
				return
			}
			s.arrived.Add(1)
			handle(s, conn)
		}
	})
}

// serveWith gives each connection to handle, and closes it afterwards.
func serveWith(t *testing.T, handle func(*site, net.Conn)) *site {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &site{address: listener.Addr().String()}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.conns.Add(1)
			wg.Go(func() {
				defer context.AfterFunc(t.Context(), func() { conn.Close() })()
				defer conn.Close()
				handle(s, conn)
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		wg.Wait()
	})
	return s
}

// created answers with 201 and keeps the connection open.
func created(_ *site, conn net.Conn) {
	io.WriteString(conn, "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}")
}

// loopback returns the transport to use with a configuration for real sockets.
func loopback(t *testing.T, transport *http.Transport) Config {
	t.Helper()
	t.Cleanup(transport.CloseIdleConnections)
	config := configFor(transport)
	config.FirstWait, config.LongestWait = 1, 1
	return config
}

func postTo(scheme, address string) *Call {
	c := newCall(http.MethodPost)
	c.URL = &url.URL{Scheme: scheme, Host: address, Path: "/v1/messages"}
	return c
}

func TestARefusedConnectionIsRetriedUntilSomebodyListens(t *testing.T) {
	t.Parallel()
	up := serve(t, created)
	// The local end of a connection is a port that nobody listens on and that
	// nobody else can have.
	taken, err := net.Dial("tcp", up.address)
	require.NoError(t, err)
	t.Cleanup(func() { taken.Close() })
	down := taken.LocalAddr().String()

	var attempts int
	transport := &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		if attempts < 3 {
			return d.DialContext(ctx, network, down)
		}
		return d.DialContext(ctx, network, up.address)
	}}
	config := loopback(t, transport)
	config.HTTPClient.Transport = step(func(r *http.Request) (*http.Response, error) {
		attempts++
		return transport.RoundTrip(r)
	})
	c := postTo("http", "api.example.com")
	var errs []error
	c.Observe = func(context.Context) {
		if c.Err != nil {
			errs = append(errs, c.Err)
		}
	}
	do(t.Context(), config, c)
	assert.True(t, c.OK)
	assert.Equal(t, 3, c.Attempts)
	assert.Equal(t, int64(1), up.arrived.Load())
	require.Len(t, errs, 2)
	var dial *net.OpError
	require.ErrorAs(t, errs[0], &dial)
	assert.Equal(t, "dial", dial.Op)
}

func TestAFailedTLSHandshakeHasSentNothing(t *testing.T) {
	t.Parallel()
	var arrived atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { arrived.Add(1) }))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)

	c := do(t.Context(), loopback(t, &http.Transport{}), postTo("https", server.Listener.Addr().String()))
	assert.False(t, c.OK)
	assert.Equal(t, policy.NotSent, c.Outcome)
	assert.Equal(t, 4, c.Attempts)
	assert.ErrorContains(t, c.Err, "certificate")
	assert.Zero(t, arrived.Load())
}

func TestAConnectionThatIsResetAfterTheRequestWasReadIsOfUnknownOutcome(t *testing.T) {
	t.Parallel()
	s := serve(t, func(_ *site, conn net.Conn) {
		conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
	})
	c := do(t.Context(), loopback(t, &http.Transport{}), postTo("http", s.address))
	assert.False(t, c.OK)
	assert.Equal(t, policy.Unknown, c.Outcome)
	assert.Equal(t, 1, c.Attempts)
	assert.Error(t, c.Err)
	assert.Equal(t, int64(1), s.arrived.Load())
	assert.Equal(t, int64(1), s.conns.Load())
}

func TestAStreamThatIsResetIsOfUnknownOutcomeWithHTTP2(t *testing.T) {
	t.Parallel()
	var arrived atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		assert.Equal(t, 2, r.ProtoMajor)
		io.Copy(io.Discard, r.Body)
		arrived.Add(1)
		panic(http.ErrAbortHandler)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)

	transport := server.Client().Transport.(*http.Transport)
	c := do(t.Context(), loopback(t, transport), postTo("https", server.Listener.Addr().String()))
	assert.False(t, c.OK)
	assert.Equal(t, policy.Unknown, c.Outcome)
	assert.Equal(t, int64(1), arrived.Load())
}

// streams is a server of HTTP/2 that resets each request, once it has come
// whole, with the error code that reset returns; 0 is none.
func streams(t *testing.T, reset func(n int64) (code byte)) (s *site, transport *http.Transport) {
	t.Helper()
	trusted := httptest.NewTLSServer(nil)
	t.Cleanup(trusted.Close)
	transport = trusted.Client().Transport.(*http.Transport).Clone()
	transport.ForceAttemptHTTP2 = true
	tlsConfig := trusted.TLS.Clone()
	tlsConfig.NextProtos = []string{"h2"}
	return serveWith(t, func(s *site, conn net.Conn) {
		conn = tls.Server(conn, tlsConfig)
		const hello = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
		if _, err := io.ReadFull(conn, make([]byte, len(hello))); err != nil {
			return
		}
		conn.Write([]byte{0, 0, 0, 4, 0, 0, 0, 0, 0}) // SETTINGS
		for {
			var head [9]byte // length of payload (3), type, flags, stream (4)
			if _, err := io.ReadFull(conn, head[:]); err != nil {
				return
			}
			if _, err := io.CopyN(io.Discard, conn, int64(head[0])<<16|int64(head[1])<<8|int64(head[2])); err != nil {
				return
			}
			const data, headers, endStream = 0, 1, 1
			if head[3] != data && head[3] != headers || head[4]&endStream == 0 {
				continue
			}
			if code := reset(s.arrived.Add(1)); code != 0 {
				conn.Write(append(append([]byte{0, 0, 4, 3, 0}, head[5:]...), 0, 0, 0, code)) // RST_STREAM
				continue
			}
			const status204 = 0x89 // in the static table of HPACK
			conn.Write(append(append([]byte{0, 0, 1, 1, 4 | endStream}, head[5:]...), status204))
		}
	}), transport
}

func TestAStreamIsRepeatedOnlyIfTheServerLeftItAlone(t *testing.T) {
	t.Parallel()
	const protocolError, refused = 1, 7
	tests := []struct {
		name    string
		wrapped bool // in a transport that is not known
		http1   bool // was spoken before
		bare    bool // has no body
		code    byte // of the first reset
		want    policy.Outcome
		err     string
	}{
		{"PROTOCOL_ERROR proves nothing", false, false, false, protocolError, policy.Unknown, "stream error: stream ID 1; PROTOCOL_ERROR; received from peer"},
		{"PROTOCOL_ERROR proves nothing, through a caller's transport", true, false, false, protocolError, policy.Unknown, "stream error: stream ID 1; PROTOCOL_ERROR; received from peer"},
		{"PROTOCOL_ERROR proves nothing, after HTTP/1", false, true, false, protocolError, policy.Unknown, "the stream was lost"},
		{"PROTOCOL_ERROR proves nothing, without a body", false, false, true, protocolError, policy.Unknown, "the stream was lost"},
		{"REFUSED_STREAM is proof", false, false, false, refused, 0, ""},
		{"REFUSED_STREAM is proof, through a caller's transport too", true, false, false, refused, 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, transport := streams(t, func(n int64) byte {
				if n == 1 {
					return tt.code
				}
				return 0
			})
			config := loopback(t, transport)
			if tt.wrapped {
				config.HTTPClient.Transport = step(transport.RoundTrip)
			}
			p := New(config)
			p.loop.HTTPClient.Transport.(*attempter).http1.Store(tt.http1)
			c := postTo("https", s.address)
			if tt.bare {
				c.Payload = nil
			}
			p.Do(t.Context(), c)
			if tt.want == 0 {
				assert.True(t, c.OK, "%v", c.Err)
				assert.Equal(t, int64(2), s.arrived.Load())
				return
			}
			assert.Equal(t, tt.want, c.Outcome)
			assert.EqualError(t, c.Err, tt.err)
			assert.Equal(t, int64(1), s.arrived.Load())
		})
	}
}

func TestAReplayCarriesTheCookiesOfTheJar(t *testing.T) {
	t.Parallel()
	var cookies []string
	leftAlone := errors.New("http2: Transport: cannot retry err [stream error: stream ID 1; REFUSED_STREAM; received from peer] after Request.Body was written")
	config := configFor(play(t,
		func(r *http.Request) (*http.Response, error) {
			cookies = append(cookies, r.Header.Get("Cookie"))
			return nil, leftAlone
		},
		func(r *http.Request) (*http.Response, error) {
			cookies = append(cookies, r.Header.Get("Cookie"))
			return status(201)(r)
		}))
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	c := newCall(http.MethodPost)
	jar.SetCookies(c.URL, []*http.Cookie{{Name: "a", Value: "1"}})
	config.HTTPClient.Jar = jar
	do(t.Context(), config, c)
	assert.True(t, c.OK, "%v", c.Err)
	assert.Equal(t, []string{"a=1", "a=1"}, cookies)
	assert.Equal(t, 1, c.Attempts)
}

func TestAServerThatRetiresItsConnectionsGetsEachPOSTOnce(t *testing.T) {
	t.Parallel()
	for _, wrapped := range []bool{false, true} {
		t.Run(fmt.Sprint("wrapped: ", wrapped), func(t *testing.T) {
			t.Parallel()
			var arrived sync.Map
			var n, twice atomic.Int64
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				if _, before := arrived.LoadOrStore(r.URL.RawQuery, true); before {
					twice.Add(1)
				}
				if n.Add(1)%20 == 0 {
					w.Header().Set("Connection", "close") // GOAWAY
				}
			}))
			server.Config.ErrorLog = log.New(io.Discard, "", 0)
			server.Config.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: 10}
			server.EnableHTTP2 = true
			server.StartTLS()
			t.Cleanup(server.Close)
			transport := server.Client().Transport.(*http.Transport)
			config := loopback(t, transport)
			if wrapped {
				config.HTTPClient.Transport = step(transport.RoundTrip)
			}
			config.FirstWait = time.Millisecond
			p := New(config)
			var all sync.WaitGroup
			for i := range 32 {
				all.Go(func() {
					for j := range 20 {
						c := postTo("https", server.Listener.Addr().String())
						c.URL.RawQuery = fmt.Sprint(i, "-", j)
						c.Retries = 100
						p.Do(t.Context(), c)
						assert.True(t, c.OK, "%v", c.Err)
					}
				})
			}
			all.Wait()
			assert.Zero(t, twice.Load())
		})
	}
}

// A watched connection tells when it is closed, and can be made to fail.
type watched struct {
	net.Conn
	once   sync.Once
	closed chan struct{}
	broken atomic.Bool
}

func (w *watched) Write(p []byte) (int, error) {
	if w.broken.Load() {
		return 0, errors.New("broken pipe")
	}
	return w.Conn.Write(p)
}

func (w *watched) Close() error {
	w.once.Do(func() { close(w.closed) })
	return w.Conn.Close()
}

func TestAKeptConnectionThatWentStaleIsHarmless(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		handle func(*site, net.Conn)
		before func(*watched) // the second POST
	}{
		{"when the server has closed it", func(s *site, conn net.Conn) {
			created(s, conn)
			conn.Close()
		}, func(w *watched) { <-w.closed }},
		{"when it breaks before a byte is written", created, func(w *watched) { w.broken.Store(true) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, tt.handle)
			var conns []*watched
			p := New(loopback(t, &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				var d net.Dialer
				conn, err := d.DialContext(ctx, network, address)
				if err != nil {
					return nil, err
				}
				conns = append(conns, &watched{Conn: conn, closed: make(chan struct{})})
				return conns[len(conns)-1], nil
			}}))

			first := postTo("http", s.address)
			p.Do(t.Context(), first)
			require.True(t, first.OK)
			require.Len(t, conns, 1)
			tt.before(conns[0])

			second := postTo("http", s.address)
			p.Do(t.Context(), second)
			assert.True(t, second.OK, "%v", second.Err)
			assert.Equal(t, 1, second.Attempts)
			assert.Equal(t, int64(2), s.arrived.Load(), "each POST arrives once")
			assert.Len(t, conns, 2)
		})
	}
}

func TestAKeptConnectionIsUsedAgain(t *testing.T) {
	t.Parallel()
	s := serve(t, func(_ *site, conn net.Conn) {
		io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n{}")
	})
	p := New(loopback(t, &http.Transport{}))
	for range 5 {
		c := postTo("http", s.address)
		p.Do(t.Context(), c)
		require.Equal(t, 400, c.Status)
	}
	assert.Equal(t, int64(5), s.arrived.Load())
	assert.Equal(t, int64(1), s.conns.Load())
}

func TestTheBodyOf101IsNotRead(t *testing.T) {
	t.Parallel()
	s := play(t, func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 101, Header: http.Header{}, Body: unreadable{t}}, nil
	})
	c := newCall(http.MethodPost)
	do(t.Context(), configFor(s), c)
	assert.Equal(t, 101, c.Status)
	assert.Equal(t, policy.Unknown, c.Outcome)
}

type unreadable struct{ t *testing.T }

func (u unreadable) Read([]byte) (int, error) { u.t.Error("read"); return 0, io.EOF }
func (u unreadable) Close() error             { return nil }
