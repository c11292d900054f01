package zexatest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	zexa "github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/zexatest"
)

// start returns a server that ends with the test.
func start(t *testing.T, opts ...zexatest.Option) *zexatest.Server {
	t.Helper()
	srv, err := zexatest.Start(opts...)
	require.NoError(t, err)
	t.Cleanup(srv.Close)
	return srv
}

func request(t *testing.T, srv *zexatest.Server, method, path, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, srv.URL()+path, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+srv.Key())
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

// call makes a request and returns the answer with its whole body.
func call(t *testing.T, srv *zexatest.Server, method, path, body string) (*http.Response, string) {
	t.Helper()
	return do(t, srv, request(t, srv, method, path, body))
}

func do(t *testing.T, srv *zexatest.Server, r *http.Request) (*http.Response, string) {
	t.Helper()
	client := srv.HTTPClient()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, string(text)
}

// post makes a POST that has to succeed and returns the id of what it made.
func post(t *testing.T, srv *zexatest.Server, path, body string) string {
	t.Helper()
	resp, text := call(t, srv, http.MethodPost, path, body)
	require.Equal(t, http.StatusCreated, resp.StatusCode, text)
	var made struct{ ID string }
	require.NoError(t, json.Unmarshal([]byte(text), &made))
	return made.ID
}

const sms = `{"channel":"sms","to":"+244912345678","from":"ZEXA","body":"Olá"}`

// Every bubble begins at this time.
const created = `"created_at":"2000-01-01T00:00:00Z"`

