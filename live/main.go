// Command live compares the real API with docs/openapi.yaml, field by field.
//
// It takes the key from ZEXA_API_KEY; without one it says so and does nothing.
// It only reads, unless it is told to send one message:
//
//	go -C live run .
//	go -C live run . -to +2449… -from MinhaLoja
//	go -C live run . -url http://127.0.0.1:8080/v1
//
// What it prints can be shown to others: names and types of fields, never what
// is in them. It exits with 1 if a call failed or something that is documented
// does not hold; unknown fields and wrong assumptions are only told.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	zexa "github.com/zexa-ao/zexa-go"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Getenv(zexa.EnvKey), os.Stdout))
}

// run is main, with an exit code. opts are for its tests.
func run(ctx context.Context, args []string, key string, out io.Writer, opts ...zexa.Option) int {
	flags := flag.NewFlagSet("live", flag.ContinueOnError)
	flags.SetOutput(out)
	path := flags.String("document", "../docs/openapi.yaml", "the OpenAPI document")
	to := flags.String("to", "", "send one message to this recipient; needs -from")
	from := flags.String("from", "", "the Sender ID or verified address to send it from")
	channel := flags.String("channel", string(zexa.ChannelSMS), "the channel to send it on")
	body := flags.String("body", "Test", "the text to send")
	url := flags.String("url", zexa.DefaultBaseURL, "the base URL, such as that of go run ./examples/sandbox")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	}
	if (*to == "") != (*from == "") || flags.NArg() > 0 {
		fmt.Fprintln(out, "-to and -from go together, and nothing else is expected. Nothing was called.")
		return 2
	}
	if key == "" {
		fmt.Fprintln(out, zexa.EnvKey+" is not set. Nothing was called.")
		return 0
	}
	doc, err := loadDocument(*path)
	if err != nil {
		fmt.Fprintln(out, err)
		return 2
	}
	client, err := zexa.New(key, append([]zexa.Option{zexa.WithBaseURL(*url)}, opts...)...)
	if err != nil {
		fmt.Fprintln(out, err)
		return 2
	}
	defer client.CloseIdleConnections()

	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	s := &smoke{client: client, doc: doc, out: out}
	s.read(ctx)
	switch {
	case *to == "":
		fmt.Fprintln(out, "Nothing was sent: -to and -from send one message.")
	case s.failed:
		fmt.Fprintln(out, "Nothing was sent, as reading failed.")
	default:
		m := zexa.MessageParams{Channel: zexa.Channel(*channel), To: *to, From: *from, Body: *body}
		if m.Channel == zexa.ChannelEmail {
			m.Subject = *body
		}
		s.send(ctx, m)
	}
	if s.failed || s.contradicted {
		return 1
	}
	return 0
}
