// Otp-service sends one-time passwords by SMS, each at most once.
//
//	go run ./examples/otp-service
//
// shows it with a Zexa inside this process, and ends.
//
//	go run ./examples/otp-service -addr 127.0.0.1:8080 -from MinhaLoja
//
// serves until it is interrupted, with your account if ZEXA_API_KEY is set. A
// user asks for a code, and types it in:
//
//	curl -d '{"request_id":"r1","phone":"+244912345678"}' http://127.0.0.1:8080/otp
//	curl -d '{"request_id":"r1","code":"123456"}' http://127.0.0.1:8080/otp/check
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"time"

	zexa "github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/zexatest"
)

func main() {
	addr := flag.String("addr", "", "serve at this `address`; without it, show how it works")
	from := flag.String("from", zexatest.DefaultSender, "a registered Sender `ID`")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *addr, *from, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, addr, from string, out io.Writer) error {
	client, sandbox, err := newClient(addr != "", from, out)
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	s := newService(client, from, slog.New(slog.NewTextHandler(out, nil)))
	server := &http.Server{Handler: s.handler(), ReadTimeout: 5 * time.Second, WriteTimeout: sendTimeout + 10*time.Second}
	listener, err := net.Listen("tcp", cmp.Or(addr, "127.0.0.1:0"))
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "serving at", listener.Addr())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	if addr == "" {
		err = show("http://"+listener.Addr().String(), sandbox, out)
	} else {
		select {
		case err = <-ended:
		case <-ctx.Done():
		}
	}
	// Those who wait for an answer get it.
	ctx, cancel := context.WithTimeout(context.Background(), server.WriteTimeout)
	defer cancel()
	return errors.Join(err, server.Shutdown(ctx))
}

// newClient returns a client of your account, or of a Zexa inside this process,
// for which out is the screen of every phone.
func newClient(live bool, from string, out io.Writer) (*zexa.Client, *zexatest.Server, error) {
	if live && os.Getenv(zexa.EnvKey) != "" {
		client, err := zexa.NewFromEnv()
		return client, nil, err
	}
	fmt.Fprintln(out, "this runs against a Zexa inside the process")
	sandbox, err := zexatest.Start()
	if err != nil {
		return nil, nil, err
	}
	sandbox.SetSenderID(zexa.ChannelSMS, from, zexa.SenderIDApproved)
	sandbox.OnAccept(func(m zexatest.Message) { fmt.Fprintln(out, "a phone shows:", m.Body) })
	client, err := sandbox.Client()
	return client, sandbox, err
}

// show makes the requests of a user who clicks twice, while the answer of the
// API gets lost.
func show(url string, sandbox *zexatest.Server, out io.Writer) error {
	sandbox.Fault(zexatest.Fault{Method: "POST", Reset: zexatest.ResetAfterActed})
	for _, request := range []string{
		`/otp {"request_id":"r1","phone":"+244912345678"}`,
		`/otp {"request_id":"r1","phone":"+244912345678"}`,
		`/otp/check {"request_id":"r1","code":"typo"}`,
		`/otp/check {"request_id":"r1","code":"%s"}`,
	} {
		path, body, _ := strings.Cut(request, " ")
		if strings.Contains(body, "%s") {
			body = fmt.Sprintf(body, digits(sandbox.Messages()[0].Body))
		}
		resp, err := http.Post(url+path, "application/json", strings.NewReader(body))
		if err != nil {
			return err
		}
		answer, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "POST %s: %s %s", path, resp.Status, answer)
	}
	fmt.Fprintln(out, "messages that the API accepted:", sandbox.Accepted())
	return nil
}

// digits finds the code in a message.
func digits(body string) string {
	return strings.TrimFunc(body, func(r rune) bool { return r < '0' || r > '9' })
}
