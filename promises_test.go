package zexa_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/zexa-ao/zexa-go"
)

// The three calls that stand for all: one that reads, one that may be repeated,
// one that may not.
var (
	get = func(ctx context.Context, c *zexa.Client, opts ...zexa.CallOption) error {
		_, err := c.Messages.Get(ctx, "msg_1", opts...)
		return err
	}
	del = func(ctx context.Context, c *zexa.Client, opts ...zexa.CallOption) error {
		return c.Contacts.Delete(ctx, "cnt_1", opts...)
	}
	post = func(ctx context.Context, c *zexa.Client, opts ...zexa.CallOption) error {
		_, err := c.Messages.Send(ctx, zexa.SMS("MinhaLoja", "+244912345678", "x"), opts...)
		return err
	}
)

// cutShort answers with a body that ends before it is whole.
func cutShort(status int, part string) httpmock.Responder {
	return func(*http.Request) (*http.Response, error) {
		body := io.MultiReader(strings.NewReader(part), errReader{io.ErrUnexpectedEOF})
		return &http.Response{StatusCode: status, ContentLength: 1000, Body: io.NopCloser(body), Header: http.Header{}}, nil
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

// After the fault every further request succeeds, so the number of requests
// tells whether there was a retry.
func TestACallIsRepeatedOnlyWhenThatIsHarmless(t *testing.T) {
	t.Parallel()
	const retried, refused = 2, 1
	for name, tt := range map[string]struct {
		fault          httpmock.Responder
		get, del, post int   // requests
		getErr, delErr bool  // in the end
		outcome        error // of the POST, nil if it succeeded
	}{
		"429":                       {apiErrorAfter("1"), retried, retried, retried, false, false, nil},
		"429 without Retry-After":   {answer(429, ""), retried, retried, retried, false, false, nil},
		"500":                       {apiError(500, "x"), retried, retried, refused, false, false, zexa.ErrOutcomeUnknown},
		"501":                       {answer(501, ""), refused, refused, refused, true, true, zexa.ErrOutcomeUnknown},
		"502":                       {answer(502, "<html>"), retried, retried, refused, false, false, zexa.ErrOutcomeUnknown},
		"503 with Retry-After":      {answer(503, "", "Retry-After", "1"), retried, retried, refused, false, false, zexa.ErrOutcomeUnknown},
		"504":                       {answer(504, ""), retried, retried, refused, false, false, zexa.ErrOutcomeUnknown},
		"505":                       {answer(505, ""), refused, refused, refused, true, true, zexa.ErrOutcomeUnknown},
		"520":                       {answer(520, ""), retried, retried, refused, false, false, zexa.ErrOutcomeUnknown},
		"a lost connection":         {fail(errors.New("connection reset by peer")), retried, retried, refused, false, false, zexa.ErrOutcomeUnknown},
		"a transport without words": {func(*http.Request) (*http.Response, error) { return nil, nil }, retried, retried, refused, false, false, zexa.ErrOutcomeUnknown},
		"200 cut off":               {cutShort(200, `{"id":"msg_1","sta`), retried, refused, refused, false, false, zexa.ErrAccepted},
		"200 not decodable":         {answer(200, `{"id":[]}`), refused, refused, refused, true, false, zexa.ErrAccepted},
		"200 empty":                 {answer(200, ""), refused, refused, refused, true, false, zexa.ErrAccepted},
		"301":                       {answer(301, "", "Location", "/v1/messages"), refused, refused, refused, true, true, zexa.ErrOutcomeUnknown},
		"302":                       {answer(302, "", "Location", "https://evil.example/"), refused, refused, refused, true, true, zexa.ErrOutcomeUnknown},
		"303":                       {answer(303, "", "Location", "/"), refused, refused, refused, true, true, zexa.ErrOutcomeUnknown},
		"304":                       {answer(304, ""), refused, refused, refused, true, true, zexa.ErrOutcomeUnknown},
		"307":                       {answer(307, "", "Location", "https://evil.example/"), refused, refused, refused, true, true, zexa.ErrOutcomeUnknown},
		"308":                       {answer(308, "", "Location", "/"), refused, refused, refused, true, true, zexa.ErrOutcomeUnknown},
		"400":                       {apiError(400, zexa.CodeInvalidRequest), refused, refused, refused, true, true, zexa.ErrNotSent},
		"401":                       {apiError(401, zexa.CodeUnauthorized), refused, refused, refused, true, true, zexa.ErrNotSent},
		"404":                       {apiError(404, zexa.CodeNotFound), refused, refused, refused, true, true, zexa.ErrNotSent},
		"408":                       {answer(408, ""), refused, refused, refused, true, true, zexa.ErrNotSent},
		"422 cut off":               {cutShort(422, `{"error":"valid`), refused, refused, refused, true, true, zexa.ErrNotSent},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run := func(call func(context.Context, *zexa.Client, ...zexa.CallOption) error, requests int, good httpmock.Responder) error {
				var err error
				synctest.Test(t, func(t *testing.T) {
					m := newMock(t, nil, append([]httpmock.Responder{tt.fault}, repeat(good, 5)...)...)
					err = call(t.Context(), m.Client)
					assert.Len(t, m.requests, requests)
				})
				return err
			}
			err := run(get, tt.get, answer(200, queuedMessage))
			assert.Equal(t, tt.getErr, err != nil, "GET: %v", err)
			requireOutcome(t, err, nil)
			err = run(del, tt.del, answer(204, ""))
			assert.Equal(t, tt.delErr, err != nil, "DELETE: %v", err)
			requireOutcome(t, err, nil)
			err = run(post, tt.post, answer(201, queuedMessage))
			assert.Equal(t, tt.outcome != nil, err != nil, "POST: %v", err)
			requireOutcome(t, err, tt.outcome)
		})
	}
}

