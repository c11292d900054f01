package zexa

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"reflect"
	"time"

	"github.com/zexa-ao/zexa-go/internal/check"
	"github.com/zexa-ao/zexa-go/internal/pipeline"
)

// An Option configures a client. A nil Option, or one with a value that makes
// no sense, is an error from [New].
type Option func(*config) error

type config struct {
	baseURL        string
	httpClient     *http.Client
	userAgent      string
	retries        int
	firstWait      time.Duration
	longestWait    time.Duration
	attemptTimeout time.Duration
	hooks          []Hooks
	key            func(context.Context) (string, error)
	limiter        RateLimiter
	validate       bool
	paced          bool
}

// WithBaseURL sets the URL that every path is appended to. The key is sent to
// its host and to no other: redirects are not followed. It must be https; plain
// http is accepted for loopback addresses and "localhost" only. The default is
// [DefaultBaseURL].
func WithBaseURL(url string) Option {
	return func(c *config) error {
		c.baseURL = url
		return nil
	}
}

// WithHTTPClient makes the attempts through a copy of client: its Transport
// (nil is http.DefaultTransport), its Jar, and its Timeout, which bounds each
// attempt. Its CheckRedirect is not used. client itself is never changed.
//
// A Transport that does not report to net/http/httptrace cannot prove that a
// request was not sent, so a POST that it fails is not retried. Nor is one
// that the server's HTTP/2 left alone, if the Transport changes the error in
// which net/http says so.
func WithHTTPClient(client *http.Client) Option {
	return func(c *config) error {
		switch {
		case client == nil:
			return errors.New("http.Client is nil")
		case client.Transport != nil && isNil(client.Transport):
			return errors.New("http.Client has a Transport that is a nil pointer or function")
		case client.Jar != nil && isNil(client.Jar):
			return errors.New("http.Client has a Jar that is a nil pointer")
		case client.Timeout < 0:
			return fmt.Errorf("http.Client has a negative Timeout: %v", client.Timeout)
		}
		c.httpClient = client
		return nil
	}
}

// WithUserAgent adds the name of the program, such as "shop/1.4", to the
// User-Agent header.
func WithUserAgent(name string) Option {
	return func(c *config) error {
		if name == "" || !check.HeaderValue(name) {
			return errors.New("user agent is empty or contains a control character")
		}
		c.userAgent += " " + name
		return nil
	}
}

// WithRetries sets how many times a call is attempted again after the first
// attempt failed: 0 to 100, by default [DefaultRetries]. The one repetition
// after a 401 with a new key from [WithKeyFunc] is not counted.
func WithRetries(n int) Option {
	return func(c *config) error {
		if err := checkRetries(n); err != nil {
			return err
		}
		c.retries = n
		return nil
	}
}

// WithRetryWait sets the longest first wait between attempts, which doubles with
// each further retry, and the longest wait of all. The API's Retry-After is
// always waited for in full; if it is over longest, the call is not retried.
// Both are positive, first at most longest; the defaults are [DefaultFirstWait]
// and [DefaultLongestWait].
func WithRetryWait(first, longest time.Duration) Option {
	return func(c *config) error {
		if first <= 0 || longest < first {
			return fmt.Errorf("retry waits %v and %v: the first must be positive and at most the longest", first, longest)
		}
		c.firstWait, c.longestWait = first, longest
		return nil
	}
}

// WithAttemptTimeout bounds each attempt, from the first byte sent to the last
// one received; the whole call is bounded by its context. It must be positive
// and is [DefaultAttemptTimeout] by default. A POST that times out has an
// unknown outcome, so a short timeout makes unknown outcomes.
func WithAttemptTimeout(d time.Duration) Option {
	return func(c *config) error {
		if d <= 0 {
			return fmt.Errorf("attempt timeout %v is not positive", d)
		}
		c.attemptTimeout = d
		return nil
	}
}

