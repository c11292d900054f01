package zexa_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/contactcsv"
	"github.com/zexa-ao/zexa-go/zexatest"
)

// person returns the nth contact.
func person(n int) zexa.ContactParams {
	return zexa.ContactParams{Name: fmt.Sprintf("Person %d", n), Phone: fmt.Sprintf("+2449%08d", n)}
}

// people returns rows from 0 to n, as if from a file with a header.
func people(n int) iter.Seq[zexa.ContactRow] {
	return func(yield func(zexa.ContactRow) bool) {
		for i := range n {
			if !yield(zexa.ContactRow{Line: i + 2, Contact: person(i)}) {
				return
			}
		}
	}
}

// importOne imports one row that is answered as script says.
func importOne(t *testing.T, row zexa.ContactRow, p zexa.ImportParams, script ...httpmock.Responder) (zexa.ImportResult, *zexa.Batch[zexa.ImportResult], *mock) {
	m := newMock(t, nil, script...)
	batch := m.Contacts.Import(t.Context(), slices.Values([]zexa.ContactRow{row}), p)
	results := slices.Collect(batch.Results())
	require.Len(t, results, 1)
	return results[0], batch, m
}

func TestARowOfAnImportEndsInOneState(t *testing.T) {
	t.Parallel()
	created, exists := answer(201, ana), apiError(409, zexa.CodeConflict)
	failed := zexa.Tally{Refused: 1}
	for name, tt := range map[string]struct {
		script  []httpmock.Responder
		state   zexa.ImportState
		tally   zexa.Tally
		outcome error // of a row that failed
	}{
		"created":                                {[]httpmock.Responder{created}, zexa.ImportCreated, zexa.Tally{Accepted: 1}, nil},
		"created after a 429":                    {[]httpmock.Responder{apiErrorAfter("1"), created}, zexa.ImportCreated, zexa.Tally{Accepted: 1}, nil},
		"created after a 500":                    {[]httpmock.Responder{answer(500, ""), created}, zexa.ImportCreated, zexa.Tally{Accepted: 1}, nil},
		"created after a lost connection":        {[]httpmock.Responder{fail(io.EOF), created}, zexa.ImportCreated, zexa.Tally{Accepted: 1}, nil},
		"already there":                          {[]httpmock.Responder{exists}, zexa.ImportExisting, zexa.Tally{Existing: 1}, nil},
		"already there, after a 429":             {[]httpmock.Responder{apiErrorAfter("1"), exists}, zexa.ImportExisting, zexa.Tally{Existing: 1}, nil},
		"there after a 500":                      {[]httpmock.Responder{answer(500, ""), exists}, zexa.ImportCreatedOrExisting, zexa.Tally{Existing: 1}, nil},
		"there after a lost connection and more": {[]httpmock.Responder{fail(io.EOF), apiErrorAfter("1"), exists}, zexa.ImportCreatedOrExisting, zexa.Tally{Existing: 1}, nil},
		"there, in an answer that was cut":       {[]httpmock.Responder{cutShort(201, `{"id":`)}, zexa.ImportCreatedOrExisting, zexa.Tally{Existing: 1}, nil},
		"there, in an answer that is nonsense":   {[]httpmock.Responder{answer(201, "<html>")}, zexa.ImportCreatedOrExisting, zexa.Tally{Existing: 1}, nil},
		"refused":                                {[]httpmock.Responder{apiError(422, zexa.CodeValidation)}, zexa.ImportFailed, failed, zexa.ErrNotSent},
		"refused after a 500":                    {[]httpmock.Responder{answer(500, ""), apiError(422, zexa.CodeValidation)}, zexa.ImportFailed, zexa.Tally{Unknown: 1}, zexa.ErrOutcomeUnknown},
		"unknown after all retries":              {repeat(answer(502, ""), 4), zexa.ImportFailed, zexa.Tally{Unknown: 1}, zexa.ErrOutcomeUnknown},
		"limited after all retries":              {repeat(apiErrorAfter("1"), 4), zexa.ImportFailed, failed, zexa.ErrNotSent},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r, batch, m := importOne(t, zexa.ContactRow{Line: 7, Contact: anaParams}, zexa.ImportParams{}, tt.script...)
				assert.Equal(t, tt.state, r.State)
				assert.Equal(t, 7, r.Line)
				assert.Equal(t, len(tt.script), r.Attempts)
				assert.Len(t, m.requests, len(tt.script))
				assert.Equal(t, zexa.BatchSummary[zexa.ImportResult]{Tally: tt.tally, Next: 1}, batch.Summary())
				if tt.outcome != nil {
					requireOutcome(t, r.Err, tt.outcome)
				} else {
					assert.NoError(t, r.Err)
				}
				if tt.state == zexa.ImportCreated {
					checkAna(t, r.Contact)
				} else {
					assert.Nil(t, r.Contact)
				}
			})
		})
	}
}

