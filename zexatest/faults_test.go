package zexatest_test

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/zexa-ao/zexa-go/zexatest"
)

func TestAFaultChangesTheAnswer(t *testing.T) {
	t.Parallel()
	const html = "<html><body>Bad Gateway</body></html>"
	accepted := `{"id":"msg_000001","status":"queued","channel":"sms","to":"+244912345678",` + created + `}`
	tests := []struct {
		name     string
		fault    zexatest.Fault
		status   int
		header   http.Header
		body     string
		accepted int
	}{
		{name: "a status comes with the documented error", fault: zexatest.Fault{Status: 500}, status: 500,
			body: `{"error":"internal_error","message":"A fault was asked for.","request_id":"req_000001"}`},
		{name: "a documented status comes with its code", fault: zexatest.Fault{Status: 422}, status: 422,
			body: `{"error":"validation_error","message":"A fault was asked for.","request_id":"req_000001"}`},
		{name: "a success comes without a body", fault: zexatest.Fault{Status: 200}, status: 200},
		{name: "a status may come after acting", fault: zexatest.Fault{Status: 503, Act: true}, status: 503, accepted: 1,
			body: `{"error":"internal_error","message":"A fault was asked for.","request_id":"req_000001"}`},
		{name: "another success keeps the answer", fault: zexatest.Fault{Status: 200, Act: true}, status: 200, accepted: 1, body: accepted},
		{name: "HTML comes as HTML", fault: zexatest.Fault{Status: 502, Body: []byte(html)}, status: 502, body: html,
			header: http.Header{"Content-Type": {"text/html; charset=utf-8"}}},
		{name: "JSON comes as JSON", fault: zexatest.Fault{Status: 418, Body: []byte(`{"a":1}`)}, status: 418, body: `{"a":1}`,
			header: http.Header{"Content-Type": {"application/json"}}},
		{name: "an empty body is empty", fault: zexatest.Fault{Status: 500, Body: []byte{}}, status: 500},
		{name: "a body alone replaces that of the real answer", fault: zexatest.Fault{Body: []byte(html)}, status: 201, body: html, accepted: 1},
		{name: "a header is set", fault: zexatest.Fault{Header: http.Header{"content-type": {"text/plain"}}}, status: 201, body: accepted, accepted: 1,
			header: http.Header{"Content-Type": {"text/plain"}}},
		{name: "Retry-After in seconds", fault: zexatest.Fault{Status: 429, RetryAfter: "120"}, status: 429,
			header: http.Header{"Retry-After": {"120"}},
			body:   `{"error":"rate_limit_exceeded","message":"A fault was asked for.","request_id":"req_000001"}`},
		{name: "Retry-After as a date", fault: zexatest.Fault{Status: 503, Body: []byte{}, RetryAfter: "Fri, 31 Dec 1999 23:59:59 GMT"}, status: 503,
			header: http.Header{"Retry-After": {"Fri, 31 Dec 1999 23:59:59 GMT"}}},
		{name: "Retry-After as garbage", fault: zexatest.Fault{Status: 429, Body: []byte{}, RetryAfter: "soon"}, status: 429,
			header: http.Header{"Retry-After": {"soon"}}},
		{name: "a redirect goes elsewhere", fault: zexatest.Fault{Status: 307, Header: http.Header{"Location": {"https://example.com/"}}}, status: 307,
			header: http.Header{"Location": {"https://example.com/"}}},
		{name: "invalid JSON ends early", fault: zexatest.Fault{Damage: zexatest.InvalidJSON}, status: 201, accepted: 1,
			body: strings.TrimSuffix(accepted, "}")},
		{name: "unknown fields and enums are anywhere", fault: zexatest.Fault{Damage: zexatest.UnknownFields | zexatest.UnknownEnums}, status: 201, accepted: 1,
			body: `{"channel":"x_unknown",` + created + `,"id":"msg_000001","status":"x_unknown","to":"+244912345678","x_unknown":{"list":[1,"two",null]}}`},
		{name: "what is no JSON stays as it is", fault: zexatest.Fault{Status: 502, Body: []byte(html), Damage: zexatest.UnknownFields}, status: 502, body: html},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv := start(t)
				srv.Fault(tt.fault)
				resp, text := call(t, srv, http.MethodPost, "/messages", sms)
				assert.Equal(t, tt.status, resp.StatusCode)
				assert.Equal(t, tt.body, text)
				for name := range tt.header {
					assert.Equal(t, tt.header.Get(name), resp.Header.Get(name))
				}
				assert.Equal(t, tt.accepted, srv.Accepted())
				assert.Equal(t, tt.status, srv.Requests()[0].Status)

				resp, _ = call(t, srv, http.MethodPost, "/messages", sms)
				assert.Equal(t, http.StatusCreated, resp.StatusCode, "a fault happens once by default")
			})
		})
	}
}

