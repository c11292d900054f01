package backoff_test

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/zexa-ao/zexa-go/internal/backoff"
)

// draws is enough for an interval of a tenth of what is drawn from to be hit
// with a probability that differs from 1 by less than 10⁻⁴⁰.
const draws = 1000

const forever = time.Duration(math.MaxInt64)

var now = time.Date(2026, 7, 25, 12, 0, 0, 0, time.UTC)

// spread returns the least and the largest of many draws.
func spread(draw func() time.Duration) (least, largest time.Duration) {
	least = forever
	for range draws {
		d := draw()
		least, largest = min(least, d), max(largest, d)
	}
	return least, largest
}

func TestDelayLiesInTheUpperHalfUnderACeilingThatDoublesUpToTheLongest(t *testing.T) {
	t.Parallel()
	const first = time.Second
	tests := []struct {
		n              int
		first, longest time.Duration
		ceiling        time.Duration
	}{
		{1, first, time.Minute, first},
		{2, first, time.Minute, 2 * first},
		{3, first, time.Minute, 4 * first},
		{6, first, time.Minute, 32 * first},
		{7, first, time.Minute, time.Minute},
		{8, first, time.Minute, time.Minute},
		{7, first, 64 * first, 64 * first},
		{8, first, 64 * first, 64 * first},
		{4, first, 7 * first, 7 * first},
		{1, time.Hour, time.Minute, time.Minute},
		{1, time.Minute, time.Minute, time.Minute},
		{math.MaxInt, first, time.Minute, time.Minute},
		{63, 1, forever, 1 << 62},
		{64, 1, forever, forever},
		{math.MaxInt, 1, forever, forever},
		{math.MaxInt, forever, forever, forever},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("the ceiling of wait %d from %v up to %v is %v", tt.n, tt.first, tt.longest, tt.ceiling), func(t *testing.T) {
			t.Parallel()
			least, largest := spread(func() time.Duration { return backoff.Delay(tt.n, tt.first, tt.longest) })
			assert.GreaterOrEqual(t, least, tt.ceiling/2)
			assert.Less(t, least, tt.ceiling/10*6)
			assert.Greater(t, largest, tt.ceiling/10*9)
			assert.LessOrEqual(t, largest, tt.ceiling)
		})
	}
}

func TestTheShortestDelayIsNotNothing(t *testing.T) {
	t.Parallel()
	least, largest := spread(func() time.Duration { return backoff.Delay(1, 1, 1) })
	assert.Equal(t, []time.Duration{1, 1}, []time.Duration{least, largest})
	least, largest = spread(func() time.Duration { return backoff.Delay(1, 2, 2) })
	assert.Equal(t, []time.Duration{1, 2}, []time.Duration{least, largest})
}

func TestPlan(t *testing.T) {
	t.Parallel()
	const s = time.Second
	in := func(d time.Duration) time.Time { return now.Add(d) }
	none := time.Time{}

	tests := []struct {
		name           string
		n              int
		first, longest time.Duration
		floor          time.Duration
		deadline       time.Time
		least, largest time.Duration
		fits           bool
	}{
		{"without a floor the wait is a delay", 2, s, 60 * s, 0, none, s, 2 * s, true},
		{"a floor gets up to a tenth on top", 1, s, 60 * s, 20 * s, none, 20 * s, 22 * s, true},
		{"a delay longer than the floor stays", 1, 60 * s, 60 * s, 20 * s, none, 30 * s, 60 * s, true},
		{"the tenth on top does not go over the longest wait", 1, s, 21 * s, 20 * s, none, 20 * s, 21 * s, true},
		{"a floor of the longest wait is waited for exactly", 1, s, 20 * s, 20 * s, none, 20 * s, 20 * s, true},
		{"a floor over the longest wait does not fit", 1, s, 20 * s, 20*s + 1, none, 20*s + 1, 20*s + 1, false},
		{"the largest floor does not fit under an ordinary longest wait", 1, s, 60 * s, forever, none, forever, forever, false},
		{"the largest floor is waited for if the longest wait allows it", 1, s, forever, forever, none, forever, forever, true},

		{"a wait that ends before the deadline fits", 1, 1, 1, 0, in(2), 1, 1, true},
		{"a wait that ends at the deadline does not fit", 1, 1, 1, 0, in(1), 1, 1, false},
		{"a deadline in the past fits nothing", 1, 1, 1, 0, in(-s), 1, 1, false},
		{"a delay that would pass the deadline is not shortened", 1, 60 * s, 60 * s, 0, in(20 * s), 30 * s, 60 * s, false},
		{"the jitter is given up for the deadline, the floor is kept", 1, s, 60 * s, 20 * s, in(20*s + 1), 20 * s, 20 * s, true},
		{"a delay is given up for the deadline, the floor is kept", 1, 60 * s, 60 * s, 10 * s, in(20 * s), 10 * s, 10 * s, true},
		{"a floor that ends at the deadline does not fit", 1, s, 60 * s, 20 * s, in(20 * s), 20 * s, 22 * s, false},
		{"the largest floor does not fit before a deadline", 1, s, forever, forever, in(s), forever, forever, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			least, largest := spread(func() time.Duration {
				wait, fits := backoff.Plan(tt.n, tt.first, tt.longest, tt.floor, now, tt.deadline)
				require.Equal(t, tt.fits, fits)
				return wait
			})
			assert.GreaterOrEqual(t, least, tt.least)
			assert.LessOrEqual(t, largest, tt.largest)
			if width := tt.largest - tt.least; width > 1 {
				assert.Less(t, least, tt.least+width/5, "the whole range is used")
				assert.Greater(t, largest, tt.largest-width/5, "the whole range is used")
			}
		})
	}
}

