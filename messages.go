package zexa

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/zexa-ao/zexa-go/internal/redact"
)

// MessageService sends messages and follows them. It is [Client.Messages].
type MessageService struct{ client *Client }

// A DeliveryStatus is how far a message has come. The constants are the
// documented ones; the API may send others.
type DeliveryStatus string

// The documented delivery statuses.
const (
	StatusQueued        DeliveryStatus = "queued"        // accepted, waiting for a carrier; minutes, at busy times up to 30
	StatusSent          DeliveryStatus = "sent"          // handed to the carrier
	StatusDelivered     DeliveryStatus = "delivered"     // confirmed
	StatusFailed        DeliveryStatus = "failed"        // could not be sent
	StatusUndeliverable DeliveryStatus = "undeliverable" // reached the carrier, not the handset
)

// Final reports whether s is delivered, failed or undeliverable, after which
// it does not change. A status that this package does not know is not final.
func (s DeliveryStatus) Final() bool {
	return s == StatusDelivered || s == StatusFailed || s == StatusUndeliverable
}

// MessageParams describe a message to send. Channel, To and From are required,
// and Body or Template; the zero value of any other field leaves it out of the
// request. The functions [SMS], [WhatsApp], [WhatsAppTemplate], [Telegram],
// [Email] and [Slack] fill in the fields that a channel needs. The fields are
// those of the documentation of POST /messages.
type MessageParams struct {
	Channel Channel `json:"channel"`

	// To is a phone number in E.164 for sms, whatsapp and telegram, an e-mail
	// address for email, a channel or user id for slack.
	To string `json:"to"`

	// From is a registered Sender ID (up to 11 letters or digits, or a number
	// in E.164), or a verified e-mail address.
	From string `json:"from"`

	Body     string    `json:"body,omitempty"`     // text; with HTML, the fallback
	Subject  string    `json:"subject,omitempty"`  // email only
	HTML     string    `json:"html,omitempty"`     // email only
	Template *Template `json:"template,omitempty"` // WhatsApp, instead of Body

	// ScheduledAt is when to send the message; zero is now. It is sent in UTC,
	// rounded up to a whole second.
	ScheduledAt time.Time `json:"scheduled_at,omitzero"`
}

// LogValue returns what may be logged of the message: no text, and the
// recipient masked.
func (p MessageParams) LogValue() slog.Value {
	return slog.GroupValue(slog.String("channel", string(p.Channel)), slog.String("to", redact.Text(p.To)),
		slog.String("from", redact.Text(p.From)))
}

// SMS returns the parameters of a text message. from is a registered Sender ID,
// to a phone number in E.164. [MeasureSMS] tells what body costs.
func SMS(from, to, body string) MessageParams {
	return MessageParams{Channel: ChannelSMS, From: from, To: to, Body: body}
}

// WhatsApp returns the parameters of a WhatsApp message with a text of its own.
func WhatsApp(from, to, body string) MessageParams {
	return MessageParams{Channel: ChannelWhatsApp, From: from, To: to, Body: body}
}

// WhatsAppTemplate returns the parameters of a WhatsApp message made from an
// approved template.
func WhatsAppTemplate(from, to string, template Template) MessageParams {
	return MessageParams{Channel: ChannelWhatsApp, From: from, To: to, Template: &template}
}

// Telegram returns the parameters of a Telegram message. to is a phone number
// in E.164.
func Telegram(from, to, body string) MessageParams {
	return MessageParams{Channel: ChannelTelegram, From: from, To: to, Body: body}
}

// Email returns the parameters of an e-mail. from is a verified address. For a
// formatted e-mail set HTML as well; body is then what shows where HTML does
// not.
func Email(from, to, subject, body string) MessageParams {
	return MessageParams{Channel: ChannelEmail, From: from, To: to, Subject: subject, Body: body}
}

// Slack returns the parameters of a Slack message. to is a channel or user id.
func Slack(from, to, body string) MessageParams {
	return MessageParams{Channel: ChannelSlack, From: from, To: to, Body: body}
}

// MarshalJSON returns the body of the request, with ScheduledAt in UTC.
func (p MessageParams) MarshalJSON() ([]byte, error) { return json.Marshal(p.plain()) }

func (p *MessageParams) plain() any {
	type plain MessageParams
	if p.ScheduledAt.IsZero() {
		return (*plain)(p)
	}
	whole := plain(*p)
	whole.ScheduledAt = wholeSecondUTC(p.ScheduledAt)
	return &whole
}

// Validate returns a [*ValidationError] with all that is wrong with p, as the
// call would, or nil.
func (p MessageParams) Validate() error { return validate(p) }

