package zexa_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/contactcsv"
	"github.com/zexa-ao/zexa-go/webhook"
	"github.com/zexa-ao/zexa-go/zexatest"
)

// The examples of the guide, in its order: each is named after its section in
// the documentation of the package.

// The first message. In a program of your own the client comes from
// zexa.NewFromEnv.
func Example_quickStart() {
	server, client := newSandbox()
	defer server.Close()

	message, err := client.Messages.Send(context.Background(), zexa.SMS("ZEXA", "+244912345678", "A sua encomenda saiu."))
	if err != nil {
		log.Fatal(err) // see the example of Errors for what to do instead
	}
	fmt.Println(message.ID, message.Status)
	// Output: msg_000001 queued
}

// What became of the call comes first, why it failed comes second.
func Example_errors() {
	server, client := newSandbox()
	defer server.Close()

	send := func(to string) string {
		message, err := client.Messages.Send(context.Background(), zexa.SMS("ZEXA", to, "Olá"))
		var e *zexa.Error
		switch {
		case err == nil:
			return "accepted as " + message.ID
		case errors.Is(err, zexa.ErrAccepted):
			return "accepted, but the answer cannot be read: never send it again"
		case errors.Is(err, zexa.ErrOutcomeUnknown):
			return "perhaps accepted: park it"
		case errors.Is(err, zexa.ErrRateLimited):
			return "not sent: later"
		case errors.Is(err, zexa.ErrInsufficientCredits):
			return "not sent: top up"
		case errors.Is(err, zexa.ErrUnauthorized):
			return "not sent: check the key"
		case errors.Is(err, zexa.ErrValidation) && errors.As(err, &e):
			return fmt.Sprint("not sent: ", e.Fields()[0])
		default:
			return "not sent"
		}
	}

	fmt.Println(send("+244912345678"))
	fmt.Println(send("912345678"))
	server.Fault(zexatest.Fault{Damage: zexatest.InvalidJSON})
	fmt.Println(send("+244912345678"))
	server.Fault(zexatest.Fault{Reset: zexatest.ResetAfterActed})
	fmt.Println(send("+244912345678"))
	server.SetBalance(0)
	fmt.Println(send("+244912345678"))
	server.SetKey("zexa_another_key")
	fmt.Println(send("+244912345678"))
	// Output:
	// accepted as msg_000001
	// not sent: to: is not a phone number in E.164: a plus sign and 7 to 15 digits
	// accepted, but the answer cannot be read: never send it again
	// perhaps accepted: park it
	// not sent: top up
	// not sent: check the key
}

// A gateway answers 502 in place of the API, twice. That says nothing of what the
// API did, so a GET is repeated and a POST is not.
func Example_retries() {
	server, err := zexatest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	client, err := server.Client(zexa.WithRetryWait(time.Millisecond, time.Second))
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()

	var get, post zexa.Response
	server.Fault(zexatest.Fault{Method: "GET", Status: http.StatusBadGateway, Times: 2})
	_, err = client.Credits.Get(ctx, zexa.CallResponse(&get))
	fmt.Println("GET: attempts:", get.Attempts, "error:", err)

	server.Fault(zexatest.Fault{Method: "POST", Status: http.StatusBadGateway, Times: 2})
	_, err = client.Messages.Send(ctx, zexa.SMS("ZEXA", "+244912345678", "Olá"), zexa.CallResponse(&post))
	fmt.Println("POST: attempts:", post.Attempts, "outcome unknown:", errors.Is(err, zexa.ErrOutcomeUnknown))
	// Output:
	// GET: attempts: 3 error: <nil>
	// POST: attempts: 1 outcome unknown: true
}

// The API asks to wait for longer than the call may take. Neither this call nor
// the next one of the same client sleeps until its deadline.
func Example_waiting() {
	server, client := newSandbox()
	defer server.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	server.Fault(zexatest.Fault{Status: http.StatusTooManyRequests, RetryAfter: "30"})

	for range 2 {
		_, err := client.Messages.Send(ctx, zexa.SMS("ZEXA", "+244912345678", "Olá"))
		var e *zexa.Error
		if errors.As(err, &e) && errors.Is(err, zexa.ErrRateLimited) && errors.Is(err, zexa.ErrNotSent) {
			fmt.Println("not sent: try again in", e.RetryAfter.Round(time.Second))
		}
	}
	fmt.Println("requests:", len(server.Requests()))
	// Output:
	// not sent: try again in 30s
	// not sent: try again in 30s
	// requests: 1
}

