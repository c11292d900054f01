package zexa

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"runtime"
	"strings"
	"time"

	"github.com/zexa-ao/zexa-go/internal/bounded"
	"github.com/zexa-ao/zexa-go/internal/check"
	"github.com/zexa-ao/zexa-go/internal/endpoint"
	"github.com/zexa-ao/zexa-go/internal/pipeline"
	"github.com/zexa-ao/zexa-go/internal/policy"
)

// A Client calls the API. [New] and [NewFromEnv] make it; its zero value cannot
// be used. Its services share one transport, one key and one way of retrying. It
// is safe for concurrent use, and one is enough for a program: it keeps
// connections and reuses them.
type Client struct {
	Messages  *MessageService
	Campaigns *CampaignService
	Contacts  *ContactService
	Webhooks  *WebhookService
	Credits   *CreditService
	SenderIDs *SenderIDService

	// engine is behind a pointer, and the key behind a function, so that no
	// way of printing a Client shows the key.
	engine *engine
}

type engine struct {
	base      *url.URL
	headers   http.Header // of every call
	sending   http.Header // of every call with a body
	options   callOptions // of a call that is given none
	validate  bool
	hooks     []Hooks
	pipeline  *pipeline.Pipeline
	closeIdle func()
}

// Defaults of a client.
const (
	DefaultRetries        = 3
	DefaultFirstWait      = 500 * time.Millisecond
	DefaultLongestWait    = 60 * time.Second
	DefaultAttemptTimeout = 30 * time.Second
)

const (
	successLimit = 8 << 20
	errorLimit   = 64 << 10
)

// New returns a client that authenticates with key. It makes no request. A key
// that is empty or contains spaces, control characters or any that are not
// ASCII, and an option with a value that makes no sense, are errors.
func New(key string, opts ...Option) (*Client, error) {
	cfg := config{
		baseURL:        DefaultBaseURL,
		userAgent:      "zexa-go/" + Version + " (" + runtime.Version() + ")",
		retries:        DefaultRetries,
		firstWait:      DefaultFirstWait,
		longestWait:    DefaultLongestWait,
		attemptTimeout: DefaultAttemptTimeout,
		validate:       true,
		paced:          true,
	}
	for i, opt := range opts {
		if opt == nil {
			return nil, fmt.Errorf("zexa: option %d is nil", i+1)
		}
		if err := opt(&cfg); err != nil {
			return nil, fmt.Errorf("zexa: %w", err)
		}
	}
	supply, err := keySupply(key, cfg.key)
	if err != nil {
		return nil, fmt.Errorf("zexa: %w", err)
	}
	base, err := endpoint.Base(cfg.baseURL)
	if err != nil {
		return nil, fmt.Errorf("zexa: base URL %w", err)
	}

	httpClient, closeIdle := cfg.httpClient, func() {}
	if httpClient == nil {
		transport := newTransport()
		httpClient, closeIdle = &http.Client{Transport: transport}, transport.CloseIdleConnections
	}
	var gate func(context.Context) error
	if cfg.limiter != nil {
		gate = cfg.limiter.Wait
	}
	headers := http.Header{"Accept": {"application/json"}, "User-Agent": {cfg.userAgent}}
	sending := maps.Clone(headers)
	sending["Content-Type"] = []string{"application/json"}
	c := &Client{engine: &engine{
		base:      base,
		headers:   headers,
		sending:   sending,
		options:   callOptions{retries: cfg.retries},
		validate:  cfg.validate,
		hooks:     cfg.hooks,
		closeIdle: closeIdle,
		pipeline: pipeline.New(pipeline.Config{
			HTTPClient:     httpClient,
			Key:            supply,
			Rotates:        cfg.key != nil,
			Gate:           gate,
			Paced:          cfg.paced,
			FirstWait:      cfg.firstWait,
			LongestWait:    cfg.longestWait,
			SuccessLimit:   successLimit,
			ErrorLimit:     errorLimit,
			AttemptTimeout: cfg.attemptTimeout,
		}),
	}}
	c.Messages = &MessageService{c}
	c.Campaigns = &CampaignService{c}
	c.Contacts = &ContactService{c}
	c.Webhooks = &WebhookService{c}
	c.Credits = &CreditService{c}
	c.SenderIDs = &SenderIDService{c}
	return c, nil
}

// NewFromEnv is [New] with the key from the environment variable
// ZEXA_API_KEY. It is an error if the variable is not set.
func NewFromEnv(opts ...Option) (*Client, error) {
	key, ok := os.LookupEnv(EnvKey)
	if !ok {
		return nil, errors.New("zexa: " + EnvKey + " is not set")
	}
	return New(key, opts...)
}

