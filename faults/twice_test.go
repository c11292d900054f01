package faults_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/zexatest"
)

var neverTwice = slices.Concat(
	gatewayErrors(),
	eachMeets("501", zexatest.Fault{Status: 501}, failed, failed, untold),
	eachMeets("505", zexatest.Fault{Status: 505}, failed, failed, untold),
	eachMeets("429", zexatest.Fault{Status: 429}, retried, again, again),
	fourHundreds(),

	eachMeets("reset before the body is read", zexatest.Fault{Reset: zexatest.ResetBeforeRead}, retried, again, untold),
	[]row{{fault: "reset while the body is read", call: "POST", holds: untold.holds, over: onlyHTTP1, run: lostWhileReading}},
	eachMeets("reset after the request is read", zexatest.Fault{Reset: zexatest.ResetAfterRead}, retried, again, untold),
	eachMeets("reset after the request is acted on", zexatest.Fault{Reset: zexatest.ResetAfterActed}, retried, gone, unknown),
	eachMeets("no answer within the attempt's time", zexatest.Fault{Latency: time.Hour}, retried, gone, unknown, zexa.WithAttemptTimeout(500*time.Millisecond)),

	[]row{
		meets(get, "2xx, cut off", zexatest.Fault{Damage: zexatest.CutBody}, retried),
		meets(del, "2xx, cut off", zexatest.Fault{Status: 200, Act: true, Body: []byte(`{"deleted":true}`), Damage: zexatest.CutBody}, done),
		meets(post, "2xx, cut off", zexatest.Fault{Damage: zexatest.CutBody}, kept),
	},
	eachMeets("2xx, empty", zexatest.Fault{Status: 200, Act: true, Body: []byte{}}, failed, done, blind),
	eachMeets("2xx, null", zexatest.Fault{Status: 200, Act: true, Body: []byte("null")}, failed, done, blind),
	eachMeets("2xx, HTML", zexatest.Fault{Status: 200, Act: true, Body: []byte("<!DOCTYPE html><html><h1>It works!</h1></html>")}, failed, done, blind),
	eachMeets("2xx, of wrong types", zexatest.Fault{Status: 200, Act: true, Body: []byte(`{"id":"msg_000001","status":[7],"credits":"many"}`)}, failed, done, kept),
	[]row{
		meets(get, "2xx, never closed", zexatest.Fault{Damage: zexatest.InvalidJSON}, failed),
		meets(post, "2xx, never closed", zexatest.Fault{Damage: zexatest.InvalidJSON}, kept),
		meets(post, "204 for a message", zexatest.Fault{Status: 204, Act: true, Body: []byte{}}, blind),
	},

	eachIs("the dial is refused, then the server is up", "retried, succeeds", nil, refusedThenUp),
	eachIs("the TLS handshake is lost, then succeeds", "retried, succeeds", onlyHTTP2, handshakeLost),
	eachIs("the name does not resolve, then does", "retried, succeeds", onlyHTTP2, resolvesLate),
	eachIs("the proxy refuses, then connects", "retried, succeeds", onlyHTTP2, proxyRefuses),
	[]row{
		{fault: "the dial is always refused", call: "POST", holds: "retried 3 times; *not sent*", run: alwaysRefused},
		{fault: "the name never resolves", call: "POST", holds: "retried 3 times; *not sent*", over: onlyHTTP2, run: neverResolves},
		{fault: "the certificate is of somebody else", call: "POST", holds: "retried 3 times; *not sent*", over: onlyHTTP2, run: untrusted},
		{fault: "the certificate is for another name", call: "POST", holds: "retried 3 times; *not sent*", over: onlyHTTP2, run: misnamed},
		{fault: "plain HTTP where TLS is due", call: "POST", holds: "retried 3 times; *not sent*", over: onlyHTTP2, run: notTLS},
	},

	[]row{
		{fault: "the caller's RoundTripper acts, then errs", call: "GET", holds: retried.holds, run: actsThenErrs(get, retried)},
		{fault: "the caller's RoundTripper acts, then errs", call: "DELETE", holds: gone.holds, run: actsThenErrs(del, gone)},
		{fault: "the caller's RoundTripper acts, then errs", call: "POST", holds: unknown.holds, run: actsThenErrs(post, unknown)},
		{fault: "the caller's RoundTripper errs and reports nothing", call: "POST", holds: "silence is no proof: " + untold.holds, run: errsInSilence},
		{fault: "the caller's RoundTripper acts, loses the answer, and is refused when it dials again", call: "POST", holds: unknown.holds, run: dialsAgain},
		{fault: "the caller's RoundTripper returns nothing at all", call: "POST", holds: untold.holds, run: returnsNothing},
	},

	eachIs("the server closes a kept connection between two calls", "the second goes over another connection, once", onlyHTTP1, closedBetweenCalls),
	[]row{
		{fault: "the server closes a kept connection as the next call is written, 300 times", call: "POST", holds: "each message once, or *outcome unknown*", over: onlyHTTP1, run: closedDuringCalls},
		{fault: "a kept connection is reset when the next request has come", call: "GET", holds: "retried, succeeds", over: onlyHTTP1, run: lostWhenKept(get, 3, nil)},
		{fault: "a kept connection is reset when the next request has come", call: "DELETE", holds: "retried, succeeds", over: onlyHTTP1, run: lostWhenKept(del, 3, nil)},
		{fault: "a kept connection is reset when the next request has come", call: "POST", holds: "not repeated, by net/http neither; *outcome unknown*", over: onlyHTTP1, run: lostWhenKept(post, 2, zexa.ErrOutcomeUnknown)},
		{fault: "every POST there is", call: "POST", holds: "carries no Idempotency-Key, which would have net/http repeat it", run: noIdempotencyKey},
		{fault: "RST_STREAM with REFUSED_STREAM: not processed", call: "POST", holds: "repeated, succeeds", over: onlyHTTP2, run: refusedStream},
		{fault: "RST_STREAM with INTERNAL_ERROR", call: "POST", holds: untold.holds, over: onlyHTTP2, run: brokenStream(errorInternal)},
		{fault: "RST_STREAM with PROTOCOL_ERROR, which net/http would repeat", call: "POST", holds: untold.holds, over: onlyHTTP2, run: brokenStream(errorProtocol)},
		{fault: "GOAWAY that leaves the request out: not processed", call: "POST", holds: "repeated over another connection, succeeds", over: onlyHTTP2, run: leftOutByGoAway},
		{fault: "GOAWAY that includes the request, then the end", call: "POST", holds: untold.holds, over: onlyHTTP2, run: includedInGoAway},
	},

	[]row{
		{fault: "cancelled after the message was accepted", call: "POST", holds: "*outcome unknown*, and the context's error", run: cancelledInFlight},
		{fault: "cancelled in flight", call: "GET", holds: "not retried; the context's error", run: cancelledGET},
		{fault: "the deadline passes after the message was accepted", call: "POST", holds: "*outcome unknown*, and the context's error", run: deadlineInFlight},
		{fault: "cancelled during the body of the answer", call: "POST", holds: "*accepted*, and the context's error", run: cancelledInBody(post)},
		{fault: "cancelled during the body of the answer", call: "GET", holds: "not retried; the context's error", run: cancelledInBody(get)},
		{fault: "cancelled before the call", call: "POST", holds: "*not sent*, and the context's error", run: cancelledBefore},
	},

	[]row{
		{fault: "429, then 500", call: "POST", holds: "the worst counts: *outcome unknown*", run: scripted(2, 1, zexa.ErrOutcomeUnknown, nil, zexatest.Fault{Status: 429}, zexatest.Fault{Status: 500, Act: true})},
		{fault: "500, then 422, repeated at the caller's wish", call: "POST", holds: "the worst counts: *outcome unknown*", run: scripted(2, 1, zexa.ErrOutcomeUnknown, repeatPOST, zexatest.Fault{Status: 500, Act: true}, zexatest.Fault{Status: 422})},
		{fault: "500, then 201 cut off, repeated at the caller's wish", call: "POST", holds: "the worst counts: *accepted*", run: scripted(2, 1, zexa.ErrAccepted, repeatPOST, zexatest.Fault{Status: 500}, zexatest.Fault{Damage: zexatest.CutBody})},
		{fault: "502 after acting, repeated at the caller's wish", call: "POST", holds: "succeeds; this is the risk that was taken", run: scripted(2, 2, nil, repeatPOST, zexatest.Fault{Status: 502, Act: true})},
		{fault: "401, and the key function gives another key", call: "POST", holds: "once more, succeeds", run: otherKey},
		{fault: "401, and the key function gives the same key", call: "POST", holds: refused.holds, run: sameKey},
		{fault: "401 twice, and a key function with ever other keys", call: "POST", holds: "once more and no further; *not sent*", run: everOtherKeys},
		{fault: "401, another key, reset after acting", call: "POST", holds: "the worst counts: *outcome unknown*", run: otherKeyThenLost},
	},
)

