// Unknown-outcome sends a message at most once, also when the answer gets lost.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	zexa "github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/examples/internal/demo"
	"github.com/zexa-ao/zexa-go/zexatest"
)

// sendOnce sends a message, unless there is a file that records it. One that ends
// with "sending" (the program ended there) or "parked" waits for a person, or for
// a webhook event that tells: only they know whether to send again.
func sendOnce(ctx context.Context, client *zexa.Client, file string, p zexa.MessageParams) error {
	record, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_SYNC, 0o600)
	if err != nil {
		return fmt.Errorf("nothing sent: %w", err)
	}
	defer record.Close()
	if _, err := fmt.Fprintln(record, "sending"); err != nil {
		return fmt.Errorf("nothing sent: %w", err)
	}
	message, err := client.Messages.Send(ctx, p)
	switch {
	case err == nil:
		_, err = fmt.Fprintln(record, "sent as", message.ID)
	case errors.Is(err, zexa.ErrNotSent): // so a later run may send it
		err = errors.Join(err, record.Close(), os.Remove(file))
	default: // ErrOutcomeUnknown: perhaps it was sent; ErrAccepted: it was
		err = fmt.Errorf("parked: %w", err)
		_, failed := fmt.Fprintln(record, err)
		err = errors.Join(err, failed)
	}
	return err
}

func main() {
	from, to := demo.Addresses("ZEXA", "+244912345678") // flags -from and -to
	// In your program: zexa.NewFromEnv(). Here the answer to a message gets lost.
	client, server, err := demo.ClientAndServer(zexatest.Fault{Method: "POST", Reset: zexatest.ResetAfterActed})
	if err != nil {
		log.Fatal(err)
	}
	file := fmt.Sprintf("%s/order-1042-%d", os.TempDir(), os.Getpid())
	for n := range 2 {
		err := sendOnce(context.Background(), client, file, zexa.SMS(from, to, "Order 1042 is on its way."))
		fmt.Printf("run %d: %v\n", n+1, err)
	}
	if server != nil {
		fmt.Println("messages that the API accepted:", server.Accepted())
		os.Remove(file) // a real one has to stay
	}
}
