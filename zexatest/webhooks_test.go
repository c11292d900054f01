package zexatest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	zexa "github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/zexatest"
)

// receiver notes what is delivered to it, and when.
type receiver struct {
	answer func(n int) int // the status for the nth delivery; nil means 204

	mu     sync.Mutex
	events []string
	bodies []string
	times  []time.Time
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	var event struct {
		Event string
		Data  struct{ ID string }
	}
	_ = json.Unmarshal(body, &event)
	r.mu.Lock()
	r.events = append(r.events, strings.TrimSpace(event.Event+" "+event.Data.ID))
	r.bodies = append(r.bodies, string(body))
	r.times = append(r.times, time.Now())
	n := len(r.events)
	r.mu.Unlock()
	status := http.StatusNoContent
	if r.answer != nil {
		status = r.answer(n)
	}
	w.WriteHeader(status)
}

// got returns the events that have come once everything has come to rest.
func (r *receiver) got() []string {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.events...)
}

func TestEventsAreDelivered(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		events string
		want   []string
	}{
		{"all", `["*"]`, []string{
			"webhook.test wh_000001", "message.delivered msg_000001", "message.failed msg_000002", "message.undeliverable msg_000003",
			"campaign.sent cmp_000001", "campaign.completed cmp_000001", "message.optout",
		}},
		{"those asked for", `["message.failed","campaign.sent"]`, []string{
			"webhook.test wh_000001", "message.failed msg_000002", "campaign.sent cmp_000001",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv, r := start(t), &receiver{}
				srv.SetWebhookDelivery(zexatest.WebhookDelivery{Client: zexatest.ClientFor(r)})
				post(t, srv, "/webhooks", `{"url":"https://example.com/","events":`+tt.events+`}`)
				for _, status := range []zexa.DeliveryStatus{zexa.StatusDelivered, zexa.StatusFailed, zexa.StatusUndeliverable} {
					id := post(t, srv, "/messages", sms)
					require.NoError(t, srv.SetMessageStatus(id, zexa.StatusSent))
					require.NoError(t, srv.SetMessageStatus(id, status))
					require.NoError(t, srv.SetMessageStatus(id, status)) // no change, no event
				}
				post(t, srv, "/campaigns", julho) // to nobody
				srv.OptOut("+244912345678")
				srv.OptOut("+244912345678") // once is enough
				assert.True(t, srv.OptedOut("+244912345678"))
				assert.Equal(t, tt.want, r.got())
			})
		})
	}
}

func TestADeliveryHasTheChosenShape(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, r := start(t), &receiver{}
		srv.SetWebhookDelivery(zexatest.WebhookDelivery{Client: zexatest.ClientFor(r)})
		hook := srv.AddWebhook("https://example.com/", zexa.EventAll)
		assert.Equal(t, []zexatest.Webhook{hook}, srv.Webhooks())
		require.NoError(t, srv.SetMessageStatus(post(t, srv, "/messages", sms), zexa.StatusDelivered))
		srv.OptOut("+244912345678")
		r.got()
		require.Len(t, r.bodies, 3)
		assert.JSONEq(t, `{"id":"evt_000001","event":"webhook.test",`+created+`,"data":{"id":"wh_000001","url":"https://example.com/","events":["*"],`+created+`}}`, r.bodies[0])
		assert.JSONEq(t, `{"id":"evt_000002","event":"message.delivered",`+created+`,"data":{"id":"msg_000001","status":"delivered","channel":"sms","to":"+244912345678",`+created+`}}`, r.bodies[1])
		assert.JSONEq(t, `{"id":"evt_000003","event":"message.optout",`+created+`,"data":{"to":"+244912345678"}}`, r.bodies[2])
	})
}

// failing answers one delivery, counted from 1, with an error.
func failing(which int) func(n int) int {
	return func(n int) int {
		if n == which {
			return http.StatusServiceUnavailable
		}
		return http.StatusOK
	}
}

