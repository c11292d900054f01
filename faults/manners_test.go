package faults_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log"
	"log/slog"
	"net/http"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/zexatest"
)

var manners = []row{
	{fault: "100 calls one after another, a quarter of them errors", call: "GET, POST, DELETE", holds: "one connection", run: oneConnection},
	{fault: "64 goroutines make 10 calls each", call: "GET", holds: "over HTTP/1.1 hardly more than 64 connections, over HTTP/2 one", run: sharedConnections},
	{fault: "some goroutines run out of retries, others are cancelled while they wait or are answered", call: "GET", holds: "the connections of all others stay open", run: othersStayConnected},
	{fault: "every way for a call to end, then CloseIdleConnections", call: "GET, POST", holds: "no goroutine is left", alone: true, run: noGoroutines},
	{fault: "CloseIdleConnections, then another call", call: "GET", holds: "a new connection", run: closedAndUsed},
	{fault: "CloseIdleConnections with a caller's http.Client", call: "GET", holds: "its connection stays open, and it is as it was", run: callersClient},
	{fault: "errors and retries, and no logger", call: "GET, POST", holds: "nothing is written anywhere", alone: true, run: noOutput},
	{fault: "a server that speaks HTTP/2", call: "GET", holds: "HTTP/2", over: onlyHTTP2, run: speaksHTTP2},
	{fault: "the peer goes silent, but keeps the connection", call: "POST", holds: "noticed by a ping, within 30 s; *outcome unknown*", over: onlyHTTP2, slow: true, run: deadPeer},
	{fault: "nil contexts and options, and values that cannot be sent or decoded", call: "all", holds: "errors, no panics; nothing is sent", run: nonsense},
	{fault: "the zero value of every optional parameter", call: "GET, POST", holds: "is left to the API", run: zeroValues},
}

func oneConnection(x *trial) {
	w := x.world(zexa.WithRetries(0))
	for n := range 25 {
		require.NoError(x, get.call(x.Context(), w))
		require.NoError(x, post.call(x.Context(), w))
		if n == 0 {
			require.NoError(x, del.call(x.Context(), w))
		} else {
			require.ErrorIs(x, del.call(x.Context(), w), zexa.ErrNotFound)
		}
		w.api.Fault(zexatest.Fault{Status: []int{400, 422, 500, 502}[n%4], Body: bytes.Repeat([]byte("x"), 50<<10)})
		require.Error(x, post.call(x.Context(), w))
	}
	assert.EqualValues(x, 1, w.conns.Load())
	x.arrives(100, w.requests())
}

func sharedConnections(x *trial) {
	w := x.world()
	require.NoError(x, get.call(x.Context(), w))
	var calls sync.WaitGroup
	for range 64 {
		calls.Go(func() {
			for range 10 {
				assert.NoError(x, get.call(x.Context(), w))
			}
		})
	}
	calls.Wait()
	most := int64(2 * 64) // net/http may dial and then use another that became free
	if x.over == http2 {
		most = 1
	}
	assert.LessOrEqual(x, w.conns.Load(), most)
	x.arrives(641, w.requests())
}

// meeting answers requests for /credits once n of them are under way.
func meeting(n int64, elsewhere http.Handler) http.Handler {
	var mu sync.Mutex
	arrived, all := int64(0), make(chan struct{})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/credits" {
			elsewhere.ServeHTTP(w, r)
			return
		}
		mu.Lock()
		met := all
		if arrived++; arrived%n == 0 {
			close(all)
			all = make(chan struct{})
		}
		mu.Unlock()
		select {
		case <-met:
			io.WriteString(w, `{"credits":1}`)
		case <-r.Context().Done():
		}
	})
}

func othersStayConnected(x *trial) {
	const others = 8
	hanging := make(chan struct{}, 1)
	s := x.serve(meeting(others, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/v1/fails":
			w.WriteHeader(http.StatusInternalServerError)
		case "/v1/waits":
			w.Header().Set("Retry-After", "30")
			w.WriteHeader(http.StatusServiceUnavailable)
		case "/v1/hangs":
			hanging <- struct{}{}
			<-r.Context().Done()
		}
	})))
	waiting := make(chan struct{}, 1)
	c := x.client(s.base, zexa.WithLogger(slog.New(recorder(func(r slog.Record) {
		r.Attrs(func(a slog.Attr) bool {
			if r.Level == slog.LevelWarn && a.Key == "path" && a.Value.String() == "/waits" {
				waiting <- struct{}{}
			}
			return true
		})
	}))))
	meet := func() {
		var calls sync.WaitGroup
		for range others {
			calls.Go(func() {
				_, err := c.Credits.Get(x.Context())
				assert.NoError(x, err)
			})
		}
		calls.Wait()
	}
	require.Error(x, c.Do(x.Context(), http.MethodGet, "/fails", nil, nil))
	meet()
	before := s.conns.Load()
	require.Error(x, c.Do(x.Context(), http.MethodGet, "/fails", nil, nil))
	for path, begun := range map[string]chan struct{}{"/waits": waiting, "/hangs": hanging} {
		ctx, cancel := context.WithCancel(x.Context())
		go func() {
			<-begun
			cancel()
		}()
		require.ErrorIs(x, c.Do(ctx, http.MethodGet, path, nil, nil), context.Canceled)
	}
	meet()
	if x.over == http1 {
		before++ // in place of that of the call that was cancelled in flight
	}
	assert.LessOrEqual(x, s.conns.Load(), before)
}

