package zexatest_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	zexa "github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/zexatest"
)

func TestAMessageCostsWhatTheDocumentationSays(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		message string
		credits float64
	}{
		{"an SMS of one segment", sms, 1},
		{"an SMS of two segments", strings.Replace(sms, "Olá", strings.Repeat("a", 161), 1), 2},
		{"an SMS of two segments outside GSM-7", strings.Replace(sms, "Olá", strings.Repeat("ã", 71), 1), 2},
		{"an SMS abroad", strings.Replace(sms, "+244", "+351", 1), 2},
		{"a WhatsApp message", strings.Replace(sms, "sms", "whatsapp", 1), 1},
		{"a Telegram message", strings.Replace(sms, "sms", "telegram", 1), 1},
		{"a Slack message", strings.Replace(sms, "sms", "slack", 1), 0.5},
		{"an email", `{"channel":"email","to":"ana@example.com","from":"hello@zexatest.local","body":"Olá"}`, 0.5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			srv := start(t)
			srv.SetBalance(10)
			id := post(t, srv, "/messages", tt.message)
			m, ok := srv.Message(id)
			require.True(t, ok)
			assert.InDelta(t, tt.credits, m.Credits, 0)
			assert.InDelta(t, 10-tt.credits, srv.Balance(), 0)
		})
	}
}

func TestAMessageIsKeptAsItWasSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := start(t)
		id := post(t, srv, "/messages", `{"channel":"email","to":"ana@example.com","from":"hello@zexatest.local",
			"subject":"Encomenda","body":"Olá","html":"<p>Olá</p>","scheduled_at":"2000-01-01T01:00:00Z"}`)
		got, ok := srv.Message(id)
		require.True(t, ok)
		assert.Equal(t, zexatest.Message{
			ID: "msg_000001", Channel: zexa.ChannelEmail, To: "ana@example.com", From: "hello@zexatest.local",
			Subject: "Encomenda", Body: "Olá", HTML: "<p>Olá</p>", Status: zexa.StatusQueued, Credits: 0.5,
			CreatedAt: time.Now(), ScheduledAt: time.Date(2000, 1, 1, 1, 0, 0, 0, time.UTC),
		}, got)
		_, ok = srv.Message("msg_9")
		assert.False(t, ok)
	})
}

func TestMessagesMoveByHand(t *testing.T) {
	t.Parallel()
	srv := start(t)
	id := post(t, srv, "/messages", sms)
	for _, status := range []zexa.DeliveryStatus{zexa.StatusSent, zexa.StatusUndeliverable, zexa.StatusQueued} {
		require.NoError(t, srv.SetMessageStatus(id, status))
		_, text := call(t, srv, http.MethodGet, "/messages/"+id, "")
		assert.Contains(t, text, `"status":"`+string(status)+`"`)
	}
	assert.Error(t, srv.SetMessageStatus("msg_9", zexa.StatusSent))
}

func TestMessagesMoveByThemselves(t *testing.T) {
	t.Parallel()
	type step struct {
		after time.Duration
		want  zexa.DeliveryStatus
	}
	outcome := func(status zexa.DeliveryStatus) func(zexatest.Message) zexa.DeliveryStatus {
		return func(zexatest.Message) zexa.DeliveryStatus { return status }
	}
	scheduled := strings.TrimSuffix(sms, "}") + `,"scheduled_at":"2000-01-01T01:00:00Z"}`
	tests := []struct {
		name     string
		progress *zexatest.Progress
		message  string
		steps    []step
	}{
		{"not at all by default", nil, sms, []step{{24 * time.Hour, zexa.StatusQueued}}},
		{"to delivered", &zexatest.Progress{Sent: time.Second, Final: 2 * time.Second}, sms, []step{
			{time.Second - 1, zexa.StatusQueued}, {1, zexa.StatusSent},
			{2*time.Second - 1, zexa.StatusSent}, {1, zexa.StatusDelivered},
		}},
		{"at once if no time is given", &zexatest.Progress{}, sms, []step{{0, zexa.StatusDelivered}}},
		{"to failed", &zexatest.Progress{Outcome: outcome(zexa.StatusFailed)}, sms, []step{{0, zexa.StatusFailed}}},
		{"no further than sent", &zexatest.Progress{Outcome: outcome(zexa.StatusSent)}, sms, []step{{time.Hour, zexa.StatusSent}}},
		{"from when they are due", &zexatest.Progress{Sent: time.Second, Final: time.Second}, scheduled, []step{
			{time.Hour, zexa.StatusQueued}, {time.Second, zexa.StatusSent}, {time.Second, zexa.StatusDelivered},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv := start(t)
				if tt.progress != nil {
					srv.SetProgress(*tt.progress)
				}
				id := post(t, srv, "/messages", tt.message)
				for _, s := range tt.steps {
					time.Sleep(s.after)
					synctest.Wait()
					m, _ := srv.Message(id)
					assert.Equal(t, s.want, m.Status)
				}
			})
		})
	}
}

func TestAMessageMovedByHandIsNotMovedBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := start(t)
		srv.SetProgress(zexatest.Progress{Sent: time.Second, Final: time.Second})
		first, second := post(t, srv, "/messages", sms), post(t, srv, "/messages", sms)
		require.NoError(t, srv.SetMessageStatus(first, zexa.StatusFailed))
		time.Sleep(time.Second)
		synctest.Wait()
		require.NoError(t, srv.SetMessageStatus(second, zexa.StatusUndeliverable))
		time.Sleep(time.Hour)

		var got []zexa.DeliveryStatus
		for _, m := range srv.Messages() {
			got = append(got, m.Status)
		}
		assert.Equal(t, []zexa.DeliveryStatus{zexa.StatusFailed, zexa.StatusUndeliverable}, got)
	})
}

func TestAcceptedMessagesAreAnnounced(t *testing.T) {
	t.Parallel()
	srv := start(t)
	srv.AddContact(zexatest.Contact{Phone: "+244912345679", Lists: []string{zexatest.DefaultContactList}})
	var got []string
	srv.OnAccept(func(m zexatest.Message) {
		got = append(got, m.ID+" "+m.To)
		srv.Balance() // the server may be asked
	})
	post(t, srv, "/messages", sms)
	post(t, srv, "/campaigns", julho)
	call(t, srv, http.MethodPost, "/messages", `{}`)
	assert.Equal(t, []string{"msg_000001 +244912345678", "msg_000002 +244912345679"}, got)
	assert.Equal(t, 1, srv.Accepted(), "a campaign's messages don't count")
}

func TestSenderIDsAreRegisteredAndChanged(t *testing.T) {
	t.Parallel()
	srv := start(t)
	srv.SetSenderID(zexa.ChannelSMS, "SHOP", zexa.SenderIDPending)
	srv.SetSenderID(zexa.ChannelSMS, "SHOP", zexa.SenderIDRejected)
	all := srv.SenderIDs()
	require.Len(t, all, 6)
	last := all[5]
	assert.Equal(t, "SHOP", last.Name)
	assert.Equal(t, zexa.ChannelSMS, last.Channel)
	assert.Equal(t, zexa.SenderIDRejected, last.Status)
}

func TestContactsAreKeptByPhoneNumber(t *testing.T) {
	t.Parallel()
	srv := start(t)
	list := srv.AddContactList("Clientes")
	first := srv.AddContact(zexatest.Contact{Name: "Ana", Phone: "+244912345678"})
	again := srv.AddContact(zexatest.Contact{Name: "Rui", Phone: "+244912345678", Lists: []string{list, "lst_new"}})
	assert.Equal(t, first.ID, again.ID)
	assert.Equal(t, "Ana", again.Name)
	assert.Equal(t, []string{list, "lst_new"}, again.Lists)
	assert.Equal(t, []zexatest.Contact{again}, srv.Contacts(list))
	assert.Empty(t, srv.Contacts(zexatest.DefaultContactList))

	noPhone := srv.AddContact(zexatest.Contact{Name: "Eva", Email: "eva@example.com"})
	assert.NotEqual(t, noPhone.ID, srv.AddContact(zexatest.Contact{Name: "Lia", Email: "lia@example.com"}).ID)

	_, text := call(t, srv, http.MethodGet, "/contacts?list_id=lst_new", "")
	assert.Contains(t, text, first.ID)
}
