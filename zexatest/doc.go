// Package zexatest is a Zexa that runs on your own machine: a server that keeps
// its state in memory and answers as the API is documented to, for tests,
// examples and development. It needs no account and no network.
//
// In a test, one line gives a server and a client of it:
//
//	srv, client := zexatest.New(t)
//
// The server ends with the test, and any number of tests run in parallel.
// Without a test there are [Start] and [Server.Client], and [OnAddr] serves it to
// programs in any language.
//
// By default requests travel in memory. That is fast, and it works inside a
// testing/synctest bubble, where waits cost no time; start the server inside the
// bubble, with the bubble's T. [OnLoopback] and [OnLoopbackTLS] carry the same
// server over real sockets, for what only shows there. The server goes by
// package time's clock and no other.
//
// # What it starts with
//
// 1,000 credits; the Sender ID [DefaultSender], approved for sms, whatsapp,
// telegram and slack; the verified address [DefaultEmail] for email; the contact
// list [DefaultContactList], empty. Ids are counted: the first message is
// msg_000001. Messages stay queued until [Server.SetMessageStatus] moves them, or
// move by themselves after [Server.SetProgress].
//
// # Faults
//
// [Server.Fault] makes the network and the API misbehave, to prove that code
// survives it:
//
//	// The message is accepted, but the answer is lost.
//	srv.Fault(zexatest.Fault{Method: "POST", Path: "/messages", Reset: zexatest.ResetAfterActed})
//	// Three answers of a proxy.
//	srv.Fault(zexatest.Fault{Status: 502, Body: []byte("<html>Bad Gateway</html>"), Times: 3})
//	// The second page ends half-way.
//	srv.Fault(zexatest.Fault{Path: "/contacts", Every: 2, Damage: zexatest.CutBody})
//	// Everything is slow.
//	srv.Fault(zexatest.Fault{Latency: 2 * time.Second, Times: zexatest.Always})
//	// Somebody else asks for the key.
//	srv.Fault(zexatest.Fault{Status: 307, Header: http.Header{"Location": {"https://example.com/"}}})
//
// [Server.Accepted] then tells how many messages were really accepted, and
// [Server.Requests] what arrived. [Server.RateLimit] sets a rate limit.
//
// # Choices
//
// The public documentation is silent about much. What follows is this package's
// choice, not a fact about Zexa; don't build on it.
//
// Requests:
//   - A body must have the Content-Type application/json, else 400; one of more
//     than 1 MiB is answered 413. A field of the wrong type is 400, null is as if
//     it were absent, unknown fields are ignored, names match in their exact case.
//   - The key is checked first, then the rate limit, then the path. An unknown
//     path is 404, a method that a path doesn't have 405 method_not_allowed with
//     Allow.
//   - page and per_page must be whole numbers from 1, else 400; per_page beyond
//     100 is 100. Lists are in the order of creation. A page after the last is
//     empty.
//   - details of a missing field name the field and have no value.
//
// Messages:
//   - A phone number is a plus sign and 2 to 15 digits, not beginning with 0.
//   - The recipient's format, then the sender are checked. Subject and html are
//     ignored outside email; a template is an object of any fields, and a
//     validation error outside WhatsApp. body is required beside html, and taken
//     beside a template.
//   - A time in the past means now; a time that isn't in UTC with Z is a
//     validation error.
//   - Prices: an SMS costs its segments, twice that outside Angola (+244);
//     WhatsApp and Telegram 1; email and Slack 0.5. A message is paid when it is
//     accepted, scheduled ones too, and never refunded. What the balance does not
//     cover is insufficient_credits.
//   - GET /messages/{id} has the fields that POST answers with, and no others.
//
// Sender IDs:
//   - Senders of all channels are listed, as id (sid_…), name, channel, status and
//     created_at. Only approved ones may send.
//
// Contacts:
//   - GET /contacts filters by list_id, and by search, which looks for text in
//     name, phone and email. A list_id that doesn't exist is 404; one in POST
//     /contacts is a validation error.
//   - Somebody who opted out is skipped by campaigns, and still gets messages sent
//     one by one.
//
// Campaigns:
//   - The number of contacts is total. GET answers add stats, with pending,
//     queued, sent, delivered, failed, undeliverable and opted_out, which add up
//     to total.
//   - The list is read when the campaign starts. Contacts without an e-mail address
//     count as failed in an email campaign. A Slack campaign is a validation error,
//     as contacts have no Slack address.
//   - Status: scheduled until it starts; paused while credits are missing; sending
//     while messages are queued; sent; completed when all are final. A campaign
//     that is to start at once needs credits for one message. POST answers
//     scheduled or sending, even if it pauses or ends at once.
//
// Webhooks:
//   - A delivery is {"id":"evt_…","event":…,"created_at":…,"data":{…}}, with the
//     object that GET answers with as data; {"to":…} for an opt-out; the webhook
//     for the test event, which is named webhook.test and sent whatever the
//     subscription. Deliveries are not signed.
//   - Each webhook gets its events one after another, in order. What is not
//     answered 2xx is tried again, see [WebhookDelivery]; then it is dropped.
//   - An event that is not documented is a validation error.
//   - A registration stands whatever the test event is answered with.
package zexatest
