package webhook_test

import (
	"bytes"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	zexa "github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/webhook"
)

var noon = time.Date(2026, 6, 24, 12, 0, 0, 0, time.UTC)

// facts returns e without its JSON, for comparing.
func facts(e webhook.Event) webhook.Event {
	return webhook.Event{
		ID: e.ID, Type: e.Type, Time: e.Time, MessageID: e.MessageID, CampaignID: e.CampaignID,
		Status: e.Status, CampaignStatus: e.CampaignStatus, To: e.To, Test: e.Test, Confirmed: e.Confirmed,
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	delivered := webhook.Event{
		ID: "evt_1", Type: zexa.EventMessageDelivered, Time: noon,
		MessageID: "msg_1", Status: zexa.StatusDelivered, To: "+244912345678",
	}
	without := func(change func(*webhook.Event)) webhook.Event {
		e := delivered
		change(&e)
		return e
	}
	tests := []struct {
		name string
		body string
		want webhook.Event
	}{
		{"an envelope with the message under data",
			`{"id":"evt_1","event":"message.delivered","created_at":"2026-06-24T12:00:00Z","data":{"id":"msg_1","status":"delivered","channel":"sms","to":"+244912345678","created_at":"2026-06-24T11:00:00Z"}}`,
			delivered},
		{"the members in another order",
			`{"data":{"to":"+244912345678","id":"msg_1"},"created_at":"2026-06-24T12:00:00Z","event":"message.delivered","id":"evt_1"}`,
			delivered},
		{"the message and its campaign under their own names, with ids in no known form",
			`{"event":"message.delivered","data":{"contact":{"id":"p1"},"campaign":{"id":"c1"},"message":{"id":"m1"}}}`,
			webhook.Event{Type: zexa.EventMessageDelivered, MessageID: "m1", CampaignID: "c1", Status: zexa.StatusDelivered}},
		{"a flat object",
			`{"event_id":"evt_1","type":"message.delivered","timestamp":"2026-06-24T13:00:00.000+01:00","message_id":"msg_1","status":"delivered","phone":"+244912345678"}`,
			delivered},
		{"a flat object with an id of its own",
			`{"id":"evt_1","event":"message.delivered","occurred_at":1782302400,"message_id":"msg_1","recipient":"+244912345678"}`,
			delivered},
		{"camel case, milliseconds",
			`{"eventId":"evt_1","eventType":"message.delivered","timestamp":1782302400000,"messageId":"msg_1","phoneNumber":"+244912345678"}`,
			delivered},
		{"blanks everywhere, and a time without a zone",
			" {\n\t\"id\" : \"evt_1\" ,\r\n \"event\" : \"message.delivered\" , \"time\":\"2026-06-24 12:00:00\", \"data\" : { \"id\" : \"msg_1\" , \"to\" : \"+244912345678\" } } ",
			delivered},
		{"two levels of envelope",
			`{"id":"evt_1","type":"message.delivered","time":"2026-06-24T12:00:00","data":{"object":{"id":"msg_1","to":"+244912345678"}}}`,
			delivered},
		{"the message under its own name",
			`{"id":"evt_1","event":"message.delivered","time":"1782302400","message":{"id":"msg_1","to":"+244912345678"}}`,
			delivered},
		{"the event under its own name",
			`{"event":{"id":"evt_1","type":"message.delivered","created_at":"2026-06-24T12:00:00Z"},"message":"msg_1","to":{"phone":"+244912345678"}}`,
			delivered},
		{"the name only inside",
			`{"id":"evt_1","timestamp":1782302400.0,"data":{"event":"message.delivered","message_id":"msg_1","to":"+244912345678"}}`,
			delivered},
		{"a general type beside the documented name",
			`{"id":"evt_1","type":"event","event":"message.delivered","timestamp":1782302400000000,"data":{"id":"msg_1","to":"+244912345678","type":"sms"}}`,
			delivered},
		{"a general event beside the documented type",
			`{"id":"evt_1","event":"notification","type":"message.delivered","timestamp":1782302400000000000,"data":{"id":"msg_1","to":"+244912345678"}}`,
			delivered},
		{"escapes, and numbers for ids",
			`{"id":17,"event":"message\u002edelivered","data":{"id":"msg\u005f1","to":"\u002b244912345678"}}`,
			without(func(e *webhook.Event) { e.ID, e.Time = "17", time.Time{} })},
		{"an id of a message in no known form",
			`{"id":"evt_1","event":"message.delivered","data":{"id":42}}`,
			webhook.Event{ID: "evt_1", Type: zexa.EventMessageDelivered, MessageID: "42", Status: zexa.StatusDelivered}},
		{"unknown fields of any type",
			`{"id":"evt_1","event":"message.delivered","attempt":2,"meta":{"id":"msg_9","event":"x"},"tags":[{"id":"msg_8"}],"ok":true,"none":null,"a_very_long_name_of_a_field":1,"created_at":"2026-06-24T12:00:00Z","data":{"id":"msg_1","to":"+244912345678"}}`,
			delivered},
		{"fields of the wrong type",
			`{"id":["evt_1"],"event":{"x":1},"type":null,"created_at":true,"data":[],"message":17,"test":"true","to":false}`,
			webhook.Event{}},
		{"the message itself, whose creation is not the event's time",
			`{"event":"message.delivered","id":"msg_1","status":"delivered","created_at":"2026-06-24T11:00:00Z"}`,
			webhook.Event{Type: zexa.EventMessageDelivered, MessageID: "msg_1", Status: zexa.StatusDelivered}},
		{"an id that is the message's, said twice",
			`{"event":"message.delivered","id":"a1","message_id":"a1"}`,
			webhook.Event{Type: zexa.EventMessageDelivered, MessageID: "a1", Status: zexa.StatusDelivered}},
		{"an id that is the campaign's, said twice",
			`{"event":"campaign.sent","id":"c1","campaign_id":"c1"}`,
			webhook.Event{Type: zexa.EventCampaignSent, CampaignID: "c1", CampaignStatus: zexa.CampaignSent}},
		{"what a message calls its type is not the event's",
			`{"type":"event","message":{"id":"msg_1","type":"message.failed","event":"message.optout"}}`,
			webhook.Event{Type: "event", MessageID: "msg_1"}},
		{"the status of a contact is not the message's",
			`{"event":"x","message_id":"msg_1","contact":{"status":"delivered"}}`,
			webhook.Event{Type: "x", MessageID: "msg_1"}},
		{"an envelope inside of a contact holds the contact",
			`{"event":"message.delivered","contact":{"data":{"id":"p1"}},"message":{"data":{"id":"m1"}}}`,
			webhook.Event{Type: zexa.EventMessageDelivered, MessageID: "m1", Status: zexa.StatusDelivered}},
		{"an event inside of what the event is about is another one",
			`{"event":"message.delivered","data":{"id":"m1","event":{"id":"e9"}}}`,
			webhook.Event{Type: zexa.EventMessageDelivered, MessageID: "m1", Status: zexa.StatusDelivered}},
		{"the id of the webhook is not the event's",
			`{"event":"message.delivered","id":"wh_1","message_id":"msg_1"}`,
			webhook.Event{Type: zexa.EventMessageDelivered, MessageID: "msg_1", Status: zexa.StatusDelivered}},
		{"the documented name of the event decides the status",
			`{"event":"message.failed","message_id":"msg_1","status":"sent"}`,
			webhook.Event{Type: zexa.EventMessageFailed, MessageID: "msg_1", Status: zexa.StatusFailed}},
		{"undeliverable, of a campaign",
			`{"event":"message.undeliverable","message_id":"msg_1","campaign_id":"cmp_1"}`,
			webhook.Event{Type: zexa.EventMessageUndeliverable, MessageID: "msg_1", CampaignID: "cmp_1", Status: zexa.StatusUndeliverable}},
		{"an unknown event about a message",
			`{"event":"message.sent","message_id":"msg_1","status":"sent"}`,
			webhook.Event{Type: "message.sent", MessageID: "msg_1", Status: zexa.StatusSent}},
		{"an unknown event about a campaign",
			`{"event":"campaign.paused","campaign":{"id":"c1","status":"paused","name":"message.optout"}}`,
			webhook.Event{Type: "campaign.paused", CampaignID: "c1", CampaignStatus: zexa.CampaignPaused}},
		{"a campaign that is sent",
			`{"id":"evt_1","event":"campaign.sent","data":{"id":"cmp_1","status":"sending","name":"message.optout"}}`,
			webhook.Event{ID: "evt_1", Type: zexa.EventCampaignSent, CampaignID: "cmp_1", CampaignStatus: zexa.CampaignSent}},
		{"a campaign that is completed, flat and named",
			`{"name":"Abertura","event":"campaign.completed","campaign_id":"cmp_1"}`,
			webhook.Event{Type: zexa.EventCampaignCompleted, CampaignID: "cmp_1", CampaignStatus: zexa.CampaignCompleted}},
		{"a campaign with an id in no known form",
			`{"event":"campaign.sent","data":{"id":"c1"}}`,
			webhook.Event{Type: zexa.EventCampaignSent, CampaignID: "c1", CampaignStatus: zexa.CampaignSent}},
		{"an opt-out with the number",
			`{"id":"evt_1","event":"message.optout","data":{"to":"+244912345678"}}`,
			webhook.Event{ID: "evt_1", Type: zexa.EventMessageOptOut, To: "+244912345678"}},
		{"an opt-out as the reply that said STOP",
			`{"event":"message.optout","data":{"id":"in_7","from":"+244912345678","to":"ZEXA","body":"STOP"}}`,
			webhook.Event{Type: zexa.EventMessageOptOut, To: "+244912345678"}},
		{"an opt-out of somebody on Slack",
			`{"event":"message.optout","data":{"from":"ZEXA","to":"U024BE7LH"}}`,
			webhook.Event{Type: zexa.EventMessageOptOut, To: "U024BE7LH"}},
		{"an opt-out as the message it is about",
			`{"event":"message.optout","data":{"id":"msg_1","status":"delivered","from":"ZEXA","to":"+244912345678"}}`,
			webhook.Event{Type: zexa.EventMessageOptOut, MessageID: "msg_1", To: "+244912345678"}},
		{"an opt-out by e-mail",
			`{"event":"message.optout","contact":{"id":"cnt_1","name":"message.failed","email":"ana@example.com"}}`,
			webhook.Event{Type: zexa.EventMessageOptOut, To: "ana@example.com"}},
		{"an opt-out of a contact, whose creation is not the event's time",
			`{"event":"message.optout","id":"cnt_1","phone":"+244912345678","created_at":"2020-01-01T00:00:00Z"}`,
			webhook.Event{Type: zexa.EventMessageOptOut, To: "+244912345678"}},
		{"a contact cannot make an event with its name",
			`{"event":"contact.created","data":{"name":"message.optout","phone":"+244912345678"}}`,
			webhook.Event{Type: "contact.created", To: "+244912345678"}},
		{"nor where the object is flat",
			`{"event":"contact.created","name":"message.optout","phone":"+244912345678"}`,
			webhook.Event{Type: "contact.created", To: "+244912345678"}},
		{"nor where nothing else has a name",
			`{"id":"evt_1","data":{"name":"message.optout","phone":"+244912345678"}}`,
			webhook.Event{ID: "evt_1", To: "+244912345678"}},
		{"an opt-out between two numbers is that of the recipient",
			`{"event":"message.optout","from":"+244900000000","to":"+244912345678"}`,
			webhook.Event{Type: zexa.EventMessageOptOut, To: "+244912345678"}},
		{"the name as the only name",
			`{"name":"message.delivered","message_id":"msg_1"}`,
			webhook.Event{Type: zexa.EventMessageDelivered, MessageID: "msg_1", Status: zexa.StatusDelivered}},
		{"the topic as the only name",
			`{"topic":"message.delivered","resource_id":"msg_1"}`,
			webhook.Event{Type: zexa.EventMessageDelivered, MessageID: "msg_1", Status: zexa.StatusDelivered}},
		{"the sandbox's test event",
			`{"id":"evt_1","event":"webhook.test","created_at":"2026-06-24T12:00:00Z","data":{"id":"wh_1","url":"https://example.com","events":["*"]}}`,
			webhook.Event{ID: "evt_1", Type: "webhook.test", Time: noon, Test: true}},
		{"a test event of another name", `{"type":"ping"}`, webhook.Event{Type: "ping", Test: true}},
		{"a flagged test event", `{"event":"message.delivered","test":true,"message_id":"msg_1"}`,
			webhook.Event{Type: zexa.EventMessageDelivered, MessageID: "msg_1", Status: zexa.StatusDelivered, Test: true}},
		{"a postal address is nobody to write to",
			`{"event":"message.optout","contact":{"address":"Rua da Missão 7","phone":"+244912345678"}}`,
			webhook.Event{Type: zexa.EventMessageOptOut, To: "+244912345678"}},
		{"an address that is a phone number",
			`{"event":"message.optout","address":"+244912345678"}`,
			webhook.Event{Type: zexa.EventMessageOptOut, To: "+244912345678"}},
		{"the first of two members of one name",
			`{"event":"message.delivered","event":"message.failed","message_id":"msg_1","message_id":"msg_2"}`,
			webhook.Event{Type: zexa.EventMessageDelivered, MessageID: "msg_1", Status: zexa.StatusDelivered}},
		{"nothing but nulls",
			`{"id":null,"event":"message.delivered","message_id":null,"to":null,"time":null,"data":null}`,
			webhook.Event{Type: zexa.EventMessageDelivered, Status: zexa.StatusDelivered}},
		{"a word that has test in it is no test", `{"event":"contest.latest"}`, webhook.Event{Type: "contest.latest"}},
		{"an empty object", `{}`, webhook.Event{}},
		{"a list", `[{"event":"message.delivered"}]`, webhook.Event{}},
		{"a string", `"message.delivered"`, webhook.Event{}},
		{"null", `null`, webhook.Event{}},
		{"more nesting than is looked into",
			`{"event":"message.delivered","data":{"data":{"data":{"data":{"data":{"id":"msg_1"}}}}}}`,
			webhook.Event{Type: zexa.EventMessageDelivered, Status: zexa.StatusDelivered}},
		{"text that is not UTF-8", "{\"event\":\"a\xff\"}", webhook.Event{Type: "a\uFFFD"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e, err := webhook.Parse([]byte(tt.body))
			require.NoError(t, err)
			assert.Equal(t, tt.want, facts(e))
			assert.Equal(t, tt.body, string(e.RawJSON()))
		})
	}
}

func TestParseTimes(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]time.Time{
		`"2026-06-24T12:00:00Z"`:           noon,
		`"2026-06-24T12:00:00.25Z"`:        noon.Add(250 * time.Millisecond),
		`"2026-06-24T10:00:00-02:00"`:      noon,
		`"2026-06-24 12:00:00.5"`:          noon.Add(500 * time.Millisecond),
		`"2026-06-24T13:00:00\u002B01:00"`: noon, // as .NET escapes it
		`"2026-06-24T13:00:00+0100"`:       noon,
		`"2026-06-24T12:00:00.5Z"`:         noon.Add(500 * time.Millisecond),
		`"2026-06-24 13:00:00.5+01:00"`:    noon.Add(500 * time.Millisecond),
		`"2026-06-24 12:00:00Z"`:           noon,
		`"0001-01-01T00:00:00+01:00"`:      {}, // would be in a year that cannot be written down
		`"9999-12-31T23:59:59-01:00"`:      {},
		`1782302400.5`:                     noon.Add(500 * time.Millisecond),
		`1782302400250`:                    noon.Add(250 * time.Millisecond),
		`1.7823024e9`:                      noon,
		`"1782302400"`:                     noon,
		`0`:                                {},
		`-5`:                               {},
		`1e300`:                            {},
		`"NaN"`:                            {},
		`"Infinity"`:                       {},
		`"yesterday"`:                      {},
		`99999999999999999999`:             {},
		`""`:                               {},
		`{"$date":"2026-06-24T12:00Z"}`:    {},
		`["2026-06-24T12:00:00Z"]`:         {},
		`"Wed, 24 Jun 2026 12:00:00 GMT"`:  {},
	} {
		e, err := webhook.Parse([]byte(`{"timestamp":` + value + `}`))
		require.NoError(t, err, value)
		assert.Equal(t, want, e.Time, value)
	}
}

