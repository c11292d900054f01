// Package zexa is a client for the Zexa REST API: SMS, WhatsApp, Telegram,
// e-mail and Slack messages, campaigns, contacts, Sender IDs, webhooks and
// credits.
//
// # Quick start
//
// A [Client] is made from an API key; one is enough for a program. Its services
// are its fields.
//
//	client, err := zexa.NewFromEnv() // ZEXA_API_KEY
//	if err != nil {
//		return err
//	}
//	message, err := client.Messages.Send(ctx, zexa.SMS("MinhaLoja", "+244912345678", "A sua encomenda saiu."))
//	if err != nil {
//		return err // see Errors for what to do instead
//	}
//	fmt.Println(message.ID, message.Status)
//
// [WhatsApp], [WhatsAppTemplate], [Telegram], [Email] and [Slack] make the
// parameters for the other channels, [MeasureSMS] tells what a text costs, and
// [MessageService.Wait] follows a message to its final delivery status. Without
// an account, package zexatest stands in for the API; see Testing.
//
// # Errors
//
// Every error of a call is an [*Error], which names the call and holds all that
// the API answered. Ask first what became of the call, then why it failed:
//
//	message, err := client.Messages.Send(ctx, params)
//	switch {
//	case err == nil:
//		fmt.Println("accepted as", message.ID)
//	case errors.Is(err, zexa.ErrAccepted):
//		// It was accepted, but the answer cannot be read. Never send it again.
//	case errors.Is(err, zexa.ErrOutcomeUnknown):
//		// It may have been accepted. Park it, and do not send it again unasked.
//	case errors.Is(err, zexa.ErrRateLimited):
//		// It was not sent, as in all cases below. Send it later: Error.RetryAfter.
//	case errors.Is(err, zexa.ErrInsufficientCredits):
//		// Top up, then send it.
//	case errors.Is(err, zexa.ErrUnauthorized):
//		// Check the key. It may have been revoked.
//	case errors.Is(err, zexa.ErrValidation), errors.Is(err, zexa.ErrInvalidRequest):
//		// Correct the message: Error.Fields names what is wrong.
//	default:
//		// Another refusal, no connection, or ctx had ended: see err.
//	}
//
// Of the other kinds, [ErrConflict] says that the contact is there already, so
// there is nothing to do; [ErrNotFound] that there is no such id, or no such
// contact list; [ErrServer] that the API or a gateway in front of it failed: make a
// GET or a DELETE, which was already retried, again later. Support will ask for
// Error.RequestID.
//
// The order matters: a call can fail for a known reason and still have an
// unknown outcome, as when a gateway answers 502, or when ctx ends while the
// request is under way. Exactly one of [ErrNotSent], [ErrOutcomeUnknown] and
// [ErrAccepted] matches every error of a POST. A GET or a DELETE has no such
// outcome; it may always be made again.
//
// Mistakes that can be found without the API are found before anything is sent,
// all of them at once. Each Params type has a Validate method that does the same
// without a call.
//
// # Retries
//
// The API documents no idempotency key: a POST that is repeated can be a second
// message on somebody's phone, and a second charge. So what is retried depends
// on what the API can have done:
//
//   - After a 429, and when there is proof that nothing was sent (the name did
//     not resolve, the connection was refused, the TLS handshake failed, or the
//     server's HTTP/2 said that it left the request alone), every call is
//     retried.
//   - After a 5xx, a lost connection or a timeout, a GET or a DELETE is retried
//     (not after 501 and 505). A POST fails with [ErrOutcomeUnknown].
//   - After any other answer nothing is retried, but for one attempt with a new
//     key, see [WithKeyFunc].
//
// Silence is not proof, so a timeout of a POST is an unknown outcome: a short
// [WithAttemptTimeout] makes more of them. [CallRepeatPOST] retries a POST like
// a GET, for messages that may arrive twice.
//
// # Waiting
//
// There are up to [DefaultRetries] retries. The wait before each is drawn below
// a ceiling that starts at 0.5 s and doubles up to 60 s, and is never less than
// the API's Retry-After; see [WithRetries] and [WithRetryWait]. A wait that does
// not fit the deadline of the context, or a Retry-After over the longest wait, is
// not begun: the call returns at once, with the API's own error.
//
// The rate limit is the account's, so it is the client's. After a 429 all calls
// of the same client may be held back, for up to its Retry-After and at most the
// longest wait. Then they take turns at the rate that the account was seen to
// accept, which grows again while nothing is refused; where many calls wait, the
// last ones wait longer. A call whose turn would come after its deadline fails at
// once, with [ErrRateLimited]. [WithHooks] and [WithLogger] tell what is held
// back, and [WithoutPacing] switches it off.
//
// Every attempt has a timeout, 30 s by default. The context bounds the whole
// call: give it a deadline.
//
// # Unknown outcomes
//
// No endpoint lists messages, so after an [ErrOutcomeUnknown] the API cannot be
// asked what became of the call. What helps has to be there before it:
//
//  1. Record the intent to send where it survives the program, under a key of
//     your own that cannot be there twice, such as the number of the order.
//  2. Send.
//  3. Record what became of it: sent, with the id; not sent, so that a later run
//     may send it; or parked, if its outcome is unknown.
//
// A record without a result, as after a crash, is parked too. What is parked waits
// for a person, or for a webhook event that tells; no program sends it again
// unasked.
//
// A campaign of unknown outcome can be looked for by its name, with
// [CampaignService.All]. A contact cannot be there twice: create it again, and take
// [ErrConflict] for success.
//
// # Lists
//
// List returns one page, All an iterator over all items:
//
//	for contact, err := range client.Contacts.All(ctx, zexa.ContactQuery{ListID: "lst_1"}) {
//		if err != nil {
//			return err
//		}
//		fmt.Println(contact.ID)
//	}
//
// Pages are fetched ahead of the loop, see [CallPagesAhead]. A server that sends
// a page twice or ignores the filter is an error, and never a loop. A list that
// changes meanwhile can show an item twice or not at all.
//
// # Many messages
//
// [MessageService.SendMany] sends a sequence of messages with bounded
// concurrency, and has one result for each that was started:
//
//	batch := client.Messages.SendMany(ctx, messages, zexa.BatchParams{})
//	for r := range batch.Results() {
//		switch {
//		case r.Err == nil, errors.Is(r.Err, zexa.ErrAccepted):
//			fmt.Println(r.Index, "is sent")
//		case errors.Is(r.Err, zexa.ErrOutcomeUnknown):
//			fmt.Println(r.Index, "is parked")
//		default:
//			fmt.Println(r.Index, "is not sent:", r.Err)
//		}
//	}
//	if summary := batch.Summary(); summary.Stopped != nil {
//		fmt.Println("to be continued from", summary.Next)
//	}
//
// It stops when going on is pointless, such as when the credits are used up. What
// was said of unknown outcomes holds for each of the messages. [EstimateCredits]
// tells what they may cost. To send one text to a whole contact list, create a
// campaign: [CampaignService.Create].
//
// # Importing contacts
//
// [ContactService.Import] does the same for contacts; package
// [github.com/zexa-ao/zexa-go/contactcsv] reads them from CSV, line by line. A
// phone number is unique on the account, so a contact that is already there is no
// failure, an import can be repeated, and a row is attempted again even when it is
// not clear what became of it.
//
// # Webhooks
//
// [WebhookService.Register] has the API post events to a URL, and package
// [github.com/zexa-ao/zexa-go/webhook] receives them: it checks who sent them,
// drops copies, and calls a function for each kind. The names of the events are
// documented, their fields and any signature are not; that package says what it
// assumes.
//
// # Testing
//
// Package [github.com/zexa-ao/zexa-go/zexatest] is a Zexa in memory. In a test,
//
//	server, client := zexatest.New(t)
//
// gives a server and a client of it. The server keeps state, takes part in
// testing/synctest, and misbehaves on demand, so that a test can show what a
// program does when an answer is lost. Where the documentation is silent, it
// says what it chose.
//
// # Logging and privacy
//
// Nothing is written unless a logger was given, see [WithLogger]. What an error
// prints, with any verb, as JSON or through slog, has no key and no body in it,
// and phone numbers and e-mail addresses are masked; the same is true of the
// records of the logger. The fields of an [*Error], such as Body and Details, keep
// what the API sent: don't log those.
//
// Parameters and resources are safe to log as values of slog, which shows ids,
// statuses and no recipient in full. Package fmt prints them whole, and so does slog
// where they are part of another value, such as a slice, a [Page] or a
// [SendResult].
//
// The key is sent to the host of the base URL only: redirects are not followed,
// and plain http is for loopback addresses.
//
// # Observability
//
// [Hooks] are told of the start and the end of each call and of each attempt, for
// metrics and traces. They get the path as a template, such as "/messages/{id}",
// so there are few. For a span around each request, give [WithHTTPClient] a
// transport that makes one: examples/tracing does both with OpenTelemetry.
// [CallResponse] has the status, header, attempts and request id of one call.
//
// [WithLogger] is made of the same hooks: a record for each call (debug, or error
// if it failed), for each retry (warn) and for each call that is held back (info).
//
// # Versioning
//
// Versions follow semantic versioning. The major version stays 0 until somebody
// with an account has confirmed what the vendor's documentation leaves out; until
// then a minor version may change the API of this package, and the changelog says
// how. New fields, methods, constants and sentinel errors are no such change, so
// write struct literals with field names. The text of errors and log records is
// not part of the API.
//
// A program need not be rebuilt when the API grows: unknown fields and values
// decode, the RawJSON method of a resource has its exact JSON, and [Client.Do]
// calls an endpoint that this version does not know, with the same rules.
package zexa

// Version is the version of this package, sent in the User-Agent header.
const Version = "0.1.0"

// DefaultBaseURL is the documented base URL of the API.
const DefaultBaseURL = "https://api.zexa.ao/v1"

// EnvKey is the environment variable that [NewFromEnv] reads the API key from.
// The vendor recommends this name.
const EnvKey = "ZEXA_API_KEY"

// A Channel is a way to reach somebody. The constants are the documented ones;
// another value is passed on to the API as it is.
type Channel string

// The documented channels.
const (
	ChannelSMS      Channel = "sms"
	ChannelWhatsApp Channel = "whatsapp"
	ChannelTelegram Channel = "telegram"
	ChannelEmail    Channel = "email"
	ChannelSlack    Channel = "slack"
)