func TestARowThatIsBadIsReportedAndNotSent(t *testing.T) {
	t.Parallel()
	unread := errors.New("a quote is not closed")
	noPhone := errors.New("not a phone number")
	normalize := func(phone string) (string, error) {
		if digits := strings.ReplaceAll(phone, " ", ""); len(digits) == 9 {
			return "+244" + digits, nil
		}
		return "", fmt.Errorf("%w: %s", noPhone, phone)
	}
	for name, tt := range map[string]struct {
		row       zexa.ContactRow
		normalize func(string) (string, error)
		kind      error
		says      string
	}{
		"that could not be read":       {zexa.ContactRow{Err: unread}, nil, unread, "a quote is not closed"},
		"that is not normalised then":  {zexa.ContactRow{Err: unread}, func(string) (string, error) { panic("asked") }, unread, "a quote is not closed"},
		"without a name":               {zexa.ContactRow{Contact: zexa.ContactParams{Phone: "+244912345678"}}, nil, zexa.ErrValidation, "name: is required"},
		"with a local number":          {zexa.ContactRow{Contact: zexa.ContactParams{Name: "Ana", Phone: "912345678"}}, nil, zexa.ErrValidation, "phone: is not a phone number in E.164"},
		"that cannot be normalised":    {zexa.ContactRow{Contact: zexa.ContactParams{Name: "Ana", Phone: "9123456789"}}, normalize, noPhone, "phone: not a phone number"},
		"that is normalised to naught": {zexa.ContactRow{Contact: anaParams}, func(string) (string, error) { return "", nil }, zexa.ErrValidation, "phone: is required"},
		"that is normalised badly":     {zexa.ContactRow{Contact: anaParams}, func(string) (string, error) { return "912", nil }, zexa.ErrValidation, "phone: is not a phone number"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.row.Line = 7
			r, batch, _ := importOne(t, tt.row, zexa.ImportParams{NormalizePhone: tt.normalize})
			assert.Equal(t, zexa.ImportFailed, r.State)
			assert.Equal(t, 7, r.Line)
			assert.Zero(t, r.Attempts)
			assert.Nil(t, r.Contact)
			requireOutcome(t, r.Err, zexa.ErrNotSent)
			assert.ErrorIs(t, r.Err, tt.kind)
			assert.ErrorContains(t, r.Err, "zexa: POST /contacts: not sent: ")
			assert.ErrorContains(t, r.Err, tt.says)
			assert.NotContains(t, r.Err.Error(), "912345678")
			assert.Equal(t, zexa.BatchSummary[zexa.ImportResult]{Tally: zexa.Tally{Refused: 1}, Next: 1}, batch.Summary())
		})
	}
	t.Run("and what can be normalised is sent so", func(t *testing.T) {
		t.Parallel()
		row := zexa.ContactRow{Contact: zexa.ContactParams{Name: "Ana", Phone: "912 345 678"}}
		r, _, m := importOne(t, row, zexa.ImportParams{NormalizePhone: normalize}, answer(201, ana))
		assert.Equal(t, zexa.ImportCreated, r.State)
		assert.JSONEq(t, `{"name":"Ana","phone":"+244912345678"}`, m.bodies[0])
	})
}

func TestAnImportGoesOnAfterBadRowsAndStopsWhenThatIsPointless(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rows := slices.Collect(people(1_000))
		for i := range 10 {
			rows[i*3] = zexa.ContactRow{Line: i*3 + 2, Err: errors.New("garbage")}
		}
		client := api(func(n int, r *http.Request) (*http.Response, error) {
			if n >= 500 {
				return apiError(401, zexa.CodeUnauthorized)(r)
			}
			time.Sleep(time.Second)
			return answer(201, ana)(r)
		}).client(t)
		batch := client.Contacts.Import(t.Context(), slices.Values(rows), zexa.ImportParams{BatchParams: zexa.BatchParams{Concurrency: 20}})
		seen := map[int]bool{}
		for r := range batch.Results() {
			assert.False(t, seen[r.Index])
			seen[r.Index] = true
			assert.Equal(t, r.Index+2, r.Line)
			assert.Equal(t, r.Index < 30 && r.Index%3 == 0 || r.Index >= 500, r.State == zexa.ImportFailed, "row %d", r.Index)
		}
		summary := batch.Summary()
		assert.ErrorIs(t, summary.Stopped, zexa.ErrUnauthorized)
		assert.Equal(t, 490, summary.Accepted)
		assert.Equal(t, summary.Next, len(seen))
		assert.LessOrEqual(t, summary.Next, 540)
	})
}

