// Quickstart shows what the package zexa does, in a few seconds.
//
// Without ZEXA_API_KEY it starts a Zexa inside this process and takes a tour of
// it: no account, no network, no cost. With ZEXA_API_KEY it talks to the real
// API, and only reads. It sends one SMS if it is told to whom with -to and from
// whom with -from, and is answered "yes" when it asks.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	zexa "github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/zexatest"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], program{
		key:     os.Getenv(zexa.EnvKey),
		baseURL: zexa.DefaultBaseURL,
		server:  []zexatest.Option{zexatest.OnLoopback()},
		stdin:   os.Stdin,
		stdout:  os.Stdout,
		stderr:  os.Stderr,
	}))
}

// A program is what run takes from the process around it.
type program struct {
	key     string            // empty: take the tour
	baseURL string            // of the API that the key is for
	server  []zexatest.Option // how the server of the tour starts
	stdin   io.Reader
	stdout  io.Writer
	stderr  io.Writer
}

// run returns the exit code.
func run(ctx context.Context, args []string, p program) int {
	flags := flag.NewFlagSet("quickstart", flag.ContinueOnError)
	flags.SetOutput(p.stderr)
	to := flags.String("to", "", "send one SMS to this `number`, in E.164; needs "+zexa.EnvKey)
	from := flags.String("from", "", "the `Sender ID` it comes from")
	body := flags.String("body", "Hello from zexa-go.", "its `text`")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	}

	var err error
	switch {
	case flags.NArg() > 0:
		fmt.Fprintf(p.stderr, "quickstart: unexpected argument %q\n", flags.Arg(0))
		return 2
	case *to != "" && p.key == "":
		fmt.Fprintln(p.stderr, "quickstart: -to sends a real SMS and needs "+zexa.EnvKey)
		return 2
	case *to != "" && *from == "":
		fmt.Fprintln(p.stderr, "quickstart: -to needs -from, a Sender ID of your account")
		return 2
	case p.key == "":
		err = takeTour(ctx, p)
	case *to == "":
		err = readOnly(ctx, p)
	default:
		err = sendOne(ctx, p, zexa.SMS(*from, *to, *body))
	}
	if err != nil {
		fmt.Fprintln(p.stderr, "quickstart:", err)
		return 1
	}
	return 0
}