func TestADeliveryIsTriedAgainUntilItIsReceived(t *testing.T) {
	t.Parallel()
	const s = time.Second
	tests := []struct {
		name     string
		delivery zexatest.WebhookDelivery
		answer   func(n int) int
		after    []time.Duration
	}{
		{"not after a success", zexatest.WebhookDelivery{}, func(int) int { return 202 }, []time.Duration{0}},
		{"until a success", zexatest.WebhookDelivery{}, failing(1), []time.Duration{0, s}},
		{"three times by default", zexatest.WebhookDelivery{}, func(int) int { return 500 }, []time.Duration{0, s, 3 * s}},
		{"after a redirect too", zexatest.WebhookDelivery{}, func(int) int { return 304 }, []time.Duration{0, s, 3 * s}},
		{"after a panic too", zexatest.WebhookDelivery{}, func(int) int { panic("no") }, []time.Duration{0, s, 3 * s}},
		{"as often as wanted", zexatest.WebhookDelivery{Tries: 4, FirstWait: 5 * s}, func(int) int { return 500 }, []time.Duration{0, 5 * s, 15 * s, 35 * s}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv, r := start(t), &receiver{answer: tt.answer}
				tt.delivery.Client = zexatest.ClientFor(r)
				srv.SetWebhookDelivery(tt.delivery)
				began := time.Now()
				srv.AddWebhook("https://example.com/", zexa.EventAll)
				time.Sleep(time.Hour)
				r.got()
				var after []time.Duration
				for _, at := range r.times {
					after = append(after, at.Sub(began))
				}
				assert.Equal(t, tt.after, after)
			})
		})
	}
}

func TestDeliveriesStayInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, r := start(t), &receiver{answer: failing(2)}
		srv.SetWebhookDelivery(zexatest.WebhookDelivery{Client: zexatest.ClientFor(r)})
		srv.AddWebhook("https://example.com/", zexa.EventMessageDelivered)
		for range 3 {
			require.NoError(t, srv.SetMessageStatus(post(t, srv, "/messages", sms), zexa.StatusDelivered))
		}
		time.Sleep(time.Minute)
		assert.Equal(t, []string{"webhook.test wh_000001", "message.delivered msg_000001", "message.delivered msg_000001",
			"message.delivered msg_000002", "message.delivered msg_000003"}, r.got())
	})
}

func TestCloseGivesUpDeliveries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, r := start(t), &receiver{answer: func(int) int { return 500 }}
		srv.SetWebhookDelivery(zexatest.WebhookDelivery{Client: zexatest.ClientFor(r), Tries: 100})
		srv.AddWebhook("https://example.com/", zexa.EventAll)
		srv.OptOut("+244912345678")
		assert.Len(t, r.got(), 1)
		srv.Close()
		time.Sleep(24 * time.Hour)
		assert.Len(t, r.got(), 1)
	})
}

func TestDeliveriesReachLoopbackWhenHTTPIsAllowed(t *testing.T) {
	t.Parallel()
	delivered := make(chan string, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		delivered <- r.Method + " " + r.URL.Path + " " + r.Header.Get("Content-Type")
	}))
	t.Cleanup(receiver.Close)
	srv := start(t, zexatest.OnLoopback())
	srv.SetWebhookDelivery(zexatest.WebhookDelivery{AllowHTTP: true})
	post(t, srv, "/webhooks", `{"url":"`+receiver.URL+`/hook","events":["*"]}`)
	assert.Equal(t, "POST /hook application/json", <-delivered)

	resp, _ := call(t, srv, http.MethodPost, "/webhooks", `{"url":"http://example.com/","events":["*"]}`)
	assert.Equal(t, http.StatusUnprocessableEntity, resp.StatusCode, "http is for loopback only")
}

func TestNoDeliveryLeavesTheMachineUnasked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := start(t)
		srv.AddWebhook("https://example.com/", zexa.EventAll)
		srv.AddWebhook("://", zexa.EventAll)
		time.Sleep(time.Hour) // a look-up of the name would end the bubble
	})
}

