// Contact-import-phonenumbers adds contacts with phone numbers as people write them.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strings"

	"github.com/nyaruka/phonenumbers"
	zexa "github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/contactcsv"
	"github.com/zexa-ao/zexa-go/zexatest"
)

const contacts = "name,phone\nAna,923 456 789\nRui,(+244) 912-345-678\nEva,00244 931 000 111\nLeo,12345\nAna,+244923456789\n"

// normalize takes a number without a country code for one of Angola.
func normalize(phone string) (string, error) {
	number, err := phonenumbers.Parse(phone, "AO")
	if err != nil {
		return "", err
	}
	if !phonenumbers.IsValidNumber(number) {
		return "", errors.New("there is no such number")
	}
	return phonenumbers.Format(number, phonenumbers.E164), nil
}

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
	batch := client.Contacts.Import(context.Background(), reader.Rows(), zexa.ImportParams{NormalizePhone: normalize})
	for row := range batch.Results() { // as they come
		fmt.Printf("line %d: %s\n", row.Line, row.State)
	}
	for _, contact := range server.Contacts("") {
		fmt.Println(contact.Name, contact.Phone)
	}
	return errors.Join(batch.Summary().Stopped, reader.Err())
}
