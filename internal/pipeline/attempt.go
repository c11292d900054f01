package pipeline

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/zexa-ao/zexa-go/internal/backoff"
	"github.com/zexa-ao/zexa-go/internal/bounded"
	"github.com/zexa-ao/zexa-go/internal/pace"
	"github.com/zexa-ao/zexa-go/internal/policy"
)

// attempter makes one attempt. It is a RoundTripper without a
// CloseIdleConnections method, so that go-retryablehttp, which closes all idle
// connections after one caller's failure, closes none.
type attempter struct {
	config *Config
	pace   *pace.Pacer       // nil: none
	next   http.RoundTripper // nil: http.DefaultTransport, as it is at the time

	authorization func(key string) []string
	expired       error       // the cause of the configured timeout
	http1         atomic.Bool // the last answer came over HTTP/1
}

// An attempt is what its transport is given. Each attempt has one of its own,
// since a transport may still read that of the attempt before.
type attempt struct {
	request http.Request
	body    bytes.Reader
	witness witness
}

// RoundTrip leaves the outcome in the call and returns an answer without body,
// never an error: the loop must not lose the one, nor see the other and drop
// the API's own.
func (a *attempter) RoundTrip(req *http.Request) (*http.Response, error) {
	c := callOf(req.Context())
	a.attempt(c, req)
	c.answer = http.Response{Status: "200 done", StatusCode: http.StatusOK, Header: c.cookies(), Body: http.NoBody, Request: req}
	return &c.answer, nil
}

// cookies is all that a caller's http.Client, which may have a cookie jar, is
// told of an answer: a Location must not reach it.
func (c *Call) cookies() http.Header {
	if set := c.Header["Set-Cookie"]; set != nil {
		return http.Header{"Set-Cookie": set}
	}
	return nil
}

func (a *attempter) attempt(c *Call, req *http.Request) {
	if c.Halt = a.admit(c); c.Halt != nil {
		if c.ctx.Err() != nil {
			c.Ended = Ended(c.ctx)
		}
		return // what is known of the attempt before stays
	}
	c.begin()
	c.Attempts++

	ctx := req.Context()
	if c.Drain {
		ctx = context.WithoutCancel(ctx)
	}
	expired := a.expired
	if c.Timeout != a.config.AttemptTimeout {
		expired = timeoutError(c.Timeout)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.Timeout, expired)
	defer cancel()
	this := &c.first
	if c.Attempts > 1 {
		this = new(attempt)
	}
	if c.Method != http.MethodGet {
		var again func() bool
		if c.Payload == nil && !policy.Repeatable(c.Method) {
			again = func() bool {
				if a.http1.Load() && !this.witness.http2.Load() {
					return true // net/http has written nothing
				}
				cancel()
				return false
			}
		}
		ctx = this.witness.watch(ctx, again)
	}
	c.begun = ctx
	if c.Begin != nil {
		ctx = c.Begin(ctx)
		c.begun = ctx
	}
	sent := time.Now()
	defer func() { c.Took = time.Since(sent) }()
	resp, left, err := a.roundTrip(ctx, c, this, req)
	if req.Header["Cookie"] != nil {
		delete(req.Header, "Cookie") // http.Client adds them again for another attempt
	}
	if err != nil {
		c.unsent = left || this.witness.unsent()
		c.Err = c.explain(ctx, err)
		return
	}
	if http1 := resp.ProtoMajor == 1; a.http1.Load() != http1 {
		a.http1.Store(http1)
	}
	c.Status, c.Header = resp.StatusCode, resp.Header
	c.RetryAfter, _ = backoff.RetryAfter(c.Header, time.Now())
	if a.pace != nil {
		if c.Status == http.StatusTooManyRequests {
			a.pace.Refused(sent, c.RetryAfter)
		} else {
			a.pace.Accepted(sent)
		}
	}
	if resp.Body == nil {
		return
	}
	defer resp.Body.Close()
	if c.Status == http.StatusSwitchingProtocols {
		return // its body is the connection, which no context or timeout ends
	}
	limit, success := a.config.ErrorLimit, c.Status >= 200 && c.Status <= 299
	if success {
		limit = a.config.SuccessLimit
	}
	c.Body, err = bounded.Read(resp.Body, resp.ContentLength, limit)
	switch {
	case err == nil:
	case success:
		c.cut = !errors.Is(err, bounded.ErrTooLarge)
		c.Err = c.explain(ctx, err)
	default:
		c.explain(ctx, err) // the status has decided; its body only explains
	}
}

