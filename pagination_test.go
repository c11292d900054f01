package zexa_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/zexa-ao/zexa-go"
)

// contactPage is a page of contacts from number from on.
func contactPage(from, n int, meta string) string {
	items := make([]string, n)
	for i := range items {
		items[i] = fmt.Sprintf(`{"id":"cnt_%d"}`, from+i)
	}
	data := "[" + strings.Join(items, ",") + "]"
	switch meta {
	case "bare":
		return data
	case "":
		return `{"data":` + data + `}`
	}
	return `{"data":` + data + `,"meta":` + meta + `}`
}

func meta(total, page, perPage int) string {
	return fmt.Sprintf(`{"total":%d,"page":%d,"per_page":%d}`, total, page, perPage)
}

func TestAllFollowsWhatTheServerSaysOfTheList(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		query zexa.ContactQuery
		pages []string // bodies in turn
		want  int      // contacts, cnt_0 and on
		err   string   // after them
	}{
		"several pages": {zexa.ContactQuery{PerPage: 2},
			[]string{contactPage(0, 2, meta(5, 1, 2)), contactPage(2, 2, meta(5, 2, 2)), contactPage(4, 1, meta(5, 3, 2))}, 5, ""},
		"a last page that is full": {zexa.ContactQuery{PerPage: 2},
			[]string{contactPage(0, 2, meta(4, 1, 2)), contactPage(2, 2, meta(4, 2, 2))}, 4, ""},
		"an empty list":              {zexa.ContactQuery{}, []string{contactPage(0, 0, meta(0, 1, 50))}, 0, ""},
		"an empty list without data": {zexa.ContactQuery{}, []string{`{"meta":{"total":0}}`}, 0, ""},
		"data that is null":          {zexa.ContactQuery{}, []string{`{"data":null}`}, 0, ""},
		"no data at all":             {zexa.ContactQuery{}, []string{`{"items":[]}`}, 0, "the answer has no data"},
		"a total that grows": {zexa.ContactQuery{PerPage: 2},
			[]string{contactPage(0, 2, meta(3, 1, 2)), contactPage(2, 2, meta(5, 2, 2)), contactPage(4, 1, meta(5, 3, 2))}, 5, ""},
		"a total that shrinks": {zexa.ContactQuery{PerPage: 2},
			[]string{contactPage(0, 2, meta(9, 1, 2)), contactPage(2, 1, meta(3, 2, 2))}, 3, ""},
		"a total that shrinks to the page before": {zexa.ContactQuery{PerPage: 2},
			[]string{contactPage(0, 2, meta(3, 1, 2)), contactPage(2, 0, meta(2, 2, 2))}, 2, ""},
		"per_page lowered by the server": {zexa.ContactQuery{PerPage: 100},
			[]string{contactPage(0, 2, meta(3, 1, 2)), contactPage(2, 1, meta(3, 2, 2))}, 3, ""},
		"numbers written as floats": {zexa.ContactQuery{PerPage: 2},
			[]string{contactPage(0, 2, `{"total":3.0,"page":1.0,"per_page":2e0}`), contactPage(2, 1, `{"total":3.0,"page":2.0,"per_page":2.0}`)}, 3, ""},
		"no meta, ended by a short page": {zexa.ContactQuery{PerPage: 2},
			[]string{contactPage(0, 2, ""), contactPage(2, 2, ""), contactPage(4, 1, "")}, 5, ""},
		"no meta, ended by an empty page": {zexa.ContactQuery{PerPage: 2},
			[]string{contactPage(0, 2, ""), contactPage(2, 0, "")}, 2, ""},
		"no meta and the default size": {zexa.ContactQuery{}, []string{contactPage(0, 50, ""), contactPage(50, 3, "")}, 53, ""},
		"meta that is null":            {zexa.ContactQuery{PerPage: 2}, []string{contactPage(0, 1, "null")}, 1, ""},
		"meta without a total":         {zexa.ContactQuery{PerPage: 2}, []string{contactPage(0, 2, `{"page":1,"per_page":2}`), contactPage(2, 1, `{"page":2}`)}, 3, ""},
		"a bare array":                 {zexa.ContactQuery{PerPage: 2}, []string{contactPage(0, 3, "bare")}, 3, ""},
		"an empty bare array":          {zexa.ContactQuery{}, []string{"[]"}, 0, ""},
		"a page repeated to the byte": {zexa.ContactQuery{PerPage: 2},
			[]string{contactPage(0, 2, ""), contactPage(0, 2, "")}, 2, "page 2 repeats an earlier page"},
		"a page repeated after another": {zexa.ContactQuery{PerPage: 2},
			[]string{contactPage(0, 2, ""), contactPage(2, 2, ""), contactPage(0, 2, "")}, 4, "page 3 repeats an earlier page"},
		"a page of another number": {zexa.ContactQuery{PerPage: 2},
			[]string{contactPage(0, 2, meta(5, 1, 2)), contactPage(2, 2, meta(5, 1, 2))}, 2, "page 2 was asked for, the answer is page 1"},
		"a page in the middle that is empty": {zexa.ContactQuery{PerPage: 2},
			[]string{contactPage(0, 2, meta(9, 1, 2)), contactPage(2, 0, meta(9, 2, 2))}, 2, "page 2 of 5 is empty"},
		"an error on page 3": {zexa.ContactQuery{PerPage: 2},
			[]string{contactPage(0, 2, meta(9, 1, 2)), contactPage(2, 2, meta(9, 2, 2)), "not JSON"}, 4, "it is not valid JSON"},
		"more items than a page may hold": {zexa.ContactQuery{}, []string{contactPage(0, 1001, "bare")}, 0, "more than 1000"},
		"a start at another page":         {zexa.ContactQuery{Page: 3, PerPage: 2}, nil, 0, "page: is for List"},
		"a bad query":                     {zexa.ContactQuery{PerPage: 101}, nil, 0, "per_page: is not between 1 and 100"},
	} {
		for _, ahead := range []int{1, 0, 3} {
			t.Run(fmt.Sprintf("%s, %d pages ahead", name, ahead), func(t *testing.T) {
				t.Parallel()
				server := newPages(t, func(n int) string {
					if n > len(tt.pages) {
						assert.NotEqual(t, 1, ahead, "page %d is asked for in vain", n)
						return contactPage(0, 0, "")
					}
					return tt.pages[n-1]
				})
				var opts []zexa.CallOption
				if ahead > 0 {
					opts = append(opts, zexa.CallPagesAhead(ahead))
				}
				got, err := 0, error(nil)
				for c, e := range server.client.Contacts.All(t.Context(), tt.query, opts...) {
					require.NoError(t, err, "nothing comes after an error")
					if err = e; e != nil {
						assert.Zero(t, c)
						continue
					}
					assert.Equal(t, fmt.Sprintf("cnt_%d", got), c.ID)
					assert.JSONEq(t, `{"id":"`+c.ID+`"}`, string(c.RawJSON()))
					got++
				}
				assert.Equal(t, tt.want, got)
				if ahead == 1 {
					assert.Len(t, server.asked, len(tt.pages))
				}
				if tt.err == "" {
					assert.NoError(t, err)
					return
				}
				assert.ErrorContains(t, err, tt.err)
				var e *zexa.Error
				require.ErrorAs(t, err, &e)
				assert.Equal(t, "/contacts", e.Path)
			})
		}
	}
}