func TestADeleteThatFindsNothingAfterAnAmbiguousAttemptHasSucceeded(t *testing.T) {
	t.Parallel()
	gone := apiError(404, zexa.CodeNotFound)
	for name, tt := range map[string]struct {
		script []httpmock.Responder
		ok     bool
	}{
		"after a 500":             {[]httpmock.Responder{answer(500, ""), gone}, true},
		"after a lost connection": {[]httpmock.Responder{fail(io.EOF), gone}, true},
		"after two of them":       {[]httpmock.Responder{fail(io.EOF), answer(429, ""), gone}, true},
		"at once":                 {[]httpmock.Responder{gone}, false},
		"after a refusal":         {[]httpmock.Responder{answer(429, ""), gone}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				err := del(t.Context(), newMock(t, nil, tt.script...).Client)
				if tt.ok {
					assert.NoError(t, err)
				} else {
					assert.ErrorIs(t, err, zexa.ErrNotFound)
				}
			})
		})
	}
}

func TestAPOSTIsRepeatedIfItsCallerTakesTheRisk(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		script  []httpmock.Responder
		outcome error
	}{
		"and may succeed":                      {[]httpmock.Responder{answer(500, ""), fail(io.EOF), answer(201, queuedMessage)}, nil},
		"and stays unknown after a refusal":    {[]httpmock.Responder{answer(500, ""), apiError(422, zexa.CodeValidation)}, zexa.ErrOutcomeUnknown},
		"and stays unknown after all retries":  {repeat(answer(502, ""), 4), zexa.ErrOutcomeUnknown},
		"but not once it is accepted":          {[]httpmock.Responder{answer(500, ""), cutShort(201, `{"id":`)}, zexa.ErrAccepted},
		"and a refusal at once is a refusal":   {[]httpmock.Responder{apiError(422, zexa.CodeValidation)}, zexa.ErrNotSent},
		"and a redirect is still not followed": {[]httpmock.Responder{answer(307, "", "Location", "/")}, zexa.ErrOutcomeUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := newMock(t, nil, tt.script...)
				err := post(t.Context(), m.Client, zexa.CallRepeatPOST())
				requireOutcome(t, err, tt.outcome)
				assert.Len(t, m.requests, len(tt.script))
			})
		})
	}
}

func TestWhatWasAcceptedIsToldWithItsID(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ body, id string }{
		"cut after the id":       {`{"id":"msg_7","status":"que`, "msg_7"},
		"cut before the id":      {`{"status":"queued","i`, ""},
		"an id further down":     {`{"to":{"id":"no"},"list":[{"id":"no"}],"status":7,"id":"msg_7"}`, "msg_7"},
		"an id that is a number": {`{"status":[],"id":42}`, "42"},
		"cut in the id":          {`{"id":"msg_`, ""},
		"cut in such a number":   {`{"id":4`, ""},
		"an id that is neither":  {`{"id":[["no"]],"x":"no"`, ""},
		"a value called id":      {`{"status":"id","x":"no","channel":3}`, ""},
		"no JSON":                {`<html>`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMock(t, nil, cutShort(201, tt.body))
			err := post(t.Context(), m.Client)
			requireOutcome(t, err, zexa.ErrAccepted)
			var e *zexa.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, tt.id, e.ID)
			assert.Equal(t, 201, e.Status)
			assert.Equal(t, tt.body, string(e.Body))
			assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
			assert.Contains(t, err.Error(), "the answer was cut off")
			if tt.id != "" {
				assert.Contains(t, err.Error(), "(id "+tt.id+")", "so that it is not lost by those who keep only the text")
			}
		})
	}
}

