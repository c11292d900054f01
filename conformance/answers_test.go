package conformance

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	zexa "github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/zexatest"
)

// operations has a call of each operation that succeeds. Its request is the
// last that is made.
func operations() map[string]func(ctx context.Context, s *sandbox, opts ...zexa.CallOption) error {
	return map[string]func(context.Context, *sandbox, ...zexa.CallOption) error{
		"sendMessage": func(ctx context.Context, s *sandbox, opts ...zexa.CallOption) error {
			return failure(s.client.Messages.Send(ctx, sms(), opts...))
		},
		"getMessage": func(ctx context.Context, s *sandbox, opts ...zexa.CallOption) error {
			return failure(s.client.Messages.Get(ctx, s.Messages()[0].ID, opts...))
		},
		"listSenderIds": func(ctx context.Context, s *sandbox, opts ...zexa.CallOption) error {
			return failure(s.client.SenderIDs.List(ctx, zexa.SenderIDQuery{}, opts...))
		},
		"createCampaign": func(ctx context.Context, s *sandbox, opts ...zexa.CallOption) error {
			return failure(s.client.Campaigns.Create(ctx, campaign(), opts...))
		},
		"listCampaigns": func(ctx context.Context, s *sandbox, opts ...zexa.CallOption) error {
			return failure(s.client.Campaigns.List(ctx, zexa.CampaignQuery{}, opts...))
		},
		"getCampaign": func(ctx context.Context, s *sandbox, opts ...zexa.CallOption) error {
			return failure(s.client.Campaigns.Get(ctx, s.Campaigns()[0].ID, opts...))
		},
		"createContact": func(ctx context.Context, s *sandbox, opts ...zexa.CallOption) error {
			p := contact()
			p.Phone = s.nextPhone()
			return failure(s.client.Contacts.Create(ctx, p, opts...))
		},
		"listContacts": func(ctx context.Context, s *sandbox, opts ...zexa.CallOption) error {
			return failure(s.client.Contacts.List(ctx, zexa.ContactQuery{}, opts...))
		},
		"deleteContact": func(ctx context.Context, s *sandbox, opts ...zexa.CallOption) error {
			return s.client.Contacts.Delete(ctx, s.Contacts("")[0].ID, opts...)
		},
		"registerWebhook": func(ctx context.Context, s *sandbox, opts ...zexa.CallOption) error {
			return failure(s.client.Webhooks.Register(ctx, webhook(), opts...))
		},
		"getCredits": func(ctx context.Context, s *sandbox, opts ...zexa.CallOption) error {
			return failure(s.client.Credits.Get(ctx, opts...))
		},
	}
}

// testOperations brings every operation to what any of them can be answered.
func testOperations(t *testing.T, c *contract) {
	tests := []struct {
		name    string
		odd     bool
		status  int // 0: that of success
		arrange func(s *sandbox)
	}{
		{"as it should", false, 0, func(*sandbox) {}},
		{"with a revoked key", false, 401, func(s *sandbox) { s.SetKey("another") }},
		{"beyond the rate limit", false, 429, func(s *sandbox) {
			s.RateLimit(zexatest.Limit{Kind: zexatest.SlidingLog, Requests: 1, Window: time.Hour})
			s.client.Credits.Get(context.Background())
		}},
		{"by a server that fails", true, 500, func(s *sandbox) { s.Fault(zexatest.Fault{Status: 500}) }},
		{"by a server that is not there", true, 503, func(s *sandbox) {
			s.Fault(zexatest.Fault{Status: 503, RetryAfter: "30"})
		}},
		{"by a proxy, in HTML", true, 502, func(s *sandbox) {
			s.Fault(zexatest.Fault{Status: 502, Body: []byte("<html>Bad Gateway</html>")})
		}},
		{"with fields that are not documented", true, 0, func(s *sandbox) {
			s.Fault(zexatest.Fault{Damage: zexatest.UnknownFields})
		}},
		{"with values that are not documented", true, 0, func(s *sandbox) {
			s.Fault(zexatest.Fault{Damage: zexatest.UnknownEnums})
		}},
	}
	for operation, do := range operations() {
		for _, tt := range tests {
			t.Run(operation+" "+tt.name, func(t *testing.T) {
				s := newSandbox(t, c)
				s.addContact()
				require.NoError(t, failure(s.client.Messages.Send(t.Context(), sms())))
				require.NoError(t, failure(s.client.Campaigns.Create(t.Context(), campaign())))
				tt.arrange(s)
				s.wire.odd = tt.odd
				var response zexa.Response
				err := do(t.Context(), s, zexa.CallResponse(&response))
				if tt.status != 0 {
					assert.Equal(t, tt.status, response.Status)
					assert.Error(t, err)
					return
				}
				assert.NoError(t, err)
			})
		}
	}
}