var repeatPOST = []zexa.CallOption{zexa.CallRepeatPOST()}

func gatewayErrors() (rows []row) {
	for _, status := range []int{500, 502, 503, 504, 520, 599} {
		f := zexatest.Fault{Status: status, Act: true}
		rows = append(rows, eachMeets(fmt.Sprintf("%d, after acting", status), f, retried, gone, unknown)...)
	}
	f := zexatest.Fault{Status: 503, Act: true, RetryAfter: "0"}
	return append(rows, eachMeets("503 with Retry-After, after acting", f, retried, gone, unknown)...)
}

var clientErrors = []int{400, 401, 402, 403, 404, 405, 408, 409, 410, 413, 418, 422, 425, 451}

func fourHundreds() (rows []row) {
	for _, v := range []verb{get, del, post} {
		holds := failed.holds
		if v.method == http.MethodPost {
			holds = refused.holds
		}
		rows = append(rows, row{fault: fmt.Sprintf("%d other 4xx", len(clientErrors)), call: v.method, holds: holds, run: func(x *trial) {
			w := x.world()
			for _, status := range clientErrors {
				w.api.Fault(zexatest.Fault{Status: status})
				err := v.call(x.Context(), w)
				ends(x, v.method, zexa.ErrNotSent, err)
				assert.Equal(x, status, x.apiError(err).Status)
			}
			x.arrives(len(clientErrors), w.requests())
			if v.method != http.MethodGet {
				x.acts(0, w.effects(v))
			}
		}})
	}
	return rows
}

