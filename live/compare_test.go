package main

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAnAnswerIsComparedWithTheDocumentFieldByField(t *testing.T) {
	doc, err := loadDocument("../docs/openapi.yaml")
	require.NoError(t, err)
	const (
		contact = `{"id":"cnt_1","name":"Ana","phone":"+244912345678","email":null,"lists":[],"created_at":"2026-06-24T10:00:00Z"}`
		meta    = `"meta":{"total":1,"page":1,"per_page":50}`
	)
	contacts := func(item string) answer {
		return answer{method: "GET", path: "/contacts", status: 200, body: []byte(`{"data":[` + item + `],` + meta + `}`)}
	}
	credits := func(status int, body string) answer {
		return answer{method: "GET", path: "/credits", status: status, body: []byte(body)}
	}
	tests := []struct {
		name        string
		answer      answer
		want        string
		contradicts bool
	}{
		{"an answer as documented", credits(200, `{"credits":4250,"currency":"USD"}`), "  no differences\n", false},
		{"a fraction of a credit", credits(200, `{"credits":4250.5,"currency":"USD"}`), "  no differences\n", false},
		{"an unknown field, with all that is in it",
			credits(200, `{"credits":1,"currency":"USD","plan":{"name":"pro","limits":[{"sms":1.5}],"+244912345678":true}}`), "" +
				"  unknown field   plan: object\n" +
				"  unknown field   plan.(a name that is not shown): boolean\n" +
				"  unknown field   plan.limits: array\n" +
				"  unknown field   plan.limits[]: object\n" +
				"  unknown field   plan.limits[].sms: number\n" +
				"  unknown field   plan.name: string\n", false},
		{"a missing field", credits(200, `{"credits":1}`),
			"  missing field   currency: string expected\n", true},
		{"a field of another type", credits(200, `{"credits":"4250","currency":null}`), "" +
			"  other type      credits: string, number expected\n" +
			"  other type      currency: null, string expected\n", true},
		{"an answer of another type", credits(200, `4250`),
			"  other type      integer, object expected\n", true},
		{"fields of many items, each told once", contacts(contact + `,{"tags":["vip"]},{"tags":["a","b"]}`), "" +
			"  missing field   data[].created_at: string expected (only assumed)\n" +
			"  missing field   data[].email: string or null expected (only assumed)\n" +
			"  missing field   data[].id: string expected (only assumed)\n" +
			"  missing field   data[].lists: array expected (only assumed)\n" +
			"  missing field   data[].name: string expected (only assumed)\n" +
			"  missing field   data[].phone: string expected (only assumed)\n" +
			"  unknown field   data[].tags: array\n" +
			"  unknown field   data[].tags[]: string\n", false},
		{"a list without items", contacts(""), "  no differences\n  empty           data\n", false},
		{"assumed fields that are there", contacts(contact), "  no differences\n  as assumed      data[].created_at, data[].email, data[].id, data[].lists, data[].name, data[].phone\n", false},
		{"a list without its envelope",
			answer{method: "GET", path: "/sender-ids", status: 200, body: []byte(`[{"status":"approved","use":"OTP"}]`)}, "" +
				"  other type      array, object expected (only assumed)\n" +
				"  missing field   [].channel: string expected (only assumed)\n" +
				"  missing field   [].created_at: string expected (only assumed)\n" +
				"  missing field   [].id: string expected (only assumed)\n" +
				"  missing field   [].name: string expected (only assumed)\n" +
				"  unknown field   [].use: string\n" +
				"  as assumed      [].status\n", false},
		{"a value that is not listed",
			answer{method: "POST", path: "/messages", status: 201, body: []byte(`{"id":"1","status":"read","channel":"sms","to":"+244912345678","created_at":"ontem"}`)}, "" +
				"  other form      created_at: date-time expected\n" +
				"  other form      id: ^msg_ expected\n" +
				"  unknown value   status: not one of [queued sent delivered failed undeliverable]\n", true},
		{"statistics, wherever they are",
			answer{method: "GET", path: "/campaigns/{id}", status: 200, body: []byte(
				`{"id":"cmp_1","status":"sent","name":"Saldos","channel":"sms","created_at":"2026-06-24T10:00:00Z","total_contacts":2,"stats":{"delivered":2}}`)}, "" +
				"  unknown field   stats.delivered: integer\n" +
				"  missing field   total: integer expected (only assumed)\n" +
				"  unknown field   total_contacts: integer\n" +
				"  as assumed      channel, created_at, id, name, stats, status\n", false},
		{"a status that is not in the document", credits(402, `{"error":"conflict","message":7}`), "" +
			"  other status    is not in the document\n" +
			"  missing field   details: object or null expected (only assumed)\n" +
			"  other type      message: integer, string expected (only assumed)\n" +
			"  missing field   request_id: string expected (only assumed)\n" +
			"  as assumed      error\n", true},
		{"a rate limit without a wait", credits(429, `{"error":"rate_limit_exceeded","message":"x","request_id":"x"}`), "" +
			"  missing header  Retry-After: expected\n" +
			"  missing field   details: object or null expected (only assumed)\n", true},
		{"no body", credits(200, ""), "  other content   JSON expected\n", true},
		{"a body where none is due", answer{method: "DELETE", path: "/contacts/{id}", status: 204, body: []byte(`{}`)},
			"  other content   a body, none expected\n", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.answer.header = http.Header{"Content-Type": {"application/json; charset=utf-8"}}
			got := doc.compare(tt.answer)
			assert.Equal(t, tt.want, got.String())
			assert.Equal(t, tt.contradicts, got.contradicts())
		})
	}
}

func TestHeadersThatMayTellMoreAreNamed(t *testing.T) {
	doc, err := loadDocument("../docs/openapi.yaml")
	require.NoError(t, err)
	got := doc.compare(answer{method: "GET", path: "/credits", status: 200, header: http.Header{
		"Content-Type": {"text/plain"}, "Date": {"today"}, "X-Request-Id": {"req_1"}, "X-Ratelimit-Remaining": {"9"},
	}, body: []byte(`{"credits":1,"currency":"USD"}`)})
	assert.Equal(t, ""+
		"  other content   Content-Type: application/json expected\n"+
		"  unknown header  X-Ratelimit-Remaining\n"+
		"  unknown header  X-Request-Id\n", got.String())
}