func TestEventsAreDeliveredToAHandler(t *testing.T) {
	t.Parallel()
	message := zexatest.Message{ID: "msg_1", Status: zexa.StatusDelivered, Channel: zexa.ChannelSMS, To: "+244912345678"}
	campaign := zexatest.Campaign{ID: "cmp_1", Status: zexa.CampaignCompleted}
	delivered := zexatest.Delivery{Event: zexa.EventMessageDelivered, ID: "evt_1", Data: message}
	failed := zexatest.Delivery{Event: zexa.EventMessageFailed, ID: "evt_2", Data: map[string]string{"id": "msg_2"}}
	completed := zexatest.Delivery{Event: zexa.EventCampaignCompleted, Data: campaign}
	duplicated, late := delivered, delivered
	duplicated.Copies = 3
	late.Delay = time.Hour
	tests := []struct {
		name       string
		deliveries []zexatest.Delivery
		want       []string
		after      time.Duration
	}{
		{"in order", []zexatest.Delivery{delivered, failed, completed}, []string{"message.delivered msg_1", "message.failed msg_2", "campaign.completed cmp_1"}, 0},
		{"reordered", []zexatest.Delivery{failed, delivered}, []string{"message.failed msg_2", "message.delivered msg_1"}, 0},
		{"duplicated", []zexatest.Delivery{duplicated}, []string{"message.delivered msg_1", "message.delivered msg_1", "message.delivered msg_1"}, 0},
		{"late", []zexatest.Delivery{failed, late}, []string{"message.failed msg_2", "message.delivered msg_1"}, time.Hour},
		{"malformed", []zexatest.Delivery{{Body: []byte("{")}}, []string{""}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := &receiver{}
				began := time.Now()
				statuses := zexatest.Deliver(r, tt.deliveries...)
				assert.Equal(t, tt.after, time.Since(began))
				assert.Equal(t, tt.want, r.got())
				assert.Len(t, statuses, len(tt.want))
				for _, status := range statuses {
					assert.Equal(t, http.StatusNoContent, status)
				}
			})
		})
	}
}

func TestEventsAreDeliveredConcurrently(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{answer: func(int) int {
			time.Sleep(time.Second)
			return http.StatusAccepted
		}}
		var deliveries []zexatest.Delivery
		for i := range 20 {
			deliveries = append(deliveries, zexatest.Delivery{
				Event: zexa.EventMessageDelivered, ID: fmt.Sprint("evt_", i), Copies: 2, Delay: time.Duration(i%2) * time.Second,
			})
		}
		began := time.Now()
		statuses := zexatest.DeliverConcurrently(r, deliveries...)
		assert.Equal(t, 2*time.Second, time.Since(began))
		assert.Len(t, r.got(), 40)
		require.Len(t, statuses, 40)
		for _, status := range statuses {
			assert.Equal(t, http.StatusAccepted, status)
		}
	})
}

func TestADeliveryIsARequestLikeAnyOther(t *testing.T) {
	t.Parallel()
	var got *http.Request
	var ids []string
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		var event struct{ ID string }
		_ = json.NewDecoder(r.Body).Decode(&event)
		ids = append(ids, event.ID)
		_, _ = io.WriteString(w, "ok")
	})
	d := zexatest.Delivery{Event: zexa.EventMessageOptOut, URL: "/hooks/zexa?secret=s", Header: http.Header{"x-signature": {"abc"}}, Copies: 2}
	assert.Equal(t, []int{200, 200}, zexatest.Deliver(h, d))
	assert.Equal(t, "POST", got.Method)
	assert.Equal(t, "/hooks/zexa", got.URL.Path)
	assert.Equal(t, "/hooks/zexa?secret=s", got.RequestURI)
	assert.Equal(t, "abc", got.Header.Get("X-Signature"))
	assert.Equal(t, "application/json", got.Header.Get("Content-Type"))
	assert.Equal(t, ids[0], ids[1])
	assert.True(t, strings.HasPrefix(ids[0], "evt_"))
	assert.Panics(t, func() { zexatest.Deliver(h, zexatest.Delivery{URL: "/%"}) })
}

func TestAHandlerAnswersAClient(t *testing.T) {
	t.Parallel()
	client := zexatest.ClientFor(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		w.WriteHeader(http.StatusOK) // too late
		_, _ = io.WriteString(w, r.Host+r.URL.Path)
	}))
	resp, err := client.Get("https://example.com/a")
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	assert.Equal(t, http.StatusTeapot, resp.StatusCode)
	assert.Equal(t, "example.com/a", string(body))

	r, err := http.NewRequestWithContext(canceled(t), http.MethodGet, "https://example.com/", nil)
	require.NoError(t, err)
	_, err = client.Do(r)
	assert.Error(t, err)

	_, err = zexatest.ClientFor(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		panic(errors.New("no"))
	})).Get("https://example.com/")
	assert.ErrorContains(t, err, "the handler panicked: no")
}
