package zexa_test

import (
	"context"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/zexa-ao/zexa-go"
)

const sendingCampaign = `{"id":"cmp_1","status":"sending","name":"Junho","channel":"sms","total":120,"created_at":"2026-06-24T10:00:00Z"}`

var june = zexa.CampaignParams{
	Name: "Junho", Channel: zexa.ChannelSMS, ContactListID: "lst_1", SenderID: "MinhaLoja", Body: "Ola",
}

var campaignCalls = []apiCall{
	{
		name: "Campaigns.Create", method: http.MethodPost, template: "/campaigns", path: "/campaigns",
		body:   `{"name":"Junho","channel":"sms","contact_list_id":"lst_1","sender_id":"MinhaLoja","body":"Ola"}`,
		status: 201, answer: sendingCampaign,
		call: func(ctx context.Context, c *zexa.Client, opts ...zexa.CallOption) (any, error) {
			return c.Campaigns.Create(ctx, june, opts...)
		},
		check: checkSending,
		badCalls: map[string]func(context.Context, *zexa.Client) error{
			"name":            badCampaign(func(p *zexa.CampaignParams) { p.Name = "" }),
			"channel":         badCampaign(func(p *zexa.CampaignParams) { p.Channel = "" }),
			"contact_list_id": badCampaign(func(p *zexa.CampaignParams) { p.ContactListID = "" }),
			"sender_id":       badCampaign(func(p *zexa.CampaignParams) { p.SenderID = "Minha Loja" }),
			"body":            badCampaign(func(p *zexa.CampaignParams) { p.Body = "" }),
			"template.name":   badCampaign(func(p *zexa.CampaignParams) { p.Template = &zexa.Template{} }),
			"scheduled_at":    badCampaign(func(p *zexa.CampaignParams) { p.ScheduledAt = time.Date(-5, 1, 1, 0, 0, 0, 0, time.UTC) }),
		},
	},
	{
		name: "Campaigns.Get", method: http.MethodGet, template: "/campaigns/{id}", path: "/campaigns/cmp_1",
		status: 200, answer: sendingCampaign,
		call: func(ctx context.Context, c *zexa.Client, opts ...zexa.CallOption) (any, error) {
			return c.Campaigns.Get(ctx, "cmp_1", opts...)
		},
		check: checkSending,
		badCalls: map[string]func(context.Context, *zexa.Client) error{
			"id": func(ctx context.Context, c *zexa.Client) error {
				_, err := c.Campaigns.Get(ctx, "")
				return err
			},
		},
	},
	{
		name: "Campaigns.List", method: http.MethodGet, template: "/campaigns", path: "/campaigns?page=2&per_page=1",
		status: 200, answer: `{"data":[` + sendingCampaign + `],"meta":{"total":3,"page":2,"per_page":1}}`,
		call: func(ctx context.Context, c *zexa.Client, opts ...zexa.CallOption) (any, error) {
			return c.Campaigns.List(ctx, zexa.CampaignQuery{Page: 2, PerPage: 1}, opts...)
		},
		check: func(t *testing.T, got any) {
			p := got.(*zexa.Page[zexa.Campaign])
			require.Len(t, p.Items, 1)
			checkSending(t, &p.Items[0])
			assert.Equal(t, zexa.Meta{Total: 3, Page: 2, PerPage: 1}, p.Meta)
			assert.Equal(t, 3, p.Pages())
		},
		badCalls: badPages(func(ctx context.Context, c *zexa.Client, page, perPage int) error {
			_, err := c.Campaigns.List(ctx, zexa.CampaignQuery{Page: page, PerPage: perPage})
			return err
		}),
	},
}

func badCampaign(spoil func(*zexa.CampaignParams)) func(context.Context, *zexa.Client) error {
	return func(ctx context.Context, c *zexa.Client) error {
		p := june
		spoil(&p)
		_, err := c.Campaigns.Create(ctx, p)
		return err
	}
}

// badPages are the bad calls of every list.
func badPages(list func(ctx context.Context, c *zexa.Client, page, perPage int) error) map[string]func(context.Context, *zexa.Client) error {
	bad := func(page, perPage int) func(context.Context, *zexa.Client) error {
		return func(ctx context.Context, c *zexa.Client) error { return list(ctx, c, page, perPage) }
	}
	return map[string]func(context.Context, *zexa.Client) error{
		"page":                               bad(-1, 0),
		"per_page":                           bad(0, -1),
		"per_page: is not between 1 and 100": bad(0, 101),
	}
}

