// Rate-limit shares the rate of one account between two clients. It is a module
// of its own: go -C examples/rate-limit run .
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"sync"
	"time"

	"golang.org/x/time/rate"

	zexa "github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/zexatest"
)

func main() {
	if err := run(os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(out io.Writer) error {
	server, err := zexatest.Start() // a Zexa inside this process, even if ZEXA_API_KEY is set
	if err != nil {
		return err
	}
	defer server.Close()
	server.RateLimit(zexatest.Limit{Requests: 20, Burst: 5})
	// A client learns by itself what the account may do. A limiter helps where it
	// cannot: several clients share one, or others need a part of the rate.
	limiter := rate.NewLimiter(16, 4) // requests a second, and at once
	clients := make([]*zexa.Client, 2)
	for i := range clients { // in your program: zexa.NewFromEnv(zexa.WithRateLimiter(limiter))
		if clients[i], err = server.Client(zexa.WithRateLimiter(limiter)); err != nil {
			return err
		}
	}
	message := zexa.SMS("ZEXA", "+244912345678", "Olá")
	start := time.Now()
	var wg sync.WaitGroup
	errs := make([]error, 36)
	for i := range errs {
		wg.Go(func() { _, errs[i] = clients[i%2].Messages.Send(context.Background(), message) })
	}
	wg.Wait()
	fmt.Fprintf(out, "%d messages and %d requests in %.1f s\n", server.Accepted(), len(server.Requests()), time.Since(start).Seconds())
	// A turn that would come too late is not waited for.
	limiter.SetLimit(rate.Every(time.Minute))
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_, err = clients[0].Messages.Send(ctx, message)
	fmt.Fprintf(out, "%v\nnot sent: %t\n", err, errors.Is(err, zexa.ErrNotSent))
	return errors.Join(errs...)
}
