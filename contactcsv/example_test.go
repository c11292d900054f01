package contactcsv_test

import (
	"context"
	"fmt"
	"log"
	"strings"

	"github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/contactcsv"
	"github.com/zexa-ao/zexa-go/zexatest"
)

// Columns that have names of their own.
func ExampleNewReader() {
	source := strings.NewReader(`Nome;Telemóvel;Grupos
Ana;+244912345678;lst_1|lst_2
Rui;"+244923456789;lst_1
`)
	r, err := contactcsv.NewReader(source, contactcsv.Columns{Name: "Nome", Phone: "Telemóvel", Lists: "Grupos"})
	if err != nil {
		log.Fatal(err)
	}
	for row := range r.Rows() {
		if row.Err != nil {
			fmt.Printf("line %d: %v\n", row.Line, row.Err)
			continue
		}
		fmt.Printf("line %d: %s, %s, %q\n", row.Line, row.Contact.Name, row.Contact.Phone, row.Contact.Lists)
	}
	if err := r.Err(); err != nil {
		log.Fatal(err)
	}
	// Output:
	// line 2: Ana, +244912345678, ["lst_1" "lst_2"]
	// line 3: a quote is not closed, or stands inside a field that is not quoted
}

// An import from CSV.
func ExampleReader() {
	server, err := zexatest.Start() // a Zexa in memory, for the example
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	client, err := server.Client() // in your program: zexa.NewFromEnv()
	if err != nil {
		log.Fatal(err)
	}

	source := strings.NewReader("name,phone,email\nAna,+244912345678,ana@exemplo.ao\nRui,912,\nAna,+244912345678,\n")
	r, err := contactcsv.NewReader(source, contactcsv.Columns{})
	if err != nil {
		log.Fatal(err)
	}
	one := zexa.BatchParams{Concurrency: 1} // so that the order is the same each time
	batch := client.Contacts.Import(context.Background(), r.Rows(), zexa.ImportParams{BatchParams: one})
	for row := range batch.Results() {
		fmt.Printf("line %d: %s\n", row.Line, row.State)
	}
	if err := r.Err(); err != nil { // not all lines could be read
		log.Fatal(err)
	}
	// Output:
	// line 2: created
	// line 3: failed
	// line 4: existing
}
