// Package pipeline carries a call to the API and back. This is its order,
// outermost first, and the only place that states it:
//
//  1. the loop: go-retryablehttp makes attempts until it is told to stop
//  2. the decision: policy.Decide, after each attempt
//  3. the wait: backoff.Plan, before each attempt but the first
//  4. the gate: the caller's rate limiter, then the learned pace, before every
//     attempt
//  5. the credentials: a key for this attempt, for the configured host only
//  6. the attempt's own timeout, and a witness of whether a byte was written
//  7. the transport: the caller's, or our own
//  8. the read: the whole answer, up to a limit, before anything is decided
//
// Stages 4 to 8 are one attempt (attempt.go). Stages 1 to 3 are this file.
package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/zexa-ao/zexa-go/internal/backoff"
	"github.com/zexa-ao/zexa-go/internal/pace"
	"github.com/zexa-ao/zexa-go/internal/policy"
)

// Config is what all calls of a client share.
type Config struct {
	HTTPClient     *http.Client // its Transport makes the attempts; it is copied
	Key            func(context.Context) (string, error)
	Rotates        bool                        // whether Key can give another key than before
	Gate           func(context.Context) error // nil: always open
	Paced          bool                        // whether to learn the account's rate and keep to it
	FirstWait      time.Duration
	LongestWait    time.Duration
	SuccessLimit   int64 // bytes of a success body
	ErrorLimit     int64 // bytes of an error body
	AttemptTimeout time.Duration
}

// A Pipeline makes calls. It is safe for concurrent use.
type Pipeline struct {
	config Config
	hard   time.Duration // the Timeout of the caller's http.Client; 0: none
	jar    bool          // whether the caller's http.Client has one
	empty  http.Header   // the header of all requests of the loop; nobody writes to it
	loop   *retryablehttp.Client
}

// New returns a pipeline. It never changes what config points to.
func New(config Config) *Pipeline {
	client := *config.HTTPClient
	p := &Pipeline{config: config, hard: client.Timeout, jar: client.Jar != nil, empty: http.Header{}}
	client.Timeout = 0 // it would span the gate too, and cost a goroutine for each attempt
	a := &attempter{
		config: &p.config, next: client.Transport,
		authorization: bearer(), expired: timeoutError(config.AttemptTimeout),
	}
	if config.Paced {
		a.pace = pace.New(config.LongestWait)
	}
	client.Transport = a
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	p.loop = &retryablehttp.Client{
		HTTPClient: &client,
		RetryMax:   math.MaxInt, // decide counts
		CheckRetry: p.decide,
		Backoff:    plannedWait,
	}
	return p
}

// A Call is one call and what becomes of it. It is made once, and holds what a
// call of one attempt needs, so that this is allocated in one piece.
type Call struct {
	Method  string
	URL     *url.URL
	Set     http.Header   // sent with every attempt
	Payload []byte        // nil: none
	Retries int           // attempts beyond the first
	Timeout time.Duration // of one attempt; 0: the pipeline's
	Repeat  bool          // repeat even when the server may have acted
	Drain   bool          // an attempt that has begun is not ended with the context

	// If set, Begin gives an attempt its context, Observe is told of it with
	// that context once what follows is decided, and Held of a wait for the
	// pace.
	Begin   func(context.Context) context.Context
	Observe func(context.Context)
	Held    func(context.Context, time.Duration)

	Result

	ctx     context.Context
	begun   context.Context // of the last attempt
	retries int             // made so far
	key     string          // the key of the last attempt
	next    string          // the key for the next attempt, if it is known already
	renewed bool            // whether a 401 was answered with another key

	carrier carrier
	request http.Request // of the loop
	loop    retryablehttp.Request
	answer  http.Response // what the loop is told
	first   attempt
	keys    [1]string
}

// Result is what is known after an attempt, and after the call.
type Result struct {
	OK       bool           // the call succeeded
	Retrying bool           // another attempt follows, after Wait
	Outcome  policy.Outcome // the worst of all attempts
	Status   int            // of the last attempt's answer; 0 if it had none
	Header   http.Header    // of that answer
	Body     []byte         // of that answer, as far as it was read
	Err      error          // why the last attempt has no whole answer
	Ended    error          // the context's error, if it ended the call
	Halt     error          // why the gate or the key allowed no further attempt

	Attempts   int           // attempts that reached the transport
	Took       time.Duration // the last attempt
	RetryAfter time.Duration // what the last answer asked for
	Wait       time.Duration // before the next attempt
	NoRetry    string        // why a retry that was allowed is not made
	Keys       []string      // the keys used, for redaction

	unsent bool // proof that nothing of the last attempt was written
	cut    bool // its success body ended early
}