func TestParseOfWhatIsNotJSON(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", " ", "event=message.delivered", `{"event":"message.delivered"`, "<html>", `{} {}`, "\xef\xbb\xbf{}"} {
		e, err := webhook.Parse([]byte(body))
		require.EqualError(t, err, "webhook: the body is not JSON", body)
		assert.Equal(t, webhook.Event{}, facts(e), body)
		assert.Equal(t, body, string(e.RawJSON()))
	}
}

func FuzzParse(f *testing.F) {
	for _, body := range []string{
		`{"id":"evt_1","event":"message.delivered","created_at":"2026-06-24T12:00:00Z","data":{"id":"msg_1","to":"+244912345678"}}`,
		`{"event":{"id":17,"type":"message.optout"},"from":"+244912345678","timestamp":1782302400000}`,
		`{"data":{"data":[{"a":"\"}"}],"test":true}, "name" : "ping"}`,
		`[[{}],"\\"]`, `""`, `{`, "", "\xff",
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		before := string(body)
		e, err := webhook.Parse(body)
		if string(e.RawJSON()) != before || string(body) != before {
			t.Fatal("the JSON is not what it was")
		}
		if err != nil && !assert.ObjectsAreEqual(facts(e), webhook.Event{}) {
			t.Fatalf("facts from what is not JSON: %+v", e)
		}
		if y := e.Time.Year(); y < 1 || y > 9999 {
			t.Fatalf("a time that cannot be written down: %v", e.Time)
		}
		for _, s := range []string{e.ID, string(e.Type), e.MessageID, e.CampaignID, string(e.Status), e.To} {
			if strings.ToValidUTF8(s, "") != s {
				t.Fatalf("%q is not UTF-8", s)
			}
		}
	})
}

