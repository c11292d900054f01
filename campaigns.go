package zexa

import (
	"bytes"
	"context"
	"encoding/json"
	"iter"
	"log/slog"
	"net/http"
	"time"

	"github.com/zexa-ao/zexa-go/internal/redact"
)

// CampaignService sends one message to a whole contact list. It is
// [Client.Campaigns].
type CampaignService struct{ client *Client }

// A CampaignStatus is how far a campaign has come. The full list is
// undocumented; the constants are what the documentation speaks of.
type CampaignStatus string

// The statuses that the documentation speaks of.
const (
	CampaignScheduled CampaignStatus = "scheduled" // to be sent at its time
	CampaignSending   CampaignStatus = "sending"
	CampaignSent      CampaignStatus = "sent"      // all messages handed to carriers
	CampaignCompleted CampaignStatus = "completed" // all messages final
	CampaignPaused    CampaignStatus = "paused"    // out of credits; goes on after a top-up
)

// CampaignParams describe a campaign. Name, Channel, ContactListID and SenderID
// are required, and Body or Template; the zero value of any other field leaves
// it out of the request. The fields are those of the documentation of POST
// /campaigns.
type CampaignParams struct {
	Name          string    `json:"name"`
	Channel       Channel   `json:"channel"`
	ContactListID string    `json:"contact_list_id"` // "lst_…"
	SenderID      string    `json:"sender_id"`       // the Sender ID, or a verified e-mail address
	Body          string    `json:"body,omitempty"`
	Template      *Template `json:"template,omitempty"` // instead of Body

	// ScheduledAt is when to send; zero is at once. It is sent in UTC, rounded
	// up to a whole second.
	ScheduledAt time.Time `json:"scheduled_at,omitzero"`
}

// LogValue returns what may be logged of the campaign: no text.
func (p CampaignParams) LogValue() slog.Value {
	return slog.GroupValue(slog.String("name", redact.Text(p.Name)), slog.String("channel", string(p.Channel)),
		slog.String("contact_list_id", p.ContactListID), slog.String("sender_id", redact.Text(p.SenderID)))
}

// MarshalJSON returns the body of the request, with ScheduledAt in UTC.
func (p CampaignParams) MarshalJSON() ([]byte, error) { return json.Marshal(p.plain()) }

func (p *CampaignParams) plain() any {
	type plain CampaignParams
	if p.ScheduledAt.IsZero() {
		return (*plain)(p)
	}
	whole := plain(*p)
	whole.ScheduledAt = wholeSecondUTC(p.ScheduledAt)
	return &whole
}

// Validate returns a [*ValidationError] with all that is wrong with p, as the
// call would, or nil.
func (p CampaignParams) Validate() error { return validate(p) }

func (p CampaignParams) check(v *invalid) {
	v.required("name", p.Name)
	v.required("channel", string(p.Channel))
	v.required("contact_list_id", p.ContactListID)
	v.required("sender_id", p.SenderID)
	v.content(p.Body, p.Template)
	if p.Channel == ChannelSMS {
		v.senderID("sender_id", p.SenderID)
	}
	v.texts(field{"name", p.Name}, field{"channel", string(p.Channel)},
		field{"contact_list_id", p.ContactListID}, field{"sender_id", p.SenderID}, field{"body", p.Body})
	v.time("scheduled_at", p.ScheduledAt)
}

// A Campaign is a campaign as the API answers with it.
type Campaign struct {
	ID        string         `json:"id"` // "cmp_…"
	Status    CampaignStatus `json:"status"`
	Name      string         `json:"name"`
	Channel   Channel        `json:"channel"`
	CreatedAt time.Time      `json:"created_at"`

	exactJSON
}

// LogValue returns what may be logged of the campaign.
func (c Campaign) LogValue() slog.Value {
	return slog.GroupValue(slog.String("id", c.ID), slog.String("status", string(c.Status)),
		slog.String("name", redact.Text(c.Name)), slog.String("channel", string(c.Channel)), slog.Time("created_at", c.CreatedAt))
}

// Total returns how many contacts the campaign is for. That the API answers
// with it is documented, under which key is not: total, total_contacts and
// total_recipients are looked for, in the campaign and in its statistics. ok is
// false if there is none of them.
func (c *Campaign) Total() (n int, ok bool) {
	statistics := c.Statistics()
	for _, prefix := range []string{"", "stats.", "statistics."} {
		for _, key := range []string{"total", "total_contacts", "total_recipients"} {
			if f, ok := statistics[prefix+key]; ok {
				return count(f), true
			}
		}
	}
	return 0, false
}

