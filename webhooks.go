package zexa

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"
)

// WebhookService registers URLs that the API posts events to. It is
// [Client.Webhooks].
type WebhookService struct{ client *Client }

// An EventType names what happened. The constants are the documented ones;
// another value is passed on to the API as it is.
type EventType string

// The documented events, and the documented name of all of them.
const (
	EventMessageDelivered     EventType = "message.delivered"
	EventMessageFailed        EventType = "message.failed"
	EventMessageUndeliverable EventType = "message.undeliverable"
	EventMessageOptOut        EventType = "message.optout"     // STOP reply or unsubscribe
	EventCampaignSent         EventType = "campaign.sent"      // all messages handed to carriers
	EventCampaignCompleted    EventType = "campaign.completed" // all messages final
	EventAll                  EventType = "*"
)

// WebhookParams describe a webhook. Both fields are required. They are those of
// the documentation of POST /webhooks.
type WebhookParams struct {
	URL    string      `json:"url"` // https only
	Events []EventType `json:"events"`
}

// LogValue returns what may be logged of the webhook: not the URL beyond its
// host, which may hold a secret.
func (p WebhookParams) LogValue() slog.Value {
	return slog.GroupValue(slog.String("host", hostOf(p.URL)), slog.Any("events", p.Events))
}

// Validate returns a [*ValidationError] with all that is wrong with p, as the
// call would, or nil.
func (p WebhookParams) Validate() error { return validate(p) }

func (p WebhookParams) check(v *invalid) {
	v.required("url", p.URL)
	v.texts(field{"url", p.URL})
	v.https("url", p.URL)
	if len(p.Events) == 0 {
		v.add("events", `is required; {"*"} is all`)
	}
	for i, e := range p.Events {
		v.required(fmt.Sprintf("events[%d]", i), string(e))
		v.texts(field{fmt.Sprintf("events[%d]", i), string(e)})
	}
}

// A Webhook is a webhook as the API answers with it. No secret is among the
// documented fields.
type Webhook struct {
	ID        string      `json:"id"` // "wh_…"
	URL       string      `json:"url"`
	Events    []EventType `json:"events"`
	CreatedAt time.Time   `json:"created_at"`

	exactJSON
}

// LogValue returns what may be logged of the webhook: not the URL beyond its
// host, which may hold a secret.
func (w Webhook) LogValue() slog.Value {
	return slog.GroupValue(slog.String("id", w.ID), slog.String("host", hostOf(w.URL)),
		slog.Any("events", w.Events), slog.Time("created_at", w.CreatedAt))
}

func hostOf(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return ""
	}
	return u.Host
}

// Register registers a URL for events. The API posts a test event to it at
// once and expects a 2xx, so the receiver must be running. It calls POST
// /webhooks, which is documented; no endpoint lists or removes webhooks.
//
// An error matches exactly one of [ErrNotSent], [ErrOutcomeUnknown] and
// [ErrAccepted], and then perhaps a kind: [ErrInvalidRequest],
// [ErrUnauthorized], [ErrValidation], [ErrRateLimited].
func (s *WebhookService) Register(ctx context.Context, p WebhookParams, opts ...CallOption) (*Webhook, error) {
	return call[Webhook](ctx, s.client, request{method: http.MethodPost, path: "/webhooks", in: p}, opts)
}
