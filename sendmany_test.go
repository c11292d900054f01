package zexa_test

import (
	"errors"
	"fmt"
	"iter"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/zexatest"
)

// sprinkle has every kind of fault meet some of the requests to path.
func sprinkle(srv *zexatest.Server, path string) {
	for _, f := range []zexatest.Fault{
		{Status: 429, RetryAfter: "1", Every: 61},
		{Status: 429, Every: 67},
		{Reset: zexatest.ResetBeforeRead, Every: 71},
		{Reset: zexatest.ResetAfterRead, Every: 73},
		{Reset: zexatest.ResetAfterActed, Every: 79},
		{Status: 500, Every: 83},
		{Status: 502, Act: true, Body: []byte("<html>Bad Gateway</html>"), Every: 89},
		{Status: 503, RetryAfter: "2", Every: 97},
		{Damage: zexatest.CutBody, Every: 101},
		{Damage: zexatest.InvalidJSON, Every: 103},
		{Status: 400, Every: 107},
	} {
		f.Method, f.Path, f.Times = http.MethodPost, path, zexatest.Always
		srv.Fault(f)
	}
}

// A proof checks of messages sent through faults that each has one result, which
// is true. It keeps little, so that memory can be measured beside it.
type proof struct {
	srv      *zexatest.Server
	accepted []atomic.Int32 // by the server, by message
	results  []result
}

type result uint8

const (
	none result = iota
	accepted
	unknown
	refused
)

func newProof(srv *zexatest.Server, n int) *proof {
	p := &proof{srv: srv, accepted: make([]atomic.Int32, n), results: make([]result, n)}
	srv.KeepRequests(0)
	srv.SetBalance(1e9)
	srv.OnAccept(func(m zexatest.Message) {
		var i int
		if _, err := fmt.Sscanf(m.Body, "Order %d", &i); err == nil && m.To == order(i).To {
			p.accepted[i].Add(1)
		}
	})
	return p
}

func (p *proof) orders() iter.Seq[zexa.MessageParams] {
	return func(yield func(zexa.MessageParams) bool) {
		for i := range p.results {
			m := order(i)
			m.From = zexatest.DefaultSender
			if !yield(m) {
				return
			}
		}
	}
}

func (p *proof) note(t testing.TB, r zexa.SendResult) {
	if p.results[r.Index] != none {
		t.Errorf("message %d has two results", r.Index)
	}
	switch {
	case r.Err == nil:
		m, ok := p.srv.Message(r.Message.ID)
		if !ok || m.To != order(r.Index).To {
			t.Errorf("message %d has the answer to another", r.Index)
		}
		p.results[r.Index] = accepted
	case errors.Is(r.Err, zexa.ErrAccepted):
		p.results[r.Index] = accepted
	case errors.Is(r.Err, zexa.ErrOutcomeUnknown):
		p.results[r.Index] = unknown
	default:
		p.results[r.Index] = refused
	}
}

func (p *proof) check(t testing.TB, summary zexa.BatchSummary[zexa.SendResult]) {
	require.NoError(t, summary.Stopped)
	require.Equal(t, len(p.results), summary.Next)
	require.Empty(t, summary.Rest)
	var count [4]int
	acted := 0
	for i, r := range p.results {
		count[r]++
		switch n := int(p.accepted[i].Load()); {
		case n > 1:
			t.Errorf("message %d was accepted %d times", i, n)
		case r == accepted && n == 0, r == refused && n == 1:
			t.Errorf("message %d was accepted %d times, its result is %d", i, n, r)
		case r == unknown:
			acted += n
		}
	}
	assert.Zero(t, count[none], "messages without a result")
	assert.Equal(t, zexa.Tally{Accepted: count[accepted], Unknown: count[unknown], Refused: count[refused]}, summary.Tally)
	assert.Equal(t, p.srv.Accepted(), summary.Accepted+acted)
	assert.Positive(t, acted)
	assert.Less(t, acted, summary.Unknown)
	assert.Positive(t, summary.Refused)
	t.Logf("%d messages: %+v, of the unknown %d were accepted", len(p.results), summary.Tally, acted)
}

