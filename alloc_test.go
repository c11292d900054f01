//go:build !race

package zexa_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/zexa-ao/zexa-go"
)

func pageOf(n int) string {
	items := make([]string, n)
	for i := range items {
		items[i] = fmt.Sprintf(`{"id":"cnt_%[1]d","name":"Contacto %[1]d","phone":"+2449%08[1]d","email":"contacto%[1]d@exemplo.ao","lists":["lst_vip"],"created_at":"2026-06-24T10:00:00Z"}`, i)
	}
	return fmt.Sprintf(`{"data":[%s],"meta":{"total":%d,"page":1,"per_page":%d}}`, strings.Join(items, ","), n, n)
}

// What a call allocates does not depend on the machine, unlike its time. A change
// that allocates less should lower the number here; one that has to allocate
// more should say why. One allocation of each is for the URL: a transport that is
// not net/http's, as here, gets one of its own, because it may write to it.
func TestACallAllocatesNoMoreThanItDid(t *testing.T) {
	// Not parallel: allocations are counted for the whole process.
	const refusal = `{"error":"validation_error","message":"because","details":{"field":"to"},"request_id":"req_abc123"}`
	sms := zexa.SMS("MinhaLoja", "+244912345678", "A sua encomenda saiu.")
	send := func(ctx context.Context, c *zexa.Client) error {
		_, err := c.Messages.Send(ctx, sms)
		return err
	}
	page := 652.0
	if strings.HasPrefix(runtime.Version(), "go1.25") {
		page = 655
	}
	for _, tt := range []struct {
		name   string
		status int
		body   string
		call   func(context.Context, *zexa.Client) error
		err    error
		most   float64
	}{
		{"a send", 201, queuedMessage, send, nil, 39},
		{"a send that is refused", 422, refusal, send, zexa.ErrValidation, 42},
		{"a get", 200, queuedMessage, func(ctx context.Context, c *zexa.Client) error {
			_, err := c.Messages.Get(ctx, "msg_1")
			return err
		}, nil, 39},
		{"a page of 100", 200, pageOf(100), func(ctx context.Context, c *zexa.Client) error {
			_, err := c.Contacts.List(ctx, zexa.ContactQuery{PerPage: 100})
			return err
		}, nil, page},
	} {
		t.Run(tt.name, func(t *testing.T) {
			client := cannedClient(t, tt.status, tt.body)
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			allocs := testing.AllocsPerRun(500, func() {
				if err := tt.call(ctx, client); !errors.Is(err, tt.err) {
					t.Error(err)
				}
			})
			assert.LessOrEqual(t, allocs, tt.most)
		})
	}
}

// The id that such an answer may hold is looked for, which took millions.
func TestAnAcceptedAnswerOfManyValuesAllocatesLittle(t *testing.T) {
	client := cannedClient(t, 201, `{"lists":[`+strings.Repeat(`"",`, 100_000)+`""],"id":"msg_7"}`)
	allocs := testing.AllocsPerRun(3, func() {
		var e *zexa.Error
		if _, err := client.Messages.Send(context.Background(), zexa.SMS("ZEXA", "+244912345678", "Olá")); !errors.As(err, &e) || e.ID != "msg_7" {
			t.Error(err)
		}
	})
	assert.Less(t, allocs, 100.0)
}
