// Send-sms sends a text message and waits until its delivery status is final.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	zexa "github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/examples/internal/demo"
)

func main() {
	from, to := demo.Addresses("ZEXA", "+244912345678") // flags -from and -to
	if err := run(from, to); err != nil {
		log.Fatal(err)
	}
}

func run(from, to string) error {
	client, err := demo.Client() // in your program: zexa.NewFromEnv()
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()

	body := "A sua encomenda está a caminho."
	length := zexa.MeasureSMS(body)
	fmt.Printf("%s, segments: %d, credits in Angola: %g\n", length.Encoding, length.Segments, length.Credits())

	message, err := client.Messages.Send(ctx, zexa.SMS(from, to, body))
	if errors.Is(err, zexa.ErrOutcomeUnknown) {
		return fmt.Errorf("it may have been sent, so look before sending again: %w", err)
	}
	if err != nil {
		return err
	}
	fmt.Printf("%s is %s\n", message.ID, message.Status)

	last, err := client.Messages.Wait(ctx, message.ID)
	switch {
	case last != nil && errors.Is(err, context.DeadlineExceeded):
		fmt.Printf("%s is still %s; a webhook can tell what comes of it\n", last.ID, last.Status)
	case err != nil:
		return err
	default: // delivered, failed or undeliverable
		fmt.Printf("%s is %s\n", last.ID, last.Status)
	}
	return nil
}
