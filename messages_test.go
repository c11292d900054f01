package zexa_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/zexa-ao/zexa-go"
)

const queuedMessage = `{"id":"msg_xyz789","status":"queued","channel":"sms","to":"+244912345678","created_at":"2026-06-24T10:00:00Z"}`

var messageCalls = []apiCall{
	{
		name: "Messages.Send", method: http.MethodPost, template: "/messages", path: "/messages",
		body:   `{"channel":"sms","to":"+244912345678","from":"MinhaLoja","body":"Ola"}`,
		status: 201, answer: queuedMessage,
		call: func(ctx context.Context, c *zexa.Client, opts ...zexa.CallOption) (any, error) {
			return c.Messages.Send(ctx, zexa.SMS("MinhaLoja", "+244912345678", "Ola"), opts...)
		},
		check: checkQueued,
		badCalls: map[string]func(context.Context, *zexa.Client) error{
			"to": func(ctx context.Context, c *zexa.Client) error {
				_, err := c.Messages.Send(ctx, zexa.SMS("MinhaLoja", "912345678", "Ola"))
				return err
			},
		},
	},
	{
		name: "Messages.Get", method: http.MethodGet, template: "/messages/{id}", path: "/messages/msg_xyz789",
		status: 200, answer: queuedMessage,
		call: func(ctx context.Context, c *zexa.Client, opts ...zexa.CallOption) (any, error) {
			return c.Messages.Get(ctx, "msg_xyz789", opts...)
		},
		check: checkQueued,
		badCalls: map[string]func(context.Context, *zexa.Client) error{
			"id": func(ctx context.Context, c *zexa.Client) error {
				_, err := c.Messages.Get(ctx, "")
				return err
			},
		},
	},
}

func checkQueued(t *testing.T, got any) {
	m := got.(*zexa.Message)
	assert.Equal(t, "msg_xyz789", m.ID)
	assert.Equal(t, zexa.StatusQueued, m.Status)
	assert.Equal(t, zexa.ChannelSMS, m.Channel)
	assert.Equal(t, "+244912345678", m.To)
	assert.Equal(t, time.Date(2026, 6, 24, 10, 0, 0, 0, time.UTC), m.CreatedAt)
	assert.Equal(t, queuedMessage, string(m.RawJSON()))
}

func TestSendCarriesExactlyTheFieldsOfEachChannel(t *testing.T) {
	t.Parallel()
	luanda := time.FixedZone("WAT", 3600)
	full := zexa.Email("loja@exemplo.ao", "ana@exemplo.ao", "Factura", "texto")
	full.HTML = "<b>texto</b>"
	full.ScheduledAt = time.Date(2026, 7, 1, 10, 0, 0, 1, luanda)
	for name, tt := range map[string]struct {
		params zexa.MessageParams
		body   string
	}{
		"SMS": {zexa.SMS("MinhaLoja", "+244912345678", "Ola"),
			`{"channel":"sms","to":"+244912345678","from":"MinhaLoja","body":"Ola"}`},
		"WhatsApp text": {zexa.WhatsApp("+244923000000", "+244912345678", "Ola <&>"),
			`{"channel":"whatsapp","to":"+244912345678","from":"+244923000000","body":"Ola <&>"}`},
		"WhatsApp template": {zexa.WhatsAppTemplate("MinhaLoja", "+244912345678", zexa.Template{Name: "pedido", Language: "pt_PT", Variables: []string{"Ana", "42"}}),
			`{"channel":"whatsapp","to":"+244912345678","from":"MinhaLoja","template":{"name":"pedido","language":"pt_PT","variables":["Ana","42"]}}`},
		"WhatsApp template by a key of the caller's": {zexa.WhatsAppTemplate("MinhaLoja", "+244912345678", zexa.Template{Extra: map[string]any{"template_id": "tpl_1", "variables": map[string]string{"1": "Ana"}}}),
			`{"channel":"whatsapp","to":"+244912345678","from":"MinhaLoja","template":{"template_id":"tpl_1","variables":{"1":"Ana"}}}`},
		"Telegram": {zexa.Telegram("MinhaLoja", "+244912345678", "Ola"),
			`{"channel":"telegram","to":"+244912345678","from":"MinhaLoja","body":"Ola"}`},
		"e-mail": {zexa.Email("loja@exemplo.ao", "ana@exemplo.ao", "Factura", "texto"),
			`{"channel":"email","to":"ana@exemplo.ao","from":"loja@exemplo.ao","subject":"Factura","body":"texto"}`},
		"e-mail with all fields, the time in UTC and rounded up": {full,
			`{"channel":"email","to":"ana@exemplo.ao","from":"loja@exemplo.ao","subject":"Factura","body":"texto","html":"<b>texto</b>","scheduled_at":"2026-07-01T09:00:01Z"}`},
		"Slack": {zexa.Slack("bot", "C0123456", "Ola"),
			`{"channel":"slack","to":"C0123456","from":"bot","body":"Ola"}`},
		"a channel of tomorrow": {zexa.MessageParams{Channel: "rcs", To: "x", From: "y", Body: "z"},
			`{"channel":"rcs","to":"x","from":"y","body":"z"}`},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMock(t, nil, answer(201, queuedMessage))
			_, err := m.Messages.Send(t.Context(), tt.params)
			require.NoError(t, err)
			assert.JSONEq(t, tt.body, m.bodies[0])
		})
	}
}