func TestDocumentedCodesComeWithTheirStatus(t *testing.T) {
	t.Parallel()
	for status, code := range map[int]string{
		400: "invalid_request", 401: "unauthorized", 404: "not_found", 409: "conflict", 422: "validation_error", 429: "rate_limit_exceeded",
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			srv := start(t)
			srv.Fault(zexatest.Fault{Status: status})
			_, text := call(t, srv, http.MethodGet, "/credits", "")
			assert.Contains(t, text, `"error":"`+code+`"`)
		})
	}
}

func TestUnknownValuesReachEveryItemOfAList(t *testing.T) {
	t.Parallel()
	srv := start(t)
	srv.SetWebhookDelivery(zexatest.WebhookDelivery{Client: zexatest.ClientFor(http.NotFoundHandler())})
	srv.Fault(zexatest.Fault{Times: zexatest.Always, Damage: zexatest.UnknownFields | zexatest.UnknownEnums})
	_, text := call(t, srv, http.MethodGet, "/sender-ids", "")
	assert.Equal(t, 5, strings.Count(text, `"channel":"x_unknown"`))
	assert.Equal(t, 5+1+1, strings.Count(text, `"x_unknown":{`))
	_, text = call(t, srv, http.MethodPost, "/webhooks", `{"url":"https://example.com/","events":["*"]}`)
	assert.Contains(t, text, `"events":["x_unknown"]`)
	_, text = call(t, srv, http.MethodGet, "/messages/msg_9", "")
	assert.Contains(t, text, `"error":"x_unknown"`)
}

func TestAFaultMeetsTheRequestsThatItIsFor(t *testing.T) {
	t.Parallel()
	const ok, bad, worse = 200, 502, 503
	tests := []struct {
		name   string
		faults []zexatest.Fault
		path   string
		want   []int
	}{
		{"once by default", []zexatest.Fault{{Status: bad}}, "/credits", []int{bad, ok, ok}},
		{"so many times", []zexatest.Fault{{Status: bad, Times: 2}}, "/credits", []int{bad, bad, ok}},
		{"always", []zexatest.Fault{{Status: bad, Times: zexatest.Always}}, "/credits", []int{bad, bad, bad}},
		{"one in so many", []zexatest.Fault{{Status: bad, Times: zexatest.Always, Every: 2}}, "/credits", []int{ok, bad, ok, bad}},
		{"one after another", []zexatest.Fault{{Status: bad}, {Status: worse}}, "/credits", []int{bad, worse, ok}},
		{"those that run out before those that don't", []zexatest.Fault{{Status: bad, Times: zexatest.Always}, {Status: worse}}, "/credits", []int{worse, bad, bad}},
		{"of its method", []zexatest.Fault{{Status: bad, Method: "GET"}}, "/credits", []int{bad, ok}},
		{"not of another method", []zexatest.Fault{{Status: bad, Method: "POST"}}, "/credits", []int{ok}},
		{"of its path", []zexatest.Fault{{Status: bad, Path: "/credits"}}, "/credits", []int{bad, ok}},
		{"not of another path", []zexatest.Fault{{Status: bad, Path: "/contacts"}}, "/credits", []int{ok}},
		{"of a path with any id", []zexatest.Fault{{Status: bad, Path: "/messages/{id}"}}, "/messages/msg_1", []int{bad, 404}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			srv := start(t)
			for _, f := range tt.faults {
				srv.Fault(f)
			}
			var got []int
			for range tt.want {
				resp, _ := call(t, srv, http.MethodGet, tt.path, "")
				got = append(got, resp.StatusCode)
			}
			assert.Equal(t, tt.want, got)
		})
	}
}