// eachIs is a row for each of GET, DELETE and POST.
func eachIs(fault, holds string, over []carrier, run func(*trial, verb)) (rows []row) {
	for _, v := range []verb{get, del, post} {
		rows = append(rows, row{fault: fault, call: v.method, holds: holds, over: over, run: func(x *trial) { run(x, v) }})
	}
	return rows
}

// once checks that a call succeeded and that nothing but it arrived.
func (x *trial) once(w *world, v verb, err error) {
	x.Helper()
	require.NoError(x, err)
	x.arrives(1, w.requests())
	if v.method != http.MethodGet {
		x.acts(1, w.effects(v))
	}
}

// never checks that a call failed after four attempts that sent nothing.
func (x *trial) never(err error, s *site) {
	x.Helper()
	ends(x, http.MethodPost, zexa.ErrNotSent, err)
	assert.Equal(x, 4, x.apiError(err).Attempts)
	x.arrives(0, s.arrived.Load())
}

func lostWhileReading(x *trial) {
	s := x.serveConns(func(s *site, c *wire) {
		head := make([]byte, 1000)
		if _, err := io.ReadFull(c, head); err == nil {
			s.arrived.Add(1)
		}
		c.lose()
	})
	_, err := x.client(s.base).Messages.Send(x.Context(), zexa.SMS("ZEXA", "+244912345678", strings.Repeat("a", 8<<20)))
	ends(x, http.MethodPost, zexa.ErrOutcomeUnknown, err)
	x.arrives(1, s.arrived.Load())
	x.acts(0, s.acted.Load())
}

func refusedThenUp(x *trial, v verb) {
	ln := x.listen()
	require.NoError(x, ln.Close())
	w := x.emptyWorld()
	w.site = x.siteAt(ln)
	keys := 0
	w.client = x.clientWithKey("", w.base, zexa.WithKeyFunc(func(context.Context) (string, error) {
		if keys++; keys == 3 {
			again, err := net.Listen("tcp", w.address)
			require.NoError(x, err)
			x.serveOn(again, w.api)
		}
		return w.api.Key(), nil
	}))
	err := v.call(x.Context(), w)
	assert.Equal(x, 3, keys)
	x.once(w, v, err)
}

func handshakeLost(x *trial, v verb) {
	w := x.emptyWorld()
	ln := &choosyListener{Listener: x.listen()}
	w.site = x.serveOn(ln, w.api)
	w.client = x.client(w.base)
	x.once(w, v, v.call(x.Context(), w))
	assert.EqualValues(x, 2, ln.accepted.Load())
}

// A choosyListener resets the first connection that it accepts.
type choosyListener struct {
	net.Listener
	accepted atomic.Int64
}

func (l *choosyListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil && l.accepted.Add(1) == 1 {
		(&wire{Conn: conn}).lose()
	}
	return conn, err
}