func TestNoIdempotencyKeyIsSetUnasked(t *testing.T) {
	t.Parallel()
	m := newMock(t, nil, answer(201, queuedMessage), answer(201, queuedMessage))
	require.NoError(t, post(t.Context(), m.Client))
	for name := range m.requests[0].Header {
		assert.NotContains(t, strings.ToLower(name), "idempotency")
	}
	require.NoError(t, post(t.Context(), m.Client, zexa.CallHeader("Idempotency-Key", "order-7")))
	assert.Equal(t, "order-7", m.requests[1].Header.Get("Idempotency-Key"))
}

// waits makes a GET that fails as script says and returns how long it took.
func waits(t *testing.T, ctx context.Context, opts []zexa.Option, script ...httpmock.Responder) (time.Duration, error) {
	start := time.Now()
	err := get(ctx, newMock(t, opts, script...).Client)
	return time.Since(start), err
}

func TestWaitsStartShortAndDouble(t *testing.T) {
	t.Parallel()
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			took, err := waits(t, t.Context(), nil, repeat(answer(500, ""), 4)...)
			assert.ErrorIs(t, err, zexa.ErrServer)
			var e *zexa.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, 4, e.Attempts)
			assert.LessOrEqual(t, took, 3500*time.Millisecond, "0.5 + 1 + 2 s")
			assert.GreaterOrEqual(t, took, 1750*time.Millisecond)
		})
	}
	synctest.Test(t, func(t *testing.T) {
		took, err := waits(t, t.Context(), []zexa.Option{zexa.WithRetries(10), zexa.WithRetryWait(time.Second, 4*time.Second)}, repeat(answer(500, ""), 11)...)
		assert.Error(t, err)
		assert.LessOrEqual(t, took, (1+2+8*4)*time.Second, "no wait is over the longest")
	})
}

func TestNoWaitIsShorterThanRetryAfter(t *testing.T) {
	t.Parallel()
	ok := answer(200, queuedMessage)
	for name, tt := range map[string]struct {
		header   []string
		min, max time.Duration
	}{
		"seconds":             {[]string{"Retry-After", "20"}, 20 * time.Second, 22 * time.Second},
		"the longest wait":    {[]string{"Retry-After", "60"}, 60 * time.Second, 60 * time.Second},
		"a date":              {[]string{"Retry-After", "Sat, 01 Jan 2000 00:00:30 GMT"}, 30 * time.Second, 33 * time.Second},
		"a date by its clock": {[]string{"Retry-After", "Mon, 01 Jan 2035 00:00:30 GMT", "Date", "Mon, 01 Jan 2035 00:00:00 GMT"}, 30 * time.Second, 33 * time.Second},
		"a date that is past": {[]string{"Retry-After", "Fri, 01 Jan 1999 00:00:30 GMT"}, 250 * time.Millisecond, 500 * time.Millisecond},
		"nothing":             {nil, 250 * time.Millisecond, 500 * time.Millisecond},
		"garbage":             {[]string{"Retry-After", "soon"}, 250 * time.Millisecond, 500 * time.Millisecond},
		"a negative number":   {[]string{"Retry-After", "-20"}, 250 * time.Millisecond, 500 * time.Millisecond},
	} {
		for status := range map[int]bool{429: true, 503: true} {
			t.Run(fmt.Sprintf("%s on %d", name, status), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					took, err := waits(t, t.Context(), nil, answer(status, "", tt.header...), ok)
					require.NoError(t, err)
					assert.GreaterOrEqual(t, took, tt.min)
					assert.LessOrEqual(t, took, tt.max)
				})
			})
		}
	}
}