func TestFaultsCanBeCleared(t *testing.T) {
	t.Parallel()
	srv := start(t)
	srv.Fault(zexatest.Fault{Status: 500, Times: zexatest.Always})
	srv.ClearFaults()
	resp, _ := call(t, srv, http.MethodGet, "/credits", "")
	assert.Equal(t, http.StatusOK, resp.StatusCode)
}

func TestLatencyComesAfterTheAct(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := start(t)
		srv.Fault(zexatest.Fault{Latency: time.Minute})
		client := srv.HTTPClient()
		client.Timeout = time.Second
		_, err := client.Do(request(t, srv, http.MethodPost, "/messages", sms))
		require.Error(t, err)
		assert.Equal(t, 1, srv.Accepted())
		assert.Zero(t, srv.Requests()[0].Status, "it was not answered")

		began := time.Now()
		srv.Fault(zexatest.Fault{Latency: time.Minute})
		call(t, srv, http.MethodPost, "/messages", sms)
		assert.Equal(t, time.Minute, time.Since(began))
	})
}

func TestAConnectionIsLost(t *testing.T) {
	t.Parallel()
	carriers := map[string]struct {
		opts []zexatest.Option
		is   func(error) bool
	}{
		"in memory":            {nil, func(err error) bool { return errors.Is(err, io.EOF) }},
		"on loopback":          {[]zexatest.Option{zexatest.OnLoopback()}, func(err error) bool { return errors.Is(err, syscall.ECONNRESET) }},
		"on loopback with TLS": {[]zexatest.Option{zexatest.OnLoopbackTLS()}, func(err error) bool { return strings.Contains(err.Error(), "stream error") }},
	}
	points := []struct {
		name     string
		point    zexatest.ResetPoint
		read     bool
		accepted int
	}{
		{"before the request is read", zexatest.ResetBeforeRead, false, 0},
		{"after the request is read", zexatest.ResetAfterRead, true, 0},
		{"after it was acted on", zexatest.ResetAfterActed, true, 1},
	}
	for carrier, c := range carriers {
		for _, p := range points {
			t.Run(carrier+" "+p.name, func(t *testing.T) {
				t.Parallel()
				srv := start(t, c.opts...)
				call(t, srv, http.MethodGet, "/credits", "")
				srv.Fault(zexatest.Fault{Method: "POST", Reset: p.point})

				_, err := srv.HTTPClient().Do(request(t, srv, http.MethodPost, "/messages", sms))

				require.Error(t, err)
				assert.True(t, c.is(err), err)
				assert.Equal(t, p.accepted, srv.Accepted())
				got := srv.Requests()
				require.Len(t, got, 2)
				assert.Equal(t, p.read, got[1].Body != nil)
				assert.Zero(t, got[1].Status)
				resp, _ := call(t, srv, http.MethodGet, "/credits", "")
				assert.Equal(t, http.StatusOK, resp.StatusCode)
			})
		}
	}
}

func TestATLSConnectionOverHTTP1IsReset(t *testing.T) {
	t.Parallel()
	srv := start(t, zexatest.OnLoopbackTLS())
	srv.Fault(zexatest.Fault{Reset: zexatest.ResetAfterRead})
	transport := srv.HTTPClient().Transport.(*http.Transport).Clone()
	transport.ForceAttemptHTTP2 = false
	transport.TLSClientConfig.NextProtos = []string{"http/1.1"}
	transport.TLSNextProto = nil
	defer transport.CloseIdleConnections()
	_, err := transport.RoundTrip(request(t, srv, http.MethodPost, "/messages", sms))
	assert.ErrorIs(t, err, syscall.ECONNRESET)
}