// recorder is a function as a slog.Handler.
type recorder func(slog.Record)

func (f recorder) Enabled(context.Context, slog.Level) bool { return true }
func (f recorder) Handle(_ context.Context, r slog.Record) error {
	f(r)
	return nil
}
func (f recorder) WithAttrs([]slog.Attr) slog.Handler { return f }
func (f recorder) WithGroup(string) slog.Handler      { return f }

func noGoroutines(x *trial) {
	const perKind = 5
	arrived := make(chan struct{}, 100)
	s := x.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		switch r.URL.Path {
		case "/v1/fails":
			w.WriteHeader(http.StatusInternalServerError)
		case "/v1/refuses":
			w.Header().Set("Retry-After", "30")
			w.WriteHeader(http.StatusTooManyRequests)
		case "/v1/hangs":
			arrived <- struct{}{}
			<-r.Context().Done()
		case "/v1/stalls":
			stalls(200, "{")(w, r)
		case "/v1/floods":
			endless(spaces, nil)(w, 200)
		case "/v1/resets":
			panic(http.ErrAbortHandler)
		default:
			io.WriteString(w, `{"id":"msg_1"}`)
		}
	}))
	before := runtime.NumGoroutine()
	c := x.client(s.base, zexa.WithoutPacing())
	ctx, cancel := context.WithCancel(x.Context())
	var calls sync.WaitGroup
	for range perKind {
		for _, path := range []string{"/works", "/fails", "/refuses", "/hangs", "/stalls", "/floods", "/resets"} {
			calls.Go(func() {
				for _, method := range []string{http.MethodGet, http.MethodPost} {
					var in any
					if method == http.MethodPost {
						in = hello
					}
					var out json.RawMessage
					timeout := 30 * time.Second
					if path == "/stalls" {
						timeout = 100 * time.Millisecond
					}
					c.Do(ctx, method, path, in, &out, zexa.CallRetries(1), zexa.CallAttemptTimeout(timeout))
				}
			})
		}
	}
	for range perKind {
		<-arrived
	}
	cancel()
	calls.Wait()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for limit := time.Now().Add(10 * time.Second); ; <-tick.C {
		c.CloseIdleConnections() // an HTTP/2 connection is idle a moment after its last stream was cancelled
		if runtime.NumGoroutine() <= before {
			return
		}
		if time.Now().After(limit) {
			stacks := make([]byte, 1<<20)
			x.Errorf("there were %d goroutines, now there are:\n%s", before, stacks[:runtime.Stack(stacks, true)])
			return
		}
	}
}

func closedAndUsed(x *trial) {
	w := x.world()
	require.NoError(x, get.call(x.Context(), w))
	w.client.CloseIdleConnections()
	require.NoError(x, get.call(x.Context(), w))
	assert.EqualValues(x, 2, w.conns.Load())
	x.arrives(2, w.requests())
}

func callersClient(x *trial) {
	w := x.world()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	x.Cleanup(transport.CloseIdleConnections)
	mine := &http.Client{Transport: transport, Timeout: time.Minute}
	was := *mine
	w.client = x.client(w.base, zexa.WithHTTPClient(mine))
	require.NoError(x, get.call(x.Context(), w))
	w.client.CloseIdleConnections()
	w.api.Fault(zexatest.Fault{Status: 500, Times: 4})
	require.Error(x, get.call(x.Context(), w))
	require.NoError(x, get.call(x.Context(), w))
	assert.EqualValues(x, 1, w.conns.Load())
	assert.Same(x, transport, mine.Transport)
	assert.Nil(x, mine.CheckRedirect)
	assert.Equal(x, was.Timeout, mine.Timeout)
	x.arrives(6, w.requests())
}

