package webhook_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"

	zexa "github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/webhook"
	"github.com/zexa-ao/zexa-go/zexatest"
)

// A receiver, and how to try it without Zexa. The secret stands for one made by
// NewSecret, once, and kept with the API key.
func Example() {
	secret := "AUSDL4WRDWDLAFTZB47QFUZNZF"
	h, err := webhook.NewHandler(webhook.Funcs{
		Delivered: func(_ context.Context, e webhook.Event) error {
			fmt.Println(e.MessageID, "was delivered")
			return nil
		},
		OptOut: func(_ context.Context, e webhook.Event) error {
			fmt.Println("never write to", e.To, "again")
			return nil
		},
		Other: func(_ context.Context, e webhook.Event) error {
			fmt.Printf("event %q\n", e.Type)
			return nil
		},
	}, webhook.WithSecret(secret))
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	mux.Handle("POST /zexa", h)

	fmt.Println(zexatest.Deliver(mux,
		zexatest.Delivery{URL: "/zexa?secret=" + secret, Event: zexa.EventMessageDelivered, Data: zexatest.Message{ID: "msg_1"}, Copies: 2},
		zexatest.Delivery{URL: "/zexa?secret=" + secret, Event: zexa.EventMessageOptOut, Data: map[string]string{"to": "+244912345678"}},
		zexatest.Delivery{URL: "/zexa?secret=" + secret, Body: []byte(`{"hello":"world"}`)},
		zexatest.Delivery{URL: "/zexa", Event: zexa.EventMessageDelivered, Data: zexatest.Message{ID: "msg_2"}},
	))
	// Output:
	// msg_1 was delivered
	// never write to +244912345678 again
	// event ""
	// [200 200 200 200 403]
}

// The URL to register.
func ExampleURL() {
	secret := "AUSDL4WRDWDLAFTZB47QFUZNZF" // NewSecret()
	url, err := webhook.URL("https://shop.example/zexa", secret)
	fmt.Println(url, err)
	// Output: https://shop.example/zexa?secret=AUSDL4WRDWDLAFTZB47QFUZNZF <nil>
}

// Storing a status. In a database the check and the store are one statement.
func ExampleAdvances() {
	stored := map[string]zexa.DeliveryStatus{"msg_1": zexa.StatusQueued}
	for _, arrived := range []zexa.DeliveryStatus{zexa.StatusDelivered, zexa.StatusSent} {
		if webhook.Advances(stored["msg_1"], arrived) {
			stored["msg_1"] = arrived
			fmt.Println("stored", arrived)
		} else {
			fmt.Println("old news:", arrived)
		}
	}
	// Output:
	// stored delivered
	// old news: sent
}

// A status is believed once the API confirms it.
func ExampleWithConfirmation() {
	server, err := zexatest.Start() // a real one: zexa.NewFromEnv
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	client, err := server.Client()
	if err != nil {
		fmt.Println(err)
		return
	}
	message, err := client.Messages.Send(context.Background(), zexa.SMS(zexatest.DefaultSender, "+244912345678", "Olá"))
	if err != nil {
		fmt.Println(err)
		return
	}

	secret := webhook.NewSecret()
	h, err := webhook.NewHandler(webhook.Funcs{
		Delivered: func(_ context.Context, e webhook.Event) error {
			fmt.Println(e.MessageID, "was delivered")
			return nil
		},
		Other: func(context.Context, webhook.Event) error { return nil },
	}, webhook.WithSecret(secret), webhook.WithConfirmation(client, 4))
	if err != nil {
		fmt.Println(err)
		return
	}

	event := zexatest.Delivery{
		URL: "/?secret=" + secret, ID: "evt_1",
		Event: zexa.EventMessageDelivered, Data: zexatest.Message{ID: message.ID},
	}
	fmt.Println(zexatest.Deliver(h, event)) // somebody made it up
	if err := server.SetMessageStatus(message.ID, zexa.StatusDelivered); err != nil {
		fmt.Println(err)
	}
	fmt.Println(zexatest.Deliver(h, event))
	// Output:
	// [503]
	// msg_000001 was delivered
	// [200]
}

// A check of an HMAC. The name of the header and the form of the signature are
// made up: the vendor documents no signature yet.
func ExampleWithVerifier() {
	key := []byte("from your configuration") // an empty one would let everybody sign
	verify := func(_ context.Context, header http.Header, body []byte) error {
		given, err := hex.DecodeString(header.Get("X-Signature"))
		if err != nil {
			return errors.New("the signature is not hexadecimal")
		}
		mac := hmac.New(sha256.New, key)
		mac.Write(body)
		if !hmac.Equal(given, mac.Sum(nil)) {
			return errors.New("the signature is wrong")
		}
		return nil
	}
	h, err := webhook.NewHandler(webhook.Funcs{
		Other: func(context.Context, webhook.Event) error { return nil },
	}, webhook.WithVerifier(verify))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(zexatest.Deliver(h, zexatest.Delivery{Event: zexa.EventCampaignSent}))
	// Output: [403]
}