func TestAnAnswerIsCutOff(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string][]zexatest.Option{
		"in memory": nil, "on loopback": {zexatest.OnLoopback()}, "on loopback with TLS": {zexatest.OnLoopbackTLS()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := start(t, opts...)
			srv.Fault(zexatest.Fault{Damage: zexatest.CutBody})
			resp, err := srv.HTTPClient().Do(request(t, srv, http.MethodPost, "/messages", sms))
			require.NoError(t, err)
			defer resp.Body.Close()
			assert.Equal(t, http.StatusCreated, resp.StatusCode)
			part, err := io.ReadAll(resp.Body)
			assert.Error(t, err)
			assert.Equal(t, resp.ContentLength/2, int64(len(part)))
			assert.Equal(t, 1, srv.Accepted())
		})
	}
}

func TestAnAnswerWithoutABodyStaysWhole(t *testing.T) {
	t.Parallel()
	srv := start(t)
	srv.Fault(zexatest.Fault{Damage: zexatest.CutBody | zexatest.EndlessBody | zexatest.GzipBomb, Drip: time.Hour})
	id := srv.AddContact(zexatest.Contact{Phone: "+244912345678"}).ID
	resp, text := call(t, srv, http.MethodDelete, "/contacts/"+id, "")
	assert.Equal(t, http.StatusNoContent, resp.StatusCode)
	assert.Empty(t, text)
}

func TestAStatusThatHasNoBodyStaysWhole(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusNoContent, http.StatusNotModified} {
		srv := start(t, zexatest.OnLoopbackTLS())
		srv.Fault(zexatest.Fault{Status: status, Act: true, Damage: zexatest.CutBody})
		resp, text := call(t, srv, http.MethodPost, "/messages", sms)
		assert.Equal(t, status, resp.StatusCode)
		assert.Empty(t, text)
		assert.Equal(t, 1, srv.Accepted())
	}
}

func TestABodyNeverEnds(t *testing.T) {
	t.Parallel()
	srv := start(t)
	srv.Fault(zexatest.Fault{Damage: zexatest.EndlessBody})
	resp, err := srv.HTTPClient().Do(request(t, srv, http.MethodGet, "/credits", ""))
	require.NoError(t, err)
	defer resp.Body.Close()
	n, err := io.CopyN(io.Discard, resp.Body, 10<<20)
	require.NoError(t, err)
	assert.EqualValues(t, 10<<20, n)
}

func TestAnEndlessBodyEndsWithTheServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := start(t)
		srv.Fault(zexatest.Fault{Damage: zexatest.EndlessBody})
		resp, err := srv.HTTPClient().Do(request(t, srv, http.MethodGet, "/credits", ""))
		require.NoError(t, err)
		defer resp.Body.Close()
		srv.Close()
		_, err = io.Copy(io.Discard, resp.Body)
		assert.Error(t, err)
	})
}

func TestAGzipBombGrowsAThousandfold(t *testing.T) {
	t.Parallel()
	srv := start(t)
	srv.Fault(zexatest.Fault{Damage: zexatest.GzipBomb})
	r := request(t, srv, http.MethodGet, "/credits", "")
	r.Header.Set("Accept-Encoding", "gzip") // so that the transport leaves it packed
	resp, err := srv.HTTPClient().Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	assert.Equal(t, "gzip", resp.Header.Get("Content-Encoding"))
	packed := &counter{r: resp.Body}
	unpacked, err := gzip.NewReader(packed)
	require.NoError(t, err)
	_, err = io.CopyN(io.Discard, unpacked, 64<<20)
	require.NoError(t, err)
	assert.Less(t, packed.n, int64(1<<20))
}

type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

func TestABodyDrips(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]zexatest.Damage{"to its end": 0, "half-way": zexatest.CutBody} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv := start(t)
				srv.Fault(zexatest.Fault{Drip: time.Second, Damage: damage})
				began := time.Now()
				resp, err := srv.HTTPClient().Do(request(t, srv, http.MethodGet, "/credits", ""))
				require.NoError(t, err)
				defer resp.Body.Close()
				text, err := io.ReadAll(resp.Body)
				assert.Equal(t, damage != 0, err != nil)
				assert.Equal(t, time.Duration(len(text))*time.Second, time.Since(began))
			})
		})
	}
}

func TestADripEndsWithItsReader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := start(t)
		srv.Fault(zexatest.Fault{Drip: time.Hour})
		resp, err := srv.HTTPClient().Do(request(t, srv, http.MethodGet, "/credits", ""))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
	})
}

