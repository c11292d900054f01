package conformance

import (
	"context"
	"encoding/json"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	zexa "github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/zexatest"
)

// calls has calls of every method of every service, each with all that can be
// in its request.
func calls() map[string][]call {
	scheduled := sms()
	scheduled.ScheduledAt = time.Now().Add(time.Hour)
	html := zexa.Email(zexatest.DefaultEmail, "ana@example.com", "Encomenda", "Olá")
	html.HTML = "<p>Olá</p>"
	template := zexa.Template{
		Name: "encomenda", Language: "pt", Variables: []string{"Ana"}, Extra: map[string]any{"template_id": "tpl_1"},
	}
	return map[string][]call{
		"Messages.Send": {
			send(sms()), send(scheduled), send(html),
			send(zexa.WhatsApp(zexatest.DefaultSender, phone, "Olá")),
			send(zexa.WhatsAppTemplate(zexatest.DefaultSender, phone, template)),
			send(zexa.WhatsAppTemplate(zexatest.DefaultSender, phone, zexa.Template{Name: "encomenda"})),
			send(zexa.Telegram(zexatest.DefaultSender, phone, "Olá")),
			send(zexa.Email(zexatest.DefaultEmail, "ana@example.com", "Encomenda", "Olá")),
			send(zexa.Slack(zexatest.DefaultSender, "C0123456789", "Olá")),
		},
		"Messages.SendMany": {func(ctx context.Context, s *sandbox) error {
			batch := s.client.Messages.SendMany(ctx, slices.Values([]zexa.MessageParams{sms(), html}), zexa.BatchParams{})
			for r := range batch.Results() {
				if r.Err != nil {
					return r.Err
				}
			}
			return nil
		}},
		"Messages.Get": {func(ctx context.Context, s *sandbox) error {
			m, err := s.client.Messages.Send(ctx, sms())
			if err != nil {
				return err
			}
			_, err = s.client.Messages.Get(ctx, m.ID)
			return err
		}},
		"Messages.Wait": {func(ctx context.Context, s *sandbox) error {
			s.SetProgress(zexatest.Progress{})
			m, err := s.client.Messages.Send(ctx, sms())
			if err != nil {
				return err
			}
			if err := s.SetMessageStatus(m.ID, zexa.StatusDelivered); err != nil {
				return err
			}
			_, err = s.client.Messages.Wait(ctx, m.ID)
			return err
		}},

		"Campaigns.Create": {
			create(campaign()),
			create(func() zexa.CampaignParams {
				p := campaign()
				p.Channel, p.Body, p.Template, p.ScheduledAt = zexa.ChannelWhatsApp, "", &template, scheduled.ScheduledAt
				return p
			}()),
			create(func() zexa.CampaignParams {
				p := campaign()
				p.Channel, p.SenderID = zexa.ChannelEmail, zexatest.DefaultEmail
				return p
			}()),
			create(func() zexa.CampaignParams {
				p := campaign()
				p.Channel = zexa.ChannelTelegram
				return p
			}()),
		},
		"Campaigns.Get": {launched(func(ctx context.Context, s *sandbox, id string) error {
			return failure(s.client.Campaigns.Get(ctx, id))
		})},
		"Campaigns.Wait": {launched(func(ctx context.Context, s *sandbox, id string) error {
			return failure(s.client.Campaigns.Wait(ctx, id))
		})},
		"Campaigns.List": {launched(func(ctx context.Context, s *sandbox, _ string) error {
			return failure(s.client.Campaigns.List(ctx, zexa.CampaignQuery{Page: 1, PerPage: zexa.MaxPerPage}))
		})},
		"Campaigns.All": {launched(func(ctx context.Context, s *sandbox, _ string) error {
			return drain(s.client.Campaigns.All(ctx, zexa.CampaignQuery{}))
		})},

		"Contacts.Create": {
			func(ctx context.Context, s *sandbox) error { return failure(s.client.Contacts.Create(ctx, contact())) },
			func(ctx context.Context, s *sandbox) error {
				return failure(s.client.Contacts.Create(ctx, zexa.ContactParams{Name: "Ana", Phone: phone}))
			},
		},
		"Contacts.Import": {func(ctx context.Context, s *sandbox) error {
			rows := zexa.ContactRows(slices.Values([]zexa.ContactParams{contact(), contact()}))
			batch := s.client.Contacts.Import(ctx, rows, zexa.ImportParams{})
			for r := range batch.Results() {
				if r.Err != nil {
					return r.Err
				}
			}
			return nil
		}},
		"Contacts.List": {
			func(ctx context.Context, s *sandbox) error {
				s.addContact()
				q := zexa.ContactQuery{ListID: zexatest.DefaultContactList, Page: 1, PerPage: 10}
				return failure(s.client.Contacts.List(ctx, q))
			},
			func(ctx context.Context, s *sandbox) error {
				search := zexa.CallQuery(url.Values{"search": {"Ana"}})
				return failure(s.client.Contacts.List(ctx, zexa.ContactQuery{}, search))
			},
		},
		"Contacts.All": {func(ctx context.Context, s *sandbox) error {
			for range 3 {
				s.AddContact(zexatest.Contact{Name: "Ana", Phone: s.nextPhone()})
			}
			return drain(s.client.Contacts.All(ctx, zexa.ContactQuery{PerPage: 1}))
		}},
		"Contacts.Delete": {func(ctx context.Context, s *sandbox) error { return s.client.Contacts.Delete(ctx, s.addContact()) }},
		"Contacts.DeleteMany": {func(ctx context.Context, s *sandbox) error {
			return s.client.Contacts.DeleteMany(ctx, []string{s.addContact()})[0].Err
		}},

		"SenderIDs.List": {func(ctx context.Context, s *sandbox) error {
			return failure(s.client.SenderIDs.List(ctx, zexa.SenderIDQuery{Page: 2, PerPage: 2}))
		}},
		"SenderIDs.All": {func(ctx context.Context, s *sandbox) error {
			return drain(s.client.SenderIDs.All(ctx, zexa.SenderIDQuery{}))
		}},
		"SenderIDs.Find": {func(ctx context.Context, s *sandbox) error {
			return failure(s.client.SenderIDs.Find(ctx, zexatest.DefaultSender, zexa.ChannelSMS))
		}},

		"Webhooks.Register": {
			func(ctx context.Context, s *sandbox) error {
				return failure(s.client.Webhooks.Register(ctx, webhook()))
			},
			func(ctx context.Context, s *sandbox) error {
				p := webhook()
				p.Events = []zexa.EventType{
					zexa.EventMessageDelivered, zexa.EventMessageFailed, zexa.EventMessageUndeliverable,
					zexa.EventMessageOptOut, zexa.EventCampaignSent, zexa.EventCampaignCompleted,
				}
				return failure(s.client.Webhooks.Register(ctx, p))
			},
		},

		"Credits.Get": {func(ctx context.Context, s *sandbox) error {
			s.SetBalance(10.5)
			return failure(s.client.Credits.Get(ctx))
		}},

		"Do": {func(ctx context.Context, s *sandbox) error {
			var out json.RawMessage
			return s.client.Do(ctx, http.MethodGet, "/contacts", nil, &out, zexa.CallQuery(url.Values{"page": {"1"}}))
		}},
	}
}