// WithLogger writes a record for each call (debug, or error if it failed), for
// each retry (warn), and for each call that the learned pace holds back (info).
// Records hold method, path template, status, request id, attempt, wait,
// duration, and of an error what [Error] prints: never the key, a body, an
// e-mail address or a whole phone number. Without it nothing is written
// anywhere.
func WithLogger(logger *slog.Logger) Option {
	return func(c *config) error {
		if logger == nil || isNil(logger.Handler()) {
			return errors.New("logger is nil or has no handler")
		}
		c.hooks = append(c.hooks, logHooks(logger))
		return nil
	}
}

// WithKeyFunc takes the key from f, for keys that are rotated while the program
// runs. f is called before every attempt, so it should be fast, and by many
// goroutines at once. After a 401 it is called again, and if it then gives
// another key, the call is attempted once more with that. The key argument of
// [New] must be empty. An error of f, or a key that is not well-formed, ends
// the call without another attempt.
func WithKeyFunc(f func(context.Context) (string, error)) Option {
	return func(c *config) error {
		if f == nil {
			return errors.New("key function is nil")
		}
		c.key = f
		return nil
	}
}

// A RateLimiter holds back requests. *rate.Limiter from golang.org/x/time/rate
// is one.
type RateLimiter interface {
	// Wait returns when the next request may be made, or an error if it may
	// not be made at all, as when ctx ends first.
	Wait(ctx context.Context) error
}

// WithRateLimiter asks limiter before every attempt, retries included. Its
// error ends the call without another attempt.
func WithRateLimiter(limiter RateLimiter) Option {
	return func(c *config) error {
		if isNil(limiter) {
			return errors.New("rate limiter is nil")
		}
		c.limiter = limiter
		return nil
	}
}

// WithoutValidation sends parameters as they are and leaves it to the API to
// find what is wrong with them.
func WithoutValidation() Option {
	return func(c *config) error {
		c.validate = false
		return nil
	}
}

// WithoutPacing lets each call find out by itself how many requests the account
// may make. By default the first 429 teaches the client: all that share it are
// held back until the API's Retry-After has passed, and then paced under the
// rate that was accepted before, which grows again while nothing is refused. A
// call that would not get its turn before its deadline fails at once, with an
// error that matches [ErrRateLimited] and [ErrNotSent].
func WithoutPacing() Option {
	return func(c *config) error {
		c.paced = false
		return nil
	}
}

// isNil reports whether v is nil, or an interface with a nil pointer or function
// in it.
func isNil(v any) bool {
	r := reflect.ValueOf(v)
	return v == nil || (r.Kind() == reflect.Pointer || r.Kind() == reflect.Func) && r.IsNil()
}

func checkRetries(n int) error {
	if n < 0 || n > 100 {
		return fmt.Errorf("retries: %d is not between 0 and 100", n)
	}
	return nil
}

// newTransport returns the transport of a client that was given none: as
// http.DefaultTransport, with room for many calls at once, idle connections
// that are given up before common load balancers do so, pings that notice a
// dead peer, and a bound on headers.
func newTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 15 * time.Second}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           256,
		MaxIdleConnsPerHost:    256,
		IdleConnTimeout:        50 * time.Second,
		TLSHandshakeTimeout:    10 * time.Second,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: 256 << 10,
		HTTP2: &http.HTTP2Config{
			SendPingTimeout: 15 * time.Second,
			PingTimeout:     10 * time.Second,
		},
	}
}

// A CallOption changes one call. A nil CallOption, or one with a value that
// makes no sense, fails the call before anything is sent.
type CallOption func(*callOptions) error

type callOptions struct {
	header   http.Header // besides those of every call
	extra    url.Values  // of the query
	values   map[string]string
	response *Response
	retries  int
	timeout  time.Duration
	repeat   bool
	ahead    int // pages fetched ahead; 0: not set
}

func (o *callOptions) apply(opts []CallOption) error {
	for i, opt := range opts {
		if opt == nil {
			return fmt.Errorf("call option %d is nil", i+1)
		}
		if err := opt(o); err != nil {
			return err
		}
	}
	return nil
}