// CloseIdleConnections closes the connections that the client keeps for reuse
// and leaves no goroutine behind. The client can still be used. It does
// nothing to a transport that came with [WithHTTPClient].
func (c *Client) CloseIdleConnections() { c.engine.closeIdle() }

// Do calls an endpoint that this version of the package does not know, with
// the same authentication, retries and errors as those it knows.
//
// method is GET, POST, PUT, PATCH or DELETE. path is appended to the base URL
// and cannot leave it; values go into {placeholders}, which [CallPathValue]
// fills, so that errors and logs show the template and not the value; a query
// goes into [CallQuery]. in is sent as JSON unless it is nil; a GET or DELETE
// has none. The answer is decoded into out, a pointer, unless out is nil; a
// *json.RawMessage receives it as it is.
//
// POST, PUT and PATCH are not repeated if the API may have acted. One without in
// has an unknown outcome too when HTTP/2 would have to send it again.
func (c *Client) Do(ctx context.Context, method, path string, in, out any, opts ...CallOption) error {
	if in != nil && isNil(in) {
		return localError(method, path, fmt.Errorf("in is a nil %T", in))
	}
	switch method {
	case http.MethodGet, http.MethodDelete:
		if in != nil {
			return localError(method, path, errors.New("a "+method+" has no body"))
		}
	case http.MethodPost, http.MethodPut, http.MethodPatch:
	default:
		return localError("Do", path, fmt.Errorf("method %q is not GET, POST, PUT, PATCH or DELETE", method))
	}
	if v := reflect.ValueOf(out); out != nil && (v.Kind() != reflect.Pointer || v.IsNil()) {
		return localError(method, path, fmt.Errorf("out is a %T, not a pointer to decode into", out))
	}
	return c.do(ctx, request{method: method, path: path, in: in, custom: true}, out, opts)
}

var errNilContext = errors.New("the context is nil")

// A request is one call, as a service describes it.
type request struct {
	method string
	path   string // template
	id     string // value of {id}
	query  url.Values
	in     any  // sent as JSON; checked first if it is a params
	custom bool // made by the caller of Do: the call options fill in path
	list   bool // its page and per_page are not for CallQuery to set
	many   bool // one of several calls with the same options
	drain  bool // an attempt under way is not ended with the context

	attempts *int // is set to the number of requests made
}

// params are parameters that can be checked before they are sent.
type params interface{ check(*invalid) }

// An encoder is a value that json.Marshal would encode twice, since it calls
// MarshalJSON and then checks the result.
type encoder interface{ plain() any }

func validate(p params) error {
	var v invalid
	p.check(&v)
	return v.err()
}

// resource is what the API answers with: it keeps its exact JSON.
type resource interface{ keep(json.RawMessage) }

// call makes a call that is answered with a T.
func call[T any](ctx context.Context, c *Client, r request, opts []CallOption) (*T, error) {
	out := new(T)
	if err := c.do(ctx, r, out, opts); err != nil {
		return nil, err
	}
	return out, nil
}

// do makes a call: parameters are checked and encoded, the pipeline carries it,
// the answer is decoded or made an error. Nothing is sent if anything is wrong
// before.
func (c *Client) do(ctx context.Context, r request, out any, opts []CallOption) error {
	call, meta, err := c.prepare(ctx, r, opts)
	if err != nil {
		return localError(r.method, r.path, err)
	}
	var start time.Time
	if c.engine.hooks != nil {
		start = time.Now()
		ctx = c.engine.startCall(ctx, r, call)
	}
	c.engine.pipeline.Do(ctx, call)
	if r.attempts != nil {
		*r.attempts = call.Attempts
	}
	err = finish(r, &call.Result, out)
	if meta != nil {
		*meta = newResponse(&call.Result, err)
	}
	if c.engine.hooks != nil {
		c.engine.endCall(ctx, r, &call.Result, err, time.Since(start))
	}
	return err
}