// The intent is recorded first. A map stands for a table with a unique key, in a
// database that survives the program.
func Example_unknownOutcomes() {
	server, client := newSandbox()
	defer server.Close()
	records := map[string]string{}

	sendOnce := func(order string) {
		if state, ok := records[order]; ok {
			fmt.Println(order, "is not sent again, it is", state)
			return
		}
		records[order] = "sending" // what is still so after a crash is parked too
		message, err := client.Messages.Send(context.Background(), zexa.SMS("ZEXA", "+244912345678", "Order "+order+" is on its way."))
		switch {
		case err == nil:
			records[order] = "sent as " + message.ID
		case errors.Is(err, zexa.ErrAccepted):
			records[order] = "sent"
		case errors.Is(err, zexa.ErrOutcomeUnknown):
			records[order] = "parked"
		default:
			delete(records, order) // it was not sent: a later run may
		}
		fmt.Println(order, "is", records[order])
	}

	server.Fault(zexatest.Fault{Method: "POST", Reset: zexatest.ResetAfterActed}) // the answer is lost
	sendOnce("1042")
	sendOnce("1042")
	sendOnce("1043")
	fmt.Println("messages that the API accepted:", server.Accepted())
	// Output:
	// 1042 is parked
	// 1042 is not sent again, it is parked
	// 1043 is sent as msg_000002
	// messages that the API accepted: 2
}

// Items of all pages, and the numbers of one page.
func Example_lists() {
	server, client := newSandbox()
	defer server.Close()
	for i := range 120 {
		server.AddContact(zexatest.Contact{Name: "Ana", Phone: fmt.Sprintf("+244912000%03d", i)})
	}
	ctx := context.Background()

	n := 0
	for contact, err := range client.Contacts.All(ctx, zexa.ContactQuery{}) {
		if err != nil {
			log.Fatal(err)
		}
		if n++; n == 120 {
			fmt.Println("the last one is", contact.ID)
		}
	}
	page, err := client.Contacts.List(ctx, zexa.ContactQuery{Page: 2, PerPage: 50})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("page", page.Meta.Page, "of", page.Pages(), "has", len(page.Items), "of", page.Meta.Total)
	// Output:
	// the last one is cnt_000120
	// page 2 of 3 has 50 of 120
}

// The credits run out on the way. What is left is not tried.
func Example_manyMessages() {
	server, client := newSandbox()
	defer server.Close()
	server.SetBalance(2)
	messages := slices.Values(slices.Repeat([]zexa.MessageParams{zexa.SMS("ZEXA", "+244912345678", "Olá")}, 100))

	fmt.Println("credits needed:", zexa.EstimateCredits(messages).MinCredits)
	batch := client.Messages.SendMany(context.Background(), messages, zexa.BatchParams{Concurrency: 4})
	var parked []int
	for r := range batch.Results() {
		if errors.Is(r.Err, zexa.ErrOutcomeUnknown) {
			parked = append(parked, r.Index)
		}
	}
	summary := batch.Summary()
	fmt.Println("sent:", summary.Accepted, "parked:", len(parked))
	fmt.Println("out of credits:", errors.Is(summary.Stopped, zexa.ErrInsufficientCredits))
	// Output:
	// credits needed: 100
	// sent: 2 parked: 0
	// out of credits: true
}

// From CSV, with numbers as people write them. The import can be repeated.
func Example_importingContacts() {
	server, client := newSandbox()
	defer server.Close()
	const file = "Nome;Telemóvel\nAna;912 345 678\nRui;+244923456789\nEva;?\n"

	normalize := func(phone string) (string, error) {
		phone = strings.ReplaceAll(phone, " ", "")
		if !strings.HasPrefix(phone, "+") {
			phone = "+244" + phone
		}
		return phone, nil
	}
	for range 2 {
		reader, err := contactcsv.NewReader(strings.NewReader(file), contactcsv.Columns{Name: "Nome", Phone: "Telemóvel"})
		if err != nil {
			log.Fatal(err)
		}
		batch := client.Contacts.Import(context.Background(), reader.Rows(), zexa.ImportParams{NormalizePhone: normalize})
		for r := range batch.Results() {
			if r.Err != nil {
				fmt.Println("line", r.Line, r.State)
			}
		}
		if err := reader.Err(); err != nil {
			log.Fatal(err)
		}
		summary := batch.Summary()
		fmt.Println("created:", summary.Accepted, "existing:", summary.Existing)
	}
	// Output:
	// line 4 failed
	// created: 2 existing: 0
	// line 4 failed
	// created: 0 existing: 2
}

