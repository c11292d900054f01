package zexatest_test

import (
	"context"
	"errors"
	"fmt"

	zexa "github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/zexatest"
)

// In a test, New takes the place of Start, Client and Close.
func Example() {
	srv, err := zexatest.Start()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()
	client, err := srv.Client()
	if err != nil {
		fmt.Println(err)
		return
	}

	ctx := context.Background()
	sent, err := client.Messages.Send(ctx, zexa.SMS(zexatest.DefaultSender, "+244912345678", "Olá"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(sent.ID, sent.Status, srv.Balance())

	if err := srv.SetMessageStatus(sent.ID, zexa.StatusDelivered); err != nil {
		fmt.Println(err)
	}
	seen, err := client.Messages.Get(ctx, sent.ID)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(seen.ID, seen.Status)
	// Output:
	// msg_000001 queued 999
	// msg_000001 delivered
}

// The API accepts the message, but its answer never arrives.
func ExampleServer_Fault() {
	srv, err := zexatest.Start()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()
	client, err := srv.Client()
	if err != nil {
		fmt.Println(err)
		return
	}

	srv.Fault(zexatest.Fault{Method: "POST", Path: "/messages", Reset: zexatest.ResetAfterActed})
	_, err = client.Messages.Send(context.Background(), zexa.SMS(zexatest.DefaultSender, "+244912345678", "Olá"))
	fmt.Println(errors.Is(err, zexa.ErrOutcomeUnknown), srv.Accepted())
	// Output:
	// true 1
}
