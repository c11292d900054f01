package zexatest_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/zexa-ao/zexa-go/zexatest"
)

// assertJSON checks that an answer has a status of the API and, unless it is 204,
// a JSON object that names the request if it is an error.
func assertJSON(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	if w.Code == http.StatusNoContent {
		assert.Zero(t, w.Body.Len())
		return
	}
	assert.Equal(t, "application/json", w.Header().Get("Content-Type"))
	var object map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &object), w.Body.String())
	switch w.Code {
	case 200, 201:
	case 400, 401, 404, 405, 409, 413, 422:
		for _, key := range []string{"error", "message", "request_id"} {
			assert.Contains(t, object, key)
		}
	default:
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
}

func FuzzRequestBodies(f *testing.F) {
	paths := []string{"/messages", "/campaigns", "/contacts", "/webhooks"}
	for i, body := range []string{
		sms,
		julho,
		`{"name":"Ana","phone":"+244912345678","email":"ana@example.com","lists":["lst_000001"]}`,
		`{"url":"https://example.com/","events":["*"]}`,
		`{"channel":"whatsapp","to":"+244912345678","from":"ZEXA","template":{"name":"order","variables":["1"]}}`,
		`{"channel":"email","to":"ana@example.com","from":"hello@zexatest.local","body":"a","scheduled_at":"2026-07-01T09:00:00Z"}`,
		`{"name":[],"phone":null,"lists":[1]}`, `{"url":"https://[::1","events":[""]}`, `[]`, `null`, `{`, "\xff", `{"to":"\ud800"}`,
	} {
		f.Add(i%len(paths), body)
	}
	srv, err := zexatest.Start()
	require.NoError(f, err)
	f.Cleanup(srv.Close)
	srv.KeepRequests(0)
	srv.SetWebhookDelivery(zexatest.WebhookDelivery{Client: zexatest.ClientFor(http.NotFoundHandler())})
	f.Fuzz(func(t *testing.T, path int, body string) {
		if path < 0 || path >= len(paths) {
			return
		}
		assertJSON(t, serve(srv, paths[path], body))
	})
}

func FuzzPathsAndQueries(f *testing.F) {
	for _, seed := range [][3]string{
		{"GET", "/v1/contacts", "page=2&per_page=100&list_id=lst_000001&search=ana"},
		{"GET", "/v1/messages/..%2f", ""}, {"DELETE", "/v1/contacts/cnt_000001", ""}, {"GET", "/v1/campaigns", "page=-1&page=x"},
		{"PATCH", "/", "%"}, {"GET", "/v1/messages/%zz", ";"}, {"", "//", ""}, {"GET", "/v1/contacts", "page=99999999999999999999"},
	} {
		f.Add(seed[0], seed[1], seed[2], "Bearer "+zexatest.DefaultKey)
	}
	srv, err := zexatest.Start()
	require.NoError(f, err)
	f.Cleanup(srv.Close)
	srv.KeepRequests(10)
	addContacts(srv, 120)
	f.Fuzz(func(t *testing.T, method, path, query, authorization string) {
		r := &http.Request{
			Method: method, URL: &url.URL{Path: path, RawPath: path, RawQuery: query},
			Header: http.Header{"Authorization": {authorization}}, Body: http.NoBody,
		}
		if strings.EqualFold(method, http.MethodDelete) {
			r.URL.Path += "x" // so that the contacts stay
		}
		w := httptest.NewRecorder()
		srv.ServeHTTP(w, r)
		assertJSON(t, w)
	})
}