// pages is a server of a list, by the number of the page.
type pages struct {
	client *zexa.Client
	page   func(n int) string
	rtt    time.Duration

	mu          sync.Mutex
	asked       []int
	under, most int
}

func newPages(t *testing.T, page func(int) string) *pages {
	p := &pages{page: page}
	var err error
	p.client, err = zexa.New(testKey, zexa.WithHTTPClient(&http.Client{Transport: p}))
	require.NoError(t, err)
	return p
}

func (p *pages) RoundTrip(r *http.Request) (*http.Response, error) {
	n, err := strconv.Atoi(r.URL.Query().Get("page"))
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	p.asked = append(p.asked, n)
	p.under++
	p.most = max(p.most, p.under)
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		p.under--
		p.mu.Unlock()
	}()
	select {
	case <-time.After(p.rtt):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	return answer(200, p.page(n))(r)
}

// fifty is a list of 50 full pages of 2.
func fifty(n int) string { return contactPage(2*(n-1), 2, meta(100, n, 2)) }

func TestPagesAreFetchedAheadOnceTheFirstHasCome(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		opts []zexa.CallOption
		most int
		took time.Duration // round trips
	}{
		"four at once by default, after two": {nil, 4, 1 + 1 + 12},
		"eight at once if asked":             {[]zexa.CallOption{zexa.CallPagesAhead(8)}, 8, 1 + 7},
		"none if switched off":               {[]zexa.CallOption{zexa.CallPagesAhead(1)}, 1, 50},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newPages(t, fifty)
				p.rtt = time.Second
				start, n := time.Now(), 0
				for c, err := range p.client.Contacts.All(t.Context(), zexa.ContactQuery{PerPage: 2}, tt.opts...) {
					require.NoError(t, err)
					require.Equal(t, fmt.Sprintf("cnt_%d", n), c.ID)
					n++
				}
				assert.Equal(t, 100, n)
				assert.Equal(t, tt.most, p.most)
				assert.LessOrEqual(t, time.Since(start), tt.took*time.Second)
				assert.Len(t, p.asked, 50)
			})
		})
	}
}

