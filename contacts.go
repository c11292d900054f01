package zexa

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/zexa-ao/zexa-go/internal/redact"
)

// ContactService keeps the people that campaigns go to. It is
// [Client.Contacts].
type ContactService struct{ client *Client }

// ContactParams describe a contact to add. Name and Phone are required. The
// fields are those of the documentation of POST /contacts.
type ContactParams struct {
	Name  string   `json:"name"`
	Phone string   `json:"phone"`           // E.164
	Email string   `json:"email,omitempty"` // needed for campaigns by e-mail
	Lists []string `json:"lists,omitempty"` // ids of contact lists, "lst_…"
}

// LogValue returns what may be logged of the contact: the phone number, masked,
// and the lists.
func (p ContactParams) LogValue() slog.Value {
	return slog.GroupValue(slog.String("phone", redact.Text(p.Phone)), slog.Any("lists", p.Lists))
}

// Validate returns a [*ValidationError] with all that is wrong with p, as the
// call would, or nil.
func (p ContactParams) Validate() error { return validate(p) }

func (p ContactParams) check(v *invalid) {
	v.required("name", p.Name)
	v.required("phone", p.Phone)
	v.phone("phone", p.Phone)
	v.email("email", p.Email)
	v.texts(field{"name", p.Name}, field{"phone", p.Phone}, field{"email", p.Email})
	for i, id := range p.Lists {
		v.required(fmt.Sprintf("lists[%d]", i), id)
		v.texts(field{fmt.Sprintf("lists[%d]", i), id})
	}
}

// A Contact is a contact as the API answers with it.
type Contact struct {
	ID        string    `json:"id"` // "cnt_…"
	Name      string    `json:"name"`
	Phone     string    `json:"phone"`
	Email     string    `json:"email"`
	Lists     []string  `json:"lists"` // nil if the answer did not tell
	CreatedAt time.Time `json:"created_at"`

	exactJSON
}

// LogValue returns what may be logged of the contact: its id, its lists and the
// phone number, masked.
func (c Contact) LogValue() slog.Value {
	return slog.GroupValue(slog.String("id", c.ID), slog.String("phone", redact.Text(c.Phone)),
		slog.Any("lists", c.Lists), slog.Time("created_at", c.CreatedAt))
}

// Create adds a contact. It calls POST /contacts, which is documented.
//
// An error matches exactly one of [ErrNotSent], [ErrOutcomeUnknown] and
// [ErrAccepted], and then perhaps a kind: [ErrInvalidRequest],
// [ErrUnauthorized], [ErrConflict] (a contact with this phone number exists),
// [ErrValidation], [ErrRateLimited].
func (s *ContactService) Create(ctx context.Context, p ContactParams, opts ...CallOption) (*Contact, error) {
	return call[Contact](ctx, s.client, request{method: http.MethodPost, path: "/contacts", in: p}, opts)
}

// Delete removes the contact with the given id from all lists, for good. It
// calls DELETE /contacts/{id}, which is documented. [ErrNotFound]: there is no
// such contact. A contact that is not found after an attempt that may have
// removed it is removed, and that is no error.
func (s *ContactService) Delete(ctx context.Context, id string, opts ...CallOption) error {
	return s.client.do(ctx, request{method: http.MethodDelete, path: "/contacts/{id}", id: id}, nil, opts)
}

// A DeleteResult is what became of one id of [ContactService.DeleteMany].
type DeleteResult struct {
	ID  string
	Err error // as of [ContactService.Delete]
}

// deleteConcurrency is how many contacts are deleted at once.
const deleteConcurrency = 8

// DeleteMany deletes the contacts with the given ids, 8 at a time, and returns a
// result for each id in the order given. An id that is given twice is deleted
// once, and both have its result. Once ctx ends, the ids that are left have its
// error. [CallResponse] cannot be used with it.
//
// To delete what a query finds, collect the ids first: deleting while iterating
// moves items to pages that were already read. There is no deletion by filter,
// since the filter's name is undocumented, and a server that ignores it would
// give every contact.
func (s *ContactService) DeleteMany(ctx context.Context, ids []string, opts ...CallOption) []DeleteResult {
	distinct := make([]string, 0, len(ids))
	place := make(map[string]int, len(ids))
	for _, id := range ids {
		if _, twice := place[id]; !twice {
			place[id] = len(distinct)
			distinct = append(distinct, id)
		}
	}
	outcomes := make([]error, len(distinct))
	remove := func(i int, id string) error {
		r := request{method: http.MethodDelete, path: "/contacts/{id}", id: id, many: true}
		outcomes[i] = s.client.do(ctx, r, nil, opts)
		return nil
	}
	// Each id has a result whatever happens to the others, so nothing stops it.
	newBatch(context.Background(), slices.Values(distinct), BatchParams{Concurrency: deleteConcurrency}, remove, outcomeVerdict).Wait()
	results := make([]DeleteResult, len(ids))
	for i, id := range ids {
		results[i] = DeleteResult{id, outcomes[place[id]]}
	}
	return results
}

// ContactQuery selects contacts. Its zero value is the first page of all.
type ContactQuery struct {
	// ListID selects the contacts of one contact list. That there is such a
	// filter is documented, its name is not: it is sent as list_id. If a
	// contact comes back that is plainly not on the list, the API ignored the
	// filter, and the call fails.
	ListID string `url:"list_id,omitempty"`

	Page    int `url:"page,omitempty"`     // from 1; only for List
	PerPage int `url:"per_page,omitempty"` // up to [MaxPerPage]; 0: [DefaultPerPage]
}

func (q ContactQuery) list() list[Contact] {
	l := list[Contact]{path: "/contacts"}
	if q.ListID != "" {
		l.mismatch = func(c *Contact) string {
			if c.Lists != nil && !slices.Contains(c.Lists, q.ListID) {
				return "a contact is not on the list asked for"
			}
			return ""
		}
	}
	return l
}

// List returns one page of the contacts. It calls GET /contacts, which is
// documented. A search is documented too, but not its name: pass it with
// [CallQuery].
func (s *ContactService) List(ctx context.Context, q ContactQuery, opts ...CallOption) (*Page[Contact], error) {
	return q.list().page(ctx, s.client, q.Page, q.PerPage, q, opts)
}

// All returns an iterator over the contacts. Pages are requested as they are
// needed, and soon a few ahead, see [CallPagesAhead]. After an error it ends. Do
// not delete contacts while iterating; see [ContactService.DeleteMany].
func (s *ContactService) All(ctx context.Context, q ContactQuery, opts ...CallOption) iter.Seq2[Contact, error] {
	return q.list().all(ctx, s.client, q.Page, q.PerPage, q, opts)
}
