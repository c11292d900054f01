// Contact-import-phonenumbers adds contacts with phone numbers as people write them.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strings"

	zexa "github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/contactcsv"
	"github.com/zexa-ao/zexa-go/zexatest"
)

const contacts = "name,phone\nAna,923 456 789\nRui,(+244) 912-345-678\nEva,00244 931 000 111\nLeo,12345\nAna,+244923456789\n"

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	server, err := zexatest.Start() // a Zexa inside this process, even if ZEXA_API_KEY is set
	if err != nil {
		return err
	}
	defer server.Close()
	client, err := server.Client() // in your program: zexa.NewFromEnv()
	if err != nil {
		return err
	}
	reader, err := contactcsv.NewReader(strings.NewReader(contacts), contactcsv.Columns{})
	if err != nil {
		return err
	}
	p := zexa.ImportParams{NormalizePhone: normalize}
	p.Concurrency = 1 // results come in the order of the file; leave it out for speed
	batch := client.Contacts.Import(context.Background(), reader.Rows(), p)
	for row := range batch.Results() {
		switch {
		case row.Err != nil:
			fmt.Printf("line %d: %v\n", row.Line, row.Err)
		case row.Contact != nil:
			fmt.Printf("line %d: %s as %s\n", row.Line, row.State, row.Contact.Phone)
		default:
			fmt.Printf("line %d: %s\n", row.Line, row.State)
		}
	}
	return errors.Join(batch.Summary().Stopped, reader.Err())
}
