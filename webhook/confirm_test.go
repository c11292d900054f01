package webhook_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	zexa "github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/webhook"
)

// api is an API that has one message and one campaign.
type api struct {
	message, campaign string // JSON, or empty for 404
	status            int    // if not 0, of every answer
	latency           time.Duration

	asked, now, most atomic.Int32
}

func (a *api) RoundTrip(r *http.Request) (*http.Response, error) {
	a.asked.Add(1)
	now := a.now.Add(1)
	defer a.now.Add(-1)
	for most := a.most.Load(); now > most && !a.most.CompareAndSwap(most, now); most = a.most.Load() {
	}
	select {
	case <-time.After(a.latency):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	body := a.message
	if strings.HasPrefix(r.URL.Path, "/v1/campaigns/") {
		body = a.campaign
	}
	status := http.StatusOK
	switch {
	case a.status != 0:
		status, body = a.status, `{"error":"x"}`
	case body == "":
		status, body = http.StatusNotFound, `{"error":"not_found"}`
	}
	return &http.Response{
		StatusCode: status, Header: http.Header{}, Request: r,
		Body: readCloser{strings.NewReader(body)}, ContentLength: int64(len(body)),
	}, nil
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }

func (a *api) client(t testing.TB) *zexa.Client {
	t.Helper()
	client, err := zexa.New("zx_test", zexa.WithHTTPClient(&http.Client{Transport: a}), zexa.WithRetries(0))
	require.NoError(t, err)
	return client
}

func TestConfirmation(t *testing.T) {
	t.Parallel()
	message := func(status string) *api {
		return &api{message: fmt.Sprintf(`{"id":"msg_1","status":%q,"to":"+244911111111"}`, status)}
	}
	campaign := func(status string) *api {
		return &api{campaign: fmt.Sprintf(`{"id":"cmp_1","status":%q}`, status)}
	}
	event := func(name string) string {
		return fmt.Sprintf(`{"id":"evt_1","event":%q,"data":{"message_id":"msg_1","campaign_id":"cmp_1","to":"+244922222222"}}`, name)
	}
	tests := []struct {
		name  string
		api   *api
		body  string
		want  int
		call  string // who is called
		asked int32
	}{
		{"delivered, and it is", message("delivered"), event("message.delivered"), 200, "delivered", 1},
		{"failed, and it is", message("failed"), event("message.failed"), 200, "failed", 1},
		{"undeliverable, and it is", message("undeliverable"), event("message.undeliverable"), 200, "undeliverable", 1},
		{"delivered, not yet", message("sent"), event("message.delivered"), 503, "", 1},
		{"delivered, and the API has no status", message(""), event("message.delivered"), 503, "", 1},
		{"delivered, and the API has a status nobody knows", message("odd"), event("message.delivered"), 503, "", 1},
		{"delivered, and it failed", message("failed"), event("message.delivered"), 403, "", 1},
		{"failed, and it was delivered", message("delivered"), event("message.failed"), 403, "", 1},
		{"delivered, and there is no such message", &api{}, event("message.delivered"), 503, "", 1},
		{"the API refuses the key", &api{status: 401}, event("message.delivered"), 503, "", 1},
		{"the API refuses more requests", &api{status: 429}, event("message.delivered"), 503, "", 1},
		{"the API is down", &api{status: 500}, event("message.delivered"), 503, "", 1},
		{"an unknown event with a status that was reached", message("delivered"),
			`{"event":"message.sent","message_id":"msg_1","status":"sent"}`, 200, "other", 1},
		{"an unknown event with a status that was not", message("queued"),
			`{"event":"message.changed","message_id":"msg_1","status":"delivered"}`, 503, "", 1},

		{"campaign sent, and it is", campaign("sent"), event("campaign.sent"), 200, "sent", 1},
		{"campaign sent, and completed by now", campaign("completed"), event("campaign.sent"), 200, "sent", 1},
		{"campaign sent, not yet", campaign("sending"), event("campaign.sent"), 503, "", 1},
		{"campaign completed, and it is", campaign("completed"), event("campaign.completed"), 200, "completed", 1},
		{"campaign sent, and it is only scheduled", campaign("scheduled"), event("campaign.sent"), 503, "", 1},
		{"campaign completed, not yet", campaign("sent"), event("campaign.completed"), 503, "", 1},
		{"campaign completed, and the API has a status nobody knows", campaign("odd"), event("campaign.completed"), 503, "", 1},
		{"campaign completed, and there is no such campaign", &api{}, event("campaign.completed"), 503, "", 1},
		{"an unknown event with a status of a campaign", campaign("sending"),
			`{"event":"campaign.paused","campaign_id":"cmp_1","status":"paused"}`, 503, "", 1},

		{"an opt-out cannot be asked about", &api{}, event("message.optout"), 200, "opt-out", 0},
		{"a test event cannot be asked about", &api{}, `{"event":"webhook.test","message_id":"msg_1"}`, 200, "other", 0},
		{"nor one that looks like another", &api{}, `{"event":"message.delivered","message_id":"msg_1","test":true}`, 200, "other", 0},
		{"nor an event about nothing", &api{}, `{"event":"message.delivered"}`, 200, "other", 0},
		{"nor a status nobody knows", &api{}, `{"event":"message.read","message_id":"msg_1","status":"read"}`, 200, "other", 0},
		{"nor what is not JSON", &api{}, `hello`, 200, "other", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var r recorder
			h := handler(t, &r, webhook.WithConfirmation(tt.api.client(t), 1))
			assert.Equal(t, tt.want, post(h, target, tt.body).Code)
			assert.Equal(t, tt.asked, tt.api.asked.Load())
			if tt.call == "" {
				assert.Empty(t, r.called())
				post(h, target, tt.body)
				assert.Equal(t, tt.asked+1, tt.api.asked.Load(), "the next copy is a new attempt")
				return
			}
			assert.Equal(t, []string{tt.call}, r.called())
			assert.Equal(t, tt.asked == 1, r.last.Confirmed)
			if r.last.Confirmed && r.last.Status != "" {
				assert.Equal(t, "+244911111111", r.last.To, "the API says who it was for")
			}
			post(h, target, tt.body)
			assert.Equal(t, tt.asked, tt.api.asked.Load(), "a copy is not asked about")
		})
	}
}