func TestAWaitThatDoesNotFitIsNotBegun(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		deadline   time.Duration
		retryAfter string
		want       time.Duration
	}{
		"it would pass the deadline":  {10 * time.Second, "30", 30 * time.Second},
		"it is over the longest wait": {0, "61", 61 * time.Second},
		"it is an hour":               {0, "3600", time.Hour},
		"it is absurd":                {0, "99999999999999999999999", 1<<63 - 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				if tt.deadline > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tt.deadline)
					defer cancel()
				}
				took, err := waits(t, ctx, nil, apiErrorAfter(tt.retryAfter))
				assert.Zero(t, took)
				assert.ErrorIs(t, err, zexa.ErrRateLimited)
				assert.NotErrorIs(t, err, context.DeadlineExceeded)
				var e *zexa.Error
				require.ErrorAs(t, err, &e)
				assert.Equal(t, tt.want, e.RetryAfter)
				assert.Equal(t, "req_429", e.RequestID)
				assert.Contains(t, err.Error(), "not retried")
			})
		})
	}
	t.Run("the jitter gives way to a deadline, Retry-After does not", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second+1)
			defer cancel()
			took, err := waits(t, ctx, nil, apiErrorAfter("30"), answer(200, queuedMessage))
			require.NoError(t, err)
			assert.Equal(t, 30*time.Second, took)
		})
	})
}

func TestAWaitEndsWithItsContextAndKeepsTheAnswer(t *testing.T) {
	t.Parallel()
	for name, call := range map[string]func(context.Context, *zexa.Client, ...zexa.CallOption) error{"GET": get, "POST": post} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(7*time.Second, func() { cancel(errors.New("shutting down")) })
				var resp zexa.Response
				err := call(ctx, newMock(t, nil, apiErrorAfter("30")).Client, zexa.CallResponse(&resp))
				assert.Equal(t, 7*time.Second, time.Since(start))
				assert.ErrorIs(t, err, context.Canceled)
				assert.ErrorIs(t, err, zexa.ErrRateLimited)
				assert.Contains(t, err.Error(), "shutting down")
				var e *zexa.Error
				require.ErrorAs(t, err, &e)
				assert.Equal(t, 429, e.Status)
				assert.Equal(t, 30*time.Second, e.RetryAfter)
				assert.Equal(t, zexa.Response{Status: 429, Header: e.Header, Attempts: 1, RequestID: "req_429"}, resp)
				if name == "POST" {
					requireOutcome(t, err, zexa.ErrNotSent)
				}
			})
		})
	}
}

// never answers until the request is given up.
func never(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, context.Cause(r.Context())
}

func TestEveryAttemptHasATimeoutOfItsOwn(t *testing.T) {
	t.Parallel()
	t.Run("30 s by default, and a GET goes on", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			took, err := waits(t, t.Context(), nil, never, answer(200, queuedMessage))
			require.NoError(t, err)
			assert.GreaterOrEqual(t, took, 30*time.Second)
			assert.LessOrEqual(t, took, 31*time.Second)
		})
	})
	t.Run("a POST has an unknown outcome then, and the context has not ended", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			err := post(t.Context(), newMock(t, []zexa.Option{zexa.WithAttemptTimeout(5 * time.Second)}, never).Client)
			assert.Equal(t, 5*time.Second, time.Since(start))
			requireOutcome(t, err, zexa.ErrOutcomeUnknown)
			assert.NotErrorIs(t, err, context.DeadlineExceeded)
			assert.Contains(t, err.Error(), "no whole answer within 5s")
			var timeout interface{ Timeout() bool }
			require.ErrorAs(t, err, &timeout)
			assert.True(t, timeout.Timeout())
		})
	})
	t.Run("it can be set for one call", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			err := get(t.Context(), newMock(t, nil, never).Client, zexa.CallAttemptTimeout(time.Second), zexa.CallRetries(0))
			assert.Error(t, err)
			assert.Equal(t, time.Second, time.Since(start))
		})
	})
	t.Run("the context bounds the whole", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), 45*time.Second)
			defer cancel()
			err := get(ctx, newMock(t, nil, repeat(never, 4)...).Client)
			assert.ErrorIs(t, err, context.DeadlineExceeded)
			assert.Equal(t, 45*time.Second, time.Since(start))
		})
	})
}

