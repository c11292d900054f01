package webhook_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	zexa "github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/webhook"
)

// shapes are events of the two shapes that a payload is most likely to have,
// and the least that a handler does with them: it decodes the JSON.
var shapes = []struct {
	name string
	body string // each event has another number in place of the nines
	bare http.Handler
}{
	{
		"envelope with an id",
		`{"id":"evt_999999999","event":"message.delivered","created_at":"2026-06-24T10:00:05Z","data":{"id":"msg_999999999","status":"delivered","channel":"sms","to":"+244912345678","created_at":"2026-06-24T10:00:00Z"}}`,
		bare[struct {
			ID        string         `json:"id"`
			Event     zexa.EventType `json:"event"`
			CreatedAt time.Time      `json:"created_at"`
			Data      struct {
				ID        string              `json:"id"`
				Status    zexa.DeliveryStatus `json:"status"`
				Channel   zexa.Channel        `json:"channel"`
				To        string              `json:"to"`
				CreatedAt time.Time           `json:"created_at"`
			} `json:"data"`
		}](),
	},
	{
		"flat without an id",
		`{"event":"message.delivered","timestamp":"2026-06-24T10:00:05Z","message_id":"msg_999999999","status":"delivered","channel":"sms","to":"+244912345678","created_at":"2026-06-24T10:00:00Z"}`,
		bare[struct {
			Event     zexa.EventType      `json:"event"`
			Timestamp time.Time           `json:"timestamp"`
			MessageID string              `json:"message_id"`
			Status    zexa.DeliveryStatus `json:"status"`
			Channel   zexa.Channel        `json:"channel"`
			To        string              `json:"to"`
			CreatedAt time.Time           `json:"created_at"`
		}](),
	},
}

func bare[T any]() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var e T
		if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
			http.Error(w, "bad request", http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusOK)
	})
}

// numbered returns a function that writes another event over body each time.
func numbered(shape string) (body []byte, next func()) {
	body = []byte(shape)
	var places []int
	for i := range shape {
		if strings.HasPrefix(shape[i:], "999999999") {
			places = append(places, i)
		}
	}
	n := int64(100_000_000)
	return body, func() {
		n++
		for _, i := range places {
			strconv.AppendInt(body[:i], n, 10)
		}
	}
}

func benchHandler(b *testing.B) http.Handler {
	ok := func(context.Context, webhook.Event) error { return nil }
	h, err := webhook.NewHandler(webhook.Funcs{Delivered: ok, Other: ok}, webhook.WithSecret(secret))
	require.NoError(b, err)
	return h
}

// BenchmarkHandler receives events, each another one, with a secret in the URL,
// beside a handler that only decodes them.
func BenchmarkHandler(b *testing.B) {
	for _, shape := range shapes {
		b.Run(shape.name+"/webhook", func(b *testing.B) { benchmark(b, benchHandler(b), shape.body) })
		b.Run(shape.name+"/bare", func(b *testing.B) { benchmark(b, shape.bare, shape.body) })
	}
}

func benchmark(b *testing.B, h http.Handler, shape string) {
	u := &url.URL{Path: "/zexa", RawQuery: "secret=" + secret}
	ctx, cancel := context.WithCancel(b.Context()) // as a server's is
	defer cancel()
	body, next := numbered(shape)
	var w discard
	var reader bytes.Reader
	b.ReportAllocs()
	for b.Loop() {
		next()
		reader.Reset(body)
		r := (&http.Request{
			Method: http.MethodPost, URL: u, ContentLength: int64(len(body)), Body: io.NopCloser(&reader),
		}).WithContext(ctx)
		w.status = 0
		h.ServeHTTP(&w, r)
		if w.status != http.StatusOK {
			b.Fatal(w.status)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

type discard struct{ status int }

func (w *discard) Header() http.Header         { return http.Header{} }
func (w *discard) Write(p []byte) (int, error) { return len(p), nil }
func (w *discard) WriteHeader(status int)      { w.status = status }

// BenchmarkServer is the same over connections, the client's part included.
func BenchmarkServer(b *testing.B) {
	for _, shape := range shapes {
		b.Run(shape.name+"/webhook", func(b *testing.B) { benchmarkServer(b, benchHandler(b), shape.body) })
		b.Run(shape.name+"/bare", func(b *testing.B) { benchmarkServer(b, shape.bare, shape.body) })
	}
}

func benchmarkServer(b *testing.B, h http.Handler, shape string) {
	server := httptest.NewServer(h)
	defer server.Close()
	target := server.URL + "/zexa?secret=" + secret
	body, next := numbered(shape)
	b.ReportAllocs()
	for b.Loop() {
		next()
		resp, err := server.Client().Post(target, "application/json", bytes.NewReader(body))
		require.NoError(b, err)
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			b.Fatal(resp.Status)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
