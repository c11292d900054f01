package zexatest_test

import (
	"fmt"
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

const julho = `{"name":"Julho","channel":"sms","contact_list_id":"lst_000001","sender_id":"ZEXA","body":"Olá"}`

func addContacts(srv *zexatest.Server, n int) {
	for i := range n {
		srv.AddContact(zexatest.Contact{
			Name: "Ana", Phone: fmt.Sprintf("+2449%08d", i), Lists: []string{zexatest.DefaultContactList},
		})
	}
}

func assertCampaign(t *testing.T, srv *zexatest.Server, id string, status zexa.CampaignStatus, stats zexatest.CampaignStats) {
	t.Helper()
	synctest.Wait()
	c, ok := srv.Campaign(id)
	require.True(t, ok)
	assert.Equal(t, status, c.Status)
	assert.Equal(t, stats, c.Stats)
	assert.Equal(t, c.Total, stats.Pending+stats.Queued+stats.Sent+stats.Delivered+stats.Failed+stats.Undeliverable+stats.OptedOut)
}

func TestACampaignGoesToItsList(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := start(t)
		addContacts(srv, 5)
		srv.AddContact(zexatest.Contact{Name: "Rui", Phone: "+244999999999"}) // not on the list
		srv.OptOut("+244900000001")
		srv.SetProgress(zexatest.Progress{Sent: time.Second, Final: time.Second,
			Outcome: func(m zexatest.Message) zexa.DeliveryStatus {
				switch m.To {
				case "+244900000002":
					return zexa.StatusFailed
				case "+244900000003":
					return zexa.StatusUndeliverable
				}
				return zexa.StatusDelivered
			}})

		id := post(t, srv, "/campaigns", julho)
		assertCampaign(t, srv, id, zexa.CampaignSending, zexatest.CampaignStats{Queued: 4, OptedOut: 1})
		time.Sleep(time.Second)
		assertCampaign(t, srv, id, zexa.CampaignSent, zexatest.CampaignStats{Sent: 4, OptedOut: 1})
		time.Sleep(time.Second)
		assertCampaign(t, srv, id, zexa.CampaignCompleted,
			zexatest.CampaignStats{Delivered: 2, Failed: 1, Undeliverable: 1, OptedOut: 1})

		assert.InDelta(t, 1000-4, srv.Balance(), 0)
		assert.Len(t, srv.Campaigns(), 1)
		for _, m := range srv.Messages() {
			assert.Equal(t, id, m.CampaignID)
		}
		_, text := call(t, srv, http.MethodGet, "/campaigns/"+id, "")
		assert.JSONEq(t, `{"id":"cmp_000001","status":"completed","name":"Julho","channel":"sms","total":5,`+created+`,
			"stats":{"pending":0,"queued":0,"sent":0,"delivered":2,"failed":1,"undeliverable":1,"opted_out":1}}`, text)
	})
}

func TestACampaignPausesWithoutCreditsAndGoesOnAfterATopUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := start(t)
		addContacts(srv, 10)
		srv.SetBalance(3)
		srv.SetProgress(zexatest.Progress{Sent: time.Second, Final: time.Second})

		id := post(t, srv, "/campaigns", julho)
		assertCampaign(t, srv, id, zexa.CampaignPaused, zexatest.CampaignStats{Queued: 3, Pending: 7})
		time.Sleep(2 * time.Second)
		assertCampaign(t, srv, id, zexa.CampaignPaused, zexatest.CampaignStats{Delivered: 3, Pending: 7})

		srv.OptOut("+244900000003")
		srv.TopUp(4.5)
		assertCampaign(t, srv, id, zexa.CampaignPaused, zexatest.CampaignStats{Delivered: 3, Queued: 4, OptedOut: 1, Pending: 2})
		assert.InDelta(t, 0.5, srv.Balance(), 0)
		srv.SetBalance(100)
		assertCampaign(t, srv, id, zexa.CampaignSending, zexatest.CampaignStats{Delivered: 3, Queued: 6, OptedOut: 1})
		time.Sleep(2 * time.Second)
		assertCampaign(t, srv, id, zexa.CampaignCompleted, zexatest.CampaignStats{Delivered: 9, OptedOut: 1})
		assert.InDelta(t, 98, srv.Balance(), 0)
	})
}

func TestAScheduledCampaignReadsItsListWhenItStarts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := start(t)
		addContacts(srv, 1)
		srv.SetBalance(0)
		id := post(t, srv, "/campaigns", strings.TrimSuffix(julho, "}")+`,"scheduled_at":"2000-01-01T01:00:00Z"}`)
		assertCampaign(t, srv, id, zexa.CampaignScheduled, zexatest.CampaignStats{Pending: 1})
		addContacts(srv, 3)
		srv.TopUp(3)
		assertCampaign(t, srv, id, zexa.CampaignScheduled, zexatest.CampaignStats{Pending: 1})
		time.Sleep(time.Hour)
		assertCampaign(t, srv, id, zexa.CampaignSending, zexatest.CampaignStats{Queued: 3})
	})
}

func TestAnEmailCampaignFailsForContactsWithoutAnAddress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := start(t)
		addContacts(srv, 1)
		srv.AddContact(zexatest.Contact{Phone: "+244912345678", Email: "ana@example.com", Lists: []string{zexatest.DefaultContactList}})
		id := post(t, srv, "/campaigns", `{"name":"Julho","channel":"email","contact_list_id":"lst_000001",
			"sender_id":"hello@zexatest.local","body":"Olá"}`)
		assertCampaign(t, srv, id, zexa.CampaignSending, zexatest.CampaignStats{Queued: 1, Failed: 1})
		m, _ := srv.Message("msg_000001")
		assert.Equal(t, "ana@example.com", m.To)
		require.NoError(t, srv.SetMessageStatus(m.ID, zexa.StatusDelivered))
		assertCampaign(t, srv, id, zexa.CampaignCompleted, zexatest.CampaignStats{Delivered: 1, Failed: 1})
		assert.InDelta(t, 999.5, srv.Balance(), 0)
	})
}

func TestStatisticsAddUpWhateverTheStatusOfAMessage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := start(t)
		addContacts(srv, 2)
		id := post(t, srv, "/campaigns", julho)
		for _, m := range srv.Messages() {
			require.NoError(t, srv.SetMessageStatus(m.ID, "x_held"))
		}
		assertCampaign(t, srv, id, zexa.CampaignSent, zexatest.CampaignStats{Sent: 2})
		require.NoError(t, srv.SetMessageStatus("msg_000001", zexa.StatusDelivered))
		assertCampaign(t, srv, id, zexa.CampaignSent, zexatest.CampaignStats{Sent: 1, Delivered: 1})
	})
}

func TestAnUnknownCampaignIsNotThere(t *testing.T) {
	t.Parallel()
	_, ok := start(t).Campaign("cmp_9")
	assert.False(t, ok)
}
