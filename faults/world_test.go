package faults_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/zexatest"
)

// client returns a client for the API at base: the default one, but that it
// waits milliseconds between attempts.
func (x *trial) client(base string, opts ...zexa.Option) *zexa.Client {
	x.Helper()
	return x.clientWithKey(zexatest.DefaultKey, base, opts...)
}

func (x *trial) clientWithKey(key, base string, opts ...zexa.Option) *zexa.Client {
	x.Helper()
	c, err := zexa.New(key, append([]zexa.Option{
		zexa.WithBaseURL(base), zexa.WithRetryWait(time.Millisecond, zexa.DefaultLongestWait),
	}, opts...)...)
	require.NoError(x, err)
	x.Cleanup(c.CloseIdleConnections)
	return c
}

// A world is a Zexa of its own, and a client of it.
type world struct {
	*site
	api    *zexatest.Server
	client *zexa.Client
	phone  string // of the only contact
	id     string // of the only contact
}

func (x *trial) world(opts ...zexa.Option) *world {
	x.Helper()
	w := x.emptyWorld()
	if x.over == bubble {
		c, err := w.api.Client(opts...)
		require.NoError(x, err)
		x.Cleanup(c.CloseIdleConnections)
		w.client = c
		return w
	}
	w.site = x.serve(w.api)
	w.client = x.client(w.base, opts...)
	return w
}

// emptyWorld is a world that nobody serves yet.
func (x *trial) emptyWorld() *world {
	x.Helper()
	api, err := zexatest.Start()
	require.NoError(x, err)
	x.Cleanup(api.Close)
	w := &world{api: api, phone: "+244923000111"}
	w.id = api.AddContact(zexatest.Contact{Name: "Ana", Phone: w.phone}).ID
	return w
}

// requests is how many requests have arrived.
func (w *world) requests() int64 { return int64(len(w.api.Requests())) }

// effects is how many requests of the method of v have had their effect.
func (w *world) effects(v verb) int64 {
	switch v.method {
	case http.MethodPost:
		return int64(w.api.Accepted())
	case http.MethodDelete:
		return int64(1 - len(w.api.Contacts("")))
	}
	return 0
}

// A verb is a call that stands for all with its method.
type verb struct {
	method string
	call   func(context.Context, *world, ...zexa.CallOption) error
}

var (
	get = verb{http.MethodGet, func(ctx context.Context, w *world, opts ...zexa.CallOption) error {
		_, err := w.client.Credits.Get(ctx, opts...)
		return err
	}}
	del = verb{http.MethodDelete, func(ctx context.Context, w *world, opts ...zexa.CallOption) error {
		return w.client.Contacts.Delete(ctx, w.id, opts...)
	}}
	post = verb{http.MethodPost, func(ctx context.Context, w *world, opts ...zexa.CallOption) error {
		_, err := w.client.Messages.Send(ctx, hello, opts...)
		return err
	}}
)

var hello = zexa.SMS(zexatest.DefaultSender, "+244912345678", "Olá!")

// An end is how a call has to end.
type end struct {
	holds   string
	arrived int
	acted   int
	err     error // nil: success; errAny: an error without an outcome
}

var errAny = errors.New("any error")

// The ends there are.
var (
	retried = end{"retried, succeeds", 2, 0, nil}
	again   = end{"retried, succeeds", 2, 1, nil}
	gone    = end{"retried; now it is not found, so it was deleted", 2, 1, nil}
	done    = end{"success", 1, 1, nil}
	failed  = end{"an error, not retried", 1, 0, errAny}
	refused = end{"not retried; *not sent*", 1, 0, zexa.ErrNotSent}
	unknown = end{"not retried; *outcome unknown*", 1, 1, zexa.ErrOutcomeUnknown}
	untold  = end{"not retried; *outcome unknown*", 1, 0, zexa.ErrOutcomeUnknown}
	kept    = end{"not retried; *accepted*, with the id", 1, 1, zexa.ErrAccepted}
	blind   = end{"not retried; *accepted*", 1, 1, zexa.ErrAccepted}
)

// check checks the end of a call.
func (e end) check(x *trial, w *world, v verb, err error) {
	x.Helper()
	ends(x, v.method, e.err, err)
	x.arrives(e.arrived, w.requests())
	if v.method != http.MethodGet {
		x.acts(e.acted, w.effects(v))
	}
	if e.holds == kept.holds {
		var ze *zexa.Error
		if assert.ErrorAs(x, err, &ze) {
			assert.Equal(x, "msg_000001", ze.ID)
		}
	}
}

// ends checks what err says of the effect of a call with the given method.
func ends(t testing.TB, method string, want, err error) {
	t.Helper()
	if want == nil {
		assert.NoError(t, err)
		return
	}
	var e *zexa.Error
	if !assert.ErrorAs(t, err, &e) {
		return
	}
	assert.Equal(t, method, e.Method)
	assert.Contains(t, err.Error(), method+" /")
	for _, outcome := range []error{zexa.ErrNotSent, zexa.ErrOutcomeUnknown, zexa.ErrAccepted} {
		assert.Equal(t, method == http.MethodPost && outcome == want, errors.Is(err, outcome), "%v: %v", outcome, err)
	}
}

// apiError returns the error of a call.
func (x *trial) apiError(err error) *zexa.Error {
	x.Helper()
	var e *zexa.Error
	require.ErrorAs(x, err, &e)
	return e
}

// meets is a row in which a call meets one fault of the API.
func meets(v verb, fault string, f zexatest.Fault, e end, opts ...zexa.Option) row {
	return row{fault: fault, call: v.method, holds: e.holds, run: func(x *trial) {
		w := x.world(opts...)
		w.api.Fault(f)
		start := time.Now()
		err := v.call(x.Context(), w)
		e.check(x, w, v, err)
		x.soon(start)
	}}
}

// eachMeets is a row for each of GET, DELETE and POST.
func eachMeets(fault string, f zexatest.Fault, onGet, onDelete, onPost end, opts ...zexa.Option) []row {
	return []row{
		meets(get, fault, f, onGet, opts...), meets(del, fault, f, onDelete, opts...), meets(post, fault, f, onPost, opts...),
	}
}
