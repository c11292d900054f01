package main

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	zexa "github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/zexatest"
)

var ours = order{number: 1042, phone: "+244912345678"}

func TestTell(t *testing.T) {
	server, client := zexatest.New(t)
	state, err := tell(t.Context(), client, ours)
	if state != sent || err != nil {
		t.Fatal(state, err)
	}
	m := server.Messages()[0]
	if m.To != ours.phone || m.Body != "Order 1042 is on its way." {
		t.Errorf("to %s: %q", m.To, m.Body)
	}
}

// In a bubble the waits of client and server cost no time.
func TestTellWhenThingsGoWrong(t *testing.T) {
	for name, test := range map[string]struct {
		fault    zexatest.Fault
		want     state
		accepted int
		is       error
	}{
		"the answer is lost":       {zexatest.Fault{Reset: zexatest.ResetAfterActed}, parked, 1, zexa.ErrOutcomeUnknown},
		"the request is lost":      {zexatest.Fault{Reset: zexatest.ResetAfterRead}, parked, 0, zexa.ErrOutcomeUnknown},
		"the answer takes an hour": {zexatest.Fault{Latency: time.Hour}, parked, 1, zexa.ErrOutcomeUnknown},
		"a proxy answers":          {zexatest.Fault{Status: 502, Body: []byte("<html>")}, parked, 0, zexa.ErrServer},
		"the answer is damaged":    {zexatest.Fault{Damage: zexatest.InvalidJSON}, sent, 1, nil},
		"the API is busy":          {zexatest.Fault{Status: 429, RetryAfter: "20", Times: 2}, sent, 1, nil},
		"the API is busy all day":  {zexatest.Fault{Status: 429, RetryAfter: "86400"}, unsent, 0, zexa.ErrRateLimited},
		"the key was revoked":      {zexatest.Fault{Status: 401}, unsent, 0, zexa.ErrUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, client := zexatest.New(t) // in the bubble, with its t
				server.Fault(test.fault)
				state, err := tell(t.Context(), client, ours)
				if state != test.want || !errors.Is(err, test.is) {
					t.Errorf("%s, %v; want %s, %v", state, err, test.want, test.is)
				}
				if n := server.Accepted(); n != test.accepted {
					t.Errorf("%d messages were accepted, want %d", n, test.accepted)
				}
			})
		})
	}
}

func TestTellAfterATopUp(t *testing.T) {
	server, client := zexatest.New(t)
	server.SetBalance(0)
	if state, err := tell(t.Context(), client, ours); state != unsent || !errors.Is(err, zexa.ErrInsufficientCredits) {
		t.Fatal(state, err)
	}
	server.TopUp(10)
	if state, err := tell(t.Context(), client, ours); state != sent || err != nil {
		t.Fatal(state, err)
	}
}

func TestTellIsBoundedByItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, client := zexatest.New(t)
		server.Fault(zexatest.Fault{Latency: time.Minute})
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if state, err := tell(ctx, client, ours); state != parked || !errors.Is(err, context.DeadlineExceeded) {
			t.Error(state, err)
		}
	})
}