func testCalls(t *testing.T, c *contract) {
	all := calls()
	require.ElementsMatch(t, methods(), slices.Collect(maps.Keys(all)), "the methods of the SDK, and those called here")
	for method, variants := range all {
		t.Run(method, func(t *testing.T) {
			for _, variant := range variants {
				assert.NoError(t, variant(t.Context(), newSandbox(t, c)))
			}
		})
	}
}

// methods returns the methods of a client and of its services that call the
// API.
func methods() []string {
	names := []string{"Do"}
	client := reflect.TypeFor[zexa.Client]()
	for i := range client.NumField() {
		service := client.Field(i)
		if !service.IsExported() {
			continue
		}
		for j := range service.Type.NumMethod() {
			names = append(names, service.Name+"."+service.Type.Method(j).Name)
		}
	}
	return names
}

func send(p zexa.MessageParams) call {
	return func(ctx context.Context, s *sandbox) error { return failure(s.client.Messages.Send(ctx, p)) }
}

func create(p zexa.CampaignParams) call {
	return func(ctx context.Context, s *sandbox) error {
		s.addContact()
		return failure(s.client.Campaigns.Create(ctx, p))
	}
}

// launched makes a campaign without contacts, which completes at once.
func launched(do func(ctx context.Context, s *sandbox, id string) error) call {
	return func(ctx context.Context, s *sandbox) error {
		created, err := s.client.Campaigns.Create(ctx, campaign())
		if err != nil {
			return err
		}
		return do(ctx, s, created.ID)
	}
}

func failure[T any](_ T, err error) error { return err }

func drain[T any](items iter.Seq2[T, error]) error {
	for _, err := range items {
		if err != nil {
			return err
		}
	}
	return nil
}
