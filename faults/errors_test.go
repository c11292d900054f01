package faults_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/zexatest"
)

var readableErrors = slices.Concat(
	[]row{
		{fault: "every documented error", call: "POST", holds: "one type; its kind, and no other, is matched; nothing of it is lost", run: documentedErrors},
		{fault: "codes that nobody has heard of", call: "POST", holds: "work: the code is kept, the status tells the kind", run: unknownCodes},
	},
	unreadable("empty", ""),
	unreadable("HTML", "<html><body><h1>Bad Gateway</h1></body></html>"),
	unreadable("of wrong types", `{"error":{"code":7},"message":["no"],"details":9,"request_id":{}}`),
	unreadable("a bare string", `"no"`),
	unreadable("never closed", `{"error":"validation_error","message":"no`),
	unreadable("binary", "\x00\xff\xfe\x1b[31m\r\n\x7f"),
	unreadable("1 MiB of text", strings.Repeat("no ", 1<<20/3)),
	[]row{
		{fault: "an error that ends early", call: "POST", holds: "the status decides; readable", run: cutError},
		{fault: "the API repeats the key, texts and numbers in every part of an error", call: "POST", holds: "none of them is printed or logged in any form; the fields keep everything", run: repeatsSecrets},
		{fault: "the API repeats numbers with odd spaces", call: "POST", holds: "no seven digits are printed", run: oddSpaces},
		{fault: "a RoundTripper's error repeats the key and a number", call: "POST", holds: "none of them is printed or logged in any form", run: transportRepeatsSecrets},
		{fault: "an answer that is not as expected repeats the key and a number", call: "POST", holds: "none of them is printed or logged in any form", run: answerRepeatsSecrets},
		{fault: "line breaks and terminal codes in every part of an error", call: "POST", holds: "one line, of printable characters", run: hostileText},
		{fault: "parameters with several mistakes", call: "POST", holds: "all found at once, each by its field; nothing is sent", run: mistakes},
		{fault: "a channel and an event that nobody has heard of", call: "POST", holds: "are the API's to refuse", run: unknownChannel},
	},
)

var kinds = []error{
	zexa.ErrInvalidRequest, zexa.ErrUnauthorized, zexa.ErrNotFound, zexa.ErrConflict, zexa.ErrValidation,
	zexa.ErrInsufficientCredits, zexa.ErrRateLimited, zexa.ErrServer,
}

// isOnly checks that err is of one kind and of no other.
func isOnly(x *trial, err, kind error) {
	x.Helper()
	for _, k := range kinds {
		assert.Equal(x, k == kind, errors.Is(err, k), "%v: %v", k, err)
	}
}

func errorBody(code string) []byte {
	return fmt.Appendf(nil, `{"error":%q,"message":"because","details":{"field":"to","value":"912345678"},"request_id":"req_abc123"}`, code)
}

func documentedErrors(x *trial) {
	w := x.world(zexa.WithRetries(0), zexa.WithoutPacing())
	all := []struct {
		status  int
		code    string
		kind    error
		outcome error
	}{
		{400, zexa.CodeInvalidRequest, zexa.ErrInvalidRequest, zexa.ErrNotSent},
		{401, zexa.CodeUnauthorized, zexa.ErrUnauthorized, zexa.ErrNotSent},
		{404, zexa.CodeNotFound, zexa.ErrNotFound, zexa.ErrNotSent},
		{409, zexa.CodeConflict, zexa.ErrConflict, zexa.ErrNotSent},
		{422, zexa.CodeValidation, zexa.ErrValidation, zexa.ErrNotSent},
		{422, zexa.CodeInsufficientCredits, zexa.ErrInsufficientCredits, zexa.ErrNotSent},
		{429, zexa.CodeRateLimitExceeded, zexa.ErrRateLimited, zexa.ErrNotSent},
		{500, "internal_error", zexa.ErrServer, zexa.ErrOutcomeUnknown},
	}
	for _, is := range all {
		w.api.Fault(zexatest.Fault{Status: is.status, Body: errorBody(is.code), RetryAfter: "7"})
		err := post.call(x.Context(), w)
		ends(x, http.MethodPost, is.outcome, err)
		isOnly(x, err, is.kind)
		e := x.apiError(err)
		assert.Equal(x, is.status, e.Status)
		assert.Equal(x, is.code, e.Code)
		assert.Equal(x, "because", e.Message)
		assert.Equal(x, "req_abc123", e.RequestID)
		assert.Equal(x, "7s", e.RetryAfter.String())
		assert.Equal(x, "/messages", e.Path)
		assert.Equal(x, string(errorBody(is.code)), string(e.Body))
		var details struct{ Field, Value string }
		require.NoError(x, e.DecodeDetails(&details))
		assert.Equal(x, "912345678", details.Value)
		for _, part := range []string{"POST /messages", fmt.Sprint(is.status), is.code, "because", "req_abc123"} {
			assert.Contains(x, err.Error(), part)
		}
	}
	x.arrives(len(all), w.requests())
}