// testRefusals brings operations to the errors that are theirs.
func testRefusals(t *testing.T, c *contract) {
	tests := []struct {
		name   string
		status int
		code   string
		wrong  bool // the document too forbids the request
		do     call
	}{
		{"a message without a text", 400, zexa.CodeInvalidRequest, true, sendWith(func(p *zexa.MessageParams) { p.Body = "" })},
		{"a message to a number that is none", 422, zexa.CodeValidation, false, sendWith(func(p *zexa.MessageParams) { p.To = "912345678" })},
		{"a message from a sender that is not registered", 422, zexa.CodeValidation, false, sendWith(func(p *zexa.MessageParams) { p.From = "Outra" })},
		{"a message on a channel that there is not", 422, zexa.CodeValidation, true, sendWith(func(p *zexa.MessageParams) { p.Channel = "fax" })},
		{"a message without credits", 422, zexa.CodeInsufficientCredits, false, func(ctx context.Context, s *sandbox) error {
			s.SetBalance(0)
			return failure(s.client.Messages.Send(ctx, sms()))
		}},
		{"a message that there is not", 404, zexa.CodeNotFound, false, func(ctx context.Context, s *sandbox) error {
			return failure(s.client.Messages.Get(ctx, "msg/nada"))
		}},
		{"a campaign without a name", 400, zexa.CodeInvalidRequest, true, createWith(func(p *zexa.CampaignParams) { p.Name = "" })},
		{"a campaign to a list that there is not", 404, zexa.CodeNotFound, false, createWith(func(p *zexa.CampaignParams) { p.ContactListID = "lst_nada" })},
		{"a campaign from a sender that is not registered", 422, zexa.CodeValidation, false, createWith(func(p *zexa.CampaignParams) { p.SenderID = "Outra" })},
		{"a campaign on Slack", 422, zexa.CodeValidation, false, createWith(func(p *zexa.CampaignParams) { p.Channel = zexa.ChannelSlack })},
		{"a campaign without credits", 422, zexa.CodeInsufficientCredits, false, func(ctx context.Context, s *sandbox) error {
			s.SetBalance(0)
			return failure(s.client.Campaigns.Create(ctx, campaign()))
		}},
		{"a campaign that there is not", 404, zexa.CodeNotFound, false, func(ctx context.Context, s *sandbox) error {
			return failure(s.client.Campaigns.Get(ctx, "cmp_nada"))
		}},
		{"a contact without a phone number", 400, zexa.CodeInvalidRequest, true, func(ctx context.Context, s *sandbox) error {
			return failure(s.client.Contacts.Create(ctx, zexa.ContactParams{Name: "Ana"}))
		}},
		{"a contact with a number that is none", 422, zexa.CodeValidation, true, func(ctx context.Context, s *sandbox) error {
			return failure(s.client.Contacts.Create(ctx, zexa.ContactParams{Name: "Ana", Phone: "912345678"}))
		}},
		{"a contact that is there already", 409, zexa.CodeConflict, false, func(ctx context.Context, s *sandbox) error {
			s.addContact()
			return failure(s.client.Contacts.Create(ctx, contact()))
		}},
		{"the contacts of a list that there is not", 404, zexa.CodeNotFound, false, func(ctx context.Context, s *sandbox) error {
			return failure(s.client.Contacts.List(ctx, zexa.ContactQuery{ListID: "lst_nada"}))
		}},
		{"the removal of a contact that there is not", 404, zexa.CodeNotFound, false, func(ctx context.Context, s *sandbox) error {
			return s.client.Contacts.Delete(ctx, "cnt_nada")
		}},
		{"a webhook without events", 400, zexa.CodeInvalidRequest, true, func(ctx context.Context, s *sandbox) error {
			return failure(s.client.Webhooks.Register(ctx, zexa.WebhookParams{URL: "https://example.com"}))
		}},
		{"a webhook without TLS", 422, zexa.CodeValidation, true, func(ctx context.Context, s *sandbox) error {
			return failure(s.client.Webhooks.Register(ctx, zexa.WebhookParams{
				URL: "http://example.com", Events: []zexa.EventType{zexa.EventAll},
			}))
		}},
		{"a webhook for an event that there is not", 422, zexa.CodeValidation, true, func(ctx context.Context, s *sandbox) error {
			return failure(s.client.Webhooks.Register(ctx, zexa.WebhookParams{
				URL: "https://example.com", Events: []zexa.EventType{"message.read"},
			}))
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSandbox(t, c)
			s.wire.wrong = tt.wrong
			var refusal *zexa.Error
			require.ErrorAs(t, tt.do(t.Context(), s), &refusal)
			assert.Equal(t, tt.status, refusal.Status)
			assert.Equal(t, tt.code, refusal.Code)
		})
	}
	t.Run("a request that the SDK cannot make", func(t *testing.T) { testForeignRefusals(t, c) })
}

