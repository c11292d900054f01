package zexa_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/zexa-ao/zexa-go"
)

// same is a transport that gives the same answer to every request.
type same struct {
	status int
	body   []byte
	asked  int
}

func (s *same) RoundTrip(*http.Request) (*http.Response, error) {
	s.asked++
	return &http.Response{
		StatusCode: s.status, ContentLength: -1, Body: io.NopCloser(bytes.NewReader(s.body)),
		Header: http.Header{"Content-Type": {"application/json"}},
	}, nil
}

func newSame(t *testing.T, status int, body []byte) (*same, *zexa.Client) {
	t.Helper()
	s := &same{status: status, body: body}
	c, err := zexa.New(testKey, zexa.WithHTTPClient(&http.Client{Transport: s}), zexa.WithRetries(0), zexa.WithoutPacing())
	require.NoError(t, err)
	return s, c
}

var (
	sevenDigits = regexp.MustCompile(`\p{Nd}{7}`)
	logTime     = regexp.MustCompile(`time=\S+|"time":"[^"]+"|\n`)
)

func FuzzErrorBody(f *testing.F) {
	for i, body := range []string{
		`{"error":"validation_error","message":"to is not E.164","details":{"field":"to","value":"912345678"},"request_id":"req_abc123"}`,
		`{"error":"` + testKey + `","message":"Bearer ` + testKey + ` to +244912345678","request_id":"` + testKey + `"}`,
		`{"error":{"code":7},"message":["a"],"details":"x","request_id":9}`, `{"details":null}`, `{"details":{"field":{}}}`,
		`{"ERROR":"a","Error":"b","message":"a\r\nb\u001b[31m\u0000\u202e"}`, `{"message":"244 912 345 678 9 1 2 3 4 5 6 7"}`,
		`{"message":"٢٤٤٩١٢٣٤٥٦٧٨ 1234567ana.silva@exemplo.ao"}`, `"no"`, `[]`, `null`, `7`, ``, ` `, `{`, `<html>`, "\xff\xfe", `{"message":"\ud800"}`,
		`{"error":"insufficient_credits"}`, `{"error":"rate_limit_exceeded","message":"` + strings.Repeat("9", 400) + `"}`,
	} {
		f.Add([]int{400, 401, 404, 409, 422, 429, 500, 503, 307, 999}[i%10], []byte(body))
	}
	kinds := map[int]error{
		400: zexa.ErrInvalidRequest, 401: zexa.ErrUnauthorized, 404: zexa.ErrNotFound, 409: zexa.ErrConflict,
		422: zexa.ErrValidation, 429: zexa.ErrRateLimited,
	}
	known := map[string]error{
		zexa.CodeInvalidRequest: zexa.ErrInvalidRequest, zexa.CodeUnauthorized: zexa.ErrUnauthorized,
		zexa.CodeNotFound: zexa.ErrNotFound, zexa.CodeConflict: zexa.ErrConflict, zexa.CodeValidation: zexa.ErrValidation,
		zexa.CodeInsufficientCredits: zexa.ErrInsufficientCredits, zexa.CodeRateLimitExceeded: zexa.ErrRateLimited,
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if status < 300 || status > 999 {
			return
		}
		s, c := newSame(t, status, body)
		err := post(t.Context(), c)
		var e *zexa.Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, 1, s.asked)
		assert.Equal(t, status, e.Status)

		outcome := zexa.ErrOutcomeUnknown
		if status >= 400 && status < 500 {
			outcome = zexa.ErrNotSent
		}
		requireOutcome(t, err, outcome)
		kind, ok := known[e.Code]
		if !ok {
			kind = kinds[status]
		}
		for _, k := range known {
			assert.Equal(t, k == kind, errors.Is(err, k), "%v of %d %q", k, status, e.Code)
		}
		assert.Equal(t, status >= 500, errors.Is(err, zexa.ErrServer))

		if len(body) <= 64<<10 {
			assert.Equal(t, string(body), string(e.Body))
		}
		var details any
		if e.Details != nil {
			assert.NoError(t, e.DecodeDetails(&details))
		} else {
			assert.Error(t, e.DecodeDetails(&details))
		}
		e.Fields()

		text, jsonErr := json.Marshal(err)
		require.NoError(t, jsonErr)
		var log bytes.Buffer
		for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
			slog.New(h).Info("", "error", err)
		}
		logged := logTime.ReplaceAllString(log.String(), "")
		for _, printed := range []string{
			err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", *e), fmt.Sprintf("%x", err), fmt.Sprintf("%v", struct{ E error }{err}), string(text), logged,
		} {
			assert.NotContains(t, printed, testKey)
			assert.False(t, strings.ContainsFunc(printed, func(r rune) bool { return unicode.IsControl(r) }), "%q", printed)
			assert.Less(t, len(printed), 20_000)
			if !sevenDigits.MatchString(e.RequestID) { // which is printed as it is, for support
				assert.NotRegexp(t, sevenDigits, printed)
			}
		}
		assert.Contains(t, err.Error(), fmt.Sprintf("POST /messages: %v: %d", outcome, status))
	})
}

