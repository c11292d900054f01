package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/zexa-ao/zexa-go/webhook"
)

// TestFlood delivers 50,000 events one to three times each, from 64
// connections, in an order that mixes them up, to functions that fail now and
// then. Every copy is tried until it is answered 2xx, as a sender would.
func TestFlood(t *testing.T) {
	const (
		connections = 64
		remembered  = 20_000 // of the events: memory is bounded
		apart       = 1_000  // deliveries that copies are apart, at most
	)
	events := 50_000
	if testing.Short() {
		events = 5_000
	}

	handled := make([]atomic.Int32, events)
	var failures atomic.Int32
	handle := func(_ context.Context, e webhook.Event) error {
		var i int
		if _, err := fmt.Sscanf(e.MessageID, "msg_%d", &i); err != nil {
			return err
		}
		switch rand.IntN(20) {
		case 0:
			failures.Add(1)
			return errors.New("the database is busy")
		case 1:
			failures.Add(1)
			panic("a bug that shows now and then")
		case 2:
			runtime.Gosched() // let a copy come in between
		}
		handled[i].Add(1)
		return nil
	}
	store, err := webhook.NewMemoryStore(remembered)
	require.NoError(t, err)
	h, err := webhook.NewHandler(webhook.Funcs{Delivered: handle, Failed: handle, Other: handle},
		webhook.WithSecret(secret), webhook.WithStore(store))
	require.NoError(t, err)
	server := httptest.NewServer(h)
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: connections, MaxIdleConnsPerHost: connections}}
	defer client.CloseIdleConnections()

	type delivery struct {
		event int
		place float64
	}
	var deliveries []delivery
	for i := range events {
		for range 1 + rand.IntN(3) {
			deliveries = append(deliveries, delivery{i, float64(2*i) + apart*rand.Float64()})
		}
	}
	slices.SortFunc(deliveries, func(a, b delivery) int { return int(1e3 * (a.place - b.place)) })

	before := heap()
	queue := make(chan int, connections)
	var senders sync.WaitGroup
	var early, odd atomic.Int32
	for range connections {
		senders.Go(func() {
			for i := range queue {
				name := [...]string{"message.delivered", "message.failed", "message.new"}[i%3]
				id := fmt.Sprintf(`"id":"evt_%d",`, i)
				if i%4 == 0 {
					id = "" // recognised by what it says
				}
				body := fmt.Sprintf(`{%s"event":%q,"message_id":"msg_%d"}`, id, name, i)
				for {
					resp, err := client.Post(server.URL+target, "", strings.NewReader(body))
					if err != nil {
						t.Error(err)
						return
					}
					io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
					if resp.StatusCode == http.StatusOK {
						if handled[i].Load() == 0 {
							early.Add(1)
						}
						break
					}
					if resp.StatusCode != http.StatusInternalServerError {
						odd.Add(1)
					}
				}
			}
		})
	}
	start := time.Now()
	for _, d := range deliveries {
		queue <- d.event
	}
	close(queue)
	senders.Wait()
	grown := heap() - before

	var lost, repeated int
	for i := range handled {
		switch n := handled[i].Load(); {
		case n == 0:
			lost++
		case n > 1:
			repeated++
		}
	}
	assert.Zero(t, lost, "lost")
	assert.Zero(t, repeated, "handled more than once")
	assert.Zero(t, early.Load(), "answered 200 before they were handled")
	assert.Zero(t, odd.Load(), "answered neither 200 nor 500")
	assert.Positive(t, failures.Load())
	assert.Less(t, grown, int64(16<<20), "bytes of memory")
	t.Logf("%d events in %d deliveries, %d failures, %v, %d KiB more memory",
		events, len(deliveries), failures.Load(), time.Since(start).Round(time.Millisecond), grown>>10)
	runtime.KeepAlive(h)
}

// heap returns how many bytes are in use.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