func (p MessageParams) check(v *invalid) {
	v.required("channel", string(p.Channel))
	v.required("to", p.To)
	v.required("from", p.From)
	v.content(p.Body, p.Template)
	v.texts(field{"channel", string(p.Channel)}, field{"to", p.To}, field{"from", p.From},
		field{"body", p.Body}, field{"subject", p.Subject}, field{"html", p.HTML})
	v.time("scheduled_at", p.ScheduledAt)
	switch p.Channel {
	case ChannelSMS, ChannelWhatsApp, ChannelTelegram:
		v.phone("to", p.To)
	case ChannelEmail:
		v.email("to", p.To)
	}
	if p.Channel == ChannelSMS {
		v.senderID("from", p.From)
	}
}

// A Template is a WhatsApp template that has been approved, and its runtime
// values. The vendor documents that a template is referenced by name with a
// value for each variable {{1}}, {{2}}, and elsewhere speaks of a template_id;
// the keys of the object are undocumented. This package sends name, language
// and variables; Extra sends any other key.
type Template struct {
	Name      string
	Language  string
	Variables []string // for {{1}}, {{2}}, …

	// Extra adds further keys, such as "template_id". A key that a field
	// above sends as well is an error.
	Extra map[string]any
}

// LogValue returns what may be logged of the template: none of its values.
func (t Template) LogValue() slog.Value {
	return slog.GroupValue(slog.String("name", redact.Text(t.Name)), slog.String("language", redact.Text(t.Language)))
}

// MarshalJSON returns the template object of a request.
func (t Template) MarshalJSON() ([]byte, error) {
	object := make(map[string]any, len(t.Extra)+3)
	for key, value := range t.Extra {
		object[key] = value
	}
	for _, f := range []struct {
		key   string
		value any
		set   bool
	}{
		{"name", t.Name, t.Name != ""},
		{"language", t.Language, t.Language != ""},
		{"variables", t.Variables, len(t.Variables) > 0},
	} {
		if !f.set {
			continue
		}
		if _, twice := object[f.key]; twice {
			return nil, fmt.Errorf("template: key %q is set by its field and by Extra", f.key)
		}
		object[f.key] = f.value
	}
	return json.Marshal(object)
}

// A Message is a message as the API answers with it.
type Message struct {
	ID        string         `json:"id"` // "msg_…"
	Status    DeliveryStatus `json:"status"`
	Channel   Channel        `json:"channel"`
	To        string         `json:"to"`
	CreatedAt time.Time      `json:"created_at"`

	exactJSON
}

// LogValue returns what may be logged of the message, with the recipient masked.
func (m Message) LogValue() slog.Value {
	return slog.GroupValue(slog.String("id", m.ID), slog.String("status", string(m.Status)),
		slog.String("channel", string(m.Channel)), slog.String("to", redact.Text(m.To)), slog.Time("created_at", m.CreatedAt))
}

// Send sends one message, on any channel, and returns it with its id and first
// status; the status is not a delivery. It calls POST /messages, which is
// documented.
//
// An error matches exactly one of [ErrNotSent], [ErrOutcomeUnknown] and
// [ErrAccepted], and then perhaps a kind: [ErrInvalidRequest],
// [ErrUnauthorized], [ErrValidation], [ErrInsufficientCredits],
// [ErrRateLimited]. A message is not sent again by this package if an attempt
// may have reached the API; see [CallRepeatPOST].
func (s *MessageService) Send(ctx context.Context, p MessageParams, opts ...CallOption) (*Message, error) {
	return call[Message](ctx, s.client, request{method: http.MethodPost, path: "/messages", in: &p}, opts)
}

// Get returns the message with the given id and its delivery status. It calls
// GET /messages/{id}, which is documented; whether the answer has more than
// the fields of [Message] is not, so see [Message.RawJSON]. [ErrNotFound]: there
// is no such message.
func (s *MessageService) Get(ctx context.Context, id string, opts ...CallOption) (*Message, error) {
	return call[Message](ctx, s.client, request{method: http.MethodGet, path: "/messages/{id}", id: id}, opts)
}

// Wait gets the message until its delivery status is final, and returns it:
// failed and undeliverable too are answers, not errors. It asks at once, then
// after 2 s, doubling to 30 s, with jitter. Only ctx bounds it: it also waits
// through outages and rate limits, so give ctx a deadline. With an error it
// returns the message as last seen, or nil if it was never seen.
func (s *MessageService) Wait(ctx context.Context, id string, opts ...CallOption) (*Message, error) {
	return waitFor(ctx, s.client, request{method: http.MethodGet, path: "/messages/{id}", id: id},
		func(m *Message) bool { return m.Status.Final() }, opts)
}