func FuzzListBody(f *testing.F) {
	for _, body := range []string{
		`{"data":[{"id":"cnt_1","name":"Ana","phone":"+244912345678","email":"","lists":["lst_1"],"created_at":"2026-06-24T10:00:00Z"}],"meta":{"total":1,"page":1,"per_page":50}}`,
		`{"data":[{"id":"cnt_1"},{"id":"cnt_2"}]}`, `[{"id":"cnt_1"},{"id":"cnt_2","x":[{"]":"\""}]}]`, `{"data":[]}`, `[]`, `{"data":null}`, `{"meta":{"total":0}}`,
		`{"data":[{"id":"a"}],"meta":{"total":1e300,"page":0,"per_page":-1}}`, `{"data":[{"id":"a"}],"meta":{"total":9,"per_page":1}}`,
		`{"DATA":[{"ID":"a"}],"data":[{"id":"b"}]}`, `{"data":{"id":"a"}}`, `{"data":[null,{}]}`, `{"data":[[]]}`, `{"data":[{"id":7}]}`,
		`{"data":[{"created_at":"yesterday"}]}`, `{"data":[{"id":"a"}`, `{"data":[{"id":"a"},]}`, `{"data":[{}],"meta":[]}`, ` [ { } , { } ] `, `{"d\u0061ta":[{"id":"a"}]}`,
		`null`, `7`, `"x"`, ``, "\xff", `[` + strings.Repeat(`{},`, 1000) + `{}]`, `{"data":[{"id":"a"}]}{"data":[]}`, `{"data":[{"id":"\ud800"}]}`,
		`{"data":[{"id":"a","lists":null}],"meta":null,"data ":[1]}`, `{"":[],"data":[{"id":"a"}]}`,
	} {
		f.Add([]byte(body))
	}
	type fields struct {
		id, name, phone, email, created string
		lists                           []string
	}
	of := func(c zexa.Contact) fields {
		return fields{c.ID, c.Name, c.Phone, c.Email, c.CreatedAt.String(), c.Lists}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		s, c := newSame(t, 200, body)
		page, err := c.Contacts.List(t.Context(), zexa.ContactQuery{})
		if err != nil {
			var e *zexa.Error
			require.ErrorAs(t, err, &e)
			assert.Nil(t, page)
			assert.NotEmpty(t, e.Error())
		} else {
			var want []zexa.Contact
			if bytes.HasPrefix(bytes.TrimSpace(body), []byte("[")) {
				require.NoError(t, json.Unmarshal(body, &want))
			} else {
				var envelope struct{ Data []zexa.Contact }
				require.NoError(t, json.Unmarshal(body, &envelope))
				want = envelope.Data
			}
			require.Len(t, page.Items, len(want))
			assert.LessOrEqual(t, len(want), 1000)
			assert.JSONEq(t, string(body), string(page.RawJSON()))
			for i := range want {
				assert.Equal(t, of(want[i]), of(page.Items[i]))
				assert.True(t, json.Valid(page.Items[i].RawJSON()), "%q", page.Items[i].RawJSON())
			}
		}

		s.asked = 0
		var got []zexa.Contact
		var last error
		for contact, err := range c.Contacts.All(t.Context(), zexa.ContactQuery{PerPage: 1}, zexa.CallPagesAhead(1)) {
			require.NoError(t, last, "nothing comes after an error")
			if last = err; err == nil {
				got = append(got, contact)
			}
		}
		assert.LessOrEqual(t, s.asked, 2, "the same page again ends the list")
		if page == nil {
			assert.Error(t, last)
		} else if last == nil || len(got) > 0 {
			assert.True(t, slices.EqualFunc(page.Items, got, func(a, b zexa.Contact) bool { return a.ID == b.ID }))
		}
	})
}