// CallHeader sends a further header with the call, or another Accept or
// User-Agent. The headers that authenticate and frame a request (Authorization,
// Content-Type and so on) are refused.
//
// Setting Idempotency-Key or X-Idempotency-Key is the caller's risk: the API
// documents neither, and net/http by itself repeats a POST that carries one
// after a connection is lost.
func CallHeader(name, value string) CallOption {
	return func(o *callOptions) error {
		if !check.HeaderName(name) {
			return errors.New("header name is not valid")
		}
		if !check.HeaderValue(value) {
			return fmt.Errorf("header %s has a control character in its value", name)
		}
		name := textproto.CanonicalMIMEHeaderKey(name) // an option may be applied by several calls at once
		switch name {
		case "Authorization", "Content-Type", "Content-Length", "Content-Encoding", "Accept-Encoding", "Host",
			"Connection", "Proxy-Connection", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Expect":
			return fmt.Errorf("header %s cannot be set", name)
		}
		if o.header == nil {
			o.header = make(http.Header)
		}
		o.header[name] = []string{value}
		return nil
	}
}

// CallResponse fills in r, whether the call succeeds or fails. If no answer
// was had, only Attempts is set.
func CallResponse(r *Response) CallOption {
	return func(o *callOptions) error {
		if r == nil {
			return errors.New("response is nil")
		}
		o.response = r
		return nil
	}
}

// CallRetries is [WithRetries] for one call.
func CallRetries(n int) CallOption {
	return func(o *callOptions) error {
		o.retries = n
		return checkRetries(n)
	}
}

// CallAttemptTimeout is [WithAttemptTimeout] for one call.
func CallAttemptTimeout(d time.Duration) CallOption {
	return func(o *callOptions) error {
		if d <= 0 {
			return fmt.Errorf("attempt timeout %v is not positive", d)
		}
		o.timeout = d
		return nil
	}
}

// CallRepeatPOST retries a POST as if it were a GET, even when an earlier
// attempt may have been acted on. The risk is that the same message reaches
// somebody several times, and is paid for several times: up to once for each
// attempt. A call that fails after such an attempt still has an unknown
// outcome, whatever the last answer was.
func CallRepeatPOST() CallOption {
	return func(o *callOptions) error {
		o.repeat = true
		return nil
	}
}

// CallQuery adds to the query of the call, for parameters that this package
// does not know. A name it sets itself is replaced.
func CallQuery(query url.Values) CallOption {
	return func(o *callOptions) error {
		if o.extra == nil {
			o.extra = make(url.Values)
		}
		maps.Copy(o.extra, query)
		return nil
	}
}

// CallPathValue replaces {name} in the path of [Client.Do] by value, escaped. An
// empty value is an error, and so is its use with any other call.
func CallPathValue(name, value string) CallOption {
	return func(o *callOptions) error {
		if o.values == nil {
			o.values = make(map[string]string)
		}
		o.values[name] = value
		return nil
	}
}

// CallPagesAhead sets how many pages an iterator over a list keeps under way,
// once the first page has told how many there are: 1 to [MaxPagesAhead]. With 1
// nothing is fetched ahead: each page is asked for when its first item is. By
// default 2, and soon [DefaultPagesAhead], are under way.
func CallPagesAhead(n int) CallOption {
	return func(o *callOptions) error {
		if n < 1 || n > MaxPagesAhead {
			return fmt.Errorf("pages ahead: %d is not between 1 and %d", n, MaxPagesAhead)
		}
		o.ahead = n
		return nil
	}
}

// Response is what a call's last answer came with; see [CallResponse].
type Response struct {
	Status   int // HTTP status; 0 if there was no answer
	Header   http.Header
	Attempts int // requests handed to the transport

	// RequestID is the documented request id of an error answer, else the
	// X-Request-Id header, which is undocumented and may be absent.
	RequestID string
}

func newResponse(r *pipeline.Result, err error) Response {
	resp := Response{Status: r.Status, Header: r.Header, Attempts: r.Attempts, RequestID: requestID("", r.Header)}
	var e *Error
	if errors.As(err, &e) {
		resp.RequestID = e.RequestID
	}
	return resp
}