// named returns the base URL of a site under another name.
func named(s *site, name string) string {
	_, port, _ := net.SplitHostPort(s.address)
	return "https://" + net.JoinHostPort(name, port) + "/v1"
}

// missing makes a name that does not resolve for the next questions.
func missing(name string, questions int64) {
	left := new(atomic.Int64)
	left.Store(questions)
	unresolved.Store(name, left)
}

func resolvesLate(x *trial, v verb) {
	w := x.world()
	name := strings.ToLower(v.method) + ".direct.test"
	missing(name, 2) // the question for IPv4, and that for IPv6
	w.client = x.client(named(w.site, name))
	x.once(w, v, v.call(x.Context(), w))
}

func neverResolves(x *trial) {
	missing("nowhere.direct.test", 1<<30)
	s := x.serve(http.NotFoundHandler())
	err := post.call(x.Context(), &world{client: x.client(named(s, "nowhere.direct.test"))})
	var dns *net.DNSError
	require.ErrorAs(x, err, &dns)
	assert.True(x, dns.IsNotFound)
	x.never(err, s)
}

func proxyRefuses(x *trial, v verb) {
	w := x.world()
	host := strings.ToLower(v.method) + ".proxied.test"
	t := &tunnel{address: w.address}
	t.refusals.Store(2)
	tunnels.Store(host, t)
	w.client = x.client("https://" + host + "/v1")
	x.once(w, v, v.call(x.Context(), w))
	assert.EqualValues(x, 1, t.used.Load())
}

func alwaysRefused(x *trial) {
	ln := x.listen()
	require.NoError(x, ln.Close())
	s := x.siteAt(ln)
	x.never(post.call(x.Context(), &world{client: x.client(s.base)}), s)
}

func untrusted(x *trial) {
	other, err := selfSigned()
	require.NoError(x, err)
	s := x.serveWith(other, x.listen(), http.NotFoundHandler())
	x.never(post.call(x.Context(), &world{client: x.client(s.base)}), s)
}

func misnamed(x *trial) {
	s := x.serve(http.NotFoundHandler())
	x.never(post.call(x.Context(), &world{client: x.client(named(s, "a.b.direct.test"))}), s)
}

func notTLS(x *trial) {
	s := (&trial{T: x.T, over: http1}).serve(http.NotFoundHandler())
	x.never(post.call(x.Context(), &world{client: x.client("https://" + s.address + "/v1")}), s)
}

// roundTripper is a function as a caller's RoundTripper.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// through makes the calls of w through f, which is given a transport of net/http.
func (x *trial) through(w *world, f func(*http.Request, *http.Transport) (*http.Response, error)) {
	x.Helper()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	x.Cleanup(transport.CloseIdleConnections)
	w.client = x.client(w.base, zexa.WithHTTPClient(&http.Client{
		Transport: roundTripper(func(r *http.Request) (*http.Response, error) { return f(r, transport) }),
	}))
}

var errLost = errors.New("the answer was lost")

func actsThenErrs(v verb, e end) func(*trial) {
	return func(x *trial) {
		w, attempts := x.world(), 0
		x.through(w, func(r *http.Request, next *http.Transport) (*http.Response, error) {
			resp, err := next.RoundTrip(r)
			if attempts++; attempts == 1 && err == nil {
				resp.Body.Close()
				return nil, errLost
			}
			return resp, err
		})
		err := v.call(x.Context(), w)
		e.check(x, w, v, err)
		if err != nil {
			assert.ErrorIs(x, err, errLost)
		}
	}
}

func errsInSilence(x *trial) {
	w := x.world()
	x.through(w, func(*http.Request, *http.Transport) (*http.Response, error) { return nil, errLost })
	err := post.call(x.Context(), w)
	ends(x, http.MethodPost, zexa.ErrOutcomeUnknown, err)
	assert.Equal(x, 1, x.apiError(err).Attempts)
	x.arrives(0, w.requests())
	x.acts(0, w.effects(post))
}

func dialsAgain(x *trial) {
	w := x.world()
	x.through(w, func(r *http.Request, next *http.Transport) (*http.Response, error) {
		body, err := io.ReadAll(r.Body)
		require.NoError(x, err)
		here, elsewhere := r.Clone(r.Context()), r.Clone(r.Context())
		here.Body, elsewhere.Body = io.NopCloser(bytes.NewReader(body)), io.NopCloser(bytes.NewReader(body))
		resp, err := next.RoundTrip(here)
		require.NoError(x, err)
		resp.Body.Close()
		elsewhere.URL.Host = "127.0.0.1:1"
		return next.RoundTrip(elsewhere)
	})
	unknown.check(x, w, post, post.call(x.Context(), w))
}

