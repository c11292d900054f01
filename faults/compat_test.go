package faults_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/zexatest"
)

var compatibility = []row{
	{fault: "unknown fields and enum values in every answer", call: "all 11", holds: "decode, and are kept in the exact JSON", run: unknownEverything},
	{fault: "answers with every field missing, or null", call: "all 11", holds: "decode", run: missingEverything},
	{fault: "numbers as 4250, 4250.5, 4.25e3", call: "GET", holds: "decode", run: numbers},
	{fault: "timestamps with fractions and offsets", call: "GET", holds: "decode", run: timestamps},
	{fault: "endpoints that this version does not know", call: "GET, POST, PATCH", holds: "same key, retries, outcomes and errors", run: unknownEndpoints},
	{fault: "a list without meta", call: "GET", holds: "ends with a page shorter than asked", run: pages(2, 3, "", contacts("", 0, 2), contacts("", 2, 1))},
	{fault: "a list that is a bare array", call: "GET", holds: "is the whole list", run: pages(1, 3, "", strings.TrimSuffix(strings.TrimPrefix(contacts("", 0, 3), `{"data":`), "}"))},
	{fault: "a list whose per_page the server lowers", call: "GET", holds: "its meta decides", run: pages(3, 3, "", contacts(meta(3, 1, 1), 0, 1), contacts(meta(3, 2, 1), 1, 1), contacts(meta(3, 3, 1), 2, 1))},
	{fault: "the same page for ever, without meta", call: "GET", holds: "an error, never a loop", run: pages(2, 2, "repeats", contacts("", 0, 2))},
	{fault: "the same two pages for ever, without meta", call: "GET", holds: "an error, never a loop", run: pages(3, 4, "repeats", contacts("", 0, 2), contacts("", 2, 2))},
	{fault: "the first page for ever, by its meta", call: "GET", holds: "an error, never a loop", run: pages(2, 2, "page 2 was asked for, the answer is page 1", contacts(meta(9, 1, 2), 0, 2))},
	{fault: "the same items for ever, by a meta that says otherwise", call: "GET", holds: "an error, never a loop", run: pages(2, 2, "repeats", contacts(meta(9, 1, 2), 0, 2), contacts(meta(9, 2, 2), 0, 2), contacts(meta(9, 3, 2), 0, 2))},
	{fault: "an empty page in the middle of a list", call: "GET", holds: "an error, not an end", run: pages(2, 2, "is empty", contacts(meta(9, 1, 2), 0, 2), contacts(meta(9, 2, 2), 2, 0))},
	{fault: "a list that ignores the filter", call: "GET", holds: "an error before the first item", run: ignoredFilter},
}

// everyCall makes each call there is, and returns what was got.
func everyCall(x *trial, c *zexa.Client) (got []any) {
	x.Helper()
	ctx := x.Context()
	add := func(v any, err error) {
		x.Helper()
		require.NoError(x, err)
		got = append(got, v)
	}
	m, err := c.Messages.Send(ctx, hello)
	add(m, err)
	m, err = c.Messages.Get(ctx, "msg_000001")
	add(m, err)
	contact, err := c.Contacts.Create(ctx, zexa.ContactParams{Name: "Rui", Phone: "+244912345678", Lists: []string{zexatest.DefaultContactList}})
	add(contact, err)
	contacts, err := c.Contacts.List(ctx, zexa.ContactQuery{})
	add(contacts, err)
	campaign, err := c.Campaigns.Create(ctx, zexa.CampaignParams{
		Name: "Julho", Channel: zexa.ChannelSMS, ContactListID: zexatest.DefaultContactList, SenderID: zexatest.DefaultSender, Body: "Olá!",
	})
	add(campaign, err)
	campaign, err = c.Campaigns.Get(ctx, "cmp_000001")
	add(campaign, err)
	campaigns, err := c.Campaigns.List(ctx, zexa.CampaignQuery{})
	add(campaigns, err)
	senders, err := c.SenderIDs.List(ctx, zexa.SenderIDQuery{})
	add(senders, err)
	hook, err := c.Webhooks.Register(ctx, zexa.WebhookParams{URL: "https://example.com/", Events: []zexa.EventType{"*"}})
	add(hook, err)
	balance, err := c.Credits.Get(ctx)
	add(balance, err)
	require.NoError(x, c.Contacts.Delete(ctx, "cnt_000001"))
	return got
}

func rawOf(v any) string { return string(v.(interface{ RawJSON() json.RawMessage }).RawJSON()) }

func unknownEverything(x *trial) {
	w := x.world()
	w.api.SetWebhookDelivery(zexatest.WebhookDelivery{Client: zexatest.ClientFor(http.NotFoundHandler())})
	w.api.Fault(zexatest.Fault{Damage: zexatest.UnknownFields | zexatest.UnknownEnums, Times: zexatest.Always})
	for _, v := range everyCall(x, w.client) {
		assert.Contains(x, rawOf(v), `"x_unknown":{"list":[1,"two",null]}`, "%T", v)
		if page, ok := v.(*zexa.Page[zexa.Contact]); ok {
			require.NotEmpty(x, page.Items)
			assert.Contains(x, string(page.Items[0].RawJSON()), "x_unknown")
		}
	}
	x.arrives(11, w.requests())
}

