// Logging shows what the client logs: a retry, and a call that failed.
package main

import (
	"context"
	"io"
	"log"
	"log/slog"
	"net/http"
	"os"

	zexa "github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/zexatest"
)

func main() {
	if err := run(os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(out io.Writer) error {
	// At the level info, which is slog's default, calls that succeed are left out.
	logger := slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{Level: slog.LevelDebug}))

	server, err := zexatest.Start() // a Zexa inside this process, even if ZEXA_API_KEY is set
	if err != nil {
		return err
	}
	defer server.Close()
	client, err := server.Client(zexa.WithLogger(logger)) // in your program: zexa.NewFromEnv(zexa.WithLogger(logger))
	if err != nil {
		return err
	}
	ctx := context.Background()

	message, err := client.Messages.Send(ctx, zexa.SMS("ZEXA", "+244912345678", "A sua encomenda saiu."))
	if err != nil {
		return err
	}
	logger.Info("sent", "order", 1042, "message", message) // masked: resources are slog.LogValuers

	server.Fault(zexatest.Fault{Status: http.StatusServiceUnavailable}) // a GET is retried
	if _, err := client.Messages.Get(ctx, message.ID); err != nil {
		return err
	}

	// A POST is not. The client logs that it failed; what follows from it, you do.
	server.Fault(zexatest.Fault{Method: "POST", Reset: zexatest.ResetAfterActed})
	if _, err := client.Messages.Send(ctx, zexa.SMS("ZEXA", "+244912345678", "A sua encomenda chegou.")); err != nil {
		logger.Warn("parked", "order", 1043, "call", err)
	}
	return nil
}
