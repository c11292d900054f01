// List-contacts reads contacts a page at a time, and all of them.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"time"

	zexa "github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/examples/internal/demo"
)

func main() {
	list := flag.String("list", "", "only the contacts of the list with this `id`")
	flag.Parse()
	if err := run(*list); err != nil {
		log.Fatal(err)
	}
}

func run(list string) error {
	client, err := demo.Client() // in your program: zexa.NewFromEnv()
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()

	page, err := client.Contacts.List(ctx, zexa.ContactQuery{ListID: list, PerPage: 5})
	if err != nil {
		return err
	}
	fmt.Printf("page 1 of %d:\n", page.Pages())
	for _, contact := range page.Items {
		fmt.Printf("  %s  %s  %s\n", contact.ID, contact.Phone, contact.Name)
	}

	// All asks for the next page when it is needed, and ends after an error.
	n := 0
	for contact, err := range client.Contacts.All(ctx, zexa.ContactQuery{ListID: list, PerPage: zexa.MaxPerPage}) {
		if err != nil {
			return err
		}
		if contact.Email == "" {
			n++
		}
	}
	fmt.Printf("contacts without an e-mail address: %d\n", n)
	return nil
}