// testForeignRefusals makes requests that other programs may make.
func testForeignRefusals(t *testing.T, c *contract) {
	tests := []struct {
		name         string
		method, path string
		body         string
		header       http.Header // beside, or in place of, those that are usual
		status       int
	}{
		{"without a key", "GET", "/credits", "", http.Header{"Authorization": nil}, 401},
		{"with a key in another scheme", "GET", "/credits", "", http.Header{"Authorization": {"Basic " + zexatest.DefaultKey}}, 401},
		{"with half a body", "POST", "/messages", `{"channel":`, nil, 400},
		{"with a body that is no object", "POST", "/messages", `[]`, nil, 400},
		{"with a text of another type", "POST", "/messages", `{"channel":"sms","to":"` + phone + `","from":"ZEXA","body":1}`, nil, 400},
		{"with a body that is not called JSON", "POST", "/contacts", `{"name":"Ana","phone":"` + phone + `"}`, http.Header{"Content-Type": {"text/plain"}}, 400},
		{"with a body beyond all measure", "POST", "/messages", `{"body":"` + strings.Repeat("a", 1<<20) + `"}`, nil, 413},
		{"for a page of Sender IDs before the first", "GET", "/sender-ids?page=0", "", nil, 400},
		{"for a page of campaigns without items", "GET", "/campaigns?per_page=0", "", nil, 400},
		{"for a page of contacts that is no number", "GET", "/contacts?page=primeira", "", nil, 400},
		{"to change a contact", "PATCH", "/contacts/cnt_000001", `{}`, nil, 405},
		{"to an endpoint that there is not", "GET", "/templates", "", nil, 404},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSandbox(t, c)
			s.wire.wrong = true
			r, err := http.NewRequestWithContext(t.Context(), tt.method, s.URL()+tt.path, strings.NewReader(tt.body))
			require.NoError(t, err)
			r.Header = http.Header{"Authorization": {"Bearer " + s.Key()}}
			if tt.body != "" {
				r.Header.Set("Content-Type", "application/json")
			}
			for name, values := range tt.header {
				r.Header[name] = values
			}
			response, err := (&http.Client{Transport: s.wire}).Do(r)
			require.NoError(t, err)
			response.Body.Close()
			assert.Equal(t, tt.status, response.StatusCode)
		})
	}
}