// Statistics returns every number in the campaign's JSON by its path, as in
// "stats.delivered". That a campaign has delivery statistics is documented,
// their keys are not, so there are no fields for them: what the API did not
// send is not in the map, rather than zero. Numbers in an array, and those of
// which the path is over 256 bytes, are left out; [Campaign.RawJSON] has all as
// they are.
func (c *Campaign) Statistics() map[string]float64 {
	statistics := make(map[string]float64)
	dec := json.NewDecoder(bytes.NewReader(c.raw))
	dec.UseNumber() // one that no float64 holds is skipped like any other value
	if first, _ := dec.Token(); first == json.Delim('{') {
		collectNumbers(statistics, "", dec)
	}
	return statistics
}

// longestPath bounds what the paths, and the recursion, of an odd answer take.
const longestPath = 256

// collectNumbers reads the object that dec has entered, to its end.
func collectNumbers(into map[string]float64, prefix string, dec *json.Decoder) {
	var skipped json.RawMessage
	for dec.More() {
		key, err := dec.Token()
		name, ok := key.(string)
		if err != nil || !ok {
			return
		}
		path := prefix + name
		if len(path) > longestPath {
			dec.Decode(&skipped)
			continue
		}
		switch value, _ := dec.Token(); v := value.(type) {
		case json.Number:
			if n, err := v.Float64(); err == nil {
				into[path] = n
			}
		case json.Delim:
			if v == '{' {
				collectNumbers(into, path+".", dec)
				continue
			}
			for dec.More() {
				if dec.Decode(&skipped) != nil {
					return
				}
			}
			dec.Token()
		}
	}
	dec.Token()
}

// Create creates a campaign and launches it, at once or at its ScheduledAt. It
// calls POST /campaigns, which is documented.
//
// An error matches exactly one of [ErrNotSent], [ErrOutcomeUnknown] and
// [ErrAccepted], and then perhaps a kind: [ErrInvalidRequest],
// [ErrUnauthorized], [ErrNotFound] (there is no such contact list),
// [ErrValidation], [ErrInsufficientCredits], [ErrRateLimited]. A campaign is not
// created again by this package if an attempt may have reached the API.
func (s *CampaignService) Create(ctx context.Context, p CampaignParams, opts ...CallOption) (*Campaign, error) {
	return call[Campaign](ctx, s.client, request{method: http.MethodPost, path: "/campaigns", in: &p}, opts)
}

// Get returns the campaign with the given id, with its status and statistics.
// It calls GET /campaigns/{id}, which is documented. [ErrNotFound]: there is no
// such campaign.
func (s *CampaignService) Get(ctx context.Context, id string, opts ...CallOption) (*Campaign, error) {
	return call[Campaign](ctx, s.client, request{method: http.MethodGet, path: "/campaigns/{id}", id: id}, opts)
}

// Wait gets the campaign until its status is [CampaignCompleted], and returns
// it. It asks as [MessageService.Wait] does, and only ctx bounds it: a campaign
// that is paused, or has a status that this package does not know, is waited
// for. With an error it returns the campaign as last seen, or nil.
func (s *CampaignService) Wait(ctx context.Context, id string, opts ...CallOption) (*Campaign, error) {
	return waitFor(ctx, s.client, request{method: http.MethodGet, path: "/campaigns/{id}", id: id},
		func(c *Campaign) bool { return c.Status == CampaignCompleted }, opts)
}

// CampaignQuery selects campaigns. Its zero value is the first page of all.
type CampaignQuery struct {
	Page    int `url:"page,omitempty"`     // from 1; only for List
	PerPage int `url:"per_page,omitempty"` // up to [MaxPerPage]; 0: [DefaultPerPage]
}

var campaigns = list[Campaign]{path: "/campaigns"}

// List returns one page of the campaigns. It calls GET /campaigns, which is
// documented.
func (s *CampaignService) List(ctx context.Context, q CampaignQuery, opts ...CallOption) (*Page[Campaign], error) {
	return campaigns.page(ctx, s.client, q.Page, q.PerPage, q, opts)
}

// All returns an iterator over the campaigns. Pages are requested as they are
// needed, and soon a few ahead, see [CallPagesAhead]. After an error it ends.
func (s *CampaignService) All(ctx context.Context, q CampaignQuery, opts ...CallOption) iter.Seq2[Campaign, error] {
	return campaigns.all(ctx, s.client, q.Page, q.PerPage, q, opts)
}
