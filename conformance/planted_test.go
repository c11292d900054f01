package conformance

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// newExchange returns an exchange as the document wants it.
func newExchange(method, path, requestBody string, status int, responseBody string) *exchange {
	r := httptest.NewRequest(method, "https://api.zexa.ao/v1"+path, nil)
	r.Header = http.Header{"Authorization": {"Bearer zexa_key"}}
	if requestBody != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	header := http.Header{}
	if responseBody != "" {
		header.Set("Content-Type", "application/json")
	}
	return &exchange{
		request: r, requestBody: []byte(requestBody),
		status: status, header: header, responseBody: []byte(responseBody),
	}
}

func sending(requestBody string) *exchange {
	return newExchange("POST", "/messages", requestBody, 201, message)
}

func answering(status int, responseBody string) *exchange {
	return newExchange("GET", "/messages/msg_1", "", status, responseBody)
}

const (
	request = `{"channel":"sms","to":"+244912345678","from":"ZEXA","body":"Olá"}`
	message = `{"id":"msg_1","status":"queued","channel":"sms","to":"+244912345678","created_at":"2026-06-24T10:00:00Z"}`
	refusal = `{"error":"rate_limit_exceeded","message":"Too many requests.","request_id":"req_1"}`
)

func TestAnExchangeAsTheDocumentWantsItIsNotFoundWrong(t *testing.T) {
	c, err := loadContract(t.Context())
	require.NoError(t, err)
	for _, x := range []*exchange{
		sending(request),
		answering(200, message),
		newExchange("DELETE", "/contacts/cnt_1", "", 204, ""),
		newExchange("GET", "/contacts?page=2&per_page=100&list_id=lst_1", "", 200, `{"data":[],"meta":{"total":0,"page":2,"per_page":100}}`),
	} {
		assert.NoError(t, c.checkRequest(x))
		assert.NoError(t, c.checkResponse(x, true))
	}
}

func TestARequestThatTheDocumentForbidsIsFound(t *testing.T) {
	c, err := loadContract(t.Context())
	require.NoError(t, err)
	with := func(change func(*exchange)) *exchange {
		x := sending(request)
		change(x)
		return x
	}
	tests := []struct {
		name     string
		exchange *exchange
		want     string
	}{
		{"a field that is not documented", sending(strings.Replace(request, "}", `,"priority":"high"}`, 1)), `property "priority" is unsupported`},
		{"a field of another type", sending(strings.Replace(request, `"Olá"`, `1`, 1)), "/body: value must be a string"},
		{"a field that is missing", sending(`{"channel":"sms","from":"ZEXA","body":"Olá"}`), `property "to" is missing`},
		{"neither text nor template", sending(`{"channel":"sms","to":"+244912345678","from":"ZEXA"}`), "anyOf"},
		{"a channel that there is not", sending(strings.Replace(request, "sms", "fax", 1)), "/channel: value is not one of"},
		{"a time that is not in UTC", sending(strings.Replace(request, "}", `,"scheduled_at":"2026-07-01T09:00:00+01:00"}`, 1)), "/scheduled_at: string"},
		{"a time that is none", sending(strings.Replace(request, "}", `,"scheduled_at":"amanhã Z"}`, 1)), "/scheduled_at: string"},
		{"no body", sending(""), "value is required"},
		{"a body that is not called JSON", with(func(x *exchange) { x.request.Header.Set("Content-Type", "text/plain") }), "Content-Type"},
		{"no key", with(func(x *exchange) { x.request.Header.Del("Authorization") }), "no bearer key"},
		{"a header to repeat it by", with(func(x *exchange) { x.request.Header.Set("Idempotency-Key", "1") }), "Idempotency-Key"},
		{"a parameter that is not documented", newExchange("GET", "/contacts?sort=name", "", 200, ""), `"sort" is not documented`},
		{"a parameter given twice", newExchange("GET", "/contacts?page=1&page=2", "", 200, ""), `"page" is given twice`},
		{"a page too long", newExchange("GET", "/contacts?per_page=101", "", 200, ""), `parameter "per_page"`},
		{"a page that is no number", newExchange("GET", "/contacts?page=um", "", 200, ""), `parameter "page"`},
		{"a body with a GET", newExchange("GET", "/credits", `{}`, 200, ""), "request body not allowed"},
		{"an endpoint that there is not", newExchange("GET", "/messages", "", 200, ""), "method not allowed"},
		{"a path that there is not", newExchange("GET", "/templates", "", 200, ""), "no matching operation"},
		{"another server", with(func(x *exchange) { x.request.URL.Host = "example.com"; x.request.Host = "example.com" }), "no matching operation"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assert.ErrorContains(t, c.checkRequest(tt.exchange), tt.want)
		})
	}
}

