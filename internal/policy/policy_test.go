package policy_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/zexa-ao/zexa-go/internal/policy"
)

// statuses returns the statuses from first to last without those in except.
func statuses(first, last int, except ...int) (list []int) {
next:
	for s := first; s <= last; s++ {
		for _, e := range except {
			if s == e {
				continue next
			}
		}
		list = append(list, s)
	}
	return list
}

func verdict(d policy.Decision) string {
	outcome := map[policy.Outcome]string{
		policy.NotSent: "not sent", policy.Unknown: "outcome unknown", policy.Accepted: "accepted",
	}
	switch {
	case d.OK:
		return "has succeeded"
	case d.Retry:
		return "is retried, " + outcome[d.Outcome]
	default:
		return "is not retried, " + outcome[d.Outcome]
	}
}

// Every row is an event, every column what follows for a method.
func TestDecide(t *testing.T) {
	t.Parallel()
	done := policy.Decision{OK: true}
	retry := func(o policy.Outcome) policy.Decision { return policy.Decision{Retry: true, Outcome: o} }
	stop := func(o policy.Outcome) policy.Decision { return policy.Decision{Outcome: o} }
	none := []int{0}

	rows := []struct {
		event                 string
		statuses              []int
		attempt               policy.Attempt
		get, del, post, twice policy.Decision // twice: a POST whose caller allowed it
	}{
		{"with proof that nothing was sent", none, policy.Attempt{Unsent: true},
			retry(policy.NotSent), retry(policy.NotSent), retry(policy.NotSent), retry(policy.NotSent)},
		{"cancelled with proof that nothing was sent", none, policy.Attempt{Unsent: true, Cancelled: true},
			stop(policy.NotSent), stop(policy.NotSent), stop(policy.NotSent), stop(policy.NotSent)},
		{"without answer or proof", none, policy.Attempt{},
			retry(policy.Unknown), retry(policy.Unknown), stop(policy.Unknown), retry(policy.Unknown)},
		{"cancelled without answer or proof", none, policy.Attempt{Cancelled: true},
			stop(policy.Unknown), stop(policy.Unknown), stop(policy.Unknown), stop(policy.Unknown)},

		{"answered with 429", []int{429}, policy.Attempt{},
			retry(policy.NotSent), retry(policy.NotSent), retry(policy.NotSent), retry(policy.NotSent)},
		{"answered with 429 and cancelled", []int{429}, policy.Attempt{Cancelled: true},
			stop(policy.NotSent), stop(policy.NotSent), stop(policy.NotSent), stop(policy.NotSent)},
		{"answered with another 4xx", statuses(400, 499, 429), policy.Attempt{},
			stop(policy.NotSent), stop(policy.NotSent), stop(policy.NotSent), stop(policy.NotSent)},

		{"answered with 5xx", statuses(500, 599, 501, 505), policy.Attempt{},
			retry(policy.Unknown), retry(policy.Unknown), stop(policy.Unknown), retry(policy.Unknown)},
		{"answered with 5xx and cancelled", statuses(500, 599), policy.Attempt{Cancelled: true},
			stop(policy.Unknown), stop(policy.Unknown), stop(policy.Unknown), stop(policy.Unknown)},
		{"answered with 501 or 505", []int{501, 505}, policy.Attempt{},
			stop(policy.Unknown), stop(policy.Unknown), stop(policy.Unknown), stop(policy.Unknown)},

		{"answered with 3xx", statuses(300, 399), policy.Attempt{},
			stop(policy.Unknown), stop(policy.Unknown), stop(policy.Unknown), stop(policy.Unknown)},
		{"answered with what is no final status", []int{-1, 1, 99, 100, 101, 199, 600, 999}, policy.Attempt{},
			stop(policy.Unknown), stop(policy.Unknown), stop(policy.Unknown), stop(policy.Unknown)},

		{"answered with 2xx", statuses(200, 299), policy.Attempt{}, done, done, done, done},
		{"answered with 2xx and cancelled too late", statuses(200, 299), policy.Attempt{Cancelled: true},
			done, done, done, done},
		{"answered with 2xx and a body cut off", statuses(200, 299), policy.Attempt{Cut: true},
			retry(policy.Accepted), done, stop(policy.Accepted), stop(policy.Accepted)},
		{"answered with 2xx and cancelled in the body", statuses(200, 299), policy.Attempt{Cut: true, Cancelled: true},
			stop(policy.Accepted), done, stop(policy.Accepted), stop(policy.Accepted)},
		{"answered with 2xx and a body over the limit", statuses(200, 299), policy.Attempt{Unusable: true},
			stop(policy.Accepted), done, stop(policy.Accepted), stop(policy.Accepted)},
	}
	for _, row := range rows {
		columns := []struct {
			method string
			repeat bool
			want   policy.Decision
		}{
			{http.MethodGet, false, row.get},
			{http.MethodGet, true, row.get},
			{http.MethodDelete, false, row.del},
			{http.MethodDelete, true, row.del},
			{http.MethodPost, false, row.post},
			{http.MethodPost, true, row.twice},
			{http.MethodPut, false, row.post},
			{http.MethodPut, true, row.twice},
			{http.MethodPatch, false, row.post},
			{http.MethodPatch, true, row.twice},
		}
		for _, col := range columns {
			allowed := ""
			if col.repeat {
				allowed = " that may be repeated"
			}
			t.Run(fmt.Sprintf("a %s%s %s %s", col.method, allowed, row.event, verdict(col.want)), func(t *testing.T) {
				t.Parallel()
				for _, s := range row.statuses {
					a := row.attempt
					a.Status = s
					assert.Equal(t, col.want, policy.Decide(col.method, col.repeat, a), "status %d", s)
				}
			})
		}
	}
}

func TestOnlyGETAndDELETEAreRepeatable(t *testing.T) {
	t.Parallel()
	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		assert.True(t, policy.Repeatable(method), method)
	}
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodPatch, "", "get"} {
		assert.False(t, policy.Repeatable(method), method)
	}
}

func TestOutcomesAreOrderedFromHarmlessToDone(t *testing.T) {
	t.Parallel()
	var none policy.Outcome
	assert.Less(t, none, policy.NotSent)
	assert.Less(t, policy.NotSent, policy.Unknown)
	assert.Less(t, policy.Unknown, policy.Accepted)
}