// The same event twice, and one from somebody who does not know the secret.
func Example_webhooks() {
	secret := webhook.NewSecret() // once, and kept with the API key
	handler, err := webhook.NewHandler(webhook.Funcs{
		Delivered: func(_ context.Context, e webhook.Event) error {
			fmt.Println(e.MessageID, "was delivered")
			return nil
		},
		Other: func(_ context.Context, e webhook.Event) error {
			fmt.Printf("event %q\n", e.Type)
			return nil
		},
	}, webhook.WithSecret(secret))
	if err != nil {
		log.Fatal(err)
	}

	event := zexatest.Delivery{Event: zexa.EventMessageDelivered, ID: "evt_1", Data: zexatest.Message{ID: "msg_1"}, Copies: 2}
	event.URL = "/zexa?secret=" + secret
	fmt.Println(zexatest.Deliver(handler, event))
	event.URL = "/zexa"
	fmt.Println(zexatest.Deliver(handler, event))
	// Output:
	// msg_1 was delivered
	// [200 200]
	// [403 403]
}

// A program's own code under test. In a test, zexatest.New(t) gives the server
// and the client in one line.
func Example_testing() {
	notify := func(client *zexa.Client, phone string) error { // the code under test
		_, err := client.Messages.Send(context.Background(), zexa.SMS("ZEXA", phone, "Olá"))
		return err
	}

	server, client := newSandbox()
	defer server.Close()
	server.Fault(zexatest.Fault{Method: "POST", Path: "/messages", Reset: zexatest.ResetAfterActed})

	err := notify(client, "+244912345678")
	fmt.Println("unknown:", errors.Is(err, zexa.ErrOutcomeUnknown), "accepted:", server.Accepted())
	fmt.Println("text:", server.Messages()[0].Body)
	// Output:
	// unknown: true accepted: 1
	// text: Olá
}

// The records of a call that was retried, and what slog shows of a message.
func Example_loggingAndPrivacy() {
	server, err := zexatest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if slices.Contains([]string{"time", "duration", "wait", "created_at", "request_id", "error"}, a.Key) {
				return slog.Attr{} // left out for the sake of the example
			}
			return a
		},
	}))
	client, err := server.Client(zexa.WithLogger(logger), zexa.WithRetryWait(time.Millisecond, time.Second))
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()

	message, err := client.Messages.Send(ctx, zexa.SMS("ZEXA", "+244912345678", "O seu código é 482913."))
	if err != nil {
		log.Fatal(err)
	}
	logger.Info("sent", "message", message)
	server.Fault(zexatest.Fault{Status: http.StatusBadGateway})
	if _, err := client.Messages.Get(ctx, message.ID); err != nil {
		log.Fatal(err)
	}
	// Output:
	// level=DEBUG msg="zexa: call" method=POST path=/messages status=201 attempt=1
	// level=INFO msg=sent message.id=msg_000001 message.status=queued message.channel=sms message.to=+************
	// level=WARN msg="zexa: retry" method=GET path=/messages/{id} status=502 attempt=1
	// level=DEBUG msg="zexa: call" method=GET path=/messages/{id} status=200 attempt=2
}

// A counter of calls by path and status, and one of retries.
func Example_observability() {
	server, err := zexatest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	client, err := server.Client(zexa.WithRetryWait(time.Millisecond, time.Second), zexa.WithHooks(zexa.Hooks{
		AttemptEnd: func(_ context.Context, call zexa.CallInfo, end zexa.AttemptEnd) {
			if end.Retrying {
				fmt.Println("retries_total", call.Method, call.Path, end.Status)
			}
		},
		CallEnd: func(_ context.Context, call zexa.CallInfo, end zexa.CallEnd) {
			fmt.Println("calls_total", call.Method, call.Path, end.Status)
		},
	}))
	if err != nil {
		log.Fatal(err)
	}
	server.Fault(zexatest.Fault{Status: http.StatusServiceUnavailable})

	if _, err := client.Credits.Get(context.Background()); err != nil {
		log.Fatal(err)
	}
	_, err = client.Messages.Get(context.Background(), "msg_missing")
	fmt.Println(errors.Is(err, zexa.ErrNotFound))
	// Output:
	// retries_total GET /credits 503
	// calls_total GET /credits 200
	// calls_total GET /messages/{id} 404
	// true
}

// A field that this version does not know is not lost.
func Example_versioning() {
	server, client := newSandbox()
	defer server.Close()
	server.Fault(zexatest.Fault{Body: []byte(`{"credits":4250.5,"currency":"USD","expires":"2027-01-01"}`)})

	balance, err := client.Credits.Get(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(balance.Credits, string(balance.RawJSON()))
	// Output: 4250.5 {"credits":4250.5,"currency":"USD","expires":"2027-01-01"}
}
