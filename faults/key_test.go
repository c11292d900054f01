package faults_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/zexatest"
)

var theKey = slices.Concat(
	redirects("to another host", func(s *site) string { return s.base + "/elsewhere" }),
	redirects("to another path of the same host", func(*site) string { return "/v1/elsewhere" }),
	redirects("to nowhere that can be parsed", func(*site) string { return "http://[::bad" }),
	[]row{
		{fault: "307 to another host, and a caller's http.Client with a cookie jar that follows redirects", call: "POST", holds: "not followed; *outcome unknown*", run: eagerHTTPClient},
		{fault: "http base URLs of hosts that are not loopback, however they are written", call: "", holds: "refused at construction", over: onlyHTTP1, run: plainBaseURLs},
		{fault: "http to 127.0.0.1, [::1] and localhost", call: "GET", holds: "accepted", over: onlyHTTP1, run: loopbackBaseURLs},
		{fault: "keys that are empty, or hold spaces, line breaks, control characters or other text", call: "", holds: "refused at construction, and not repeated in the error", over: onlyHTTP1, run: hostileKeys},
		{fault: "the same keys from a key function", call: "POST", holds: "*not sent*: no request is made with one", run: hostileSuppliedKeys},
		{fault: "a key function that fails", call: "POST", holds: "*not sent*, and its error", run: failingKeyFunction},
		{fault: "the certificate is for another name", call: "GET", holds: "no byte of the request is sent", over: onlyHTTP2, run: keyForAnotherName},
		{fault: "a path of Do that would leave the base URL", call: "GET", holds: "refused; nothing is sent", run: pathsThatLeave},
		{fault: "the key is replaced 10 times under 32 goroutines", call: "POST", holds: "each call once more with the new key; none fails", run: rotation},
	},
)

// redirects are rows in which every redirect there is leads to target.
func redirects(where string, target func(elsewhere *site) string) (rows []row) {
	statuses := []int{300, 301, 302, 303, 305, 307, 308}
	for _, v := range []verb{get, del, post} {
		holds := "not followed; nothing arrives there"
		if v.method == http.MethodPost {
			holds += "; *outcome unknown*"
		}
		rows = append(rows, row{fault: "301, 302, 303, 307, 308 and others " + where, call: v.method, holds: holds, run: func(x *trial) {
			elsewhere := x.serve(http.NotFoundHandler())
			w := x.world()
			for _, status := range statuses {
				w.api.Fault(zexatest.Fault{Status: status, Header: http.Header{"Location": {target(elsewhere)}}})
				err := v.call(x.Context(), w)
				ends(x, v.method, zexa.ErrOutcomeUnknown, err)
				assert.Equal(x, status, x.apiError(err).Status)
				assert.Contains(x, err.Error(), "redirects are not followed")
			}
			assert.Zero(x, elsewhere.conns.Load())
			x.arrives(len(statuses), w.requests())
		}})
	}
	return rows
}

func eagerHTTPClient(x *trial) {
	elsewhere := x.serve(http.NotFoundHandler())
	w := x.world()
	w.api.Fault(zexatest.Fault{Status: 307, Header: http.Header{"Location": {elsewhere.base}, "Set-Cookie": {"a=b"}}})
	jar, err := cookiejar.New(nil)
	require.NoError(x, err)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	x.Cleanup(transport.CloseIdleConnections)
	w.client = x.client(w.base, zexa.WithHTTPClient(&http.Client{
		Transport: transport, Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return nil },
	}))
	untold.check(x, w, post, post.call(x.Context(), w))
	assert.Zero(x, elsewhere.conns.Load())
}

func plainBaseURLs(x *trial) {
	for _, base := range []string{
		"http://api.zexa.ao/v1", "HTTP://api.zexa.ao/v1", "http://127.0.0.1.example.com/v1", "http://localhost.example.com/v1",
		"http://127.0.0.1@api.zexa.ao/v1", "http://api.zexa.ao#@127.0.0.1/v1", "http://10.0.0.1/v1", "http://0.0.0.0/v1",
		"http://[::ffff:10.0.0.1]/v1", "http://[::]/v1", "http://2130706433/v1", "http://0x7f.1/v1", "http://127.1/v1",
		"ftp://127.0.0.1/v1", "//127.0.0.1/v1", "127.0.0.1/v1", "http:127.0.0.1/v1", "http:///v1", "https:///v1", "https://", "",
		"https://user:password@api.zexa.ao/v1", "https://api.zexa.ao/v1?key=1", "https://api.zexa.ao/v1#a", "https://api.zexa.ao/v1/../v2",
	} {
		c, err := zexa.New(zexatest.DefaultKey, zexa.WithBaseURL(base))
		assert.Error(x, err, base)
		assert.Nil(x, c)
		assert.NotContains(x, fmt.Sprint(err), "password@")
	}
}