func TestSendFindsAllThatIsWrongBeforeItSends(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		params zexa.MessageParams
		fields []string
	}{
		"nothing given":              {zexa.MessageParams{}, []string{"channel", "to", "from", "body"}},
		"a local number":             {zexa.SMS("MinhaLoja", "912345678", "x"), []string{"to"}},
		"a number with spaces":       {zexa.WhatsApp("MinhaLoja", "+244 912 345 678", "x"), []string{"to"}},
		"a name for Telegram":        {zexa.Telegram("MinhaLoja", "@ana", "x"), []string{"to"}},
		"an e-mail without a domain": {zexa.Email("a@b.ao", "ana@", "s", "x"), []string{"to"}},
		"a Sender ID of 12 letters":  {zexa.SMS("MinhaLojaABC", "+244912345678", "x"), []string{"from"}},
		"a Sender ID with a space":   {zexa.SMS("Loja 1", "+244912345678", "x"), []string{"from"}},
		"everything at once":         {zexa.SMS("Minha Loja", "912", ""), []string{"body", "to", "from"}},
		"text that is not UTF-8":     {zexa.SMS("MinhaLoja", "+244912345678", "a\xff"), []string{"body"}},
		"a template without a name":  {zexa.WhatsAppTemplate("MinhaLoja", "+244912345678", zexa.Template{Language: "pt"}), []string{"template.name"}},
		"a variable not in UTF-8": {zexa.WhatsAppTemplate("MinhaLoja", "+244912345678", zexa.Template{Name: "n", Variables: []string{"a", "\xff"}}),
			[]string{"template.variables[1]"}},
		"a year that RFC 3339 cannot write": {zexa.MessageParams{Channel: "slack", To: "C1", From: "x", Body: "x", ScheduledAt: time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC)},
			[]string{"scheduled_at"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := newMock(t, nil).Messages.Send(t.Context(), tt.params)
			requireOutcome(t, err, zexa.ErrNotSent)
			assert.ErrorIs(t, err, zexa.ErrValidation)
			var invalid *zexa.ValidationError
			require.ErrorAs(t, err, &invalid)
			var fields []string
			for _, f := range invalid.Fields {
				fields = append(fields, f.Field)
				assert.Contains(t, err.Error(), f.Field+": "+f.Reason)
			}
			assert.Equal(t, tt.fields, fields)
		})
	}
}

