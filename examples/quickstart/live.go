package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	zexa "github.com/zexa-ao/zexa-go"
)

// readOnly shows what the account has, and changes nothing.
func readOnly(ctx context.Context, p program) error {
	client, err := connect(p)
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	if err := showAccount(ctx, client, p.stdout); err != nil {
		return err
	}
	fmt.Fprintln(p.stdout, "\nNothing was sent. To send one SMS, say to whom with -to and from whom with -from.")
	return nil
}

// sendOne sends one SMS, after a typed yes.
func sendOne(ctx context.Context, p program, sms zexa.MessageParams) error {
	client, err := connect(p)
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	if err := showAccount(ctx, client, p.stdout); err != nil {
		return err
	}

	fmt.Fprintf(p.stdout, "\nOne SMS from %s to %s: %q\nCredits in Angola: %g.\n",
		sms.From, sms.To, sms.Body, zexa.MeasureSMS(sms.Body).Credits())
	if !confirmed(p.stdin, p.stdout) {
		fmt.Fprintln(p.stdout, "Nothing was sent.")
		return nil
	}

	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	message, err := client.Messages.Send(ctx, sms)
	switch {
	case errors.Is(err, zexa.ErrOutcomeUnknown):
		return fmt.Errorf("the SMS may be on its way, so find out before you send it again: %w", err)
	case err != nil:
		return err
	}
	fmt.Fprintf(p.stdout, "Accepted as %s, and %s.\n", message.ID, message.Status)
	return nil
}

// connect returns a client of the API, and says so.
func connect(p program) (*zexa.Client, error) {
	client, err := zexa.New(p.key, zexa.WithBaseURL(p.baseURL))
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(p.stdout, "%s is set, so this talks to %s.\n\n", zexa.EnvKey, p.baseURL)
	return client, nil
}

func showAccount(ctx context.Context, client *zexa.Client, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()

	balance, err := client.Credits.Get(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "Balance: %g credits (%s)\n", balance.Credits, balance.Currency)

	fmt.Fprintln(out, "Sender IDs:")
	for sender, err := range client.SenderIDs.All(ctx, zexa.SenderIDQuery{}) {
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "  %s for %s: %s\n", sender.Name, sender.Channel, sender.Status)
	}
	return nil
}

// confirmed asks for a typed yes. Anything else is no, the end of input too.
func confirmed(in io.Reader, out io.Writer) bool {
	fmt.Fprint(out, "Type yes to send it: ")
	answer, err := bufio.NewReader(in).ReadString('\n')
	if err != nil {
		fmt.Fprintln(out)
	}
	return err == nil && strings.TrimSpace(answer) == "yes"
}
