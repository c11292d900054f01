package conformance

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	zexa "github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/zexatest"
)

const phone = "+244912345678"

func TestTheSDKAndTheSandboxKeepToTheDocument(t *testing.T) {
	c, err := loadContract(t.Context())
	require.NoError(t, err)

	t.Run("in every call of the SDK", func(t *testing.T) { testCalls(t, c) })
	t.Run("in every answer of an operation", func(t *testing.T) { testOperations(t, c) })
	t.Run("in every refusal", func(t *testing.T) { testRefusals(t, c) })
	t.Run("in every state of a resource", func(t *testing.T) { testStates(t, c) })
	t.Run("in every event", func(t *testing.T) { testEvents(t, c) })

	t.Run("and nothing in the document is left untried", func(t *testing.T) {
		assert.Empty(t, c.seen.missing())
		for _, line := range c.seen.statuses(c.doc) {
			t.Log(line)
		}
	})
}

// A sandbox is a server, and a client of it whose every exchange is checked.
type sandbox struct {
	*zexatest.Server
	wire   *transport
	client *zexa.Client
}

func newSandbox(t *testing.T, c *contract) *sandbox {
	t.Helper()
	srv, err := zexatest.Start()
	require.NoError(t, err)
	t.Cleanup(srv.Close)
	s := &sandbox{Server: srv, wire: &transport{
		contract: c,
		base:     srv.URL(),
		next:     srv.HTTPClient().Transport,
		report:   t.Errorf,
	}}
	s.client, err = srv.Client(zexa.WithHTTPClient(&http.Client{Transport: s.wire}),
		zexa.WithoutValidation(), zexa.WithoutPacing(), zexa.WithRetries(0))
	require.NoError(t, err)
	return s
}

// A call uses the client of a sandbox, and returns what it fails with.
type call func(ctx context.Context, s *sandbox) error

func sms() zexa.MessageParams { return zexa.SMS(zexatest.DefaultSender, phone, "Olá") }

func campaign() zexa.CampaignParams {
	return zexa.CampaignParams{
		Name: "Saldos", Channel: zexa.ChannelSMS, ContactListID: zexatest.DefaultContactList,
		SenderID: zexatest.DefaultSender, Body: "Olá",
	}
}

func contact() zexa.ContactParams {
	return zexa.ContactParams{
		Name: "Ana", Phone: phone, Email: "ana@example.com", Lists: []string{zexatest.DefaultContactList},
	}
}

func webhook() zexa.WebhookParams {
	return zexa.WebhookParams{URL: "https://example.com/zexa", Events: []zexa.EventType{zexa.EventAll}}
}

func (s *sandbox) addContact() string {
	return s.AddContact(zexatest.Contact{Name: "Ana", Phone: phone, Lists: []string{zexatest.DefaultContactList}}).ID
}

// nextPhone returns a number that no contact of the sandbox has.
func (s *sandbox) nextPhone() string {
	return fmt.Sprintf("+2449000000%02d", len(s.Contacts("")))
}
