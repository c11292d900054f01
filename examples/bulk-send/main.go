// Bulk-send sends an SMS to every number in a file, with a progress bar.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"

	"github.com/schollz/progressbar/v3"

	zexa "github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/examples/internal/demo"
)

func main() {
	from, file := demo.Addresses("ZEXA", "") // flags -from and -to, which is a file of numbers
	if err := run(from, file); err != nil {
		log.Fatal(err)
	}
}

func run(from, file string) error {
	client, numbers, err := prepare(file) // in your program: zexa.NewFromEnv(), and your numbers
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	messages := func(yield func(zexa.MessageParams) bool) {
		for _, number := range numbers {
			if !yield(zexa.SMS(from, number, "A sua encomenda saiu.")) {
				return
			}
		}
	}
	e := zexa.EstimateCredits(messages)
	fmt.Printf("messages: %d, segments: %d, credits: about %g to %g\n", e.Messages, e.Segments, e.MinCredits, e.MaxCredits)

	bar := progressbar.Default(int64(e.Messages), "sending")
	batch := client.Messages.SendMany(ctx, messages, zexa.BatchParams{Progress: func(p zexa.Progress) { bar.Set(p.Done()) }})
	var parked []string // perhaps sent: look before sending again
	for r := range batch.Results() {
		if errors.Is(r.Err, zexa.ErrOutcomeUnknown) {
			parked = append(parked, numbers[r.Index])
		}
	}
	s := batch.Summary()
	fmt.Printf("accepted: %d, refused: %d, parked: %d %v\n", s.Accepted, s.Refused, s.Unknown, parked)
	if s.Stopped != nil {
		return fmt.Errorf("go on after the first %d numbers: %w", s.Next, s.Stopped)
	}
	return nil
}