func loopbackBaseURLs(x *trial) {
	w := x.world()
	_, port, err := net.SplitHostPort(w.address)
	require.NoError(x, err)
	for _, host := range []string{"127.0.0.1", "localhost"} {
		w.client = x.client("http://" + net.JoinHostPort(host, port) + "/v1")
		require.NoError(x, get.call(x.Context(), w))
	}
	_, err = zexa.New(zexatest.DefaultKey, zexa.WithBaseURL("http://[::1]/v1"))
	require.NoError(x, err)
	x.arrives(2, w.requests())
}

var badKeys = []string{
	"", " ", "zx_live key", " zx_live", "zx_live ", "zx_live\n", "zx_live\r\nX-Evil: 1", "zx_live\x00", "zx_live\t", "zx_live\x7f",
	"zx_livé", "zx_live\u200b", "zx_live\xff", "Bearer zx_live", "\ufeffzx_live",
}

func hostileKeys(x *trial) {
	for _, key := range badKeys {
		c, err := zexa.New(key)
		assert.Nil(x, c)
		if assert.Error(x, err, "%q", key) {
			assert.NotContains(x, err.Error(), "zx_liv")
			assert.Contains(x, err.Error(), "key")
		}
	}
}

func hostileSuppliedKeys(x *trial) {
	w := x.world()
	for _, key := range badKeys {
		x.keyed(w, key)
		err := post.call(x.Context(), w)
		ends(x, http.MethodPost, zexa.ErrNotSent, err)
		assert.NotContains(x, fmt.Sprint(err), "zx_liv")
	}
	assert.Zero(x, w.conns.Load())
	x.arrives(0, w.requests())
}

func failingKeyFunction(x *trial) {
	w := x.world()
	noKey := errors.New("the vault is closed")
	w.client = x.clientWithKey("", w.base, zexa.WithKeyFunc(func(context.Context) (string, error) { return "", noKey }))
	err := post.call(x.Context(), w)
	ends(x, http.MethodPost, zexa.ErrNotSent, err)
	assert.ErrorIs(x, err, noKey)
	x.arrives(0, w.requests())
}

func keyForAnotherName(x *trial) {
	s := x.serve(http.NotFoundHandler())
	err := get.call(x.Context(), &world{client: x.client(named(s, "a.b.direct.test"))})
	var wrong *tls.CertificateVerificationError
	assert.ErrorAs(x, err, &wrong)
	x.arrives(0, s.arrived.Load())
}

func pathsThatLeave(x *trial) {
	w := x.world()
	for _, path := range []string{
		"", "credits", "//evil.example/", "/..", "/../v2", "/a/../../b", "/./a", "/a/", "/a//b", "https://evil.example/", "@evil.example/",
		":80/a", "/a?b", "/a#b", "/%2e%2e/a", "/a\\b", "/a b", "/a\r\nb", "/\x00", "/é", "/{id}/..", "/{}", "/{id}",
	} {
		assert.Error(x, w.client.Do(x.Context(), http.MethodGet, path, nil, nil), path)
	}
	x.arrives(0, w.requests())
}

// rotation has all goroutines in flight with a key when it is replaced.
func rotation(x *trial) {
	const goroutines, rounds = 32, 10
	var generation, waiting, acted atomic.Int64
	var replaced [rounds]chan struct{}
	for i := range replaced {
		replaced[i] = make(chan struct{})
	}
	key := func(n int64) string { return fmt.Sprintf("zx_key_%d", n) }
	s := x.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		round, _ := strconv.ParseInt(r.Header.Get("X-Round"), 10, 64)
		switch r.Header.Get("Authorization") {
		case "Bearer " + key(round):
			if waiting.Add(1)%goroutines == 0 {
				generation.Add(1)
				close(replaced[round])
			}
			select {
			case <-replaced[round]:
			case <-r.Context().Done():
			}
			w.WriteHeader(http.StatusUnauthorized)
		case "Bearer " + key(round+1):
			acted.Add(1)
			io.WriteString(w, `{"id":"msg_1"}`)
		default:
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	w := &world{client: x.clientWithKey("", s.base, zexa.WithKeyFunc(func(context.Context) (string, error) {
		return key(generation.Load()), nil
	}))}
	for round := range rounds {
		var calls sync.WaitGroup
		for range goroutines {
			calls.Go(func() {
				assert.NoError(x, post.call(x.Context(), w, zexa.CallHeader("X-Round", strconv.Itoa(round))))
			})
		}
		calls.Wait()
	}
	x.arrives(2*goroutines*rounds, s.arrived.Load())
	x.acts(goroutines*rounds, acted.Load())
}