func TestAnEarlyBreakWastesLittleAndStopsAtOnce(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ items, asked int }{
		"in the first page":  {1, 3},
		"in the second page": {3, 6},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newPages(t, fifty)
				p.rtt = time.Second
				n := 0
				var at time.Time
				for _, err := range p.client.Contacts.All(t.Context(), zexa.ContactQuery{PerPage: 2}) {
					require.NoError(t, err)
					at = time.Now()
					if n++; n == tt.items {
						synctest.Wait()
						break
					}
				}
				assert.Equal(t, at, time.Now(), "what is under way is not waited for")
				assert.LessOrEqual(t, len(p.asked), tt.asked)
				assert.Zero(t, p.under)
			})
		})
	}
}

func TestCallPagesAheadHasBounds(t *testing.T) {
	t.Parallel()
	p := newPages(t, fifty)
	for _, n := range []int{-1, 0, zexa.MaxPagesAhead + 1} {
		for _, err := range p.client.Contacts.All(t.Context(), zexa.ContactQuery{}, zexa.CallPagesAhead(n)) {
			assert.ErrorContains(t, err, "pages ahead")
		}
	}
	assert.Empty(t, p.asked)
	_, err := p.client.Messages.Get(t.Context(), "msg_1", zexa.CallPagesAhead(2))
	assert.ErrorContains(t, err, "for lists")
}

func TestAllIsLazyAndStopsWhenItsCallerDoes(t *testing.T) {
	t.Parallel()
	m := newMock(t, nil, answer(200, contactPage(0, 2, meta(9, 1, 2))), answer(200, contactPage(2, 2, meta(9, 2, 2))))
	seq := m.Contacts.All(t.Context(), zexa.ContactQuery{PerPage: 2}, zexa.CallPagesAhead(1))
	assert.Empty(t, m.requests, "nothing is asked for before the first item is")
	n := 0
	for _, err := range seq {
		require.NoError(t, err)
		if n++; n == 3 {
			break
		}
	}
	assert.Len(t, m.requests, 2)
}