// replays is how many times a request is made again at once, in the same
// attempt, after the server's HTTP/2 has left it alone. That happens to many at
// a time when it retires a connection or allows few streams.
const replays = 3

// roundTrip has the transport make the request of an attempt. left is proof that
// the server left it alone.
func (a *attempter) roundTrip(ctx context.Context, c *Call, this *attempt, loop *http.Request) (_ *http.Response, left bool, err error) {
	sending := this
	for replay := 0; ; replay++ {
		r := a.request(ctx, c, sending, &this.witness, loop)
		resp, err := a.transport().RoundTrip(r)
		switch {
		case err == nil && resp == nil:
			return nil, false, errors.New("the transport returned neither an answer nor an error")
		case err == nil:
			return resp, false, nil
		case this.witness.stopped.Load():
			return nil, false, errStream
		}
		err, left := streamError(err, r.GetBody == nil)
		if !left || replay == replays || ctx.Err() != nil {
			return nil, left, err
		}
		sending = new(attempt)
		this.witness.forget()
	}
}

func (a *attempter) transport() http.RoundTripper {
	if a.next == nil {
		return http.DefaultTransport
	}
	return a.next
}

// begin forgets the attempt before.
func (c *Call) begin() {
	c.Status, c.Header, c.Body, c.Err, c.RetryAfter = 0, nil, nil, nil, 0
	c.unsent, c.cut = false, false
}

// admit waits at the gate and for the pace, and fetches the key.
func (a *attempter) admit(c *Call) error {
	if c.ctx.Err() != nil {
		return Ended(c.ctx)
	}
	if a.config.Gate != nil {
		if err := a.config.Gate(c.ctx); err != nil {
			return fmt.Errorf("rate limiter: %w", err)
		}
	}
	if a.pace != nil {
		var held func(time.Duration)
		if c.Held != nil {
			held = func(wait time.Duration) { c.Held(c.ctx, wait) }
		}
		if err := a.pace.Wait(c.ctx, held); err != nil {
			return err
		}
	}
	if c.next != "" {
		c.key, c.next = c.next, ""
	} else {
		key, err := a.config.Key(c.ctx)
		if err != nil {
			return err
		}
		c.key = key
	}
	if c.Keys == nil {
		c.keys[0] = c.key
		c.Keys = c.keys[:]
	} else if !slices.Contains(c.Keys, c.key) {
		c.Keys = append(c.Keys, c.key)
	}
	if c.ctx.Err() != nil {
		return Ended(c.ctx)
	}
	return nil
}

// request returns the request of this attempt, with a header map of its own, and
// a URL if its transport may write to it.
func (a *attempter) request(ctx context.Context, c *Call, this *attempt, w *witness, loop *http.Request) *http.Request {
	this.request = *loop.WithContext(ctx)
	r := &this.request
	if _, known := a.transport().(*http.Transport); !known {
		own := *loop.URL
		r.URL = &own
	}
	if r.Header = maps.Clone(c.Set); r.Header == nil {
		r.Header = make(http.Header)
	}
	r.Header["Authorization"] = a.authorization(c.key)
	if cookies := loop.Header["Cookie"]; cookies != nil {
		// http.Client has taken them from the jar, and adds to what is there.
		r.Header["Cookie"] = []string{strings.Join(slices.Concat(c.Set["Cookie"], cookies), "; ")}
	}
	if c.Payload != nil {
		r.ContentLength = int64(len(c.Payload))
		// With GetBody, net/http repeats a POST of which it wrote nothing to a
		// connection of HTTP/1 that had gone stale. Over HTTP/2 it would also
		// repeat, without end, what the server resets with PROTOCOL_ERROR, though
		// that does not prove that it has not acted; and a GetBody that fails
		// hides why it was called. So there is none until HTTP/1 is spoken.
		if a.http1.Load() {
			r.GetBody = func() (io.ReadCloser, error) {
				if w.http2.Load() {
					return nil, errStream
				}
				return io.NopCloser(bytes.NewReader(c.Payload)), nil
			}
		}
		// net/http writes header and body at once if it knows the type of body.
		this.body.Reset(c.Payload)
		r.Body = io.NopCloser(&this.body)
	}
	return r
}