func unknownCodes(x *trial) {
	w := x.world(zexa.WithRetries(0), zexa.WithoutPacing())
	all := map[int]error{
		400: zexa.ErrInvalidRequest, 401: zexa.ErrUnauthorized, 404: zexa.ErrNotFound, 409: zexa.ErrConflict,
		418: nil, 422: zexa.ErrValidation, 429: zexa.ErrRateLimited, 500: zexa.ErrServer, 599: zexa.ErrServer,
	}
	for status, kind := range all {
		w.api.Fault(zexatest.Fault{Status: status, Body: errorBody("too_funny")})
		err := post.call(x.Context(), w)
		isOnly(x, err, kind)
		assert.Equal(x, "too_funny", x.apiError(err).Code)
	}
	x.arrives(len(all), w.requests())
}

// unreadable are rows in which an error is not the API's JSON.
func unreadable(what, body string) (rows []row) {
	for _, status := range []int{422, 502} {
		want := zexa.ErrNotSent
		if status == 502 {
			want = zexa.ErrOutcomeUnknown
		}
		rows = append(rows, row{fault: fmt.Sprintf("%d, %s", status, what), call: "POST", holds: fmt.Sprintf("a readable error with the status; *%v*", want), run: func(x *trial) {
			w := x.world()
			w.api.Fault(zexatest.Fault{Status: status, Body: []byte(body)})
			err := post.call(x.Context(), w)
			ends(x, http.MethodPost, want, err)
			x.arrives(1, w.requests())
			x.readable(err, status)
			assert.LessOrEqual(x, len(x.apiError(err).Body), 64<<10)
		}})
	}
	return rows
}

// readable checks that an error is a line that names the status and does not
// speak of JSON syntax.
func (x *trial) readable(err error, status int) {
	x.Helper()
	require.Error(x, err)
	assert.Contains(x, err.Error(), fmt.Sprintf(": %d", status))
	for _, jargon := range []string{"invalid character", "unmarshal", "unexpected end"} {
		assert.NotContains(x, err.Error(), jargon)
	}
	assert.LessOrEqual(x, len(err.Error()), 2000)
	assert.Regexp(x, oneLine, err.Error())
}

func cutError(x *trial) {
	w := x.world()
	w.api.Fault(zexatest.Fault{Status: 422, Damage: zexatest.CutBody})
	err := post.call(x.Context(), w)
	refused.check(x, w, post, err)
	x.readable(err, 422)
	isOnly(x, err, zexa.ErrValidation)
}

var (
	oneLine     = regexp.MustCompile(`^[\pL\pM\pN\pP\pS ]+$`)
	sevenDigits = regexp.MustCompile(`[0-9]( ?[0-9]){6}`)
)

const (
	secretKey    = "zx_live_5f2b81d07c"
	secretNumber = "+244912345678"
	secretText   = "o código é segredo"
	secretEmail  = "ana.silva@exemplo.ao"
)

// watchful returns a logger that takes everything, and what it was told.
func watchful() (*slog.Logger, *bytes.Buffer) {
	var log bytes.Buffer
	return slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})), &log
}

