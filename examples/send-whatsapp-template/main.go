// Send-whatsapp-template sends a WhatsApp message made from a template that has
// been approved, with a value for each of its variables.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"time"

	zexa "github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/examples/internal/demo"
)

func main() {
	name := flag.String("template", "order_shipped", "the `name` of the template")
	from, to := demo.Addresses("ZEXA", "+244912345678") // flags -from and -to
	if err := run(from, to, *name); err != nil {
		log.Fatal(err)
	}
}

func run(from, to, name string) error {
	client, err := demo.Client() // in your program: zexa.NewFromEnv()
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()

	message, err := client.Messages.Send(ctx, zexa.WhatsAppTemplate(from, to, zexa.Template{
		Name:      name,
		Language:  "pt",
		Variables: []string{"Ana", "1042"}, // {{1}} and {{2}}
	}))
	if errors.Is(err, zexa.ErrOutcomeUnknown) {
		return fmt.Errorf("it may have been sent, so look before sending again: %w", err)
	}
	if err != nil {
		return err
	}
	fmt.Printf("%s on %s is %s\n", message.ID, message.Channel, message.Status)
	return nil
}