type callKey struct{}

// A carrier is the context of a call, with the call in it.
type carrier struct {
	context.Context
	call *Call
}

func (c *carrier) Value(key any) any {
	if key == (callKey{}) {
		return c.call
	}
	return c.Context.Value(key)
}

func callOf(ctx context.Context) *Call {
	return ctx.Value(callKey{}).(*Call)
}

// Do makes the call and fills in its Result.
func (p *Pipeline) Do(ctx context.Context, c *Call) {
	c.ctx = ctx
	c.Timeout = cmp.Or(c.Timeout, p.config.AttemptTimeout)
	if p.hard > 0 {
		c.Timeout = min(c.Timeout, p.hard)
	}
	c.carrier = carrier{ctx, c}
	c.request = *new(http.Request).WithContext(&c.carrier)
	c.request.Method, c.request.URL, c.request.Host = c.Method, c.URL, c.URL.Host
	c.request.Proto, c.request.ProtoMajor, c.request.ProtoMinor = "HTTP/1.1", 1, 1
	if c.request.Header = p.empty; p.jar {
		c.request.Header = make(http.Header) // http.Client puts the cookies into it
	}
	c.loop.Request = &c.request
	_, err := p.loop.Do(&c.loop)
	if err != nil && c.Retrying {
		// The wait was ended by the context. The last answer stays.
		c.Retrying = false
		c.Ended = Ended(ctx)
	}
}

// decide is called after each attempt with the context of the call.
func (p *Pipeline) decide(ctx context.Context, _ *http.Response, err error) (bool, error) {
	c := callOf(ctx)
	if err != nil {
		c.begin() // attempter returns no error, so this is http.Client's own
		c.Err = err
	}
	p.conclude(c)
	if c.Observe != nil && c.Halt == nil {
		c.Observe(c.begun)
	}
	return c.Retrying, nil
}

func (p *Pipeline) conclude(c *Call) {
	c.OK, c.Retrying, c.Wait, c.NoRetry = false, false, 0, ""
	if c.Halt != nil {
		c.Outcome = max(c.Outcome, policy.NotSent)
		return
	}
	d := policy.Decide(c.Method, c.Repeat, policy.Attempt{
		Status:    c.Status,
		Unsent:    c.unsent,
		Cut:       c.cut,
		Unusable:  c.Err != nil && c.Status != 0 && !c.cut,
		Cancelled: c.Ended != nil,
	})
	// A DELETE that may have been acted on has deleted what is not found now.
	gone := c.Method == http.MethodDelete && c.Status == http.StatusNotFound && c.Outcome == policy.Unknown
	if d.OK || gone {
		c.OK = true
		return
	}
	c.Outcome = max(c.Outcome, d.Outcome)
	if c.Status == http.StatusUnauthorized && p.renew(c) {
		c.Retrying = true
		return
	}
	if !d.Retry || c.retries >= c.Retries {
		return
	}
	if c.ctx.Err() != nil {
		c.Ended = Ended(c.ctx)
		return
	}
	deadline, _ := c.ctx.Deadline()
	wait, fits := backoff.Plan(c.retries+1, p.config.FirstWait, p.config.LongestWait, c.RetryAfter, time.Now(), deadline)
	switch {
	case fits:
		c.retries++
		c.Retrying, c.Wait = true, wait
	case c.RetryAfter > p.config.LongestWait:
		c.NoRetry = fmt.Sprintf("not retried: Retry-After is over the longest wait of %v", p.config.LongestWait)
	default:
		c.NoRetry = fmt.Sprintf("not retried: a wait of %v would pass the deadline", wait.Round(time.Millisecond))
	}
}

// renew asks for another key after the one used was refused, once in a call.
func (p *Pipeline) renew(c *Call) bool {
	if !p.config.Rotates || c.renewed || c.Ended != nil {
		return false
	}
	key, err := p.config.Key(c.ctx)
	if err != nil || key == c.key {
		return false
	}
	c.next, c.renewed = key, true
	return true
}

func plannedWait(_, _ time.Duration, _ int, resp *http.Response) time.Duration {
	return callOf(resp.Request.Context()).Wait
}