func TestAnswersAsDocumented(t *testing.T) {
	t.Parallel()
	fail := func(code, message, details string) string {
		if details != "" {
			details = `,"details":` + details
		}
		return `{"error":"` + code + `","message":"` + message + `","request_id":"req_000001"` + details + `}`
	}
	missing := func(field string) string {
		return fail("invalid_request", "The field "+field+" is required.", `{"field":"`+field+`"}`)
	}
	noKey := fail("unauthorized", "The API key is missing or invalid.", "")
	noCredits := fail("insufficient_credits", "The balance does not cover this.", "")
	contact := func(srv *zexatest.Server) {
		srv.AddContact(zexatest.Contact{Name: "Ana", Phone: "+244912345678", Lists: []string{zexatest.DefaultContactList}})
	}
	broke := func(srv *zexatest.Server) { srv.SetBalance(0.5) }

	tests := []struct {
		name   string
		setup  func(*zexatest.Server)
		method string
		path   string
		header http.Header
		body   string
		status int
		want   string
	}{
		// Messages.
		{name: "an SMS is accepted", method: "POST", path: "/messages", body: sms, status: 201,
			want: `{"id":"msg_000001","status":"queued","channel":"sms","to":"+244912345678",` + created + `}`},
		{name: "a WhatsApp text is accepted", method: "POST", path: "/messages", status: 201,
			body: `{"channel":"whatsapp","to":"+244912345678","from":"ZEXA","body":"Olá"}`,
			want: `{"id":"msg_000001","status":"queued","channel":"whatsapp","to":"+244912345678",` + created + `}`},
		{name: "a WhatsApp template takes the place of a body", method: "POST", path: "/messages", status: 201,
			body: `{"channel":"whatsapp","to":"+244912345678","from":"ZEXA","template":{"name":"order","variables":["1"]}}`,
			want: `{"id":"msg_000001","status":"queued","channel":"whatsapp","to":"+244912345678",` + created + `}`},
		{name: "a Telegram message is accepted", method: "POST", path: "/messages", status: 201,
			body: `{"channel":"telegram","to":"+244912345678","from":"ZEXA","body":"Olá"}`,
			want: `{"id":"msg_000001","status":"queued","channel":"telegram","to":"+244912345678",` + created + `}`},
		{name: "an email is accepted", method: "POST", path: "/messages", status: 201,
			body: `{"channel":"email","to":"ana@example.com","from":"hello@zexatest.local","subject":"Olá","body":"Olá","html":"<p>Olá</p>"}`,
			want: `{"id":"msg_000001","status":"queued","channel":"email","to":"ana@example.com",` + created + `}`},
		{name: "a Slack message is accepted", method: "POST", path: "/messages", status: 201,
			body: `{"channel":"slack","to":"C024BE91L","from":"ZEXA","body":"Olá"}`,
			want: `{"id":"msg_000001","status":"queued","channel":"slack","to":"C024BE91L",` + created + `}`},
		{name: "a scheduled message is accepted", method: "POST", path: "/messages", status: 201,
			body: `{"channel":"sms","to":"+244912345678","from":"ZEXA","body":"Olá","scheduled_at":"2026-07-01T09:00:00Z"}`,
			want: `{"id":"msg_000001","status":"queued","channel":"sms","to":"+244912345678",` + created + `}`},
		{name: "unknown and null fields are ignored", method: "POST", path: "/messages", status: 201,
			body: `{"channel":"sms","to":"+244912345678","from":"ZEXA","body":"Olá","subject":null,"later":{"a":1}}`,
			want: `{"id":"msg_000001","status":"queued","channel":"sms","to":"+244912345678",` + created + `}`},
		{name: "a message without a body is malformed", method: "POST", path: "/messages", status: 400,
			body: `{"channel":"sms","to":"+244912345678","from":"ZEXA"}`, want: missing("body")},
		{name: "a message with an empty body is malformed", method: "POST", path: "/messages", status: 400,
			body: `{"channel":"sms","to":"+244912345678","from":"ZEXA","body":""}`, want: missing("body")},
		{name: "a message without a recipient is malformed", method: "POST", path: "/messages", status: 400,
			body: `{"channel":"sms","from":"ZEXA","body":"Olá"}`, want: missing("to")},
		{name: "a message without a sender is malformed", method: "POST", path: "/messages", status: 400,
			body: `{"channel":"sms","to":"+244912345678","body":"Olá"}`, want: missing("from")},
		{name: "a message without a channel is malformed", method: "POST", path: "/messages", status: 400,
			body: `{"to":"+244912345678","from":"ZEXA","body":"Olá"}`, want: missing("channel")},
		{name: "field names are matched in their exact case", method: "POST", path: "/messages", status: 400,
			body: `{"channel":"sms","To":"+244912345678","from":"ZEXA","body":"Olá"}`, want: missing("to")},
		{name: "a field of the wrong type is malformed", method: "POST", path: "/messages", status: 400,
			body: `{"channel":"sms","to":912345678,"from":"ZEXA","body":"Olá"}`,
			want: fail("invalid_request", "The field to has the wrong type.", `{"field":"to","value":912345678}`)},
		{name: "a template that is no object is malformed", method: "POST", path: "/messages", status: 400,
			body: `{"channel":"whatsapp","to":"+244912345678","from":"ZEXA","template":"order"}`,
			want: fail("invalid_request", "The field template must be an object.", `{"field":"template","value":"order"}`)},
		{name: "broken JSON is malformed", method: "POST", path: "/messages", body: `{"channel":`, status: 400,
			want: fail("invalid_request", "The body is not a JSON object.", "")},
		{name: "JSON that is no object is malformed", method: "POST", path: "/messages", body: `null`, status: 400,
			want: fail("invalid_request", "The body is not a JSON object.", "")},
		{name: "a body of another type is malformed", method: "POST", path: "/messages", body: sms, status: 400,
			header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}},
			want:   fail("invalid_request", "The Content-Type must be application/json.", "")},
		{name: "a huge body is refused", method: "POST", path: "/messages", body: strings.Repeat(" ", 1<<20+1), status: 413,
			want: fail("invalid_request", "The body is larger than 1 MiB.", "")},
		{name: "a number in local form is invalid", method: "POST", path: "/messages", status: 422,
			body: `{"channel":"sms","to":"912345678","from":"ZEXA","body":"Olá"}`,
			want: fail("validation_error", "The field to must be a phone number in E.164 format.", `{"field":"to","value":"912345678"}`)},
		{name: "a bad email address is invalid", method: "POST", path: "/messages", status: 422,
			body: `{"channel":"email","to":"Ana <ana@example.com>","from":"hello@zexatest.local","body":"Olá"}`,
			want: fail("validation_error", "The field to must be an email address.", `{"field":"to","value":"Ana <ana@example.com>"}`)},
		{name: "a Slack id with a space is invalid", method: "POST", path: "/messages", status: 422,
			body: `{"channel":"slack","to":"the team","from":"ZEXA","body":"Olá"}`,
			want: fail("validation_error", "The field to must be a Slack channel or user id.", `{"field":"to","value":"the team"}`)},
		{name: "an unknown channel is invalid", method: "POST", path: "/messages", status: 422,
			body: `{"channel":"fax","to":"+244912345678","from":"ZEXA","body":"Olá"}`,
			want: fail("validation_error", "There is no such channel.", `{"field":"channel","value":"fax"}`)},
		{name: "a sender that is not registered is invalid", method: "POST", path: "/messages", status: 422,
			body: `{"channel":"sms","to":"+244912345678","from":"OTHER","body":"Olá"}`,
			want: fail("validation_error", "The sender is not registered for sms.", `{"field":"from","value":"OTHER"}`)},
		{name: "a sender registered for another channel is invalid", method: "POST", path: "/messages", status: 422,
			setup: func(srv *zexatest.Server) {
				srv.SetSenderID(zexa.ChannelSMS, "SHOP", zexa.SenderIDApproved)
			},
			body: `{"channel":"whatsapp","to":"+244912345678","from":"SHOP","body":"Olá"}`,
			want: fail("validation_error", "The sender is not registered for whatsapp.", `{"field":"from","value":"SHOP"}`)},
		{name: "a sender that is not approved yet is invalid", method: "POST", path: "/messages", status: 422,
			setup: func(srv *zexatest.Server) { srv.SetSenderID(zexa.ChannelSMS, "ZEXA", zexa.SenderIDPending) },
			body:  sms,
			want:  fail("validation_error", "The sender is pending, not approved.", `{"field":"from","value":"ZEXA"}`)},
		{name: "a template outside WhatsApp is invalid", method: "POST", path: "/messages", status: 422,
			body: `{"channel":"sms","to":"+244912345678","from":"ZEXA","template":{"name":"order"}}`,
			want: fail("validation_error", "Templates are for WhatsApp.", `{"field":"template","value":{"name":"order"}}`)},
		{name: "a schedule that is not in UTC is invalid", method: "POST", path: "/messages", status: 422,
			body: `{"channel":"sms","to":"+244912345678","from":"ZEXA","body":"Olá","scheduled_at":"2026-07-01T09:00:00+01:00"}`,
			want: fail("validation_error", "The field scheduled_at must be an ISO 8601 time in UTC.",
				`{"field":"scheduled_at","value":"2026-07-01T09:00:00+01:00"}`)},
		{name: "a message that the balance does not cover is refused", method: "POST", path: "/messages", status: 422,
			setup: broke, body: sms, want: noCredits},
		{name: "a message can be read", method: "GET", path: "/messages/msg_000001", status: 200,
			setup: func(srv *zexatest.Server) {
				contact(srv)
				serve(srv, "/campaigns", julho)
			},
			want: `{"id":"msg_000001","status":"queued","channel":"sms","to":"+244912345678",` + created + `}`},
		{name: "an unknown message is not found", method: "GET", path: "/messages/msg_9", status: 404,
			want: fail("not_found", "There is no such message.", `{"field":"id","value":"msg_9"}`)},
		{name: "an id with a slash is taken whole", method: "GET", path: "/messages/..%2Fcredits", status: 404,
			want: fail("not_found", "There is no such message.", `{"field":"id","value":"../credits"}`)},

		// Sender IDs and credits.
		{name: "Sender IDs are listed", method: "GET", path: "/sender-ids?per_page=2", status: 200,
			want: `{"data":[{"id":"sid_000001","name":"ZEXA","channel":"sms","status":"approved",` + created + `},` +
				`{"id":"sid_000002","name":"ZEXA","channel":"whatsapp","status":"approved",` + created + `}],` +
				`"meta":{"total":5,"page":1,"per_page":2}}`},
		{name: "the balance is read", method: "GET", path: "/credits", status: 200,
			want: `{"credits":1000,"currency":"USD"}`},
		{name: "the balance may be fractional", method: "GET", path: "/credits", status: 200,
			setup: func(srv *zexatest.Server) { srv.SetBalance(4250.5) },
			want:  `{"credits":4250.5,"currency":"USD"}`},

		// Contacts.
		{name: "a contact is added", method: "POST", path: "/contacts", status: 201,
			body: `{"name":"Ana","phone":"+244912345678","email":"ana@example.com","lists":["lst_000001"]}`,
			want: `{"id":"cnt_000001","name":"Ana","phone":"+244912345678","email":"ana@example.com","lists":["lst_000001"],` + created + `}`},
		{name: "a contact needs no email and no lists", method: "POST", path: "/contacts", status: 201,
			body: `{"name":"Ana","phone":"+244912345678"}`,
			want: `{"id":"cnt_000001","name":"Ana","phone":"+244912345678","email":"","lists":[],` + created + `}`},
		{name: "a contact without a name is malformed", method: "POST", path: "/contacts", status: 400,
			body: `{"phone":"+244912345678"}`, want: missing("name")},
		{name: "a contact without a phone is malformed", method: "POST", path: "/contacts", status: 400,
			body: `{"name":"Ana"}`, want: missing("phone")},
		{name: "a contact with a bad phone is invalid", method: "POST", path: "/contacts", status: 422,
			body: `{"name":"Ana","phone":"+0244"}`,
			want: fail("validation_error", "The field phone must be a phone number in E.164 format.", `{"field":"phone","value":"+0244"}`)},
		{name: "a contact with a bad email is invalid", method: "POST", path: "/contacts", status: 422,
			body: `{"name":"Ana","phone":"+244912345678","email":"ana"}`,
			want: fail("validation_error", "The field email must be an email address.", `{"field":"email","value":"ana"}`)},
		{name: "a contact on an unknown list is invalid", method: "POST", path: "/contacts", status: 422,
			body: `{"name":"Ana","phone":"+244912345678","lists":["lst_9"]}`,
			want: fail("validation_error", "There is no such contact list.", `{"field":"lists","value":"lst_9"}`)},
		{name: "a phone number that exists is a conflict", method: "POST", path: "/contacts", status: 409,
			setup: contact, body: `{"name":"Ana","phone":"+244912345678"}`,
			want: fail("conflict", "A contact with this phone number exists.", `{"field":"phone","value":"+244912345678"}`)},
		{name: "contacts are listed", method: "GET", path: "/contacts?list_id=lst_000001&page=1&per_page=500", status: 200, setup: contact,
			want: `{"data":[{"id":"cnt_000001","name":"Ana","phone":"+244912345678","email":"","lists":["lst_000001"],` + created + `}],` +
				`"meta":{"total":1,"page":1,"per_page":100}}`},
		{name: "contacts are searched", method: "GET", path: "/contacts?search=rui", status: 200, setup: contact,
			want: `{"data":[],"meta":{"total":0,"page":1,"per_page":50}}`},
		{name: "a page beyond the end is empty", method: "GET", path: "/contacts?page=9223372036854775807&per_page=25", status: 200, setup: contact,
			want: `{"data":[],"meta":{"total":1,"page":9223372036854775807,"per_page":25}}`},
		{name: "page 0 is malformed", method: "GET", path: "/contacts?page=0", status: 400,
			want: fail("invalid_request", "The parameter page must be a whole number from 1.", `{"field":"page","value":"0"}`)},
		{name: "a page size that is no number is malformed", method: "GET", path: "/contacts?per_page=all", status: 400,
			want: fail("invalid_request", "The parameter per_page must be a whole number from 1.", `{"field":"per_page","value":"all"}`)},
		{name: "an unknown list is not found", method: "GET", path: "/contacts?list_id=lst_9", status: 404,
			want: fail("not_found", "There is no such contact list.", `{"field":"list_id","value":"lst_9"}`)},
		{name: "a contact is deleted", method: "DELETE", path: "/contacts/cnt_000001", status: 204, setup: contact},
		{name: "an unknown contact is not found", method: "DELETE", path: "/contacts/cnt_9", status: 404,
			want: fail("not_found", "There is no such contact.", `{"field":"id","value":"cnt_9"}`)},

		// Campaigns.
		{name: "a campaign is created", method: "POST", path: "/campaigns", status: 201, setup: contact, body: julho,
			want: `{"id":"cmp_000001","status":"sending","name":"Julho","channel":"sms","total":1,` + created + `}`},
		{name: "a scheduled campaign is created", method: "POST", path: "/campaigns", status: 201, setup: contact,
			body: strings.TrimSuffix(julho, "}") + `,"scheduled_at":"2026-07-01T09:00:00Z"}`,
			want: `{"id":"cmp_000001","status":"scheduled","name":"Julho","channel":"sms","total":1,` + created + `}`},
		{name: "a campaign without a name is malformed", method: "POST", path: "/campaigns", status: 400,
			body: strings.Replace(julho, "name", "title", 1), want: missing("name")},
		{name: "a campaign without a list is malformed", method: "POST", path: "/campaigns", status: 400,
			body: strings.Replace(julho, "contact_list_id", "list", 1), want: missing("contact_list_id")},
		{name: "a campaign without a sender is malformed", method: "POST", path: "/campaigns", status: 400,
			body: strings.Replace(julho, "sender_id", "from", 1), want: missing("sender_id")},
		{name: "a campaign without a body is malformed", method: "POST", path: "/campaigns", status: 400,
			body: strings.Replace(julho, "body", "text", 1), want: missing("body")},
		{name: "a campaign to an unknown list is not found", method: "POST", path: "/campaigns", status: 404,
			body: strings.Replace(julho, "lst_000001", "lst_9", 1),
			want: fail("not_found", "There is no such contact list.", `{"field":"contact_list_id","value":"lst_9"}`)},
		{name: "a campaign from an unknown sender is invalid", method: "POST", path: "/campaigns", status: 422,
			body: strings.Replace(julho, "ZEXA", "OTHER", 1),
			want: fail("validation_error", "The sender is not registered for sms.", `{"field":"sender_id","value":"OTHER"}`)},
		{name: "a campaign on an unknown channel is invalid", method: "POST", path: "/campaigns", status: 422,
			body: strings.Replace(julho, `"sms"`, `"fax"`, 1),
			want: fail("validation_error", "There is no such channel.", `{"field":"channel","value":"fax"}`)},
		{name: "a campaign on Slack is invalid", method: "POST", path: "/campaigns", status: 422,
			body: strings.Replace(julho, `"sms"`, `"slack"`, 1),
			want: fail("validation_error", "Contacts have no Slack address.", `{"field":"channel","value":"slack"}`)},
		{name: "a campaign without credits is refused", method: "POST", path: "/campaigns", status: 422,
			setup: broke, body: julho, want: noCredits},
		{name: "campaigns are listed", method: "GET", path: "/campaigns", status: 200,
			setup: func(srv *zexatest.Server) {
				contact(srv)
				serve(srv, "/campaigns", julho)
			},
			want: `{"data":[{"id":"cmp_000001","status":"sending","name":"Julho","channel":"sms","total":1,` + created + `,` +
				`"stats":{"pending":0,"queued":1,"sent":0,"delivered":0,"failed":0,"undeliverable":0,"opted_out":0}}],` +
				`"meta":{"total":1,"page":1,"per_page":50}}`},
		{name: "a campaign to nobody is completed at once", method: "GET", path: "/campaigns/cmp_000001", status: 200,
			setup: func(srv *zexatest.Server) {
				serve(srv, "/campaigns", julho)
			},
			want: `{"id":"cmp_000001","status":"completed","name":"Julho","channel":"sms","total":0,` + created + `,` +
				`"stats":{"pending":0,"queued":0,"sent":0,"delivered":0,"failed":0,"undeliverable":0,"opted_out":0}}`},
		{name: "an unknown campaign is not found", method: "GET", path: "/campaigns/cmp_9", status: 404,
			want: fail("not_found", "There is no such campaign.", `{"field":"id","value":"cmp_9"}`)},

		// Webhooks.
		{name: "a webhook is registered", method: "POST", path: "/webhooks", status: 201,
			body: `{"url":"https://example.com/zexa","events":["message.delivered","message.failed"]}`,
			want: `{"id":"wh_000001","url":"https://example.com/zexa","events":["message.delivered","message.failed"],` + created + `}`},
		{name: "a webhook for all events is registered", method: "POST", path: "/webhooks", status: 201,
			body: `{"url":"https://example.com/zexa","events":["*"]}`,
			want: `{"id":"wh_000001","url":"https://example.com/zexa","events":["*"],` + created + `}`},
		{name: "a webhook without a URL is malformed", method: "POST", path: "/webhooks", status: 400,
			body: `{"events":["*"]}`, want: missing("url")},
		{name: "a webhook without events is malformed", method: "POST", path: "/webhooks", status: 400,
			body: `{"url":"https://example.com/zexa","events":[]}`, want: missing("events")},
		{name: "an empty list with a space in it is empty", method: "POST", path: "/webhooks", status: 400,
			body: `{"url":"https://example.com/zexa","events":[ ]}`, want: missing("events")},
		{name: "a webhook over http is invalid", method: "POST", path: "/webhooks", status: 422,
			body: `{"url":"http://127.0.0.1:9000/","events":["*"]}`,
			want: fail("validation_error", "The field url must be an https URL.", `{"field":"url","value":"http://127.0.0.1:9000/"}`)},
		{name: "a webhook for an unknown event is invalid", method: "POST", path: "/webhooks", status: 422,
			body: `{"url":"https://example.com/zexa","events":["message.read"]}`,
			want: fail("validation_error", "There is no such event.", `{"field":"events","value":"message.read"}`)},

		// Whatever the endpoint.
		{name: "a request without a key is unauthorized", method: "GET", path: "/credits", status: 401,
			header: http.Header{"Authorization": nil}, want: noKey},
		{name: "a request with a wrong key is unauthorized", method: "POST", path: "/messages", body: sms, status: 401,
			header: http.Header{"Authorization": {"Bearer other"}}, want: noKey},
		{name: "a request with another scheme is unauthorized", method: "GET", path: "/credits", status: 401,
			header: http.Header{"Authorization": {"Basic zexa_test_key"}}, want: noKey},
		{name: "a revoked key is unauthorized", method: "GET", path: "/credits", status: 401,
			setup: func(srv *zexatest.Server) { srv.SetKey("new") }, want: noKey,
			header: http.Header{"Authorization": {"Bearer zexa_test_key"}}},
		{name: "an unknown path is not found", method: "GET", path: "/message", status: 404,
			want: fail("not_found", "There is no such endpoint.", "")},
		{name: "an empty id is not found", method: "GET", path: "/messages/", status: 404,
			want: fail("not_found", "There is no such endpoint.", "")},
		{name: "another method is not allowed", method: "PUT", path: "/contacts", status: 405,
			want: fail("method_not_allowed", "The endpoint does not take this method.", "")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv := start(t)
				srv.SetWebhookDelivery(zexatest.WebhookDelivery{Client: zexatest.ClientFor(http.NotFoundHandler())})
				if tt.setup != nil {
					tt.setup(srv)
				}
				r := request(t, srv, tt.method, tt.path, tt.body)
				for name, values := range tt.header {
					r.Header[name] = values
				}

				resp, text := do(t, srv, r)

				assert.Equal(t, tt.status, resp.StatusCode)
				if tt.want == "" {
					assert.Empty(t, text)
					return
				}
				assert.Equal(t, "application/json", resp.Header.Get("Content-Type"))
				assert.JSONEq(t, tt.want, text)
			})
		})
	}
}