func TestAnImportTakesTheOptionsOfACallAndOfABatch(t *testing.T) {
	t.Parallel()
	t.Run("a call option", func(t *testing.T) {
		t.Parallel()
		m := newMock(t, nil, answer(500, ""))
		opts := append(make([]zexa.CallOption, 0, 2), zexa.CallRetries(0))
		batch := m.Contacts.Import(t.Context(), people(1), zexa.ImportParams{}, opts...)
		assert.Equal(t, zexa.Tally{Unknown: 1}, batch.Wait().Tally)
		assert.Nil(t, opts[:2][1], "the caller's slice is left alone")
	})
	t.Run("a bad one", func(t *testing.T) {
		t.Parallel()
		summary := newMock(t, nil).Contacts.Import(t.Context(), people(1_000), zexa.ImportParams{}, zexa.CallRetries(-1)).Wait()
		assert.ErrorContains(t, summary.Stopped, "retries")
		assert.Less(t, summary.Next, 100)
	})
	t.Run("concurrency that makes no sense", func(t *testing.T) {
		t.Parallel()
		summary := newMock(t, nil).Contacts.Import(t.Context(), people(3), zexa.ImportParams{BatchParams: zexa.BatchParams{Concurrency: -1}}).Wait()
		assert.ErrorIs(t, summary.Stopped, zexa.ErrValidation)
		assert.Zero(t, summary.Next)
	})
	t.Run("progress", func(t *testing.T) {
		t.Parallel()
		var last zexa.Progress
		m := newMock(t, nil, answer(201, ana), apiError(409, zexa.CodeConflict))
		m.Contacts.Import(t.Context(), people(2), zexa.ImportParams{BatchParams: zexa.BatchParams{Total: 2, Progress: func(p zexa.Progress) { last = p }}}).Wait()
		assert.Equal(t, zexa.Tally{Accepted: 1, Existing: 1}, last.Tally)
		assert.Equal(t, 2, last.Done())
	})
}

func TestAnImportThatEndsEarlyKeepsWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(500*time.Millisecond, cancel) // when none was answered yet
		batch := api(everyOrder).client(t).Contacts.Import(ctx, people(500), zexa.ImportParams{})
		var lines []int
		for r := range batch.Results() {
			lines = append(lines, r.Line)
			break
		}
		assert.Len(t, batch.Summary().Rest, zexa.DefaultConcurrency-1)
		for _, r := range batch.Summary().Rest {
			assert.Equal(t, zexa.ImportCreated, r.State)
			lines = append(lines, r.Line)
		}
		slices.Sort(lines)
		assert.Len(t, slices.Compact(lines), batch.Summary().Next)
		assert.Equal(t, batch.Summary().Next, batch.Summary().Accepted)
	})
}

func TestAFunctionThatPanicsOrExitsDoesSoInTheLoop(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(){"panic": func() { panic("index out of range") }, "Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := newMock(t, nil)
				batch := m.Contacts.Import(t.Context(), people(100), zexa.ImportParams{NormalizePhone: func(string) (string, error) {
					end()
					return "", nil
				}})
				var passed bool
				var got any
				var wg sync.WaitGroup
				wg.Go(func() {
					defer func() { got = recover() }()
					batch.Wait()
					passed = true
				})
				wg.Wait()
				assert.False(t, passed)
				assert.Equal(t, name == "panic", got == "index out of range")
				synctest.Wait()
			})
		})
	}
}

func TestContactsAreNumberedAsRows(t *testing.T) {
	t.Parallel()
	contacts := []zexa.ContactParams{person(0), person(1), person(2)}
	want := []zexa.ContactRow{{Line: 1, Contact: person(0)}, {Line: 2, Contact: person(1)}, {Line: 3, Contact: person(2)}}
	assert.Equal(t, want, slices.Collect(zexa.ContactRows(slices.Values(contacts))))
	for row := range zexa.ContactRows(slices.Values(contacts)) {
		assert.Equal(t, want[0], row)
		break
	}
	summary := newMock(t, nil).Contacts.Import(t.Context(), zexa.ContactRows(nil), zexa.ImportParams{}).Wait()
	assert.ErrorContains(t, summary.Stopped, "the sequence is nil")
}

