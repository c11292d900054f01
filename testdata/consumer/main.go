// Consumer uses the module as its users do: from another module, with nothing
// but its public packages.
package main

import (
	"context"
	"fmt"
	"log"

	"github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/contactcsv"
	"github.com/zexa-ao/zexa-go/webhook"
	"github.com/zexa-ao/zexa-go/zexatest"
)

var (
	_ = contactcsv.NewReader
	_ = webhook.NewHandler
)

func main() {
	server, err := zexatest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	client, err := server.Client()
	if err != nil {
		log.Fatal(err)
	}
	message, err := client.Messages.Send(context.Background(), zexa.SMS(zexatest.DefaultSender, "+244912345678", "Hello"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(message.ID, message.Status)
}