func TestTwentyThousandMessagesThroughFaultsAreEachAcceptedOnceAtMost(t *testing.T) { // not parallel: it measures the heap
	n := 20_000
	if testing.Short() {
		n = 2_000
	}
	synctest.Test(t, func(t *testing.T) {
		srv, client := zexatest.New(t)
		p := newProof(srv, n)
		sprinkle(srv, "/messages")
		srv.Fault(zexatest.Fault{Path: "/messages", Latency: 40 * time.Second, Times: zexatest.Always, Every: 997}) // an attempt may take 30 s
		srv.RateLimit(zexatest.Limit{Kind: zexatest.SlidingLog, Requests: 500})
		start := time.Now()
		batch := client.Messages.SendMany(t.Context(), p.orders(), zexa.BatchParams{Concurrency: 64})
		var before uint64
		from, seen := n/4, 0
		for r := range batch.Results() {
			p.note(t, r)
			if seen++; seen == from {
				before = heap()
			}
		}
		grown := int(heap()) - int(before)
		p.check(t, batch.Summary())
		t.Logf("%v on the clock, %d bytes a message, which the server keeps", time.Since(start), grown/(n-from))
		assert.Less(t, grown/(n-from), 1_000, "bytes a message")
		runtime.KeepAlive(srv)
	})
}

func TestMessagesThroughFaultsOnSocketsAreEachAcceptedOnceAtMost(t *testing.T) {
	t.Parallel()
	for name, carrier := range map[string]zexatest.Option{"HTTP/1.1": zexatest.OnLoopback(), "HTTP/2 and TLS": zexatest.OnLoopbackTLS()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv, err := zexatest.Start(carrier)
			require.NoError(t, err)
			t.Cleanup(srv.Close)
			client, err := srv.Client(zexa.WithRetryWait(time.Millisecond, 5*time.Second), zexa.WithRetries(10), zexa.WithoutPacing())
			require.NoError(t, err)
			t.Cleanup(client.CloseIdleConnections)
			p := newProof(srv, 1_500)
			sprinkle(srv, "/messages")
			batch := client.Messages.SendMany(t.Context(), p.orders(), zexa.BatchParams{})
			for r := range batch.Results() {
				p.note(t, r)
			}
			p.check(t, batch.Summary())
		})
	}
}

func TestManyMessagesFindARateLimitOnceAndKeepToIt(t *testing.T) {
	t.Parallel()
	for name, kind := range map[string]zexatest.LimitKind{
		"a token bucket": zexatest.TokenBucket, "a fixed window": zexatest.FixedWindow, "a sliding log": zexatest.SlidingLog,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv, client := zexatest.New(t)
				srv.SetBalance(1e6)
				srv.RateLimit(zexatest.Limit{Kind: kind, Requests: 100})
				srv.Fault(zexatest.Fault{Latency: 50 * time.Millisecond, Times: zexatest.Always})
				p := newProof(srv, 3_000)
				srv.KeepRequests(10_000)
				start := time.Now()
				summary := client.Messages.SendMany(t.Context(), p.orders(), zexa.BatchParams{}).Wait()
				assert.Equal(t, 3_000, summary.Accepted)
				limited := 0
				for _, r := range srv.Requests() {
					if r.Status == http.StatusTooManyRequests {
						limited++
					}
				}
				assert.Less(t, limited, 100, "32 of them at the start")
				assert.Less(t, time.Since(start), 40*time.Second, "30 s is what the limit allows")
			})
		})
	}
}

func TestWhatRefusesAllMessagesStopsThem(t *testing.T) {
	t.Parallel()
	t.Run("credits that run out", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			srv, client := zexatest.New(t)
			p := newProof(srv, 1_000)
			srv.SetBalance(321)
			summary := client.Messages.SendMany(t.Context(), p.orders(), zexa.BatchParams{}).Wait()
			assert.ErrorIs(t, summary.Stopped, zexa.ErrInsufficientCredits)
			assert.Equal(t, 321, summary.Accepted)
			assert.LessOrEqual(t, summary.Refused, zexa.DefaultConcurrency)
			assert.Equal(t, 321+summary.Refused, summary.Next)
		})
	})
	t.Run("a key that is revoked", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			srv, client := zexatest.New(t)
			p := newProof(srv, 1_000)
			batch := client.Messages.SendMany(t.Context(), p.orders(), zexa.BatchParams{})
			n := 0
			for range batch.Results() {
				if n++; n == 100 {
					srv.SetKey("another")
				}
			}
			summary := batch.Summary()
			assert.ErrorIs(t, summary.Stopped, zexa.ErrUnauthorized)
			assert.Equal(t, srv.Accepted(), summary.Accepted)
			assert.Equal(t, summary.Next, summary.Accepted+summary.Refused)
			assert.Less(t, summary.Next, 200)
		})
	})
}

func TestCallOptionsGoWithEveryMessage(t *testing.T) {
	t.Parallel()
	var sent atomic.Int32
	client := api(func(n int, r *http.Request) (*http.Response, error) {
		sent.Add(1)
		assert.Equal(t, "7", r.Header.Get("X-Batch"))
		return answer(500, "")(r)
	}).client(t)
	summary := client.Messages.SendMany(t.Context(), orders(40, nil), zexa.BatchParams{}, zexa.CallHeader("X-Batch", "7")).Wait()
	assert.Equal(t, zexa.Tally{Unknown: 40}, summary.Tally)
	assert.EqualValues(t, 40, sent.Load())
}