// printed returns every form in which things are printed.
func printed(x *trial, things ...any) []string {
	x.Helper()
	var all []string
	for _, thing := range things {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			all = append(all, fmt.Sprintf(verb, thing))
		}
		text, err := json.Marshal(thing)
		require.NoError(x, err)
		var log bytes.Buffer
		for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
			slog.New(h).Info("", "thing", thing)
		}
		line := regexp.MustCompile(`time=\S+|"time":"[^"]+"`).ReplaceAllString(log.String(), "")
		all = append(all, string(text), line)
	}
	return all
}

// discreet checks that a call's error and log show nothing of what is secret.
func discreet(x *trial, client *zexa.Client, err error, log string) {
	x.Helper()
	require.Error(x, err)
	e := x.apiError(err)
	things := []any{err, *e, fmt.Errorf("wrapped: %w", err), struct{ E error }{err}, client, *client, client.Messages}
	for _, s := range append(printed(x, things...), log) {
		assert.NotContains(x, s, secretKey)
		assert.NotContains(x, s, secretText)
		assert.NotContains(x, s, "ana.silva")
		assert.NotContains(x, s, "912345678")
	}
	for _, s := range []string{err.Error(), fmt.Sprintf("%+v", err)} {
		assert.NotRegexp(x, sevenDigits, s)
		assert.Regexp(x, oneLine, s)
	}
	assert.Contains(x, log, `"path":"/messages"`)
}

// secretive is a site that answers every request the same, and a client of it
// whose key is secret.
func (x *trial) secretive(answer http.HandlerFunc, opts ...zexa.Option) (*site, *zexa.Client, *bytes.Buffer) {
	x.Helper()
	s := x.serve(answer)
	logger, log := watchful()
	opts = append(opts, zexa.WithLogger(logger), zexa.WithRetries(0))
	return s, x.clientWithKey(secretKey, s.base, opts...), log
}

var secretMessage = zexa.SMS("ZEXA", secretNumber, secretText)

func repeatsSecrets(x *trial) {
	said := strings.Join([]string{secretKey, secretNumber, secretEmail, "912 345 678", "Bearer " + secretKey}, ", ")
	whole, err := json.Marshal(map[string]any{
		"error": said, "message": said, "request_id": "req_" + secretKey,
		"details": map[string]any{"field": "body", "value": secretText, secretText: said}, "body": secretText,
	})
	require.NoError(x, err)
	arrived := 0
	for _, answer := range []struct {
		status int
		body   string
		header http.Header
	}{
		{422, string(whole), nil},
		{500, string(whole), http.Header{"X-Request-Id": {secretKey}}},
		{401, `{"error":{"is":"` + secretKey + `"},"message":"` + said + `","details":"` + secretText + `"}`, nil},
		{502, "<html>" + said + secretText, http.Header{"Content-Type": {"text/" + secretKey}, "X-Request-Id": {secretKey}}},
		{403, `"` + said + secretText + `"`, http.Header{"Content-Type": {"application/json"}}},
		{307, said, http.Header{"Location": {"/" + secretKey + "?" + secretNumber}}},
	} {
		s, client, log := x.secretive(func(w http.ResponseWriter, r *http.Request) {
			maps.Copy(w.Header(), answer.header)
			w.WriteHeader(answer.status)
			io.WriteString(w, answer.body)
		})
		_, err := client.Messages.Send(x.Context(), secretMessage)
		assert.Equal(x, answer.body, string(x.apiError(err).Body), "the fields keep everything")
		discreet(x, client, err, log.String())
		arrived += int(s.arrived.Load())
	}
	x.arrives(6, int64(arrived))
}