// serve hands a POST to the server without a carrier.
func serve(srv *zexatest.Server, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/v1"+path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+zexatest.DefaultKey)
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	srv.ServeHTTP(w, r)
	return w
}

func TestARateLimitAnswersAsDocumented(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := start(t)
		srv.RateLimit(zexatest.Limit{Requests: 1, Window: 90 * time.Second})
		call(t, srv, http.MethodGet, "/credits", "")

		resp, text := call(t, srv, http.MethodGet, "/credits", "")

		assert.Equal(t, http.StatusTooManyRequests, resp.StatusCode)
		assert.Equal(t, "90", resp.Header.Get("Retry-After"))
		assert.JSONEq(t, `{"error":"rate_limit_exceeded","message":"Too many requests.","request_id":"req_000002"}`, text)
	})
}

func TestListsArePaginated(t *testing.T) {
	t.Parallel()
	srv := start(t)
	addContacts(srv, 340)
	tests := []struct {
		name  string
		query string
		first string
		items int
		meta  string
	}{
		{"the first page of fifty by default", "", "cnt_000001", 50, `{"total":340,"page":1,"per_page":50}`},
		{"a page in the middle", "?page=2&per_page=25", "cnt_000026", 25, `{"total":340,"page":2,"per_page":25}`},
		{"the last page", "?page=4&per_page=100", "cnt_000301", 40, `{"total":340,"page":4,"per_page":100}`},
		{"at most a hundred", "?per_page=101", "cnt_000001", 100, `{"total":340,"page":1,"per_page":100}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, text := call(t, srv, http.MethodGet, "/contacts"+tt.query, "")
			var page struct {
				Data []struct{ ID string }
				Meta json.RawMessage
			}
			require.NoError(t, json.Unmarshal([]byte(text), &page))
			require.Len(t, page.Data, tt.items)
			assert.Equal(t, tt.first, page.Data[0].ID)
			assert.JSONEq(t, tt.meta, string(page.Meta))
		})
	}
}
