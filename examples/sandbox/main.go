// Sandbox serves a Zexa of your own on this machine, for programs in any
// language. Its state is in memory and ends with it.
//
//	go run ./examples/sandbox -addr 127.0.0.1:8080
//
// Every message is sent after a second and delivered after another. Webhooks may
// be registered with https URLs, and with http URLs of this machine.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/zexa-ao/zexa-go/zexatest"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "loopback `address` to listen on; port 0 picks a free one")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := serve(ctx, *addr, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func serve(ctx context.Context, addr string, out io.Writer) error {
	if strings.HasPrefix(addr, ":") {
		addr = "127.0.0.1" + addr // not every interface, as elsewhere in Go
	}
	srv, err := zexatest.Start(zexatest.OnAddr(addr))
	if err != nil {
		return err
	}
	defer srv.Close()
	srv.SetProgress(zexatest.Progress{Sent: time.Second, Final: time.Second})
	srv.SetWebhookDelivery(zexatest.WebhookDelivery{Client: &http.Client{Timeout: 10 * time.Second}, AllowHTTP: true})

	fmt.Fprintf(out, `Base URL   %s
API key    %s
Sender     %s, and %s for email
List       %s

curl %[1]s/messages -H 'Authorization: Bearer %[2]s' -H 'Content-Type: application/json' \
  -d '{"channel":"sms","to":"+244912345678","from":"%[3]s","body":"Olá"}'

Ctrl-C ends it.

`, srv.URL(), srv.Key(), zexatest.DefaultSender, zexatest.DefaultEmail, zexatest.DefaultContactList)
	srv.OnAccept(func(m zexatest.Message) {
		fmt.Fprintf(out, "%s  %s  %-8s  to %s from %s, %g credits\n",
			m.CreatedAt.Format(time.TimeOnly), m.ID, m.Channel, m.To, m.From, m.Credits)
	})
	<-ctx.Done()
	return nil
}