func returnsNothing(x *trial) {
	w := x.world()
	x.through(w, func(*http.Request, *http.Transport) (*http.Response, error) { return nil, nil })
	ends(x, http.MethodPost, zexa.ErrOutcomeUnknown, post.call(x.Context(), w))
	x.arrives(0, w.requests())
	x.acts(0, w.effects(post))
}

// answered is what a call with the method of v succeeds with.
func answered(v verb) string {
	if v.method == http.MethodPost {
		return createdAnswer
	}
	return okAnswer
}

func closedBetweenCalls(x *trial, v verb) {
	noticed := make(chan struct{}, 2)
	s := x.serveConns(func(s *site, c *wire) {
		if !c.request() {
			return
		}
		s.arrived.Add(1)
		s.acted.Add(1)
		c.say(answered(v))
		c.Conn.(*net.TCPConn).CloseWrite()
		io.Copy(io.Discard, c)
		noticed <- struct{}{}
	})
	w := &world{client: x.client(s.base), id: "cnt_1"}
	require.NoError(x, v.call(x.Context(), w))
	<-noticed
	require.NoError(x, v.call(x.Context(), w))
	assert.EqualValues(x, 2, s.conns.Load())
	x.arrives(2, s.arrived.Load())
	x.acts(2, s.acted.Load())
}

func closedDuringCalls(x *trial) {
	s := x.serveConns(func(s *site, c *wire) {
		if c.request() {
			s.arrived.Add(1)
			s.acted.Add(1)
			c.say(createdAnswer)
		}
	})
	w := &world{client: x.client(s.base)}
	const calls = 300
	for n := range int64(calls) {
		before := s.acted.Load()
		err := post.call(x.Context(), w)
		switch sent := s.acted.Load() - before; {
		case err == nil:
			require.EqualValues(x, 1, sent)
		case errors.Is(err, zexa.ErrOutcomeUnknown):
			require.LessOrEqual(x, sent, int64(1))
		default:
			require.NoError(x, err, n)
		}
	}
	x.arrived = fmt.Sprintf("at most %d", calls)
	x.acted = x.arrived
}

func lostWhenKept(v verb, arrived int, want error) func(*trial) {
	return func(x *trial) {
		s := x.serveConns(func(s *site, c *wire) {
			for n := 1; c.request(); n++ {
				s.arrived.Add(1)
				if c.n == 1 && n == 2 {
					c.lose()
					return
				}
				s.acted.Add(1)
				c.say(answered(v))
			}
		})
		w := &world{client: x.client(s.base), id: "cnt_1"}
		require.NoError(x, v.call(x.Context(), w))
		ends(x, v.method, want, v.call(x.Context(), w))
		x.arrives(arrived, s.arrived.Load())
		x.acts(arrived-1, s.acted.Load())
	}
}

func noIdempotencyKey(x *trial) {
	w := x.world()
	w.api.SetWebhookDelivery(zexatest.WebhookDelivery{Client: zexatest.ClientFor(http.NotFoundHandler())})
	_, err := w.client.Messages.Send(x.Context(), hello)
	require.NoError(x, err)
	_, err = w.client.Contacts.Create(x.Context(), zexa.ContactParams{Name: "Rui", Phone: "+244912345678"})
	require.NoError(x, err)
	_, err = w.client.Campaigns.Create(x.Context(), zexa.CampaignParams{
		Name: "Julho", Channel: zexa.ChannelSMS, ContactListID: zexatest.DefaultContactList, SenderID: zexatest.DefaultSender, Body: "Olá!",
	})
	require.NoError(x, err)
	_, err = w.client.Webhooks.Register(x.Context(), zexa.WebhookParams{URL: "https://example.com/", Events: []zexa.EventType{"*"}})
	require.NoError(x, err)
	require.NoError(x, w.client.Do(x.Context(), http.MethodPost, "/messages", hello, nil))
	for _, r := range w.api.Requests() {
		for name := range r.Header {
			assert.NotContains(x, strings.ToLower(name), "idempotency")
		}
	}
	x.arrives(5, w.requests())
}

