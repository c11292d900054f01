// Send-email sends a formatted e-mail with a plain text for those who want it.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	zexa "github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/examples/internal/demo"
	"github.com/zexa-ao/zexa-go/zexatest"
)

func main() {
	from, to := demo.Addresses(zexatest.DefaultEmail, "ana@example.com") // flags -from and -to
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

	email := zexa.Email(from, to, "Your order 1042", "Your order is on its way.")
	email.HTML = "<p>Your order is <b>on its way</b>.</p>"

	message, err := client.Messages.Send(ctx, email)
	if errors.Is(err, zexa.ErrOutcomeUnknown) {
		return fmt.Errorf("it may have been sent, so look before sending again: %w", err)
	}
	if err != nil {
		return err
	}
	fmt.Printf("%s to %s is %s\n", message.ID, message.To, message.Status)

	balance, err := client.Credits.Get(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("%g credits are left\n", balance.Credits)
	return nil
}