func TestAWaitThatFitsIsNeverShorterThanTheFloorNorLongerThanTheLongestNorPastTheDeadline(t *testing.T) {
	t.Parallel()
	// Durations of all magnitudes.
	duration := func() time.Duration { return forever>>rand.N(63) - rand.N(time.Duration(1)<<rand.N(20)) }
	for range 30_000 {
		longest := max(duration(), 1)
		first, floor := min(max(duration(), 1), longest), max(duration(), 0)
		n, deadline := 1+rand.N(100), now.Add(duration())
		if rand.N(2) == 0 {
			deadline = time.Time{}
		}
		wait, fits := backoff.Plan(n, first, longest, floor, now, deadline)
		what := fmt.Sprintf("Plan(%d, %d, %d, %d, %v)", n, first, longest, floor, deadline)
		require.GreaterOrEqual(t, wait, floor, what)
		if fits {
			require.LessOrEqual(t, wait, longest, what)
			require.True(t, deadline.IsZero() || now.Add(wait).Before(deadline), what)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	in := func(d time.Duration) string { return now.Add(d).Format(http.TimeFormat) }

	tests := []struct {
		name string
		text string
		date string // of the Date header
		want time.Duration
		ok   bool
	}{
		{"seconds are read", "120", "", 2 * time.Minute, true},
		{"zero seconds are read", "0", "", 0, true},
		{"blanks around seconds are ignored", " \t7 ", "", 7 * time.Second, true},
		{"leading zeros do not matter", "00000000000000000000000000000007", "", 7 * time.Second, true},
		{"the most seconds of a duration are read", "9223372036", "", 9223372036 * time.Second, true},
		{"more seconds are the largest duration", "9223372037", "", forever, true},
		{"the largest integer is the largest duration", "9223372036854775807", "", forever, true},
		{"more than an integer is the largest duration", "99999999999999999999999", "", forever, true},

		{"a date is relative to now", in(90 * time.Second), "", 90 * time.Second, true},
		{"a date is relative to the answer's own", in(90 * time.Second), in(60 * time.Second), 30 * time.Second, true},
		{"the answer's clock may be far off", in(-time.Hour + time.Minute), in(-time.Hour), time.Minute, true},
		{"a Date that cannot be read is ignored", in(90 * time.Second), "yesterday", 90 * time.Second, true},
		{"a date in the past is no wait", in(-time.Second), "", 0, true},
		{"a date of now is no wait", in(0), "", 0, true},
		{"a date before the answer's own is no wait", in(time.Minute), in(time.Hour), 0, true},
		{"a date in the form of RFC 850 is read", "Saturday, 25-Jul-26 12:00:30 GMT", "", 30 * time.Second, true},
		{"a date in the form of asctime is read", "Sat Jul 25 12:00:30 2026", "", 30 * time.Second, true},
		{"a date too far away is the largest duration", "Fri, 31 Dec 9999 23:59:59 GMT", "", forever, true},
		{"Date does not matter to seconds", "5", in(-time.Hour), 5 * time.Second, true},

		{"nothing is absent", "", "", 0, false},
		{"blanks are absent", " \t", "", 0, false},
		{"a negative number is absent", "-1", "", 0, false},
		{"a signed number is absent", "+1", "", 0, false},
		{"decimals are absent", "1.5", "", 0, false},
		{"an exponent is absent", "1e3", "", 0, false},
		{"hexadecimals are absent", "0x10", "", 0, false},
		{"a unit is absent", "5s", "", 0, false},
		{"two values are absent", "5, 6", "", 0, false},
		{"digits of other scripts are absent", "٣", "", 0, false},
		{"words are absent", "soon", "", 0, false},
		{"a date in another form is absent", "2026-07-25T12:00:30Z", "", 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := http.Header{"Retry-After": {tt.text}}
			if tt.date != "" {
				h.Set("Date", tt.date)
			}
			d, ok := backoff.RetryAfter(h, now)
			assert.Equal(t, tt.want, d)
			assert.Equal(t, tt.ok, ok)
		})
	}
	t.Run("no header is absent", func(t *testing.T) {
		t.Parallel()
		d, ok := backoff.RetryAfter(nil, now)
		assert.Zero(t, d)
		assert.False(t, ok)
	})
}

func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"", "0", "5", "-5", "1.5", "9223372037", "99999999999999999999", "soon", " 7 ",
		now.Format(http.TimeFormat), "Sat Jul 25 12:00:30 2026"} {
		f.Add(s, "")
		f.Add(s, now.Format(http.TimeFormat))
	}
	f.Fuzz(func(t *testing.T, text, date string) {
		d, ok := backoff.RetryAfter(http.Header{"Retry-After": {text}, "Date": {date}}, now)
		require.GreaterOrEqual(t, d, time.Duration(0))
		text = strings.TrimSpace(text)
		switch at, err := http.ParseTime(text); {
		case text != "" && strings.Trim(text, "0123456789") == "":
			n, _ := new(big.Int).SetString(text, 10)
			want := forever
			if n.Cmp(big.NewInt(int64(forever/time.Second))) <= 0 {
				want = time.Duration(n.Int64()) * time.Second
			}
			require.True(t, ok)
			require.Equal(t, want, d)
		case err != nil:
			require.False(t, ok)
			require.Zero(t, d)
		default:
			from := now
			if sent, err := http.ParseTime(date); err == nil {
				from = sent
			}
			require.True(t, ok)
			require.Equal(t, max(at.Sub(from), 0), d)
		}
	})
}
