// Tracing makes a span of each call, and in it one of each attempt, with
// OpenTelemetry. It is a module of its own: go -C examples/tracing run .
package main

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"os"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	sdk "go.opentelemetry.io/otel/sdk/trace"

	zexa "github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/zexatest"
)

func main() {
	if err := run(os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(out io.Writer) (err error) {
	exporter, err := stdouttrace.New(stdouttrace.WithWriter(out)) // in your program: one that sends them
	if err != nil {
		return err
	}
	provider := sdk.NewTracerProvider(sdk.WithBatcher(exporter))
	ctx := context.Background()
	defer func() { err = errors.Join(err, provider.Shutdown(ctx)) }()

	server, err := zexatest.Start() // a Zexa inside this process, even if ZEXA_API_KEY is set
	if err != nil {
		return err
	}
	defer server.Close()
	// In your program: zexa.NewFromEnv with the same options, and
	// http.DefaultTransport instead of the server's.
	client, err := server.Client(
		zexa.WithHooks(spans(provider.Tracer("zexa"))),
		zexa.WithHTTPClient(&http.Client{Transport: otelhttp.NewTransport(server.HTTPClient().Transport,
			otelhttp.WithTracerProvider(provider))}),
	)
	if err != nil {
		return err
	}

	message, err := client.Messages.Send(ctx, zexa.SMS("ZEXA", "+244912345678", "A sua encomenda saiu."))
	if err != nil {
		return err
	}
	server.Fault(zexatest.Fault{Status: http.StatusServiceUnavailable}) // so that there are two attempts
	_, err = client.Messages.Get(ctx, message.ID)
	return err
}
