package zexa

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"time"

	"github.com/zexa-ao/zexa-go/internal/redact"
)

// SenderIDService reads the Sender IDs of the account. They are registered in
// the vendor's dashboard, for sms and whatsapp separately. It is
// [Client.SenderIDs].
type SenderIDService struct{ client *Client }

// A SenderIDStatus is whether a Sender ID can be used.
type SenderIDStatus string

// The statuses of a Sender ID. Pending and approved are documented; that there
// is a rejected state is documented, its name was not seen in full.
const (
	SenderIDPending  SenderIDStatus = "pending"
	SenderIDApproved SenderIDStatus = "approved"
	SenderIDRejected SenderIDStatus = "rejected"
)

// A SenderID is a name or number that messages come from. Of its fields only
// the status is documented; the others are empty if the API does not send them
// under these names.
type SenderID struct {
	ID        string         `json:"id"`
	Name      string         `json:"name"` // or sender_id, or sender
	Channel   Channel        `json:"channel"`
	Status    SenderIDStatus `json:"status"`
	CreatedAt time.Time      `json:"created_at"`

	exactJSON
}

// LogValue returns what may be logged of the Sender ID, a number masked.
func (s SenderID) LogValue() slog.Value {
	return slog.GroupValue(slog.String("id", s.ID), slog.String("name", redact.Text(s.Name)),
		slog.String("channel", string(s.Channel)), slog.String("status", string(s.Status)))
}

func (s *SenderID) keep(raw json.RawMessage) {
	s.exactJSON.keep(raw)
	if s.Name == "" {
		var other struct {
			SenderID string `json:"sender_id"`
			Sender   string `json:"sender"`
		}
		json.Unmarshal(raw, &other) // what does not fit stays empty
		s.Name = cmp.Or(other.SenderID, other.Sender)
	}
}

// SenderIDQuery selects Sender IDs. Its zero value is the first page of all.
type SenderIDQuery struct {
	Page    int `url:"page,omitempty"`     // from 1; only for List
	PerPage int `url:"per_page,omitempty"` // up to [MaxPerPage]; 0: [DefaultPerPage]
}

var senderIDs = list[SenderID]{path: "/sender-ids"}

// List returns one page of the Sender IDs. It calls GET /sender-ids, which is
// documented; that it has pages, as all lists have, is not shown for it.
func (s *SenderIDService) List(ctx context.Context, q SenderIDQuery, opts ...CallOption) (*Page[SenderID], error) {
	return senderIDs.page(ctx, s.client, q.Page, q.PerPage, q, opts)
}

// All returns an iterator over the Sender IDs. Pages are requested as they are
// needed, and soon a few ahead, see [CallPagesAhead]. After an error it ends.
func (s *SenderIDService) All(ctx context.Context, q SenderIDQuery, opts ...CallOption) iter.Seq2[SenderID, error] {
	return senderIDs.all(ctx, s.client, q.Page, q.PerPage, q, opts)
}

// Find returns the approved Sender ID with this name for this channel. One that
// came without a channel, which is undocumented, is returned only if there is
// none with it. If there is neither, the error matches [ErrNotFound]. It reads
// the pages of GET /sender-ids until it has found one.
func (s *SenderIDService) Find(ctx context.Context, name string, channel Channel, opts ...CallOption) (*SenderID, error) {
	var anyChannel *SenderID
	for id, err := range s.All(ctx, SenderIDQuery{PerPage: MaxPerPage}, opts...) {
		switch {
		case err != nil:
			return nil, err
		case id.Name != name || id.Status != SenderIDApproved:
		case id.Channel == channel:
			return &id, nil
		case id.Channel == "" && anyChannel == nil:
			anyChannel = &id
		}
	}
	if anyChannel == nil {
		return nil, localError(http.MethodGet, senderIDs.path,
			fmt.Errorf("%w: no approved Sender ID %q for %s", ErrNotFound, name, channel))
	}
	return anyChannel, nil
}