func missingEverything(x *trial) {
	arrived := 0
	for _, nulls := range []bool{false, true} {
		s := x.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var v any = map[string]any{}
			if nulls {
				fields := map[string]any{}
				for _, name := range strings.Fields("id status name channel to phone email lists created_at url events credits currency total") {
					fields[name] = nil
				}
				v = fields
			}
			if r.Method == http.MethodGet && !strings.Contains(r.URL.Path, "_") && !strings.HasSuffix(r.URL.Path, "/credits") {
				v = map[string]any{"data": []any{v, v}}
			}
			json.NewEncoder(w).Encode(v)
		}))
		for _, v := range everyCall(x, x.client(s.base)) {
			assert.NotEmpty(x, rawOf(v))
		}
		arrived += int(s.arrived.Load())
	}
	x.arrives(22, int64(arrived))
}

func numbers(x *trial) {
	w := x.world()
	for text, want := range map[string]float64{"4250": 4250, "4250.5": 4250.5, "4.25e3": 4250, "-0.5": -0.5} {
		w.api.Fault(zexatest.Fault{Status: 200, Body: []byte(`{"credits":` + text + `}`)})
		balance, err := w.client.Credits.Get(x.Context())
		require.NoError(x, err)
		assert.Equal(x, want, balance.Credits)
	}
	x.arrives(4, w.requests())
}

func timestamps(x *trial) {
	w := x.world()
	want := time.Date(2026, 6, 24, 10, 0, 0, 0, time.UTC)
	for _, text := range []string{"2026-06-24T10:00:00Z", "2026-06-24T10:00:00.000000Z", "2026-06-24T11:00:00+01:00", "2026-06-24T10:00:00.0+00:00"} {
		w.api.Fault(zexatest.Fault{Status: 200, Body: []byte(`{"id":"msg_1","created_at":"` + text + `"}`)})
		m, err := w.client.Messages.Get(x.Context(), "msg_1")
		require.NoError(x, err)
		assert.True(x, m.CreatedAt.Equal(want), text)
	}
	x.arrives(4, w.requests())
}

func unknownEndpoints(x *trial) {
	s := x.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(x, "Bearer "+zexatest.DefaultKey, r.Header.Get("Authorization"))
		assert.Equal(x, "/v1/reports/a%2Fb", r.URL.EscapedPath())
		w.WriteHeader(http.StatusBadGateway)
	}))
	c := x.client(s.base)
	id := zexa.CallPathValue("id", "a/b")
	err := c.Do(x.Context(), http.MethodGet, "/reports/{id}", nil, nil, id)
	assert.Equal(x, 4, x.apiError(err).Attempts)
	assert.NotErrorIs(x, err, zexa.ErrOutcomeUnknown)
	for _, method := range []string{http.MethodPost, http.MethodPatch} {
		err := c.Do(x.Context(), method, "/reports/{id}", map[string]int{"a": 1}, nil, id)
		assert.Equal(x, 1, x.apiError(err).Attempts)
		assert.ErrorIs(x, err, zexa.ErrOutcomeUnknown)
		assert.ErrorIs(x, err, zexa.ErrServer)
	}
	x.arrives(6, s.arrived.Load())
}

func meta(total, page, perPage int) string {
	return fmt.Sprintf(`{"total":%d,"page":%d,"per_page":%d}`, total, page, perPage)
}

// contacts is a page of contacts from number from on.
func contacts(meta string, from, n int) string {
	items := make([]string, n)
	for i := range items {
		items[i] = fmt.Sprintf(`{"id":"cnt_%d"}`, from+i)
	}
	page := `{"data":[` + strings.Join(items, ",") + `]`
	if meta != "" {
		page += `,"meta":` + meta
	}
	return page + "}"
}

// pages iterates over a list of which the pages are those, again and again.
func pages(arrived, items int, says string, bodies ...string) func(*trial) {
	return func(x *trial) {
		s := x.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n, err := strconv.Atoi(r.URL.Query().Get("page"))
			assert.NoError(x, err)
			io.WriteString(w, bodies[(n-1)%len(bodies)])
		}))
		list := func(opts ...zexa.CallOption) {
			x.Helper()
			var got []string
			var err error
			for contact, e := range x.client(s.base).Contacts.All(x.Context(), zexa.ContactQuery{PerPage: 2}, opts...) {
				if err = e; e == nil {
					got = append(got, contact.ID)
				}
			}
			if says == "" {
				assert.NoError(x, err)
			} else {
				assert.ErrorContains(x, err, says)
			}
			assert.Len(x, got, items)
			assert.True(x, slices.IsSorted(got), got)
		}
		list(zexa.CallPagesAhead(1))
		x.arrives(arrived, s.arrived.Load())
		list() // fetches ahead
	}
}

func ignoredFilter(x *trial) {
	w := x.world()
	w.api.AddContact(zexatest.Contact{Name: "Eva", Phone: "+244923000112", Lists: []string{zexatest.DefaultContactList}})
	all, err := w.client.Contacts.List(x.Context(), zexa.ContactQuery{})
	require.NoError(x, err)
	w.api.Fault(zexatest.Fault{Status: 200, Body: bytes.Clone(all.RawJSON()), Times: zexatest.Always})
	query := zexa.ContactQuery{ListID: zexatest.DefaultContactList}
	_, err = w.client.Contacts.List(x.Context(), query)
	assert.ErrorContains(x, err, "ignored the filter")
	for contact, err := range w.client.Contacts.All(x.Context(), query) {
		assert.Error(x, err)
		assert.Empty(x, contact.ID)
	}
	x.arrives(3, w.requests())
}