func TestAllEndsWithAContextCancelledBetweenPages(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var got []error
	for _, err := range newPages(t, fifty).client.Contacts.All(ctx, zexa.ContactQuery{PerPage: 2}, zexa.CallPagesAhead(1)) {
		cancel()
		got = append(got, err)
	}
	require.Len(t, got, 3)
	assert.NoError(t, errors.Join(got[:2]...))
	assert.ErrorIs(t, got[2], context.Canceled)
}

func TestAnIteratorWithoutContextIsAnError(t *testing.T) {
	t.Parallel()
	var none context.Context
	n := 0
	for _, err := range newMock(t, nil).Contacts.All(none, zexa.ContactQuery{}) {
		assert.ErrorContains(t, err, "context is nil")
		n++
	}
	assert.Equal(t, 1, n)
}

func TestAnEmptyPageEndsAListWhateverSizeWasAskedFor(t *testing.T) {
	t.Parallel()
	m := newMock(t, []zexa.Option{zexa.WithoutValidation()}, answer(200, contactPage(0, 2, "")), answer(200, contactPage(0, 0, "")))
	n := 0
	for _, err := range m.Contacts.All(t.Context(), zexa.ContactQuery{PerPage: -1}) {
		require.NoError(t, err)
		n++
	}
	assert.Equal(t, 2, n)
}

// Pages are fetched by other goroutines, where a panic would end the program,
// and the end of the goroutine the loop's hope of an answer.
func TestWhatATransportDoesToItsGoroutineHappensToTheLoop(t *testing.T) {
	t.Parallel()
	for _, bad := range []int{1, 3} {
		for name, end := range map[string]func(){"panic": func() { panic("boom") }, "Goexit": runtime.Goexit} {
			t.Run(fmt.Sprintf("%s on page %d", name, bad), func(t *testing.T) {
				t.Parallel()
				p := newPages(t, func(n int) string {
					if n == bad {
						end()
					}
					return fifty(n)
				})
				items, returned, recovered := 0, false, any(nil)
				var loop sync.WaitGroup
				loop.Go(func() {
					defer func() { recovered = recover() }()
					for _, err := range p.client.Contacts.All(t.Context(), zexa.ContactQuery{PerPage: 2}) {
						assert.NoError(t, err)
						items++
					}
					returned = true
				})
				loop.Wait()
				assert.Equal(t, 2*(bad-1), items)
				assert.False(t, returned)
				if name == "panic" {
					assert.Equal(t, "boom", recovered)
				}
			})
		}
	}
}

func TestAPanicOnAPageAheadIsNotLostWhenTheLoopEndsFirst(t *testing.T) {
	t.Parallel()
	begun := make(chan struct{})
	p := newPages(t, func(n int) string {
		if n == 2 {
			close(begun)
			panic("boom")
		}
		return fifty(n)
	})
	assert.PanicsWithValue(t, "boom", func() {
		for range p.client.Contacts.All(t.Context(), zexa.ContactQuery{PerPage: 2}) {
			<-begun
			break
		}
	})
}

func TestAllCanBeRangedOverAgain(t *testing.T) {
	t.Parallel()
	m := newMock(t, nil, repeat(answer(200, contactPage(0, 2, meta(2, 1, 50))), 2)...)
	seq := m.Contacts.All(t.Context(), zexa.ContactQuery{})
	for range 2 {
		n := 0
		for _, err := range seq {
			require.NoError(t, err)
			n++
		}
		assert.Equal(t, 2, n)
	}
}