// Whoever knows the secret must not be able to have a true event taken for a
// copy of one that they made up.
func TestAForgeryDoesNotStandForTheEvent(t *testing.T) {
	t.Parallel()
	const genuine = `{"id":"evt_1","event":"message.delivered","data":{"id":"msg_1"}}`
	for _, forgery := range []string{
		genuine,
		`{"id":"evt_1","event":"message.delivered","data":{"id":"msg_1"},"test":true}`,
		`{"id":"evt_1","event":"message.delivered"}`,
		`{"id":"evt_1","event":"message.delivered","data":{"id":"msg_2"}}`,
		`{"id":"evt_1","event":"message.optout","data":{"id":"msg_1"}}`,
		`{"id":"evt_1","event":"x","status":"odd","data":{"id":"msg_1"}}`,
		`{"id":"evt_1"}`,
		`{"id":"evt_1"`,
	} {
		var r recorder
		a := &api{message: `{"id":"msg_1","status":"sent"}`}
		h := handler(t, &r, webhook.WithConfirmation(a.client(t), 1))
		post(h, target, forgery)
		assert.NotContains(t, r.called(), "delivered", forgery)
		a.message = `{"id":"msg_1","status":"delivered"}`
		assert.Equal(t, http.StatusOK, post(h, target, genuine).Code)
		assert.Contains(t, r.called(), "delivered", forgery)
	}
}

func TestConfirmationsAreCapped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const atOnce, posts = 3, 100
		a := &api{message: `{"id":"msg_1","status":"delivered"}`, latency: time.Second}
		var r recorder
		h := handler(t, &r, webhook.WithConfirmation(a.client(t), atOnce), webhook.WithTimeout(10*time.Second+time.Millisecond))
		start := time.Now()
		var all sync.WaitGroup
		var ok, later atomic.Int32
		for i := range posts {
			all.Go(func() {
				switch post(h, target, fmt.Sprintf(`{"id":"evt_%d","event":"message.delivered","data":{"id":"msg_1"}}`, i)).Code {
				case http.StatusOK:
					ok.Add(1)
				case http.StatusServiceUnavailable:
					later.Add(1)
				}
			})
		}
		all.Wait()
		assert.LessOrEqual(t, time.Since(start), 10*time.Second+time.Millisecond)
		assert.EqualValues(t, atOnce, a.most.Load())
		assert.EqualValues(t, 10*atOnce, ok.Load())
		assert.EqualValues(t, posts-10*atOnce, later.Load())

		// All slots are free again.
		a.latency = 0
		for range atOnce + 1 {
			post(h, target, `{"id":"evt_x","event":"message.delivered","data":{"id":"msg_1"}}`)
		}
		assert.Len(t, r.called(), 10*atOnce+1)
	})
}

func TestAPanicFreesTheSlot(t *testing.T) {
	t.Parallel()
	a := &api{message: `{"id":"msg_1","status":"delivered"}`}
	r := &recorder{do: func(context.Context, webhook.Event) error { panic("no") }}
	h := handler(t, r, webhook.WithConfirmation(a.client(t), 1))
	for range 3 {
		assert.Equal(t, http.StatusInternalServerError, post(h, target, event).Code)
	}
	assert.EqualValues(t, 3, a.asked.Load())
}