// bearer returns a function that gives the Authorization header for a key, and
// keeps the last one for the next attempt. It does so in a closure, where
// nothing that prints a client finds it.
func bearer() func(key string) []string {
	type header struct {
		key    string
		values []string
	}
	var last atomic.Pointer[header]
	return func(key string) []string {
		h := last.Load()
		if h == nil || h.key != key {
			h = &header{key, []string{"Bearer " + key}}
			last.Store(h)
		}
		return h.values
	}
}

// explain says what ended an attempt: the caller's context, the attempt's own
// timeout, or what the transport said.
func (c *Call) explain(ctx context.Context, err error) error {
	if c.ctx.Err() != nil {
		c.Ended = Ended(c.ctx)
	}
	if t, ok := context.Cause(ctx).(timeoutError); ok {
		return t
	}
	return err
}

// Ended returns the error of a context that has ended, with its cause if it
// was given one.
func Ended(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if cause == err {
		return err
	}
	return fmt.Errorf("%w: %w", err, cause)
}

// timeoutError is the end of an attempt that took too long. It is not a
// context's error: the caller's context has not ended.
type timeoutError time.Duration

func (e timeoutError) Error() string {
	return fmt.Sprintf("no whole answer within %v", time.Duration(e))
}
func (e timeoutError) Timeout() bool   { return true }
func (e timeoutError) Temporary() bool { return true }

// witness sees whether a request can have been written. Silence is not proof:
// a transport that reports nothing has proven nothing. Nor is it enough that
// no header was written when RoundTrip returned, since a connection, once got,
// is written to by a goroutine that may be a moment late.
type witness struct {
	asked, got atomic.Bool
	http2      atomic.Bool // what it got speaks it
	stopped    atomic.Bool
	trace      httptrace.ClientTrace
}

// watch returns a context that tells w what happens. again, if not nil, is asked
// whether net/http may repeat a request, which it does without asking if that
// has no body.
func (w *witness) watch(ctx context.Context, again func() bool) context.Context {
	w.trace.GetConn = func(string) { w.asked.Store(true) }
	w.trace.GotConn = func(info httptrace.GotConnInfo) {
		if w.got.Swap(true) && again != nil && !again() {
			w.stopped.Store(true)
		}
		if conn, ok := info.Conn.(interface{ ConnectionState() tls.ConnectionState }); ok {
			w.http2.Store(conn.ConnectionState().NegotiatedProtocol == "h2")
		}
	}
	return httptrace.WithClientTrace(ctx, &w.trace)
}

// forget has w testify of what follows only.
func (w *witness) forget() {
	w.asked.Store(false)
	w.got.Store(false)
}

func (w *witness) unsent() bool { return w.asked.Load() && !w.got.Load() }

// errStream is the end of a request over HTTP/2 that net/http would have
// repeated, for a reason that it does not tell.
var errStream = errors.New("the stream was lost")

// streamError returns the error of a request that the HTTP/2 of net/http would
// have repeated, and whether it says that the server left the request alone (RFC
// 9113, 8.7) or that nothing was written. There is no more to go by than its
// words; others prove nothing. Some do only if the request had no GetBody.
func streamError(err error, once bool) (why error, left bool) {
	text := err.Error()
	if once && (text == "net/http: cannot rewind body after connection loss" || text == "http2: client conn not usable") {
		return err, true
	}
	s, ok := strings.CutPrefix(text, "http2: Transport: cannot retry err [")
	if !ok {
		return err, false
	}
	s, _, _ = strings.Cut(s, "] after Request.Body was written")
	return errors.New(s), strings.HasSuffix(s, "; REFUSED_STREAM; received from peer") ||
		s == "http2: Transport received Server's graceful shutdown GOAWAY"
}