func TestEveryListHasBothForms(t *testing.T) {
	t.Parallel()
	script := repeat(answer(200, `{"data":[{"id":"x"}],"meta":{"total":1,"page":1,"per_page":50}}`), 3)
	m := newMock(t, nil, script...)
	for c, err := range m.Campaigns.All(t.Context(), zexa.CampaignQuery{}) {
		require.NoError(t, err)
		assert.Equal(t, "x", c.ID)
	}
	for s, err := range m.SenderIDs.All(t.Context(), zexa.SenderIDQuery{PerPage: 10}) {
		require.NoError(t, err)
		assert.Equal(t, "x", s.ID)
	}
	for c, err := range m.Contacts.All(t.Context(), zexa.ContactQuery{ListID: "lst_1"}, zexa.CallQuery(url.Values{"search": {"Ana"}})) {
		require.NoError(t, err)
		assert.Equal(t, "x", c.ID)
	}
	var urls []string
	for _, r := range m.requests {
		urls = append(urls, r.URL.RequestURI())
	}
	assert.Equal(t, []string{"/v1/campaigns?page=1", "/v1/sender-ids?page=1&per_page=10", "/v1/contacts?list_id=lst_1&page=1&search=Ana"}, urls)
}

func TestTheNumberOfAPageIsNotForCallQuery(t *testing.T) {
	t.Parallel()
	_, err := newMock(t, nil).Contacts.List(t.Context(), zexa.ContactQuery{}, zexa.CallQuery(url.Values{"page": {"2"}}))
	assert.ErrorContains(t, err, "not for CallQuery")
}

func TestAPageKeepsItsExactJSON(t *testing.T) {
	t.Parallel()
	body := `{"data":[ {"id":"cnt_1","a":"]},\"" } ,{"id":"cnt_2"}],"meta":{"total":2,"page":1,"per_page":50,"x":1},"links":{}}`
	p, err := newMock(t, nil, answer(200, body)).Contacts.List(t.Context(), zexa.ContactQuery{})
	require.NoError(t, err)
	assert.Equal(t, body, string(p.RawJSON()))
	assert.Equal(t, `{"id":"cnt_1","a":"]},\"" }`, string(p.Items[0].RawJSON()))
	assert.Equal(t, `{"id":"cnt_2"}`, string(p.Items[1].RawJSON()))
	grown := append(p.Items[0].RawJSON(), "xxxx"...)
	assert.NotEmpty(t, grown)
	assert.Equal(t, body, string(p.RawJSON()), "an item cannot be appended to into the next")
}

func TestPagesAreCountedFromMeta(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]int{
		contactPage(0, 1, meta(340, 1, 25)): 14, contactPage(0, 1, meta(350, 1, 25)): 14, contactPage(0, 1, meta(1, 1, 25)): 1,
		contactPage(0, 0, meta(0, 1, 25)): 0, contactPage(0, 3, "bare"): 1, contactPage(0, 3, ""): 0,
		contactPage(0, 1, meta(-5, 1, 25)): 0, contactPage(0, 1, `{"total":1e300,"page":1,"per_page":1}`): 1<<31 - 1,
	} {
		p, err := newMock(t, nil, answer(200, body)).Contacts.List(t.Context(), zexa.ContactQuery{})
		require.NoError(t, err)
		assert.Equal(t, want, p.Pages(), body)
	}
	assert.Equal(t, math.MaxInt/2+1, (&zexa.Page[zexa.Contact]{Meta: zexa.Meta{Total: math.MaxInt, PerPage: 2}}).Pages())
}

func TestAnyEndpointIsAPageAway(t *testing.T) {
	t.Parallel()
	var raw json.RawMessage
	m := newMock(t, nil, answer(200, `{"data":[]}`))
	require.NoError(t, m.Do(t.Context(), http.MethodGet, "/segments", nil, &raw, zexa.CallQuery(url.Values{"page": {"2"}})))
	assert.Equal(t, "/v1/segments?page=2", m.requests[0].URL.RequestURI())
}

func TestWithoutValidationAnyPageIsAskedFor(t *testing.T) {
	t.Parallel()
	m := newMock(t, []zexa.Option{zexa.WithoutValidation()}, apiError(400, zexa.CodeInvalidRequest))
	_, err := m.Contacts.List(t.Context(), zexa.ContactQuery{PerPage: 500})
	assert.ErrorIs(t, err, zexa.ErrInvalidRequest)
	assert.Equal(t, "per_page=500", m.requests[0].URL.RawQuery)
}
