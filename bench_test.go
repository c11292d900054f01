package zexa_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptrace"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zexa-ao/zexa-go"
)

// A canned transport answers with the same bytes each time, and allocates as
// little as a transport can. As net/http does, it tells of its connection and
// derives a context from that of the request.
type canned struct {
	status int
	body   []byte
}

func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	if trace := httptrace.ContextClientTrace(ctx); trace != nil {
		trace.GetConn(r.URL.Host)
		trace.GotConn(httptrace.GotConnInfo{})
	}
	if r.Body != nil {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return nil, err
		}
		r.Body.Close()
	}
	return &http.Response{
		StatusCode: c.status, Header: cannedHeader, Request: r,
		Body: io.NopCloser(bytes.NewReader(c.body)), ContentLength: int64(len(c.body)),
	}, nil
}

var cannedHeader = http.Header{"Content-Type": {"application/json"}}

func cannedClient(t testing.TB, status int, body string, opts ...zexa.Option) *zexa.Client {
	t.Helper()
	client, err := zexa.New(testKey, append(opts, zexa.WithHTTPClient(&http.Client{Transport: canned{status, []byte(body)}}))...)
	require.NoError(t, err)
	return client
}

// An account that never sees a 429 should not pay for the pace: both have to be
// the same.
func BenchmarkSendFrom64Goroutines(b *testing.B) {
	for _, bb := range []struct {
		name string
		opts []zexa.Option
	}{
		{"paced", nil},
		{"unpaced", []zexa.Option{zexa.WithoutPacing()}},
	} {
		b.Run(bb.name, func(b *testing.B) {
			client := cannedClient(b, 201, queuedMessage, bb.opts...)
			procs := runtime.GOMAXPROCS(0)
			b.SetParallelism((64 + procs - 1) / procs)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := post(b.Context(), client); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
