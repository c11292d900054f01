package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	zexa "github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/zexatest"
)

const phone = "+244912345678"

// users use the service, and see their phones.
type users struct {
	t       *testing.T
	sandbox *zexatest.Server
	handler http.Handler
}

// in runs a test in a bubble, and then checks that nothing private was logged.
func in(t *testing.T, test func(users)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		sandbox, _ := zexatest.New(t)
		var logs bytes.Buffer
		logger := slog.New(slog.NewJSONHandler(&logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
		client, err := sandbox.Client(zexa.WithLogger(logger))
		require.NoError(t, err)
		test(users{t, sandbox, newService(client, zexatest.DefaultSender, logger).handler()})
		synctest.Wait()
		for _, m := range sandbox.Messages() {
			assert.NotContains(t, logs.String(), digits(m.Body))
		}
		for _, private := range []string{phone, phone[4:], "seu c", sandbox.Key()} {
			assert.NotContains(t, logs.String(), private)
		}
	})
}

func (u users) post(ctx context.Context, path, body string) (int, string) {
	w := httptest.NewRecorder()
	u.handler.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodPost, path, strings.NewReader(body)))
	return w.Code, w.Body.String()
}

func (u users) ask(id, phone string) (int, string) {
	return u.post(u.t.Context(), "/otp", fmt.Sprintf(`{"request_id":%q,"phone":%q}`, id, phone))
}

func (u users) check(id, code string) int {
	status, _ := u.post(u.t.Context(), "/otp/check", fmt.Sprintf(`{"request_id":%q,"code":%q}`, id, code))
	return status
}

// last is the code that was received last.
func (u users) last() string {
	messages := u.sandbox.Messages()
	require.NotEmpty(u.t, messages)
	code := digits(messages[len(messages)-1].Body)
	require.Regexp(u.t, regexp.MustCompile(`^\d{6}$`), code)
	return code
}

// wrong is a code that was not sent.
func (u users) wrong() string {
	if u.last() == "000000" {
		return "000001"
	}
	return "000000"
}

// Whatever becomes of the first request, a repetition sends nothing that may have
// been sent, and the user is told what is known.
func TestSendsAtMostOnce(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault    zexatest.Fault
		phone    string
		status   int
		says     string
		accepted int // after the first request
		again    int // the status of the repetition
		total    int // accepted after it
	}{
		"sent":              {status: 200, says: `"sent"`, accepted: 1, again: 200, total: 1},
		"answer lost":       {fault: zexatest.Fault{Reset: zexatest.ResetAfterActed}, status: 202, says: "perhaps sent", accepted: 1, again: 202, total: 1},
		"request lost":      {fault: zexatest.Fault{Reset: zexatest.ResetAfterRead}, status: 202, says: "perhaps sent", again: 202},
		"gateway":           {fault: zexatest.Fault{Status: 502, Act: true}, status: 202, says: "perhaps sent", accepted: 1, again: 202, total: 1},
		"no answer in time": {fault: zexatest.Fault{Latency: time.Hour}, status: 202, says: "perhaps sent", accepted: 1, again: 202, total: 1},
		"answer unreadable": {fault: zexatest.Fault{Damage: zexatest.InvalidJSON}, status: 200, says: `"sent"`, accepted: 1, again: 200, total: 1},
		"slow down, soon":   {fault: zexatest.Fault{Status: 429, RetryAfter: "2"}, status: 200, says: `"sent"`, accepted: 1, again: 200, total: 1},
		"refused":           {fault: zexatest.Fault{Status: 401}, status: 503, says: "not sent: please try again", again: 200, total: 1},
		"not valid":         {fault: zexatest.Fault{Status: 422}, status: 503, says: "not sent: please try again", again: 200, total: 1},
		"not a phone":       {phone: "912345678", status: 422, says: "not a phone number", again: 422},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in(t, func(u users) {
				u.sandbox.Fault(test.fault)
				phone := cmp.Or(test.phone, phone)
				status, answer := u.ask("r1", phone)
				assert.Equal(t, test.status, status)
				assert.Contains(t, answer, test.says)
				assert.Equal(t, test.accepted, u.sandbox.Accepted())
				status, _ = u.ask("r1", phone)
				assert.Equal(t, test.again, status)
				assert.Equal(t, test.total, u.sandbox.Accepted())
				if test.total > 0 {
					assert.Equal(t, 200, u.check("r1", u.last()))
				}
			})
		})
	}
}