// testStates reads resources in all the states that they can be in.
func testStates(t *testing.T, c *contract) {
	t.Run("a message", func(t *testing.T) {
		s := newSandbox(t, c)
		m, err := s.client.Messages.Send(t.Context(), sms())
		require.NoError(t, err)
		for _, status := range []zexa.DeliveryStatus{
			zexa.StatusQueued, zexa.StatusSent, zexa.StatusDelivered, zexa.StatusFailed, zexa.StatusUndeliverable,
		} {
			require.NoError(t, s.SetMessageStatus(m.ID, status))
			got, err := s.client.Messages.Get(t.Context(), m.ID)
			require.NoError(t, err)
			assert.Equal(t, status, got.Status)
		}
	})

	t.Run("a Sender ID", func(t *testing.T) {
		s := newSandbox(t, c)
		for _, status := range []zexa.SenderIDStatus{zexa.SenderIDPending, zexa.SenderIDApproved, zexa.SenderIDRejected} {
			s.SetSenderID(zexa.ChannelSMS, "Loja"+string(status), status)
		}
		got, err := s.client.SenderIDs.List(t.Context(), zexa.SenderIDQuery{})
		require.NoError(t, err)
		assert.Len(t, got.Items, len(s.SenderIDs()))
	})

	t.Run("a contact without address and list", func(t *testing.T) {
		s := newSandbox(t, c)
		s.AddContact(zexatest.Contact{Name: "Ana", Phone: phone})
		require.NoError(t, failure(s.client.Contacts.List(t.Context(), zexa.ContactQuery{})))
	})

	t.Run("a page after the last", func(t *testing.T) {
		s := newSandbox(t, c)
		got, err := s.client.Contacts.List(t.Context(), zexa.ContactQuery{Page: 9})
		require.NoError(t, err)
		assert.Empty(t, got.Items)
	})

	t.Run("a campaign", func(t *testing.T) {
		s := newSandbox(t, c)
		s.addContact()
		s.AddContact(zexatest.Contact{Name: "Rui", Phone: s.nextPhone(), Lists: []string{zexatest.DefaultContactList}})
		p := campaign()
		p.ScheduledAt = time.Now().Add(time.Hour)
		later, err := s.client.Campaigns.Create(t.Context(), p)
		require.NoError(t, err)
		s.SetBalance(1)
		now, err := s.client.Campaigns.Create(t.Context(), campaign())
		require.NoError(t, err)

		s.wantCampaign(t, later.ID, zexa.CampaignScheduled)
		s.wantCampaign(t, now.ID, zexa.CampaignPaused)
		s.TopUp(1)
		s.wantCampaign(t, now.ID, zexa.CampaignSending)
		s.moveAll(t, zexa.StatusSent)
		s.wantCampaign(t, now.ID, zexa.CampaignSent)
		s.moveAll(t, zexa.StatusDelivered)
		s.wantCampaign(t, now.ID, zexa.CampaignCompleted)
	})
}

func (s *sandbox) wantCampaign(t *testing.T, id string, want zexa.CampaignStatus) {
	t.Helper()
	got, err := s.client.Campaigns.Get(t.Context(), id)
	require.NoError(t, err)
	assert.Equal(t, want, got.Status)
}

func (s *sandbox) moveAll(t *testing.T, status zexa.DeliveryStatus) {
	t.Helper()
	for _, m := range s.Messages() {
		require.NoError(t, s.SetMessageStatus(m.ID, status))
	}
}

func sendWith(change func(*zexa.MessageParams)) call {
	p := sms()
	change(&p)
	return send(p)
}

func createWith(change func(*zexa.CampaignParams)) call {
	p := campaign()
	change(&p)
	return create(p)
}