func oddSpaces(x *trial) {
	for _, number := range []string{
		"244912345678", "244 912 345 678", "2 4 4 9 1 2 3 4 5 6 7 8", "244\u00a0912\u00a0345\u00a0678", "244\t912\n345\r678",
		"244  912  345  678", "244\u200b912\u200b345\u200b678", "244 \u0000912 \u0000345 \u0000678", "٢٤٤٩١٢٣٤٥٦٧٨",
	} {
		_, client, log := x.secretive(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusUnprocessableEntity)
			fmt.Fprintf(w, `{"error":"validation_error","message":"+%s is not a phone"}`, number)
		})
		_, err := client.Messages.Send(x.Context(), secretMessage)
		discreet(x, client, err, log.String())
		assert.NotRegexp(x, `\d( ?\d){6}|٢٤٤٩١٢٣`, err.Error())
	}
}

func transportRepeatsSecrets(x *trial) {
	logger, log := watchful()
	said := errors.New("proxy: cannot send Bearer " + secretKey + "\nto " + secretNumber)
	client := x.clientWithKey(secretKey, zexa.DefaultBaseURL, zexa.WithLogger(logger), zexa.WithHTTPClient(&http.Client{
		Transport: roundTripper(func(*http.Request) (*http.Response, error) { return nil, said }),
	}))
	_, err := client.Messages.Send(x.Context(), secretMessage)
	assert.ErrorIs(x, err, said)
	discreet(x, client, err, log.String())
}

func answerRepeatsSecrets(x *trial) {
	for _, body := range []string{
		`{"id":"msg_1","created_at":"` + secretNumber + secretKey + `"}`,
		`{"id":["` + secretKey + `"],"status":` + secretNumber[1:] + `}`,
		secretText + secretKey,
		"",
	} {
		_, client, log := x.secretive(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, body) })
		_, err := client.Messages.Send(x.Context(), secretMessage)
		ends(x, http.MethodPost, zexa.ErrAccepted, err)
		discreet(x, client, err, log.String())
	}
}

func hostileText(x *trial) {
	const text = `a\r\nb\u001b[31mc\u0000d\u202ee\u2028f`
	_, client, log := x.secretive(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"error":"%[1]s","message":"%[1]s","request_id":"%[1]s"}`, text)
	})
	_, err := client.Messages.Send(x.Context(), secretMessage)
	discreet(x, client, err, log.String())
	assert.Equal(x, 1, strings.Count(log.String(), "\n"))
}

func mistakes(x *trial) {
	w := x.world()
	err := w.client.Do(x.Context(), http.MethodPost, "/messages/{id}", hello, nil, zexa.CallPathValue("id", ""))
	ends(x, http.MethodPost, zexa.ErrNotSent, err)
	_, err = w.client.Campaigns.Create(x.Context(), zexa.CampaignParams{Body: "\xff"})
	ends(x, http.MethodPost, zexa.ErrNotSent, err)
	assert.ErrorIs(x, err, zexa.ErrValidation)
	var invalid *zexa.ValidationError
	require.ErrorAs(x, err, &invalid)
	var fields []string
	for _, f := range invalid.Fields {
		fields = append(fields, f.Field)
		assert.Contains(x, err.Error(), f.Field)
	}
	assert.ElementsMatch(x, []string{"name", "channel", "contact_list_id", "sender_id", "body"}, fields)

	_, err = w.client.Messages.Send(x.Context(), zexa.SMS("MinhaLojaDeRoupa", "912345678", ""))
	ends(x, http.MethodPost, zexa.ErrNotSent, err)
	require.ErrorAs(x, err, &invalid)
	assert.Len(x, invalid.Fields, 3)
	assert.NotContains(x, err.Error(), "912345678")
	x.arrives(0, w.requests())
}

func unknownChannel(x *trial) {
	w := x.world()
	_, err := w.client.Messages.Send(x.Context(), zexa.MessageParams{Channel: "pigeon", To: "roof 7", From: "ZEXA", Body: "coo"})
	assert.Equal(x, 422, x.apiError(err).Status)
	w.api.SetWebhookDelivery(zexatest.WebhookDelivery{Client: zexatest.ClientFor(http.NotFoundHandler())})
	w.client.Webhooks.Register(x.Context(), zexa.WebhookParams{URL: "https://example.com/", Events: []zexa.EventType{"message.eaten"}})
	x.arrives(2, w.requests())
}
