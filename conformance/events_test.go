package conformance

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	zexa "github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/zexatest"
)

// testEvents has every event delivered.
func testEvents(t *testing.T, c *contract) {
	synctest.Test(t, func(t *testing.T) {
		s := newSandbox(t, c)
		s.SetWebhookDelivery(zexatest.WebhookDelivery{Client: zexatest.ClientFor(&receiver{t: t, contract: c})})
		require.NoError(t, failure(s.client.Webhooks.Register(t.Context(), webhook())))

		for _, status := range []zexa.DeliveryStatus{zexa.StatusDelivered, zexa.StatusFailed, zexa.StatusUndeliverable} {
			m, err := s.client.Messages.Send(t.Context(), sms())
			require.NoError(t, err)
			require.NoError(t, s.SetMessageStatus(m.ID, status))
		}
		s.addContact()
		require.NoError(t, failure(s.client.Campaigns.Create(t.Context(), campaign())))
		s.moveAll(t, zexa.StatusDelivered)
		s.OptOut(phone)
		synctest.Wait()
	})
}

// A receiver checks the events that it is sent.
type receiver struct {
	t        *testing.T
	contract *contract
}

func (rc *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	assert.NoError(rc.t, err)
	operation := rc.contract.strict.Webhooks["event"].GetOperation(r.Method)
	content := operation.RequestBody.Value.Content.Get(r.Header.Get("Content-Type"))
	if !assert.NotNil(rc.t, content, "Content-Type") {
		return
	}
	var event any
	assert.NoError(rc.t, json.Unmarshal(body, &event))
	assert.NoError(rc.t, fits(content.Schema, event))
	rc.contract.seen.noteBody(content, body)
	w.WriteHeader(http.StatusNoContent)
}
