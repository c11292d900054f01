package zexa_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/zexa-ao/zexa-go"
)

const ana = `{"id":"cnt_1","name":"Ana","phone":"+244912345678","email":"ana@exemplo.ao","lists":["lst_1","lst_2"],"created_at":"2026-06-24T10:00:00Z"}`

var anaParams = zexa.ContactParams{Name: "Ana", Phone: "+244912345678", Email: "ana@exemplo.ao", Lists: []string{"lst_1", "lst_2"}}

var contactCalls = []apiCall{
	{
		name: "Contacts.Create", method: http.MethodPost, template: "/contacts", path: "/contacts",
		body:   `{"name":"Ana","phone":"+244912345678","email":"ana@exemplo.ao","lists":["lst_1","lst_2"]}`,
		status: 201, answer: ana,
		call: func(ctx context.Context, c *zexa.Client, opts ...zexa.CallOption) (any, error) {
			return c.Contacts.Create(ctx, anaParams, opts...)
		},
		check: checkAna,
		badCalls: map[string]func(context.Context, *zexa.Client) error{
			"name":     badContact(func(p *zexa.ContactParams) { p.Name = "" }),
			"phone":    badContact(func(p *zexa.ContactParams) { p.Phone = "912345678" }),
			"email":    badContact(func(p *zexa.ContactParams) { p.Email = "ana" }),
			"lists[1]": badContact(func(p *zexa.ContactParams) { p.Lists = []string{"lst_1", ""} }),
		},
	},
	{
		name: "Contacts.Delete", method: http.MethodDelete, template: "/contacts/{id}", path: "/contacts/cnt_1",
		status: 204,
		call: func(ctx context.Context, c *zexa.Client, opts ...zexa.CallOption) (any, error) {
			return nil, c.Contacts.Delete(ctx, "cnt_1", opts...)
		},
		check: func(*testing.T, any) {},
		badCalls: map[string]func(context.Context, *zexa.Client) error{
			"id": func(ctx context.Context, c *zexa.Client) error { return c.Contacts.Delete(ctx, "") },
		},
	},
	{
		name: "Contacts.List", method: http.MethodGet, template: "/contacts", path: "/contacts?list_id=lst_1&page=1&per_page=50",
		status: 200, answer: `{"data":[` + ana + `],"meta":{"total":1,"page":1,"per_page":50}}`,
		call: func(ctx context.Context, c *zexa.Client, opts ...zexa.CallOption) (any, error) {
			return c.Contacts.List(ctx, zexa.ContactQuery{ListID: "lst_1", Page: 1, PerPage: 50}, opts...)
		},
		check: func(t *testing.T, got any) {
			p := got.(*zexa.Page[zexa.Contact])
			require.Len(t, p.Items, 1)
			checkAna(t, &p.Items[0])
			assert.Equal(t, 1, p.Pages())
		},
		badCalls: badPages(func(ctx context.Context, c *zexa.Client, page, perPage int) error {
			_, err := c.Contacts.List(ctx, zexa.ContactQuery{Page: page, PerPage: perPage})
			return err
		}),
	},
}

func badContact(spoil func(*zexa.ContactParams)) func(context.Context, *zexa.Client) error {
	return func(ctx context.Context, c *zexa.Client) error {
		p := anaParams
		spoil(&p)
		_, err := c.Contacts.Create(ctx, p)
		return err
	}
}

func checkAna(t *testing.T, got any) {
	c := got.(*zexa.Contact)
	assert.Equal(t, "cnt_1", c.ID)
	assert.Equal(t, "Ana", c.Name)
	assert.Equal(t, "+244912345678", c.Phone)
	assert.Equal(t, "ana@exemplo.ao", c.Email)
	assert.Equal(t, []string{"lst_1", "lst_2"}, c.Lists)
	assert.Equal(t, ana, string(c.RawJSON()))
}

func TestAnAbsentListOfListsIsNotAnEmptyOne(t *testing.T) {
	t.Parallel()
	c, err := newMock(t, nil, answer(201, `{"id":"cnt_1"}`)).Contacts.Create(t.Context(), anaParams)
	require.NoError(t, err)
	assert.Nil(t, c.Lists)
}

func TestAFilterThatTheAPIIgnoredIsAnError(t *testing.T) {
	t.Parallel()
	for lists, ignored := range map[string]bool{
		`"lists":["lst_1"]`: false, `"lists":["lst_2"]`: true, `"lists":[]`: true, `"lists":null`: false, `"x":1`: false,
	} {
		page := `{"data":[{"id":"cnt_1",` + lists + `}],"meta":{"total":1,"page":1,"per_page":50}}`
		_, err := newMock(t, nil, answer(200, page)).Contacts.List(t.Context(), zexa.ContactQuery{ListID: "lst_1"})
		if ignored {
			assert.ErrorContains(t, err, "ignored the filter", lists)
		} else {
			assert.NoError(t, err, lists)
		}
		_, err = newMock(t, nil, answer(200, page)).Contacts.List(t.Context(), zexa.ContactQuery{})
		assert.NoError(t, err, "without a filter nothing is ignored")
	}
}

func TestDeletingManyWithoutContextDeletesNothing(t *testing.T) {
	t.Parallel()
	var none context.Context
	for _, r := range newMock(t, nil).Contacts.DeleteMany(none, []string{"cnt_1", "cnt_2"}) {
		assert.ErrorContains(t, r.Err, "context is nil")
	}
}

func TestDeletingManyGivesAResultForEveryID(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	deleted := map[string]int{}
	var under, most atomic.Int32
	transport := httpmock.NewMockTransport()
	transport.RegisterNoResponder(func(r *http.Request) (*http.Response, error) {
		for n := under.Add(1); n > most.Load(); {
			most.Store(n)
		}
		defer under.Add(-1)
		id := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
		mu.Lock()
		deleted[id]++
		mu.Unlock()
		if id == "cnt_7" {
			return apiError(404, zexa.CodeNotFound)(r)
		}
		return answer(204, "")(r)
	})
	client, err := zexa.New(testKey, zexa.WithHTTPClient(&http.Client{Transport: transport}))
	require.NoError(t, err)
	var ids []string
	for i := range 100 {
		ids = append(ids, fmt.Sprintf("cnt_%d", i))
	}
	ids = append(ids, "cnt_3", "", "cnt_7")
	results := client.Contacts.DeleteMany(t.Context(), ids)
	require.Len(t, results, len(ids))
	for i, r := range results {
		assert.Equal(t, ids[i], r.ID)
		switch r.ID {
		case "cnt_7":
			assert.ErrorIs(t, r.Err, zexa.ErrNotFound)
		case "":
			assert.ErrorContains(t, r.Err, "id: is required")
		default:
			assert.NoError(t, r.Err)
		}
	}
	assert.Len(t, deleted, 100)
	for id, n := range deleted {
		assert.Equal(t, 1, n, id)
	}
	assert.LessOrEqual(t, most.Load(), int32(8))

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, r := range client.Contacts.DeleteMany(ctx, ids[:20]) {
		assert.ErrorIs(t, r.Err, context.Canceled)
	}
	for _, r := range client.Contacts.DeleteMany(t.Context(), ids[:1], zexa.CallResponse(new(zexa.Response))) {
		assert.ErrorContains(t, r.Err, "CallResponse")
	}
	assert.Empty(t, client.Contacts.DeleteMany(t.Context(), nil))
}
