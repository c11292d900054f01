// Contact-import adds contacts from a CSV file, and tells which rows it could
// not add.
package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"

	zexa "github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/contactcsv"
	"github.com/zexa-ao/zexa-go/examples/internal/demo"
)

//go:embed contacts.csv
var contacts []byte

func main() {
	file := flag.String("file", "", "the CSV `file`; one is built in, for trying without a key")
	flag.Parse()
	if *file == "" && os.Getenv(zexa.EnvKey) != "" {
		fmt.Fprintln(os.Stderr, zexa.EnvKey+" is set, so this would add contacts for real: say which with -file.")
		os.Exit(2)
	}
	if err := run(*file); err != nil {
		log.Fatal(err)
	}
}

func run(file string) (err error) {
	if file != "" {
		if contacts, err = os.ReadFile(file); err != nil {
			return err
		}
	}
	reader, err := contactcsv.NewReader(bytes.NewReader(contacts), contactcsv.Columns{})
	if err != nil {
		return err
	}
	client, err := demo.Client() // in your program: zexa.NewFromEnv()
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	batch := client.Contacts.Import(context.Background(), reader.Rows(), zexa.ImportParams{})
	for row := range batch.Results() { // as they come
		if row.State == zexa.ImportFailed {
			fmt.Printf("line %d: %v\n", row.Line, row.Err)
		}
	}
	s := batch.Summary()
	fmt.Printf("created: %d, already there: %d, failed: %d\n", s.Accepted, s.Existing, s.Refused+s.Unknown)
	return errors.Join(s.Stopped, reader.Err())
}