func TestARateLimitLetsThroughWhatItShould(t *testing.T) {
	t.Parallel()
	type burst struct {
		after  time.Duration
		sent   int
		passed int
	}
	tests := []struct {
		name   string
		limit  zexatest.Limit
		bursts []burst
	}{
		{"a token bucket refills evenly", zexatest.Limit{Requests: 20}, []burst{
			{0, 30, 20}, {50 * time.Millisecond, 5, 1}, {100 * time.Millisecond, 5, 2}, {time.Hour, 30, 20},
		}},
		{"a token bucket with a burst of its own", zexatest.Limit{Requests: 20, Burst: 5}, []burst{
			{0, 30, 5}, {time.Second, 30, 5}, {200 * time.Millisecond, 30, 4},
		}},
		{"a fixed window counts afresh", zexatest.Limit{Kind: zexatest.FixedWindow, Requests: 20}, []burst{
			{900 * time.Millisecond, 30, 20}, {99 * time.Millisecond, 5, 0}, {time.Millisecond, 30, 20},
		}},
		{"a sliding log looks back", zexatest.Limit{Kind: zexatest.SlidingLog, Requests: 20}, []burst{
			{0, 10, 10}, {500 * time.Millisecond, 30, 10}, {500 * time.Millisecond, 30, 10}, {499 * time.Millisecond, 5, 0}, {time.Millisecond, 30, 10},
		}},
		{"over another window", zexatest.Limit{Kind: zexatest.FixedWindow, Requests: 1, Window: time.Minute}, []burst{
			{0, 2, 1}, {59 * time.Second, 1, 0}, {time.Second, 2, 1},
		}},
		{"no limit", zexatest.Limit{}, []burst{{0, 100, 100}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv := start(t)
				srv.RateLimit(zexatest.Limit{Requests: 1})
				srv.RateLimit(tt.limit)
				for i, b := range tt.bursts {
					time.Sleep(b.after)
					passed := 0
					for range b.sent {
						resp, _ := call(t, srv, http.MethodGet, "/credits", "")
						if resp.StatusCode == http.StatusOK {
							passed++
						}
					}
					assert.Equal(t, b.passed, passed, fmt.Sprint("burst ", i+1))
				}
			})
		})
	}
}

func TestWaitingForRetryAfterIsEnough(t *testing.T) {
	t.Parallel()
	for name, kind := range map[string]zexatest.LimitKind{
		"token bucket": zexatest.TokenBucket, "fixed window": zexatest.FixedWindow, "sliding log": zexatest.SlidingLog,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv := start(t)
				srv.RateLimit(zexatest.Limit{Kind: kind, Requests: 3, Window: 7 * time.Second})
				for range 50 {
					resp, _ := call(t, srv, http.MethodGet, "/credits", "")
					if resp.StatusCode != http.StatusTooManyRequests {
						continue
					}
					wait, err := time.ParseDuration(resp.Header.Get("Retry-After") + "s")
					require.NoError(t, err)
					time.Sleep(wait)
					resp, _ = call(t, srv, http.MethodGet, "/credits", "")
					assert.Equal(t, http.StatusOK, resp.StatusCode)
				}
			})
		})
	}
}

func TestRetryAfterCanBeChosen(t *testing.T) {
	t.Parallel()
	srv := start(t)
	srv.RateLimit(zexatest.Limit{Requests: 1, Window: time.Hour, RetryAfter: "soon"})
	call(t, srv, http.MethodGet, "/credits", "")
	resp, _ := call(t, srv, http.MethodGet, "/credits", "")
	assert.Equal(t, "soon", resp.Header.Get("Retry-After"))
}

func TestRequestsWithoutAKeyDontCountInTheLimit(t *testing.T) {
	t.Parallel()
	srv := start(t)
	srv.RateLimit(zexatest.Limit{Requests: 1, Window: time.Hour})
	r := request(t, srv, http.MethodGet, "/credits", "")
	r.Header.Del("Authorization")
	do(t, srv, r)
	resp, _ := call(t, srv, http.MethodGet, "/credits", "")
	assert.Equal(t, http.StatusOK, resp.StatusCode)
}
