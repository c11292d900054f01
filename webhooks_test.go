package zexa_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/zexa-ao/zexa-go"
)

var webhookCalls = []apiCall{{
	name: "Webhooks.Register", method: http.MethodPost, template: "/webhooks", path: "/webhooks",
	body:   `{"url":"https://loja.ao/zexa","events":["message.delivered","message.optout"]}`,
	status: 201, answer: `{"id":"wh_1","url":"https://loja.ao/zexa","events":["message.delivered","message.optout"],"created_at":"2026-06-24T10:00:00Z"}`,
	call: func(ctx context.Context, c *zexa.Client, opts ...zexa.CallOption) (any, error) {
		return c.Webhooks.Register(ctx, zexa.WebhookParams{
			URL: "https://loja.ao/zexa", Events: []zexa.EventType{zexa.EventMessageDelivered, zexa.EventMessageOptOut},
		}, opts...)
	},
	check: func(t *testing.T, got any) {
		w := got.(*zexa.Webhook)
		assert.Equal(t, "wh_1", w.ID)
		assert.Equal(t, "https://loja.ao/zexa", w.URL)
		assert.Equal(t, []zexa.EventType{zexa.EventMessageDelivered, zexa.EventMessageOptOut}, w.Events)
	},
	badCalls: map[string]func(context.Context, *zexa.Client) error{
		"url":                      badWebhook("", "*"),
		"url: is not an https":     badWebhook("http://loja.ao/", "*"),
		"url: is not an https URL": badWebhook("https://", "*"),
		"events":                   badWebhook("https://loja.ao/"),
		"events[1]":                badWebhook("https://loja.ao/", "a new one", ""),
	},
}}

func badWebhook(url string, events ...zexa.EventType) func(context.Context, *zexa.Client) error {
	return func(ctx context.Context, c *zexa.Client) error {
		_, err := c.Webhooks.Register(ctx, zexa.WebhookParams{URL: url, Events: events})
		return err
	}
}