func TestAdvances(t *testing.T) {
	t.Parallel()
	tests := []struct {
		from, to zexa.DeliveryStatus
		want     bool
	}{
		{"", "queued", true},
		{"", "odd", true},
		{"", "delivered", true},
		{"", "", false},
		{"queued", "", false},
		{"queued", "queued", false},
		{"queued", "sent", true},
		{"queued", "delivered", true},
		{"queued", "failed", true},
		{"queued", "odd", true},
		{"sent", "queued", false},
		{"sent", "sent", false},
		{"sent", "odd", true},
		{"sent", "delivered", true},
		{"sent", "undeliverable", true},
		{"odd", "sent", false},
		{"odd", "odd", false},
		{"odd", "odder", true},
		{"odd", "failed", true},
		{"delivered", "sent", false},
		{"delivered", "failed", false},
		{"delivered", "delivered", false},
		{"delivered", "odd", false},
		{"failed", "delivered", false},
		{"undeliverable", "queued", false},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.want, webhook.Advances(tt.from, tt.to), "from %q to %q", tt.from, tt.to)
	}
}

func TestALoggedEventHoldsNeitherItsTextNorItsRecipient(t *testing.T) {
	e, err := webhook.Parse([]byte(`{"event":"message.delivered","message_id":"msg_1","to":"+244912345678","body":"segredo"}`))
	require.NoError(t, err)
	for _, handler := range []func(io.Writer) slog.Handler{
		func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, nil) },
		func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, nil) },
	} {
		var log bytes.Buffer
		slog.New(handler(&log)).Info("received", "event", e)
		assert.Contains(t, log.String(), "msg_1")
		assert.NotContains(t, log.String(), "912345678")
		assert.NotContains(t, log.String(), "segredo")
	}
}