func TestSendDoesNotRefuseWhatTheAPIMayAccept(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]zexa.MessageParams{
		"an unknown channel":             {Channel: "rcs", To: "anything", From: "x", Body: "y"},
		"a numeric Sender ID":            zexa.SMS("+244923000000", "+244912345678", "x"),
		"a short code":                   zexa.SMS("12345", "+244912345678", "x"),
		"the shortest number":            zexa.SMS("Loja", "+2901234", "x"),
		"the longest number":             zexa.SMS("Loja", "+123456789012345", "x"),
		"a subject on an SMS":            {Channel: "sms", To: "+244912345678", From: "Loja", Body: "x", Subject: "s"},
		"a time that has passed":         {Channel: "sms", To: "+244912345678", From: "Loja", Body: "x", ScheduledAt: time.Unix(1, 0)},
		"an odd but possible address":    zexa.Email("a@b.ao", "a..b+c@[10.0.0.1]", "", "x"),
		"any sender on another channel":  zexa.WhatsApp("A longer name, with signs", "+244912345678", "x"),
		"body and template":              {Channel: "whatsapp", To: "+244912345678", From: "L", Body: "x", Template: &zexa.Template{Name: "n"}},
		"a Slack channel of any form":    zexa.Slack("bot", "#geral", "x"),
		"a body that is all white space": zexa.SMS("Loja", "+244912345678", " "),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := newMock(t, nil, answer(201, queuedMessage)).Messages.Send(t.Context(), p)
			assert.NoError(t, err)
		})
	}
}

func TestWithoutValidationTheAPIDecides(t *testing.T) {
	t.Parallel()
	m := newMock(t, []zexa.Option{zexa.WithoutValidation()}, apiError(422, zexa.CodeValidation))
	_, err := m.Messages.Send(t.Context(), zexa.SMS("", "912345678", ""))
	var e *zexa.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, 422, e.Status)
	assert.JSONEq(t, `{"channel":"sms","to":"912345678","from":""}`, m.bodies[0])
}

func TestATemplateKeyGivenTwiceIsNeverSent(t *testing.T) {
	t.Parallel()
	m := newMock(t, []zexa.Option{zexa.WithoutValidation()})
	_, err := m.Messages.Send(t.Context(), zexa.WhatsAppTemplate("L", "+244912345678",
		zexa.Template{Name: "a", Extra: map[string]any{"name": "b"}}))
	requireOutcome(t, err, zexa.ErrNotSent)
	assert.Contains(t, err.Error(), `key "name"`)
}

func TestParametersSurviveBeingStoredAsJSON(t *testing.T) {
	t.Parallel()
	p := zexa.Email("a@b.ao", "c@d.ao", "s", "t")
	p.ScheduledAt = time.Date(2026, 7, 1, 9, 0, 0, 0, time.UTC)
	stored, err := json.Marshal(p)
	require.NoError(t, err)
	var again zexa.MessageParams
	require.NoError(t, json.Unmarshal(stored, &again))
	assert.Equal(t, p, again)
}

func TestMessagesDecodeInEveryShapeThatIsPromised(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		answer string
		want   func(*testing.T, *zexa.Message)
	}{
		"a new status and channel": {`{"id":"m","status":"teleported","channel":"rcs"}`, func(t *testing.T, m *zexa.Message) {
			assert.Equal(t, zexa.DeliveryStatus("teleported"), m.Status)
			assert.False(t, m.Status.Final())
			assert.Equal(t, zexa.Channel("rcs"), m.Channel)
		}},
		"a time with a fraction": {`{"created_at":"2026-06-24T10:00:00.123456Z"}`, func(t *testing.T, m *zexa.Message) {
			assert.Equal(t, 123456000, m.CreatedAt.Nanosecond())
		}},
		"a time with an offset": {`{"created_at":"2026-06-24T11:00:00+01:00"}`, func(t *testing.T, m *zexa.Message) {
			assert.True(t, m.CreatedAt.Equal(time.Date(2026, 6, 24, 10, 0, 0, 0, time.UTC)))
		}},
		"an empty object": {`{}`, func(t *testing.T, m *zexa.Message) { assert.Empty(t, m.ID) }},
		"space around it": {"\n {\"id\":\"m\"} \n", func(t *testing.T, m *zexa.Message) { assert.Equal(t, `{"id":"m"}`, string(m.RawJSON())) }},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := newMock(t, nil, answer(200, tt.answer)).Messages.Get(t.Context(), "m")
			require.NoError(t, err)
			tt.want(t, m)
		})
	}
}

