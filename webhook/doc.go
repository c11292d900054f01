// Package webhook receives the events that Zexa posts to a registered URL: what
// became of messages and campaigns, and who opted out.
//
//	h, err := webhook.NewHandler(webhook.Funcs{
//		Delivered: func(ctx context.Context, e webhook.Event) error {
//			return orders.Delivered(ctx, e.MessageID)
//		},
//		OptOut: func(ctx context.Context, e webhook.Event) error {
//			return customers.OptOut(ctx, e.To)
//		},
//		Other: func(ctx context.Context, e webhook.Event) error {
//			log.Printf("event %q", e.Type)
//			return nil
//		},
//	}, webhook.WithSecret(os.Getenv("ZEXA_WEBHOOK_SECRET")))
//	if err != nil {
//		return err
//	}
//	http.Handle("/zexa", h)
//
// The secret is from [NewSecret], made once. [URL] makes the URL from it that is
// registered, once too, as nothing in the API removes a registration:
//
//	url, err := webhook.URL("https://shop.example/zexa", secret)
//	…
//	_, err = client.Webhooks.Register(ctx, zexa.WebhookParams{URL: url, Events: []zexa.EventType{zexa.EventAll}})
//
// The names of the events are documented by the vendor. The fields of the
// payload are not, nor are signatures and repeated deliveries: [Parse] says what
// is assumed, and what it does not understand reaches Funcs.Other rather than
// being lost.
//
// # Who sent it
//
// No signature is documented, so it takes something else to tell an event from
// a forgery. [NewHandler] insists on a choice:
//
//   - [WithSecret], a secret in the URL: against all who do not know the URL
//   - [WithVerifier], a check of your own: for the day there are signatures
//   - [WithConfirmation], on top of either: a status is believed once the API
//     confirms it, so that one who has learned the URL cannot make it up
//   - [WithoutAuthentication]: against nobody
//
// # Copies
//
// An event may be delivered several times, even at the same time. A copy of one
// that was handled is answered 200 and goes no further, as long as the [Store]
// remembers it ([WithRemember]). A copy is recognised by the id of the event
// together with what it is about, or without an id by all that it says. What
// failed is not remembered, and the next copy is a new attempt.
//
// # Order
//
// Events arrive in any order. [Advances] tells whether a status is news.
//
// # Servers
//
// An event is answered when it has been handled, so a graceful stop is that of
// the server: [http.Server.Shutdown] waits for events in flight. Give it more
// time than the handler's timeout, and do not cancel the server's base context
// first. Set ReadHeaderTimeout and ReadTimeout of the server: until a body has
// come, only they bound how long a slow sender takes.
//
// A function that needs longer than the timeout should put [Event.RawJSON] in a
// queue that survives the program, and return.
package webhook