func (c *Client) prepare(ctx context.Context, r request, opts []CallOption) (*pipeline.Call, *Response, error) {
	if ctx == nil {
		return nil, nil, errNilContext
	}
	// All that a call needs, allocated in one piece.
	all := new(struct {
		call     pipeline.Call
		url      url.URL
		problems invalid
	})
	call, o := &all.call, &c.engine.options
	if len(opts) > 0 {
		o = new(callOptions)
		*o = c.engine.options
		if err := o.apply(opts); err != nil {
			return nil, nil, err
		}
	}
	if r.many && o.response != nil {
		return nil, nil, errors.New("CallResponse is for one call, and this is one of several")
	}
	if o.response != nil {
		*o.response = Response{} // not that of another call
	}
	if r.list && (o.extra.Has("page") || o.extra.Has("per_page")) {
		return nil, nil, errors.New("page and per_page are fields of the query, not for CallQuery")
	}
	if o.values != nil && !r.custom {
		return nil, nil, errors.New("CallPathValue is for Do")
	}
	if o.ahead != 0 && !r.list {
		return nil, nil, errors.New("CallPagesAhead is for lists")
	}
	if p, ok := r.in.(params); ok && c.engine.validate {
		p.check(&all.problems)
	}
	templated := r.custom || strings.Contains(r.path, "{")
	if !r.custom && templated {
		all.problems.required("id", r.id)
	}
	if err := all.problems.err(); err != nil {
		return nil, nil, err
	}
	if templated {
		u, err := endpoint.Join(c.engine.base, r.path, func(name string) (value string, ok bool) {
			if !r.custom {
				return r.id, name == "id"
			}
			value, ok = o.values[name]
			return value, ok
		})
		if err != nil {
			return nil, nil, err
		}
		all.url = *u
	} else {
		all.url = *c.engine.base
		all.url.Path += r.path
	}
	all.url.RawQuery = encodeQuery(r.query, o.extra)
	call.Method, call.URL, call.Set = r.method, &all.url, c.engine.headers
	call.Retries, call.Timeout, call.Repeat, call.Drain = o.retries, o.timeout, o.repeat, r.drain
	if r.in != nil {
		in := r.in
		if e, ok := in.(encoder); ok {
			in = e.plain()
		}
		payload, err := json.Marshal(in)
		if err != nil {
			return nil, nil, err
		}
		call.Payload, call.Set = payload, c.engine.sending
	}
	if o.header != nil {
		call.Set = maps.Clone(call.Set)
		maps.Copy(call.Set, o.header)
	}
	return call, o.response, nil
}

// finish turns the result of a call into its value or its error.
func finish(r request, res *pipeline.Result, out any) error {
	if !res.OK {
		return newError(r.method, r.path, res, nil)
	}
	if r.method == http.MethodDelete && out == nil {
		return nil
	}
	if err := decode(res.Body, out); err != nil {
		if r.method == http.MethodDelete {
			return nil
		}
		res.Outcome = policy.Accepted
		return newError(r.method, r.path, res, err)
	}
	return nil
}

// A decoder is a value that encoding/json alone would decode with less care.
type decoder interface{ decode([]byte) error }

func decode(body []byte, out any) error {
	if out == nil {
		return nil
	}
	body = bytes.Trim(body, " \t\r\n") // the spaces of JSON, and no others
	if len(body) == 0 {
		return errors.New("the answer is empty")
	}
	if err := bounded.Values(body); err != nil {
		return err
	}
	var err error
	switch v := out.(type) {
	case decoder:
		err = v.decode(body)
	case resource:
		if body[0] != '{' {
			return errors.New("the answer is not a JSON object")
		}
		err = json.Unmarshal(body, v)
	default:
		err = json.Unmarshal(body, v)
	}
	if err != nil {
		return &decodeError{err}
	}
	if r, ok := out.(resource); ok {
		r.keep(body)
	}
	return nil
}

// encodeQuery returns a query of which extra replaces what it names.
func encodeQuery(query, extra url.Values) string {
	if len(extra) == 0 {
		return query.Encode()
	}
	merged := maps.Clone(extra)
	for name, values := range query {
		if !extra.Has(name) {
			merged[name] = values
		}
	}
	return merged.Encode()
}

// localError is the error of a call that was not made.
func localError(method, path string, err error) *Error {
	return &Error{Method: method, Path: path, Outcome: outcomeError(method, policy.NotSent), Err: err}
}

// keySupply returns the function that gives each attempt its key.
func keySupply(key string, supply func(context.Context) (string, error)) (func(context.Context) (string, error), error) {
	if supply == nil {
		if problem := check.Key(key); problem != "" {
			return nil, errors.New("key " + problem)
		}
		return func(context.Context) (string, error) { return key, nil }, nil
	}
	if key != "" {
		return nil, errors.New("the key comes from WithKeyFunc or from the argument, not from both")
	}
	return func(ctx context.Context) (string, error) {
		key, err := supply(ctx)
		if err != nil {
			return "", fmt.Errorf("key function: %w", err)
		}
		if problem := check.Key(key); problem != "" {
			return "", errors.New("key function: key " + problem)
		}
		return key, nil
	}, nil
}