func checkSending(t *testing.T, got any) {
	c := got.(*zexa.Campaign)
	assert.Equal(t, "cmp_1", c.ID)
	assert.Equal(t, zexa.CampaignSending, c.Status)
	assert.Equal(t, "Junho", c.Name)
	assert.Equal(t, zexa.ChannelSMS, c.Channel)
	assert.Equal(t, time.Date(2026, 6, 24, 10, 0, 0, 0, time.UTC), c.CreatedAt)
	assert.Equal(t, sendingCampaign, string(c.RawJSON()))
}

func TestACampaignCarriesATemplateAndATime(t *testing.T) {
	t.Parallel()
	p := june
	p.Body, p.Template = "", &zexa.Template{Name: "promo"}
	p.ScheduledAt = time.Date(2026, 7, 1, 9, 0, 0, 0, time.FixedZone("WAT", 3600))
	m := newMock(t, nil, answer(201, sendingCampaign))
	_, err := m.Campaigns.Create(t.Context(), p)
	require.NoError(t, err)
	assert.JSONEq(t, `{"name":"Junho","channel":"sms","contact_list_id":"lst_1","sender_id":"MinhaLoja",
		"template":{"name":"promo"},"scheduled_at":"2026-07-01T08:00:00Z"}`, m.bodies[0])
}

func TestTheTotalOfACampaignIsFoundUnderEachPlausibleKey(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]int{
		`{"total":120}`: 120, `{"total_contacts":120}`: 120, `{"total_recipients":120.0}`: 120,
		`{"stats":{"total":120}}`: 120, `{"statistics":{"total_contacts":120}}`: 120, `{"total":0}`: 0,
		`{}`: -1, `{"total":null}`: -1, `{"total":"120"}`: -1, `{"sent":120}`: -1,
	} {
		c, err := newMock(t, nil, answer(200, body)).Campaigns.Get(t.Context(), "cmp_1")
		require.NoError(t, err)
		total, ok := c.Total()
		assert.Equal(t, want >= 0, ok, body)
		assert.Equal(t, max(want, 0), total, body)
	}
}

func TestStatisticsHoldEveryNumberAndNoOther(t *testing.T) {
	t.Parallel()
	c, err := newMock(t, nil, answer(200, `{"id":"cmp_1","total":5,"stats":{"delivered":3,"rate":0.6,"by":{"carrier_1":2},"failed":null},"list":[1,2]}`)).
		Campaigns.Get(t.Context(), "cmp_1")
	require.NoError(t, err)
	assert.Equal(t, map[string]float64{"total": 5, "stats.delivered": 3, "stats.rate": 0.6, "stats.by.carrier_1": 2}, c.Statistics())
	assert.Empty(t, new(zexa.Campaign).Statistics())
}

// The paths of an odd answer could take a thousand times its size.
func TestStatisticsOfAnOddAnswerTakeLittle(t *testing.T) {
	// Not parallel: allocations are counted for the whole process.
	long := strings.Repeat("x", 1<<20)
	for name, body := range map[string]string{
		"deep": strings.Repeat(`{"n":1,"a":`, 9000) + `"` + long + `"` + strings.Repeat("}", 9000),
		"wide": `{"n":1,"` + long + `":{"n":1` + strings.Repeat(`,"n":1`, 5000) + `}}`,
		"odd":  `{"n":1,"list":[{"n":2},[3]],"text":"4","none":null,"huge":1e999,"` + long + `":{}}`,
	} {
		t.Run(name, func(t *testing.T) {
			c, err := newMock(t, nil, answer(200, body)).Campaigns.Get(t.Context(), "cmp_1")
			require.NoError(t, err)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			statistics := c.Statistics()
			runtime.ReadMemStats(&after)
			assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(32<<20))
			assert.EqualValues(t, 1, statistics["n"])
			assert.LessOrEqual(t, len(statistics), 130)
		})
	}
}

func TestACampaignIsFollowedUntilItIsCompleted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var script []httpmock.Responder
		for _, status := range []string{"scheduled", "sending", "paused", "sending", "sent", "a new one", "completed"} {
			script = append(script, answer(200, strings.Replace(sendingCampaign, "sending", status, 1)))
		}
		m := newMock(t, nil, script...)
		c, err := m.Campaigns.Wait(t.Context(), "cmp_1")
		require.NoError(t, err)
		assert.Equal(t, zexa.CampaignCompleted, c.Status)
		assert.Len(t, m.requests, 7)
	})
}
