package zexatest_test

import (
	"context"
	"fmt"
	"net/http"
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

func TestEveryCarrierServesTheSameAPI(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		opts  []zexatest.Option
		proto string
	}{
		{"in memory", nil, "HTTP/1.1"},
		{"on loopback", []zexatest.Option{zexatest.OnLoopback()}, "HTTP/1.1"},
		{"on loopback with TLS", []zexatest.Option{zexatest.OnLoopbackTLS()}, "HTTP/2.0"},
		{"on an address", []zexatest.Option{zexatest.OnAddr("localhost:0")}, "HTTP/1.1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			srv, client := zexatest.New(t, tt.opts...)

			sent, err := client.Messages.Send(t.Context(), zexa.SMS("ZEXA", "+244912345678", "Olá"))
			require.NoError(t, err)
			assert.Equal(t, "msg_000001", sent.ID)
			assert.Equal(t, 1, srv.Accepted())
			assert.InDelta(t, 999, srv.Balance(), 0)

			resp, _ := call(t, srv, http.MethodGet, "/credits", "")
			assert.Equal(t, tt.proto, resp.Proto)
		})
	}
}

func TestOnlyLoopbackAddressesAreServed(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{"0.0.0.0:0", ":0", "example.com:80", "127.0.0.1:port"} {
		t.Run(addr, func(t *testing.T) {
			t.Parallel()
			_, err := zexatest.Start(zexatest.OnAddr(addr))
			assert.Error(t, err)
		})
	}
}

// fatalTB is a TB that notes what it was told and stops there.
type fatalTB struct {
	*testing.T
	fatal string
}

func (tb *fatalTB) Fatalf(format string, args ...any) {
	tb.fatal = fmt.Sprintf(format, args...)
	panic(tb)
}

func TestNewFailsTheTestIfThereIsNoServer(t *testing.T) {
	t.Parallel()
	tb := &fatalTB{T: t}
	assert.Panics(t, func() { zexatest.New(tb, zexatest.OnAddr("192.0.2.1:80")) })
	assert.Equal(t, `zexatest: "192.0.2.1:80" is not a loopback address`, tb.fatal)
}

func TestClientOptionsCanBeGiven(t *testing.T) {
	t.Parallel()
	srv := start(t)
	client, err := srv.Client(zexa.WithUserAgent("shop/1.4"))
	require.NoError(t, err)
	_, err = client.Credits.Get(t.Context())
	require.NoError(t, err)
	assert.Contains(t, srv.Requests()[0].Header.Get("User-Agent"), "shop/1.4")

	srv.SetKey("a key with spaces")
	_, err = srv.Client()
	assert.Error(t, err)
}

func TestCloseCutsOffWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, err := zexatest.Start()
		require.NoError(t, err)
		srv.SetProgress(zexatest.Progress{Sent: time.Hour})
		srv.AddWebhook("https://example.com/", zexa.EventAll)
		post(t, srv, "/messages", sms)
		srv.Fault(zexatest.Fault{Latency: time.Hour})
		var pending sync.WaitGroup
		pending.Go(func() {
			_, err := srv.HTTPClient().Do(request(t, srv, http.MethodPost, "/messages", sms))
			assert.Error(t, err)
		})
		synctest.Wait()

		srv.Close()
		srv.Close() // twice is once
		pending.Wait()

		assert.Equal(t, 2, srv.Accepted(), "it was acted on before the latency")
		_, err = srv.HTTPClient().Do(request(t, srv, http.MethodGet, "/credits", ""))
		require.Error(t, err)
		time.Sleep(2 * time.Hour)
		m, _ := srv.Message("msg_000001")
		assert.Equal(t, zexa.StatusQueued, m.Status)
		srv.AddWebhook("https://example.com/", zexa.EventAll) // delivers nothing
	})
}

func TestAClosedServerStillAnswersInJSON(t *testing.T) {
	t.Parallel()
	srv, err := zexatest.Start()
	require.NoError(t, err)
	srv.Close()
	resp, err := zexatest.ClientFor(srv).Do(request(t, srv, http.MethodGet, "/credits", ""))
	require.NoError(t, err)
	defer resp.Body.Close()
	assert.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
	assert.Equal(t, "application/json", resp.Header.Get("Content-Type"))
}

func TestADialEndsWithItsContextOrTheServer(t *testing.T) {
	t.Parallel()
	srv := start(t)
	_, err := srv.HTTPClient().Do(request(t, srv, http.MethodGet, "/credits", "").WithContext(canceled(t)))
	assert.ErrorIs(t, err, context.Canceled)
}

