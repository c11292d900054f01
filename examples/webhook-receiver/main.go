// Webhook-receiver receives what became of messages, and who opted out.
//
//	go run ./examples/webhook-receiver
//
// does so from a Zexa inside this process: it registers, sends, hears that the
// message was delivered, is told to stop, and ends.
//
//	go run ./examples/webhook-receiver -addr :8080 -url https://shop.example/zexa
//
// is a receiver for a real account, behind a proxy that speaks TLS, until it is
// interrupted. It needs ZEXA_WEBHOOK_SECRET; with ZEXA_API_KEY it asks the API
// whether events are true. -url registers, so it is for the first start only: a
// second registration would have every event come twice. To rotate the secret,
// put the one before into ZEXA_WEBHOOK_OLD_SECRET and register once more.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	zexa "github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/webhook"
)

func main() {
	addr := flag.String("addr", "", "receive real events at this `address`; without it, show how it works")
	url := flag.String("url", "", "register this public https `URL` first")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second interrupt does not wait
	var err error
	if *addr == "" {
		err = demo(ctx, os.Stdout)
	} else {
		err = live(ctx, *addr, *url, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "webhook-receiver:", err)
		os.Exit(1)
	}
}

// A shop is a business that keeps book in memory. Yours has a database.
type shop struct {
	out io.Writer

	mu       sync.Mutex
	statuses map[string]zexa.DeliveryStatus // by message
	optedOut map[string]bool                // by phone number or address
	changed  chan struct{}                  // closed at the next change
}

func newShop(out io.Writer) *shop {
	return &shop{
		out: out, statuses: map[string]zexa.DeliveryStatus{}, optedOut: map[string]bool{}, changed: make(chan struct{}),
	}
}

// handler returns the handler of the shop's events.
func (s *shop) handler(opts ...webhook.Option) (*webhook.Handler, error) {
	return webhook.NewHandler(webhook.Funcs{
		Delivered:     s.status,
		Failed:        s.status,
		Undeliverable: s.status,
		OptOut:        s.optOut,
		Other:         s.other,
	}, opts...)
}

// status books the status of a message, unless a later one has come first.
func (s *shop) status(_ context.Context, e webhook.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if webhook.Advances(s.statuses[e.MessageID], e.Status) {
		s.statuses[e.MessageID] = e.Status
		s.tell("%s is %s", e.MessageID, e.Status)
	}
	return nil
}

// optOut books that somebody does not want to be written to.
func (s *shop) optOut(_ context.Context, e webhook.Event) error {
	if e.To == "" {
		return errors.New("an opt-out that does not say whose it is")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.optedOut[e.To] = true
	s.tell("somebody opted out")
	return nil
}

func (s *shop) other(_ context.Context, e webhook.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tell("event %q, test: %t", e.Type, e.Test)
	return nil
}

// tell reports a change. The caller holds the lock.
func (s *shop) tell(format string, args ...any) {
	fmt.Fprintf(s.out, "received: "+format+"\n", args...)
	close(s.changed)
	s.changed = make(chan struct{})
}

// live receives the events of a real account until ctx ends.
func live(ctx context.Context, addr, url string, out io.Writer) error {
	secrets := []string{os.Getenv("ZEXA_WEBHOOK_SECRET")}
	if secrets[0] == "" {
		return fmt.Errorf("ZEXA_WEBHOOK_SECRET is not set; it could be %s", webhook.NewSecret())
	}
	if old := os.Getenv("ZEXA_WEBHOOK_OLD_SECRET"); old != "" {
		secrets = append(secrets, old)
	}
	opts := []webhook.Option{
		webhook.WithSecret(secrets...),
		webhook.WithLogger(slog.New(slog.NewTextHandler(out, nil))),
	}
	var client *zexa.Client
	if _, ok := os.LookupEnv(zexa.EnvKey); ok || url != "" {
		var err error
		if client, err = zexa.NewFromEnv(); err != nil {
			return err
		}
		defer client.CloseIdleConnections()
		opts = append(opts, webhook.WithConfirmation(client, 4))
	}
	h, err := newShop(out).handler(opts...)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	stop, failed := start(listener, h)
	fmt.Fprintln(out, "receiving at", listener.Addr())
	if url != "" {
		if err := register(ctx, client, url, secrets[0]); err != nil {
			return errors.Join(err, stop())
		}
	}
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return stop()
	}
}

// register registers a URL for all events. The test event comes while it does.
func register(ctx context.Context, client *zexa.Client, base, secret string) error {
	url, err := webhook.URL(base, secret)
	if err != nil {
		return err
	}
	_, err = client.Webhooks.Register(ctx, zexa.WebhookParams{URL: url, Events: []zexa.EventType{zexa.EventAll}})
	return err
}

// start serves h. stop takes no more events, and returns when those that are
// being handled are finished. failed tells if the server ends by itself.
func start(listener net.Listener, h http.Handler) (stop func() error, failed <-chan error) {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	return func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 2*webhook.DefaultTimeout)
		defer cancel()
		return server.Shutdown(ctx)
	}, ended
}
