package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/digitalocean/godo"
	"github.com/resend/resend-go/v3"
	"github.com/stripe/stripe-go/v84"
	"github.com/zexa-ao/zexa-go"
)

const (
	key  = "zx_bench_5f2b81"
	from = "MinhaLoja"
	to   = "+244912345678"
	text = "A sua encomenda 4711 saiu do armazem e chega amanha entre as 9 e as 12 horas."
)

// A client does the work that is measured. What an SDK has no equivalent of is
// nil.
type client struct {
	send    func(context.Context) error
	refused func(context.Context) error        // nil: the 422 came as an error of its own type
	list    func(context.Context) (int, error) // returns how many items there were
	close   func()
}

// A contender is an SDK with all that it has on by default, or the floor.
type contender struct {
	name string
	open func(base string) client
}

var contenders = []contender{
	{"floor", openFloor},
	{"zexa", func(base string) client { return openZexa(base) }},
	{"resend-go v3", openResend},
	{"godo", openGodo},
	{"stripe-go v84", openStripe},
}

// filled makes sure that an answer was decoded.
func filled(s string) error {
	if s == "" {
		return errors.New("the answer was not decoded")
	}
	return nil
}

func openFloor(base string) client {
	f := newFloor(base)
	return client{f.send, f.refused, f.list, f.client.CloseIdleConnections}
}

func openZexa(base string, opts ...zexa.CallOption) client {
	c, err := zexa.New(key, zexa.WithBaseURL(base+"/v1"))
	if err != nil {
		panic(err)
	}
	send := func(ctx context.Context) error {
		m, err := c.Messages.Send(ctx, zexa.SMS(from, to, text))
		if err != nil {
			return err
		}
		return filled(m.ID)
	}
	return client{
		send: send,
		refused: func(ctx context.Context) error {
			var e *zexa.Error
			if err := send(ctx); !errors.As(err, &e) {
				return fmt.Errorf("not a refusal: %w", err)
			}
			return filled(e.Code)
		},
		list: func(ctx context.Context) (n int, err error) {
			for contact, err := range c.Contacts.All(ctx, zexa.ContactQuery{PerPage: perPage}, opts...) {
				if err != nil {
					return n, err
				}
				if contact.ID != "" {
					n++
				}
			}
			return n, nil
		},
		close: c.CloseIdleConnections,
	}
}

func openResend(base string) client {
	c := resend.NewClient(key)
	c.BaseURL = parse(base + "/")
	send := func(ctx context.Context) error {
		m, err := c.Emails.SendWithContext(ctx, &resend.SendEmailRequest{
			From: "loja@exemplo.ao", To: []string{"ana@exemplo.ao"}, Subject: "Encomenda", Text: text,
		})
		if err != nil {
			return err
		}
		return filled(m.Id)
	}
	return client{
		send: send,
		refused: func(ctx context.Context) error { // its error has no type, only a text
			if err := send(ctx); err == nil || !strings.Contains(err.Error(), "cannot be reached") {
				return fmt.Errorf("not a refusal: %w", err)
			}
			return nil
		},
		list: func(ctx context.Context) (n int, err error) {
			limit, after := perPage, (*string)(nil)
			for {
				page, err := c.Contacts.ListWithContext(ctx, &resend.ListContactsOptions{Limit: &limit, After: after})
				if err != nil {
					return n, err
				}
				n += len(page.Data)
				if !page.HasMore {
					return n, nil
				}
				after = &page.Data[len(page.Data)-1].Id
			}
		},
		close: http.DefaultClient.CloseIdleConnections,
	}
}

func openGodo(base string) client {
	c := godo.NewFromToken(key)
	c.BaseURL = parse(base + "/")
	send := func(ctx context.Context) error {
		k, _, err := c.Keys.Create(ctx, &godo.KeyCreateRequest{Name: "loja", PublicKey: text})
		if err != nil {
			return err
		}
		return filled(k.Fingerprint)
	}
	return client{
		send: send,
		refused: func(ctx context.Context) error {
			var e *godo.ErrorResponse
			if err := send(ctx); !errors.As(err, &e) {
				return fmt.Errorf("not a refusal: %w", err)
			}
			return filled(e.Message)
		},
		list: func(ctx context.Context) (n int, err error) {
			for page := 1; ; page++ {
				keys, resp, err := c.Keys.List(ctx, &godo.ListOptions{Page: page, PerPage: perPage})
				if err != nil {
					return n, err
				}
				n += len(keys)
				if resp.Links.IsLastPage() {
					return n, nil
				}
			}
		},
		close: c.HTTPClient.CloseIdleConnections,
	}
}

func openStripe(base string) client {
	c := stripe.NewClient(key, stripe.WithBackends(stripe.NewBackendsWithConfig(&stripe.BackendConfig{
		URL:           stripe.String(base),
		LeveledLogger: &stripe.LeveledLogger{Level: stripe.LevelNull},
	})))
	send := func(ctx context.Context) error {
		customer, err := c.V1Customers.Create(ctx, &stripe.CustomerCreateParams{
			Name: stripe.String("Ana"), Phone: stripe.String(to), Description: stripe.String(text),
		})
		if err != nil {
			return err
		}
		return filled(customer.ID)
	}
	return client{
		send: send,
		refused: func(ctx context.Context) error {
			var e *stripe.Error
			if err := send(ctx); !errors.As(err, &e) {
				return fmt.Errorf("not a refusal: %w", err)
			}
			return filled(e.Msg)
		},
		list: func(ctx context.Context) (n int, err error) {
			params := &stripe.CustomerListParams{}
			params.Limit = stripe.Int64(perPage)
			for customer, err := range c.V1Customers.List(ctx, params) {
				if err != nil {
					return n, err
				}
				if customer.ID != "" {
					n++
				}
			}
			return n, nil
		},
		close: http.DefaultClient.CloseIdleConnections,
	}
}

func parse(raw string) *url.URL {
	u, err := url.Parse(raw)
	if err != nil {
		panic(err)
	}
	return u
}
