// Package demo lets every example run without an account. A program of your own
// calls [zexa.NewFromEnv] instead.
package demo

import (
	"flag"
	"fmt"
	"os"

	zexa "github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/zexatest"
)

func live() bool { return os.Getenv(zexa.EnvKey) != "" }

// Addresses parses the flags -from and -to. Without a key they are the given
// ones unless set; with a key both have to be set, so that nothing is sent
// unasked.
func Addresses(defaultFrom, defaultTo string) (from, to string) {
	flag.StringVar(&from, "from", "", "the `sender`: a Sender ID or a verified address")
	flag.StringVar(&to, "to", "", "the `recipient`")
	flag.Parse()
	if live() {
		if from == "" || to == "" {
			fmt.Fprintln(os.Stderr, zexa.EnvKey+" is set, so this would send for real: say from whom with -from and to whom with -to.")
			os.Exit(2)
		}
		return from, to
	}
	if from == "" {
		from = defaultFrom
	}
	if to == "" {
		to = defaultTo
	}
	return from, to
}

// Client is [zexa.NewFromEnv] if ZEXA_API_KEY is set, else a client of a Zexa
// inside this process.
func Client() (*zexa.Client, error) {
	client, _, err := ClientAndServer()
	return client, err
}

// ClientAndServer is [Client] with the Zexa inside this process, which has 60
// contacts, delivers every message at once, and meets with the given faults. It
// is nil if ZEXA_API_KEY is set.
func ClientAndServer(faults ...zexatest.Fault) (*zexa.Client, *zexatest.Server, error) {
	if live() {
		client, err := zexa.NewFromEnv()
		return client, nil, err
	}
	server, err := zexatest.Start()
	if err != nil {
		return nil, nil, err
	}
	fmt.Println(zexa.EnvKey + " is not set: this runs against a Zexa inside the process.")
	server.SetProgress(zexatest.Progress{})
	for i := range 60 {
		contact := zexatest.Contact{
			Name:  fmt.Sprintf("Customer %d", i+1),
			Phone: fmt.Sprintf("+2449120%05d", i+1),
			Lists: []string{zexatest.DefaultContactList},
		}
		if i%3 == 0 {
			contact.Email = fmt.Sprintf("customer%d@example.com", i+1)
		}
		server.AddContact(contact)
	}
	for _, fault := range faults {
		server.Fault(fault)
	}
	client, err := server.Client()
	return client, server, err
}