func cancelledInFlight(x *trial) {
	w := x.world()
	ctx, cancel := context.WithCancel(x.Context())
	defer cancel()
	w.api.OnAccept(func(zexatest.Message) { cancel() })
	w.api.Fault(zexatest.Fault{Latency: time.Hour})
	err := post.call(ctx, w)
	assert.ErrorIs(x, err, context.Canceled)
	unknown.check(x, w, post, err)
}

func cancelledGET(x *trial) {
	w := x.world()
	ctx, cancel := context.WithCancel(x.Context())
	defer cancel()
	w.onArrive(func(*http.Request) { cancel() })
	w.api.Fault(zexatest.Fault{Latency: time.Hour})
	err := get.call(ctx, w)
	assert.ErrorIs(x, err, context.Canceled)
	failed.check(x, w, get, err)
}

func deadlineInFlight(x *trial) {
	w := x.world()
	ctx, cancel := context.WithTimeout(x.Context(), 500*time.Millisecond)
	defer cancel()
	w.api.Fault(zexatest.Fault{Latency: time.Hour})
	err := post.call(ctx, w)
	assert.ErrorIs(x, err, context.DeadlineExceeded)
	unknown.check(x, w, post, err)
}

func cancelledInBody(v verb) func(*trial) {
	return func(x *trial) {
		ctx, cancel := context.WithCancel(x.Context())
		defer cancel()
		w := &world{site: x.serve(stalls(http.StatusCreated, `{"id":"msg_1",`))}
		x.through(w, func(r *http.Request, next *http.Transport) (*http.Response, error) {
			resp, err := next.RoundTrip(r)
			cancel()
			return resp, err
		})
		err := v.call(ctx, w)
		assert.ErrorIs(x, err, context.Canceled)
		ends(x, v.method, zexa.ErrAccepted, err)
		x.arrives(1, w.arrived.Load())
	}
}

// stalls answers with the beginning of a body, and then nothing.
func stalls(status int, beginning string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Length", "1000")
		w.WriteHeader(status)
		io.WriteString(w, beginning)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}
}

func cancelledBefore(x *trial) {
	w := x.world()
	ctx, cancel := context.WithCancel(x.Context())
	cancel()
	err := post.call(ctx, w)
	assert.ErrorIs(x, err, context.Canceled)
	ends(x, http.MethodPost, zexa.ErrNotSent, err)
	x.arrives(0, w.requests())
	x.acts(0, w.effects(post))
}

// scripted is a POST that meets several faults.
func scripted(arrived, acted int, want error, opts []zexa.CallOption, faults ...zexatest.Fault) func(*trial) {
	return func(x *trial) {
		w := x.world()
		for _, f := range faults {
			w.api.Fault(f)
		}
		err := post.call(x.Context(), w, opts...)
		ends(x, http.MethodPost, want, err)
		x.arrives(arrived, w.requests())
		x.acts(acted, w.effects(post))
	}
}

// keyed makes the client of w take these keys, one after another, and then the
// last one for ever.
func (x *trial) keyed(w *world, keys ...string) {
	x.Helper()
	w.client = x.clientWithKey("", w.base, zexa.WithKeyFunc(func(context.Context) (string, error) {
		key := keys[0]
		if len(keys) > 1 {
			keys = keys[1:]
		}
		return key, nil
	}))
}

func otherKey(x *trial) {
	w := x.world()
	x.keyed(w, "old", w.api.Key())
	again.check(x, w, post, post.call(x.Context(), w))
}

func sameKey(x *trial) {
	w := x.world()
	x.keyed(w, "old")
	err := post.call(x.Context(), w)
	assert.ErrorIs(x, err, zexa.ErrUnauthorized)
	refused.check(x, w, post, err)
}

func everOtherKeys(x *trial) {
	w := x.world()
	x.keyed(w, "one", "two", "three", "four")
	err := post.call(x.Context(), w)
	assert.ErrorIs(x, err, zexa.ErrUnauthorized)
	ends(x, http.MethodPost, zexa.ErrNotSent, err)
	x.arrives(2, w.requests())
	x.acts(0, w.effects(post))
}

func otherKeyThenLost(x *trial) {
	w := x.world()
	x.keyed(w, "old", w.api.Key())
	w.api.Fault(zexatest.Fault{Status: 401})
	w.api.Fault(zexatest.Fault{Reset: zexatest.ResetAfterActed})
	ends(x, http.MethodPost, zexa.ErrOutcomeUnknown, post.call(x.Context(), w))
	x.arrives(2, w.requests())
	x.acts(1, w.effects(post))
}