func TestAnEstimateAddsUpTheDocumentedPrices(t *testing.T) {
	t.Parallel()
	const inAngola, abroad = "+244912345678", "+243912345678"
	one, three := "Olé", strings.Repeat("x", 320)
	for name, tt := range map[string]struct {
		messages []zexa.MessageParams
		want     zexa.Estimate
	}{
		"nothing":                 {nil, zexa.Estimate{}},
		"an SMS in Angola":        {[]zexa.MessageParams{zexa.SMS("Z", inAngola, one)}, zexa.Estimate{Messages: 1, Segments: 1, MinCredits: 1, MaxCredits: 1}},
		"a long one":              {[]zexa.MessageParams{zexa.SMS("Z", inAngola, three)}, zexa.Estimate{Messages: 1, Segments: 3, MinCredits: 3, MaxCredits: 3}},
		"one outside GSM-7":       {[]zexa.MessageParams{zexa.SMS("Z", inAngola, strings.Repeat("ã", 71))}, zexa.Estimate{Messages: 1, Segments: 2, MinCredits: 2, MaxCredits: 2}},
		"an SMS abroad":           {[]zexa.MessageParams{zexa.SMS("Z", abroad, one)}, zexa.Estimate{Messages: 1, Segments: 1, MinCredits: 2, MaxCredits: 5}},
		"a long one abroad":       {[]zexa.MessageParams{zexa.SMS("Z", abroad, three)}, zexa.Estimate{Messages: 1, Segments: 3, MinCredits: 6, MaxCredits: 15}},
		"an SMS without text":     {[]zexa.MessageParams{zexa.SMS("Z", inAngola, "")}, zexa.Estimate{Messages: 1}},
		"WhatsApp":                {[]zexa.MessageParams{zexa.WhatsApp("Z", inAngola, three)}, zexa.Estimate{Messages: 1, MinCredits: 1, MaxCredits: 2}},
		"a template":              {[]zexa.MessageParams{zexa.WhatsAppTemplate("Z", abroad, zexa.Template{Name: "x"})}, zexa.Estimate{Messages: 1, MinCredits: 1, MaxCredits: 2}},
		"Telegram":                {[]zexa.MessageParams{zexa.Telegram("Z", inAngola, three)}, zexa.Estimate{Messages: 1, MinCredits: 1, MaxCredits: 1}},
		"e-mail":                  {[]zexa.MessageParams{zexa.Email("a@b.ao", "c@d.ao", "s", three)}, zexa.Estimate{Messages: 1, MinCredits: 0.5, MaxCredits: 0.5}},
		"Slack":                   {[]zexa.MessageParams{zexa.Slack("Z", "C1", three)}, zexa.Estimate{Messages: 1, MinCredits: 0.5, MaxCredits: 0.5}},
		"a channel without price": {[]zexa.MessageParams{{Channel: "pigeon", Body: one}, {}}, zexa.Estimate{Messages: 2, Unpriced: 2}},
		"a bit of everything": {
			[]zexa.MessageParams{
				zexa.SMS("Z", inAngola, three), zexa.SMS("Z", abroad, one), zexa.WhatsApp("Z", inAngola, one),
				zexa.Email("a@b.ao", "c@d.ao", "s", one), zexa.Slack("Z", "C1", one), {Channel: "pigeon"},
			},
			zexa.Estimate{Messages: 6, Segments: 4, Unpriced: 1, MinCredits: 3 + 2 + 1 + 1, MaxCredits: 3 + 5 + 2 + 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, tt.want, zexa.EstimateCredits(slices.Values(tt.messages)))
		})
	}
}

func TestAnEstimateOfNoSequenceIsZero(t *testing.T) {
	t.Parallel()
	assert.Zero(t, zexa.EstimateCredits(nil))
}

func TestAnEstimateWalksOverASequenceThatIsThenSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, client := zexatest.New(t)
		p := newProof(srv, 500)
		srv.SetBalance(1000)
		e := zexa.EstimateCredits(p.orders())
		assert.Equal(t, zexa.Estimate{Messages: 500, Segments: 500, MinCredits: 500, MaxCredits: 500}, e)
		client.Messages.SendMany(t.Context(), p.orders(), zexa.BatchParams{Total: e.Messages}).Wait()
		assert.Equal(t, 1000-e.MaxCredits, srv.Balance())
	})
}