func noOutput(x *trial) {
	r, pipe, err := os.Pipe()
	require.NoError(x, err)
	stdout, stderr, logger := os.Stdout, os.Stderr, slog.Default()
	os.Stdout, os.Stderr = pipe, pipe
	log.SetOutput(pipe)
	slog.SetDefault(slog.New(slog.NewTextHandler(pipe, &slog.HandlerOptions{Level: slog.LevelDebug})))
	written := make(chan string)
	go func() {
		all, _ := io.ReadAll(r)
		written <- string(all)
	}()

	w := x.world()
	for _, f := range []zexatest.Fault{{Status: 500}, {Reset: zexatest.ResetAfterRead}, {Status: 429}} {
		w.api.Fault(f)
	}
	getErr := get.call(x.Context(), w)
	w.api.Fault(zexatest.Fault{Status: 502, Body: []byte("<html>")})
	postErr := post.call(x.Context(), w)
	w.client.CloseIdleConnections()

	os.Stdout, os.Stderr = stdout, stderr
	slog.SetDefault(logger)
	log.SetOutput(stderr)
	pipe.Close()
	assert.Empty(x, <-written)
	require.NoError(x, getErr)
	ends(x, http.MethodPost, zexa.ErrOutcomeUnknown, postErr)
}

func speaksHTTP2(x *trial) {
	w := x.world()
	w.onArrive(func(r *http.Request) { assert.Equal(x, 2, r.ProtoMajor) })
	require.NoError(x, get.call(x.Context(), w))
	x.arrives(1, w.requests())
}

func deadPeer(x *trial) {
	s := x.serveStreams(func(c *wire, stream uint32, before int64) bool {
		if before == 0 {
			return c.answerStream(stream)
		}
		<-x.Context().Done()
		return false
	})
	w := &world{client: x.client(s.base)}
	require.NoError(x, post.call(x.Context(), w))
	start := time.Now()
	err := post.call(x.Context(), w, zexa.CallAttemptTimeout(time.Hour))
	ends(x, http.MethodPost, zexa.ErrOutcomeUnknown, err)
	assert.Less(x, time.Since(start), 35*time.Second)
	x.arrives(2, s.arrived.Load())
}

func nonsense(x *trial) {
	w := x.world()
	var none context.Context
	var nowhere *int
	for _, opts := range [][]zexa.CallOption{{nil}, {zexa.CallRetries(-1)}, {zexa.CallAttemptTimeout(0)}, {zexa.CallResponse(nil)}, {zexa.CallHeader("", "")}, {zexa.CallHeader("X", "\n")}} {
		for _, v := range []verb{get, del, post} {
			ends(x, v.method, zexa.ErrNotSent, v.call(x.Context(), w, opts...))
		}
	}
	for _, v := range []verb{get, del, post} {
		ends(x, v.method, zexa.ErrNotSent, v.call(none, w))
	}
	for _, in := range []any{func() {}, make(chan int), map[bool]int{true: 1}, json.RawMessage("{")} {
		ends(x, http.MethodPost, zexa.ErrNotSent, w.client.Do(x.Context(), http.MethodPost, "/messages", in, nil))
	}
	for _, out := range []any{nowhere, 1, "x", map[string]any{}} {
		ends(x, http.MethodPost, zexa.ErrNotSent, w.client.Do(x.Context(), http.MethodPost, "/messages", hello, out))
	}
	_, err := w.client.Messages.Send(x.Context(), zexa.MessageParams{})
	ends(x, http.MethodPost, zexa.ErrNotSent, err)
	_, err = w.client.Webhooks.Register(x.Context(), zexa.WebhookParams{})
	ends(x, http.MethodPost, zexa.ErrNotSent, err)
	for _, opt := range []zexa.Option{nil, zexa.WithHTTPClient(nil), zexa.WithLogger(nil), zexa.WithKeyFunc(nil), zexa.WithRateLimiter(nil)} {
		_, err := zexa.New(zexatest.DefaultKey, opt)
		assert.Error(x, err)
	}
	x.arrives(0, w.requests())
}

func zeroValues(x *trial) {
	w := x.world()
	_, err := w.client.Contacts.List(x.Context(), zexa.ContactQuery{})
	require.NoError(x, err)
	_, err = w.client.Contacts.Create(x.Context(), zexa.ContactParams{Name: "Rui", Phone: "+244912345678"})
	require.NoError(x, err)
	require.NoError(x, post.call(x.Context(), w))
	got := w.api.Requests()
	assert.Empty(x, got[0].Query)
	assert.JSONEq(x, `{"name":"Rui","phone":"+244912345678"}`, string(got[1].Body))
	assert.JSONEq(x, `{"channel":"sms","from":"ZEXA","to":"+244912345678","body":"Olá!"}`, string(got[2].Body))
	x.arrives(3, w.requests())
}