func TestOnlyTheThreeDocumentedStatusesAreFinal(t *testing.T) {
	t.Parallel()
	for status, final := range map[zexa.DeliveryStatus]bool{
		zexa.StatusQueued: false, zexa.StatusSent: false, zexa.StatusDelivered: true,
		zexa.StatusFailed: true, zexa.StatusUndeliverable: true, "": false, "read": false,
	} {
		assert.Equal(t, final, status.Final(), "%q", status)
	}
}

func messageWith(status string) string { return `{"id":"msg_1","status":"` + status + `"}` }

func TestWaitFollowsAMessageToItsEnd(t *testing.T) {
	t.Parallel()
	for _, final := range []string{"delivered", "failed", "undeliverable"} {
		t.Run(final, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				m := newMock(t, nil, answer(200, messageWith("queued")), answer(200, messageWith("odd")),
					answer(200, messageWith("sent")), answer(200, messageWith(final)))
				got, err := m.Messages.Wait(t.Context(), "msg_1")
				require.NoError(t, err)
				assert.EqualValues(t, final, got.Status)
				// 2 s, 4 s and 8 s, each at least by half.
				assert.GreaterOrEqual(t, time.Since(start), 7*time.Second)
				assert.LessOrEqual(t, time.Since(start), 14*time.Second)
			})
		})
	}
}

func TestWaitIsBoundedByItsContextAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		polls := 0
		endless := func(r *http.Request) (*http.Response, error) {
			polls++
			return answer(200, messageWith("sent"))(r)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		got, err := newMock(t, nil, repeat(endless, 100)...).Messages.Wait(ctx, "msg_1")
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotNil(t, got, "the message as last seen comes with the error")
		assert.Equal(t, zexa.StatusSent, got.Status)
		assert.GreaterOrEqual(t, polls, 20, "polls come at least every 30 s")
		assert.LessOrEqual(t, polls, 45, "polls are at least 15 s apart in the end")
	})
}

func TestWaitGoesOnThroughAnOutageAndARateLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		m := newMock(t, []zexa.Option{zexa.WithRetries(0)},
			answer(503, ""), apiErrorAfter("600"), fail(assert.AnError), answer(200, messageWith("delivered")))
		got, err := m.Messages.Wait(t.Context(), "msg_1")
		require.NoError(t, err)
		assert.Equal(t, zexa.StatusDelivered, got.Status)
		assert.GreaterOrEqual(t, time.Since(start), 10*time.Minute, "Retry-After is waited for")
	})
}

func TestWaitEndsAtOnceWhenWaitingIsPointless(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		answer httpmock.Responder
		is     error
	}{
		"there is no such message":             {apiError(404, zexa.CodeNotFound), zexa.ErrNotFound},
		"the key is refused":                   {apiError(401, zexa.CodeUnauthorized), zexa.ErrUnauthorized},
		"the rate limit outlasts the deadline": {apiErrorAfter("7200"), zexa.ErrRateLimited},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				got, err := newMock(t, nil, tt.answer).Messages.Wait(ctx, "msg_1")
				assert.ErrorIs(t, err, tt.is)
				assert.Nil(t, got)
				assert.Zero(t, time.Since(start))
			})
		})
	}
}

func TestWaitCancelledBetweenPollsEndsAtOnce(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		first httpmock.Responder
		is    error
	}{
		"after an answer": {answer(200, messageWith("sent")), context.Canceled},
		"after an outage": {answer(500, ""), zexa.ErrServer},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(500*time.Millisecond, cancel)
				_, err := newMock(t, []zexa.Option{zexa.WithRetries(0)}, tt.first).Messages.Wait(ctx, "msg_1")
				assert.ErrorIs(t, err, context.Canceled)
				assert.ErrorIs(t, err, tt.is)
				assert.Equal(t, 500*time.Millisecond, time.Since(start))
			})
		})
	}
}