func TestANewCodeIsSentWhenTheUserAsksForIt(t *testing.T) {
	t.Parallel()
	in(t, func(u users) {
		u.sandbox.Fault(zexatest.Fault{Method: "POST", Reset: zexatest.ResetAfterRead})
		status, _ := u.ask("r1", phone)
		require.Equal(t, 202, status)
		status, _ = u.ask("r2", phone)
		assert.Equal(t, 429, status, "the first one may be on its way")
		time.Sleep(time.Hour)
		assert.Zero(t, u.sandbox.Accepted(), "not by itself")
		status, _ = u.ask("r2", phone)
		assert.Equal(t, 200, status)
		assert.Equal(t, 1, u.sandbox.Accepted())
		status, _ = u.ask("r2", "+244923456781")
		assert.Equal(t, 409, status)
	})
}

func TestADoubleClickSendsOnce(t *testing.T) {
	t.Parallel()
	in(t, func(u users) {
		u.sandbox.Fault(zexatest.Fault{Latency: 10 * time.Second})
		var clicks sync.WaitGroup
		statuses := make([]int, 2)
		for i := range statuses {
			clicks.Go(func() { statuses[i], _ = u.ask("r1", phone) })
		}
		clicks.Wait()
		assert.ElementsMatch(t, []int{200, 202}, statuses)
		assert.Equal(t, 1, u.sandbox.Accepted())
	})
}

func TestAUserWhoLeavesDoesNotMakeTheOutcomeUnknown(t *testing.T) {
	t.Parallel()
	in(t, func(u users) {
		u.sandbox.Fault(zexatest.Fault{Latency: 10 * time.Second})
		ctx, leave := context.WithTimeout(u.t.Context(), time.Second)
		defer leave()
		status, _ := u.post(ctx, "/otp", `{"request_id":"r1","phone":"`+phone+`"}`)
		assert.Equal(t, 200, status)
	})
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		before func(u users)
		id     string // of the check, if not r1
		code   func(u users) string
		want   int
	}{
		"right":            {code: users.last, want: 200},
		"wrong":            {code: users.wrong, want: 403},
		"empty":            {code: users.none, want: 403},
		"too long":         {code: func(u users) string { return u.last() + "0" }, want: 403},
		"of another":       {id: "r2", code: users.last, want: 404},
		"right, again":     {before: func(u users) { u.check("r1", u.last()) }, code: users.last, want: 410},
		"empty, again":     {before: func(u users) { u.check("r1", u.last()) }, code: users.none, want: 410},
		"in time":          {before: func(users) { time.Sleep(lifetime) }, code: users.last, want: 200},
		"expired":          {before: func(users) { time.Sleep(lifetime + 1) }, code: users.last, want: 410},
		"the last attempt": {before: func(u users) { u.guess(attempts - 1) }, code: users.last, want: 200},
		"one too many":     {before: func(u users) { u.guess(attempts) }, code: users.last, want: 429},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in(t, func(u users) {
				status, _ := u.ask("r1", phone)
				require.Equal(t, 200, status)
				if test.before != nil {
					test.before(u)
				}
				assert.Equal(t, test.want, u.check(cmp.Or(test.id, "r1"), test.code(u)))
			})
		})
	}
}

func (users) none() string { return "" }

func (u users) guess(n int) {
	for range n {
		require.Equal(u.t, 403, u.check("r1", u.wrong()))
	}
}

func TestOldCodesAreForgotten(t *testing.T) {
	t.Parallel()
	in(t, func(u users) {
		for n := range 3 {
			status, _ := u.ask(fmt.Sprint(n), phone)
			require.Equal(t, 200, status)
			time.Sleep(keep + 1)
		}
		assert.Equal(t, 404, u.check("0", ""))
		assert.Equal(t, 410, u.check("2", ""))
	})
}

func TestBadRequests(t *testing.T) {
	t.Parallel()
	in(t, func(u users) {
		for _, body := range []string{"", "null", "{}", "[]", `{"phone":"` + phone + `"}`, `{"request_id":"` + strings.Repeat("x", 1024) + `"}`} {
			for _, path := range []string{"/otp", "/otp/check"} {
				status, _ := u.post(u.t.Context(), path, body)
				assert.Equal(t, 400, status, "%s %.20s", path, body)
			}
		}
		assert.Empty(t, u.sandbox.Requests())
	})
}

func TestServesUntilItIsInterrupted(t *testing.T) {
	t.Setenv(zexa.EnvKey, "")
	ctx, interrupt := context.WithCancel(t.Context())
	var out output
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, "127.0.0.1:0", "MinhaLoja", &out) }()
	var addr string
	require.Eventually(t, func() bool {
		_, rest, _ := strings.Cut(out.String(), "serving at ")
		addr, _, _ = strings.Cut(rest, "\n")
		return addr != ""
	}, 10*time.Second, time.Millisecond)
	resp, err := http.Post("http://"+addr+"/otp", "", strings.NewReader(`{"request_id":"r1","phone":"`+phone+`"}`))
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Equal(t, 200, resp.StatusCode)
	interrupt()
	require.NoError(t, <-ended)
	assert.Contains(t, out.String(), "a phone shows: O seu código é ")
}

// output is a buffer for several goroutines.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}
