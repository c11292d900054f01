package zexa_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/zexa-ao/zexa-go"
)

var senderIDCalls = []apiCall{
	{
		name: "SenderIDs.List", method: http.MethodGet, template: "/sender-ids", path: "/sender-ids",
		status: 200, answer: senderIDPage,
		call: func(ctx context.Context, c *zexa.Client, opts ...zexa.CallOption) (any, error) {
			return c.SenderIDs.List(ctx, zexa.SenderIDQuery{}, opts...)
		},
		check: func(t *testing.T, got any) {
			p := got.(*zexa.Page[zexa.SenderID])
			require.Len(t, p.Items, 5)
			assert.Equal(t, "sid_1", p.Items[0].ID)
			assert.Equal(t, "MinhaLoja", p.Items[0].Name)
			assert.Equal(t, zexa.ChannelSMS, p.Items[0].Channel)
			assert.Equal(t, zexa.SenderIDPending, p.Items[0].Status)
			assert.Equal(t, "Outra", p.Items[3].Name, "from sender_id")
			assert.Equal(t, "Terceira", p.Items[4].Name, "from sender")
		},
		badCalls: badPages(func(ctx context.Context, c *zexa.Client, page, perPage int) error {
			_, err := c.SenderIDs.List(ctx, zexa.SenderIDQuery{Page: page, PerPage: perPage})
			return err
		}),
	},
}

const senderIDPage = `{"data":[
	{"id":"sid_1","name":"MinhaLoja","channel":"sms","status":"pending"},
	{"id":"sid_2","name":"MinhaLoja","channel":"whatsapp","status":"approved"},
	{"id":"sid_3","name":"MinhaLoja","status":"approved"},
	{"id":"sid_4","sender_id":"Outra","channel":"sms","status":"approved"},
	{"id":"sid_5","sender":"Terceira","channel":"sms","status":"rejected"}
],"meta":{"total":5,"page":1,"per_page":50}}`

func TestFindReturnsTheApprovedSenderIDForTheChannel(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		channel zexa.Channel
		want    string
	}{
		{"MinhaLoja", zexa.ChannelWhatsApp, "sid_2"},
		{"MinhaLoja", zexa.ChannelSMS, "sid_3"}, // the one for sms is pending, this one is for any channel
		{"Outra", zexa.ChannelSMS, "sid_4"},
		{"Outra", zexa.ChannelWhatsApp, ""},
		{"Terceira", zexa.ChannelSMS, ""},
		{"Ninguem", zexa.ChannelSMS, ""},
	} {
		m := newMock(t, nil, answer(200, senderIDPage))
		got, err := m.SenderIDs.Find(t.Context(), tt.name, tt.channel)
		assert.Equal(t, "page=1&per_page=100", m.requests[0].URL.RawQuery)
		if tt.want == "" {
			assert.ErrorIs(t, err, zexa.ErrNotFound)
			assert.Nil(t, got)
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, tt.want, got.ID)
	}
	_, err := newMock(t, nil, apiError(401, zexa.CodeUnauthorized)).SenderIDs.Find(t.Context(), "x", "sms")
	assert.ErrorIs(t, err, zexa.ErrUnauthorized)
}
