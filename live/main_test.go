package main

import (
	"bytes"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	zexa "github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/zexatest"
)

const (
	name  = "Ana Conceição"
	phone = "+244912345678"
	email = "ana@example.com"
	text  = "O seu código é 4821"
)

// A result is what a run has printed, and what arrived at the server.
type result struct {
	code     int
	out      string
	requests []string
	accepted int
}

// try runs the program against a sandbox that holds a contact and a campaign.
func try(t *testing.T, arrange func(*zexatest.Server), args ...string) (r result) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		srv, _ := zexatest.New(t)
		srv.AddContact(zexatest.Contact{Name: name, Phone: phone, Email: email, Lists: []string{zexatest.DefaultContactList}})
		client, err := srv.Client()
		require.NoError(t, err)
		_, err = client.Campaigns.Create(t.Context(), zexa.CampaignParams{
			Name: name, Channel: zexa.ChannelSMS, ContactListID: zexatest.DefaultContactList,
			SenderID: zexatest.DefaultSender, Body: text,
		})
		require.NoError(t, err)
		srv.ResetRequests()
		if arrange != nil {
			arrange(srv)
		}
		var out bytes.Buffer
		r.code = run(t.Context(), args, zexatest.DefaultKey, &out,
			zexa.WithBaseURL(srv.URL()), zexa.WithHTTPClient(srv.HTTPClient()))
		r.out, r.accepted = out.String(), srv.Accepted()
		for _, request := range srv.Requests() {
			r.requests = append(r.requests, request.Method+" "+request.Path)
		}
	})
	for _, secret := range []string{zexatest.DefaultKey, name, "Ana", phone, "912345678", email, text, "4821"} {
		assert.NotContains(t, r.out, secret)
	}
	return r
}

func fault(f zexatest.Fault) func(*zexatest.Server) {
	return func(srv *zexatest.Server) { srv.Fault(f) }
}

var reads = []string{
	"GET /credits", "GET /sender-ids", "GET /contacts", "GET /contacts", "GET /campaigns", "GET /campaigns/cmp_000001",
	"GET /messages/msg_there_is_no_such_message",
}

func TestItOnlyReadsUnlessToldToSend(t *testing.T) {
	r := try(t, nil)
	assert.Zero(t, r.code, r.out)
	assert.Equal(t, reads, r.requests)
	assert.Zero(t, r.accepted)
	assert.Contains(t, r.out, "Nothing was sent")
	assert.NotContains(t, r.out, "  failed ")
	assert.Contains(t, r.out, "GET /credits\n  status          200\n  no differences\n")
	assert.Contains(t, r.out, "GET /messages/{id} that does not exist\n  status          404\n")
}

func TestItSendsOneMessageWhenToldToAfterReading(t *testing.T) {
	r := try(t, nil, "-to", phone, "-from", zexatest.DefaultSender, "-body", text)
	assert.Zero(t, r.code, r.out)
	assert.Equal(t, append(reads, "POST /messages", "GET /messages/msg_000002"), r.requests)
	assert.Equal(t, 1, r.accepted)
	assert.Contains(t, r.out, "POST /messages\n  status          201\n  no differences\n")
}

func TestItSendsAnEmailWithASubject(t *testing.T) {
	r := try(t, nil, "-channel", "email", "-to", email, "-from", zexatest.DefaultEmail, "-body", text)
	assert.Zero(t, r.code, r.out)
	assert.Equal(t, 1, r.accepted)
}

func TestItSendsNothing(t *testing.T) {
	sending := []string{"-to", phone, "-from", zexatest.DefaultSender}
	tests := []struct {
		name     string
		arrange  func(*zexatest.Server)
		args     []string
		code     int
		requests int // -1: any
	}{
		{"with a recipient and no sender", nil, []string{"-to", phone}, 2, 0},
		{"with a sender and no recipient", nil, []string{"-from", zexatest.DefaultSender}, 2, 0},
		{"with words that it does not expect", nil, []string{"send"}, 2, 0},
		{"with a flag that there is not", nil, []string{"-send"}, 2, 0},
		{"without the document", nil, append(sending, "-document", "no.yaml"), 2, 0},
		{"when the key is refused", func(srv *zexatest.Server) { srv.SetKey("another") }, sending, 1, -1},
		{"when reading fails", fault(zexatest.Fault{Path: "/credits", Status: 500, Times: 4}), sending, 1, -1},
		{"when an answer cannot be read", fault(zexatest.Fault{Path: "/campaigns", Body: []byte(`{"data":7}`)}), sending, 1, -1},
		{"when a message that does not exist is found", fault(zexatest.Fault{Path: "/messages/{id}", Status: 200, Body: []byte(`{"id":"msg_1"}`)}), sending, 1, -1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := try(t, tt.arrange, tt.args...)
			assert.Equal(t, tt.code, r.code, r.out)
			assert.Zero(t, r.accepted)
			if tt.requests >= 0 {
				assert.Len(t, r.requests, tt.requests)
			}
		})
	}
}