func TestAPOSTWhoseContextEndsInFlightIsUnknownAndTheContextsError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := post(ctx, newMock(t, nil, never).Client)
		requireOutcome(t, err, zexa.ErrOutcomeUnknown)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestTheLastErrorIsNeverLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMock(t, nil, answer(500, ""), fail(io.EOF), answer(502, ""), apiError(500, "the_last"))
		err := get(t.Context(), m.Client)
		var e *zexa.Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, "the_last", e.Code)
		assert.Equal(t, "because", e.Message)
		assert.Equal(t, 4, e.Attempts)
		assert.Contains(t, err.Error(), "(4 attempts)")
	})
}

func TestAnErrorWithOnePartOfAnOddTypeKeepsTheOthers(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ body, code, message, id string }{
		"error":      {`{"error":{"no":422},"message":"because","details":{"field":"to"},"request_id":"req_1"}`, "", "because", "req_1"},
		"message":    {`{"error":"insufficient_credits","message":["a","b"],"details":{"field":"to"},"request_id":"req_1"}`, "insufficient_credits", "", "req_1"},
		"request_id": {`{"error":"insufficient_credits","message":"because","details":{"field":"to"},"request_id":7}`, "insufficient_credits", "because", ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := post(t.Context(), newMock(t, nil, answer(422, tt.body)).Client)
			requireOutcome(t, err, zexa.ErrNotSent)
			var e *zexa.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, tt.code, e.Code)
			assert.Equal(t, tt.message, e.Message)
			assert.Equal(t, tt.id, e.RequestID)
			assert.JSONEq(t, `{"field":"to"}`, string(e.Details))
			assert.Equal(t, tt.code != "", errors.Is(err, zexa.ErrInsufficientCredits))
		})
	}
}

func TestAFilterThatIsIgnoredForOneItemIsAnError(t *testing.T) {
	t.Parallel()
	body := `{"data":[{"id":"cnt_1","lists":["lst_1"]},{"id":"cnt_2"},{"id":"cnt_3","lists":["lst_2"]}],"meta":{"total":3,"page":1,"per_page":50}}`
	_, err := newMock(t, nil, answer(200, body)).Contacts.List(t.Context(), zexa.ContactQuery{ListID: "lst_1"})
	assert.ErrorContains(t, err, "ignored the filter")
	for _, err := range newMock(t, nil, answer(200, body)).Contacts.All(t.Context(), zexa.ContactQuery{ListID: "lst_1"}) {
		assert.ErrorContains(t, err, "ignored the filter", "before the first item")
	}
}

func TestRetriesCanBeSetForAClientAndForACall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMock(t, []zexa.Option{zexa.WithRetries(1)}, repeat(answer(500, ""), 2)...)
		assert.Error(t, get(t.Context(), m.Client))
		m = newMock(t, []zexa.Option{zexa.WithRetries(1)}, repeat(answer(500, ""), 6)...)
		assert.Error(t, get(t.Context(), m.Client, zexa.CallRetries(5)))
		assert.Len(t, m.requests, 6)
	})
}

func TestFieldsTellsWhatIsWrongWhoeverFoundIt(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		opts   []zexa.Option
		script []httpmock.Responder
		want   []zexa.FieldError
	}{
		"this package":       {nil, nil, []zexa.FieldError{{"to", "is not a phone number in E.164: a plus sign and 7 to 15 digits"}}},
		"the API":            {[]zexa.Option{zexa.WithoutValidation()}, []httpmock.Responder{apiError(422, zexa.CodeValidation)}, []zexa.FieldError{{"to", "because"}}},
		"the API, by itself": {[]zexa.Option{zexa.WithoutValidation()}, []httpmock.Responder{answer(422, `{"error":"x","details":["to"]}`)}, nil},
		"nobody":             {[]zexa.Option{zexa.WithoutValidation()}, []httpmock.Responder{answer(500, "")}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := newMock(t, tt.opts, tt.script...).Messages.Send(t.Context(), zexa.SMS("L", "912345678", "x"))
			var e *zexa.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, tt.want, e.Fields())
		})
	}
}

func TestParametersCanBeCheckedWithoutACall(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"message":  zexa.MessageParams{}.Validate(),
		"campaign": zexa.CampaignParams{}.Validate(),
		"contact":  zexa.ContactParams{}.Validate(),
		"webhook":  zexa.WebhookParams{}.Validate(),
	} {
		assert.ErrorIs(t, err, zexa.ErrValidation, name)
		assert.ErrorContains(t, err, "is required", name)
	}
	assert.NoError(t, zexa.SMS("L", "+244912345678", "x").Validate())
	assert.NoError(t, june.Validate())
	assert.NoError(t, anaParams.Validate())
}