// tenThousand returns a file of n rows, of which each hundredth repeats the
// one before, each thousandth is garbage, and some are there already; and what
// is to become of each line.
func tenThousand(srv *zexatest.Server, n int) (file string, want map[int]string) {
	garbage := []string{
		`"Ana,+244912345678,,`, "Ana", "\xff\xfe,,,", "Ana,912345678,,", ",+244912345678,,", "Ana,+244912345678,ana,",
		"Ana,+244912345678,,lst_missing", `Ana "Nita" Silva,+244912345678,,`, strings.Repeat("x", 70_000), "a,b,c,d,e,f",
	}
	want = map[int]string{}
	var b strings.Builder
	b.WriteString("\uFEFFName,Phone,Email,Lists\r\n")
	for i := range n {
		line := i + 2
		p := person(i)
		switch {
		case i%1000 == 999:
			b.WriteString(garbage[i/1000%len(garbage)] + "\r\n")
			want[line] = "failed"
			continue
		case i%100 == 50:
			p.Phone = person(i - 1).Phone
			want[line-1], want[line] = "twice", "twice"
		case i%100 == 70:
			srv.AddContact(zexatest.Contact{Name: "There", Phone: p.Phone})
			want[line] = "existing"
		default:
			want[line] = "created"
		}
		fmt.Fprintf(&b, "%s,%s,p%d@exemplo.ao,%s\r\n", p.Name, p.Phone, i, zexatest.DefaultContactList)
	}
	return b.String(), want
}

func TestEveryRowOfTenThousandIsAccountedFor(t *testing.T) {
	t.Parallel()
	n := 10_000
	if testing.Short() {
		n = 2_000
	}
	synctest.Test(t, func(t *testing.T) {
		srv, client := zexatest.New(t)
		srv.KeepRequests(0)
		file, want := tenThousand(srv, n)
		before := len(srv.Contacts(""))
		sprinkle(srv, "/contacts")

		r, err := contactcsv.NewReader(strings.NewReader(file), contactcsv.Columns{})
		require.NoError(t, err)
		batch := client.Contacts.Import(t.Context(), r.Rows(), zexa.ImportParams{})
		byLine := map[int]zexa.ImportResult{}
		states := map[zexa.ImportState]int{}
		for result := range batch.Results() {
			if _, twice := byLine[result.Line]; twice {
				t.Errorf("line %d has two results", result.Line)
			}
			byLine[result.Line] = result
			states[result.State]++
		}
		require.NoError(t, r.Err())
		require.NoError(t, batch.Summary().Stopped)
		require.Len(t, byLine, n)
		assert.Equal(t, n, batch.Summary().Next)

		there := map[string]int{}
		for _, c := range srv.Contacts("") {
			there[c.Phone]++
		}
		made, twice := 0, map[string]int{}
		garbage, faults := 0, 0
		for line, want := range want {
			got := byLine[line]
			phone := person(line - 2).Phone
			if want == "twice" && (line-2)%100 == 50 {
				phone = person(line - 3).Phone
			}
			if want == "failed" {
				garbage++
				assert.Equal(t, zexa.ImportFailed, got.State, "line %d", line)
				require.Error(t, got.Err)
				continue
			}
			switch got.State {
			case zexa.ImportCreated:
				made++
				twice[phone]++
				assert.Equal(t, phone, got.Contact.Phone)
				assert.NotEqual(t, "existing", want)
			case zexa.ImportExisting:
				assert.NotEqual(t, "created", want, "line %d", line)
			case zexa.ImportFailed:
				faults++ // a fault answers 400 now and then
				require.Error(t, got.Err)
				continue
			}
			assert.Equal(t, 1, there[phone], "line %d: it is there, once", line)
		}
		for phone, n := range twice {
			assert.Equal(t, 1, n, phone)
		}
		assert.Equal(t, n/1000, garbage)
		assert.Less(t, faults, n/50)
		assert.GreaterOrEqual(t, len(there)-before, made)
		assert.LessOrEqual(t, len(there)-before, made+states[zexa.ImportCreatedOrExisting]+batch.Summary().Unknown)
		tally := batch.Summary().Tally
		assert.Equal(t, n, tally.Done())
		assert.Equal(t, states[zexa.ImportCreated], tally.Accepted)
		assert.Equal(t, states[zexa.ImportExisting]+states[zexa.ImportCreatedOrExisting], tally.Existing)
		assert.Equal(t, states[zexa.ImportFailed], tally.Refused+tally.Unknown)
		t.Logf("%d rows: %v", n, states)
	})
}

func TestAnImportHoldsNoMoreThanIsUnderWay(t *testing.T) { // not parallel: it measures the heap
	n := 20_000
	if testing.Short() {
		n = 5_000
	}
	var sent atomic.Int32
	client := api(func(int, *http.Request) (*http.Response, error) {
		sent.Add(1)
		return httpmock.NewStringResponse(201, ana), nil
	}).client(t)
	batch := client.Contacts.Import(t.Context(), people(n), zexa.ImportParams{})
	var first, last uint64
	seen := 0
	for range batch.Results() {
		if seen++; seen%(n/5) == 0 {
			last = heap()
			if first == 0 {
				first = last
			}
		}
	}
	assert.EqualValues(t, n, sent.Load())
	assert.Less(t, last, first+(1<<20))
}