func TestWithAKeyThatIsNoneItSaysSoAndSendsNothing(t *testing.T) {
	srv, _ := zexatest.New(t, zexatest.OnLoopback())
	var out bytes.Buffer
	code := run(t.Context(), []string{"-url", srv.URL(), "-to", phone, "-from", zexatest.DefaultSender}, "zexa_bogus", &out)
	assert.Equal(t, 1, code)
	assert.Zero(t, srv.Accepted())
	assert.Contains(t, out.String(), "GET /credits\n  status          401\n")
	assert.Contains(t, out.String(), "Nothing was sent, as reading failed.\n")
	assert.NotContains(t, out.String(), "zexa_bogus")
	for _, r := range srv.Requests() {
		assert.Equal(t, http.MethodGet, r.Method)
	}
}

func TestHelpIsNoFailure(t *testing.T) {
	var out bytes.Buffer
	assert.Zero(t, run(t.Context(), []string{"-h"}, "", &out))
	assert.Contains(t, out.String(), "needs -from")
}

func TestWithoutAKeyItSaysSoAndCallsNothing(t *testing.T) {
	var out bytes.Buffer
	never := &http.Client{Transport: refuse{t}}
	code := run(t.Context(), []string{"-to", phone, "-from", "ZEXA"}, "", &out, zexa.WithHTTPClient(never))
	assert.Zero(t, code)
	assert.Equal(t, "ZEXA_API_KEY is not set. Nothing was called.\n", out.String())
}

func TestAMalformedKeyIsNotPrinted(t *testing.T) {
	var out bytes.Buffer
	assert.Equal(t, 2, run(t.Context(), nil, "zexa live key", &out))
	assert.NotContains(t, out.String(), "zexa live key")
	assert.NotEmpty(t, out.String())
}

type refuse struct{ t *testing.T }

func (r refuse) RoundTrip(*http.Request) (*http.Response, error) {
	r.t.Error("a request was made")
	return nil, http.ErrServerClosed
}

func TestOddAnswersAreToldFieldByField(t *testing.T) {
	sending := []string{"-to", phone, "-from", zexatest.DefaultSender}
	tests := []struct {
		name    string
		arrange func(*zexatest.Server)
		args    []string
		code    int
		want    []string
	}{
		{"fields that nobody knows", fault(zexatest.Fault{Damage: zexatest.UnknownFields, Times: zexatest.Always}), sending, 0, []string{
			"POST /messages\n  status          201\n  unknown field   x_unknown: object\n",
			"unknown field   data[].x_unknown.list: array\n",
			"unknown field   meta.x_unknown: object\n",
			"unknown field   stats.x_unknown: object\n",
			"that does not exist\n  status          404\n",
			"unknown field   details.x_unknown: object\n",
		}},
		{"values that nobody knows", fault(zexatest.Fault{Damage: zexatest.UnknownEnums, Times: zexatest.Always}), sending, 0, []string{
			"unknown value   status: not one of [queued sent delivered failed undeliverable]\n",
			"unknown value   data[].channel: not one of [sms whatsapp telegram email slack] (only assumed)\n",
			"unknown value   error: not one of [invalid_request",
		}},
		{"another type", fault(zexatest.Fault{Path: "/credits", Body: []byte(`{"credits":{"sms":12},"currency":"USD"}`)}), nil, 1, []string{
			"GET /credits\n  status          200\n  other type      credits: object, number expected\n  unknown field   credits.sms: integer\n",
			"failed          zexa: GET /credits: ",
		}},
		{"fields that are missing", fault(zexatest.Fault{Path: "/credits", Body: []byte(`{}`)}), nil, 1, []string{
			"missing field   credits: number expected\n  missing field   currency: string expected\n",
		}},
		{"a filter that is ignored", fault(zexatest.Fault{
			Path: "/contacts", Every: 2, Body: []byte(`{"data":[{"id":"cnt_1","lists":["lst_2"]}],"meta":{"total":1,"page":1,"per_page":50}}`),
		}), nil, 0, []string{"GET /contacts with list_id\n  failed          ", "ignored the filter"}},
		{"HTML of a proxy", fault(zexatest.Fault{
			Path: "/sender-ids", Status: 502, Times: zexatest.Always, Body: []byte("<html>" + name + "</html>"),
		}), nil, 1, []string{
			"GET /sender-ids\n  status          502\n",
			"other status    is not in the document\n",
			"other content   Content-Type: application/json expected\n",
		}},
		{"an error in another form", fault(zexatest.Fault{Path: "/messages/{id}", Status: 404, Body: []byte(`{"errors":["` + phone + `"]}`)}), nil, 1, []string{
			"missing field   error: string expected\n",
			"unknown field   errors[]: string\n",
		}},
		{"a message whose answer is lost", fault(zexatest.Fault{Path: "/messages", Reset: zexatest.ResetAfterActed}), sending, 1, []string{
			"POST /messages\n  failed          ", "may have been sent",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := try(t, tt.arrange, tt.args...)
			assert.Equal(t, tt.code, r.code, r.out)
			for _, want := range tt.want {
				assert.Contains(t, r.out, want)
			}
		})
	}
}
