package main

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/zexa-ao/zexa-go/webhook"
)

// output is a buffer for several goroutines.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

func TestDemo(t *testing.T) {
	t.Parallel()
	var out output
	require.NoError(t, demo(t.Context(), &out))
	for _, line := range []string{
		`received: event "webhook.test", test: true`,
		"received: msg_000001 is delivered",
		"received: somebody opted out",
		"not sent: the customer has opted out",
		"That was all.",
	} {
		assert.Contains(t, out.String(), line)
	}
}

func TestLiveNeedsASecretAndToRegisterAKey(t *testing.T) {
	var out output
	t.Setenv("ZEXA_WEBHOOK_SECRET", "")
	t.Setenv("ZEXA_API_KEY", "")
	require.ErrorContains(t, live(t.Context(), "127.0.0.1:0", "", &out), "ZEXA_WEBHOOK_SECRET is not set")
	t.Setenv("ZEXA_WEBHOOK_SECRET", webhook.NewSecret())
	require.ErrorContains(t, live(t.Context(), "127.0.0.1:0", "https://shop.example/zexa", &out), "key is empty")
	t.Setenv("ZEXA_API_KEY", "zx_test")
	require.ErrorContains(t, live(t.Context(), "127.0.0.1:0", "http://shop.example/zexa", &out), "must be https")
}

func TestLiveReceivesUntilItIsInterrupted(t *testing.T) {
	secret, old := webhook.NewSecret(), webhook.NewSecret()
	t.Setenv("ZEXA_WEBHOOK_SECRET", secret)
	t.Setenv("ZEXA_WEBHOOK_OLD_SECRET", old)
	t.Setenv("ZEXA_API_KEY", "zx_test")
	ctx, interrupt := context.WithCancel(t.Context())
	var out output
	ended := make(chan error, 1)
	go func() { ended <- live(ctx, "127.0.0.1:0", "", &out) }()
	var addr string
	require.Eventually(t, func() bool {
		_, rest, _ := strings.Cut(out.String(), "receiving at ")
		addr, _, _ = strings.Cut(rest, "\n")
		return addr != ""
	}, 10*time.Second, time.Millisecond)
	for s, want := range map[string]int{secret: 200, old: 200, webhook.NewSecret(): 403} {
		resp, err := http.Post("http://"+addr+"/?secret="+s, "", strings.NewReader(`{"event":"x","of":"`+s+`"}`))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		assert.Equal(t, want, resp.StatusCode)
	}
	interrupt()
	require.NoError(t, <-ended)
	assert.Equal(t, 2, strings.Count(out.String(), `received: event "x"`))
	assert.NotContains(t, out.String(), secret)
}

func TestStopFinishesEventsInFlight(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	arrived, release := make(chan struct{}), make(chan struct{})
	h, err := webhook.NewHandler(webhook.Funcs{Other: func(ctx context.Context, _ webhook.Event) error {
		close(arrived)
		<-release
		return ctx.Err()
	}}, webhook.WithoutAuthentication())
	require.NoError(t, err)
	stop, failed := start(listener, h)
	status := make(chan int, 1)
	go func() {
		resp, err := http.Post("http://"+listener.Addr().String(), "", strings.NewReader("{}"))
		if err != nil {
			status <- 0
			return
		}
		resp.Body.Close()
		status <- resp.StatusCode
	}()
	<-arrived
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	assert.ErrorIs(t, <-failed, http.ErrServerClosed) // no more connections are taken
	close(release)
	assert.Equal(t, http.StatusOK, <-status)
	assert.NoError(t, <-stopped)
}