func TestAnAnswerThatTheDocumentForbidsIsFound(t *testing.T) {
	c, err := loadContract(t.Context())
	require.NoError(t, err)
	html := answering(200, "<html></html>")
	html.header.Set("Content-Type", "text/html")
	never := answering(429, refusal)
	never.header.Set("Retry-After", "never")
	tests := []struct {
		name     string
		exchange *exchange
		want     string
	}{
		{"a field of another type", answering(200, strings.Replace(message, `"msg_1"`, `1`, 1)), "/id: value must be a string"},
		{"an id of another kind", answering(200, strings.Replace(message, "msg_1", "cmp_1", 1)), "/id: string"},
		{"a time that is none", answering(200, strings.Replace(message, "2026-06-24T10:00:00Z", "ontem", 1)), "/created_at: string"},
		{"null in place of a text", answering(200, strings.Replace(message, `"queued"`, `null`, 1)), "/status: "},
		{"a field that is missing", answering(200, `{"id":"msg_1"}`), `property "to" is missing`},
		{"an array in place of an object", answering(200, `[`+message+`]`), "/: value must be an object"},
		{"half an answer", answering(200, message[:20]), "failed to decode"},
		{"no body", answering(200, ""), "Content-Type"},
		{"HTML", html, "Content-Type"},
		{"an error without a code", answering(404, `{"message":"Not found.","request_id":"req_1"}`), "missing property 'error'"},
		{"a rate limit without a wait", answering(429, refusal), `"Retry-After" missing`},
		{"a rate limit with a wait that is none", never, `"Retry-After"`},
		{"a body with 204", newExchange("DELETE", "/contacts/cnt_1", "", 204, `{}`), "the answer has a body"},
		{"a list without its place", newExchange("GET", "/campaigns", "", 200, `{"data":[]}`), `property "meta" is missing`},
		{"an item of a list with a field of another type", newExchange("GET", "/sender-ids", "", 200,
			`{"data":[{"status":true}],"meta":{"total":1,"page":1,"per_page":50}}`), "/data/0/status: "},
		{"success where there is no operation", newExchange("GET", "/templates", "", 200, `{}`), "not documented"},
		{"an error of another form where there is no operation", newExchange("GET", "/templates", "", 404, `{}`), "missing properties 'error'"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, strict := range []bool{false, true} {
				assert.ErrorContains(t, c.checkResponse(tt.exchange, strict), tt.want)
			}
		})
	}
}

func TestAnAnswerMayHaveMoreThanTheDocumentUnlessTheCheckIsStrict(t *testing.T) {
	c, err := loadContract(t.Context())
	require.NoError(t, err)
	tests := []struct {
		name     string
		exchange *exchange
		want     string
	}{
		{"a field", answering(200, strings.Replace(message, "}", `,"parts":1}`, 1)), `property "parts" is unsupported`},
		{"a value", answering(200, strings.Replace(message, "queued", "read", 1)), "/status: value is not one of"},
		{"a code", answering(404, `{"error":"gone","message":"Gone.","request_id":"req_1"}`), "/error: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assert.NoError(t, c.checkResponse(tt.exchange, false))
			assert.ErrorContains(t, c.checkResponse(tt.exchange, true), tt.want)
		})
	}
}

func TestWhatNothingHasTriedIsMissing(t *testing.T) {
	c, err := loadContract(t.Context())
	require.NoError(t, err)
	x := sending(request)
	c.record(x)
	missing := c.seen.missing()
	for _, key := range []string{
		"sendMessage 400", "sendMessage default", "getCredits 200", "listContacts?list_id",
		"MessageRequest.template", "Template.variables", "Channel = email", "DeliveryStatus = delivered",
		"CampaignRequest.scheduled_at", "Campaign.stats", "Error.error = conflict", "Meta.total", "Delivery.data",
	} {
		assert.Contains(t, missing, key)
	}
	for _, key := range []string{"sendMessage 201", "MessageRequest.to", "Channel = sms", "DeliveryStatus = queued", "Message.id"} {
		assert.NotContains(t, missing, key)
	}
}