func canceled(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

func TestRequestsAreRecordedAsTheyCame(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := start(t)
		time.Sleep(time.Minute)
		post(t, srv, "/messages", sms)
		call(t, srv, http.MethodGet, "/contacts?page=2", "")
		call(t, srv, http.MethodGet, "/messages/a%2Fb", "")

		got := srv.Requests()
		require.Len(t, got, 3)
		assert.Equal(t, "POST", got[0].Method)
		assert.Equal(t, "/messages", got[0].Path)
		assert.Equal(t, "Bearer zexa_test_key", got[0].Header.Get("Authorization"))
		assert.Equal(t, sms, string(got[0].Body))
		assert.Equal(t, time.Now(), got[0].Time)
		assert.Equal(t, 201, got[0].Status)
		assert.Equal(t, "2", got[1].Query.Get("page"))
		assert.Equal(t, "/messages/a%2Fb", got[2].Path)
		assert.Equal(t, 404, got[2].Status)

		srv.ResetRequests()
		assert.Empty(t, srv.Requests())
	})
}

func TestPathsOutsideTheBaseURLAreNotFound(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/credits", "/v1credits", "/v2/credits", "/v1", "/", "//credits"} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			srv := start(t)
			srv.Fault(zexatest.Fault{Path: "/credits", Status: 500})
			r := request(t, srv, http.MethodGet, "", "")
			r.URL.Path = path
			resp, _ := do(t, srv, r)
			assert.Equal(t, http.StatusNotFound, resp.StatusCode)
			assert.Equal(t, strings.TrimLeft(path, "/"), srv.Requests()[0].Path)
		})
	}
}

func TestOnlyAsManyRequestsAreKeptAsWanted(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		keep int
		want []string
	}{
		{"the last three", 3, []string{"/5", "/6", "/7"}},
		{"none", 0, nil},
		{"fewer than none is none", -1, nil},
		{"all when there are few", 10, []string{"/1", "/2", "/3", "/4", "/5", "/6", "/7"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			srv := start(t)
			srv.KeepRequests(tt.keep)
			for i := range 7 {
				call(t, srv, http.MethodGet, fmt.Sprint("/", i+1), "")
			}
			var got []string
			for _, r := range srv.Requests() {
				got = append(got, r.Path)
			}
			assert.Equal(t, tt.want, got)
		})
	}
}

func TestManySendsInABubbleAddUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const workers, each = 50, 40
		srv := start(t)
		srv.KeepRequests(0)
		srv.SetBalance(workers * each)
		srv.SetProgress(zexatest.Progress{Sent: time.Minute, Final: time.Minute})
		srv.Fault(zexatest.Fault{Latency: 100 * time.Millisecond, Times: zexatest.Always})
		began := time.Now()
		var sends sync.WaitGroup
		for range workers {
			sends.Go(func() {
				for range each {
					resp, text := call(t, srv, http.MethodPost, "/messages", sms)
					assert.Equal(t, http.StatusCreated, resp.StatusCode, text)
				}
			})
		}
		sends.Wait()
		assert.Equal(t, each*100*time.Millisecond, time.Since(began))
		assert.Equal(t, workers*each, srv.Accepted())
		assert.Zero(t, srv.Balance())

		time.Sleep(2 * time.Minute)
		for _, m := range srv.Messages() {
			assert.Equal(t, zexa.StatusDelivered, m.Status)
		}
	})
}

func TestConcurrentUseAddsUp(t *testing.T) {
	t.Parallel()
	const workers, rounds = 64, 5
	srv := start(t)
	srv.SetBalance(0)
	var work sync.WaitGroup
	for w := range workers {
		work.Go(func() {
			for i := range rounds {
				srv.TopUp(1.5)
				resp, text := call(t, srv, http.MethodPost, "/messages", sms)
				assert.Equal(t, http.StatusCreated, resp.StatusCode, text)
				phone := fmt.Sprintf("+244%03d%03d", w+100, i)
				kept := post(t, srv, "/contacts", `{"name":"Ana","phone":"`+phone+`1","lists":["lst_000001"]}`)
				gone := post(t, srv, "/contacts", `{"name":"Rui","phone":"`+phone+`2"}`)
				resp, _ = call(t, srv, http.MethodDelete, "/contacts/"+gone, "")
				assert.Equal(t, http.StatusNoContent, resp.StatusCode)
				_, text = call(t, srv, http.MethodGet, "/contacts?per_page=100", "")
				assert.True(t, strings.HasPrefix(text, `{"data":[`), text)
				call(t, srv, http.MethodGet, "/credits", "")
				srv.AddContact(zexatest.Contact{Phone: phone + "1", Lists: []string{"lst_000002"}})
				assert.NotEmpty(t, kept)
				assert.NotEmpty(t, srv.Contacts(""))
			}
		})
	}
	work.Wait()
	assert.Equal(t, workers*rounds, srv.Accepted())
	assert.Len(t, srv.Messages(), workers*rounds)
	assert.InDelta(t, workers*rounds*0.5, srv.Balance(), 0)
	assert.Len(t, srv.Contacts(""), workers*rounds)
	assert.Len(t, srv.Contacts("lst_000001"), workers*rounds)
	assert.Len(t, srv.Contacts("lst_000002"), workers*rounds)
	assert.Len(t, srv.Requests(), workers*rounds*6)
}
