package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	zexa "github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/webhook"
	"github.com/zexa-ao/zexa-go/zexatest"
)

// demo receives events from a Zexa inside this process.
func demo(ctx context.Context, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	sandbox, err := zexatest.Start()
	if err != nil {
		return err
	}
	defer sandbox.Close()
	sandbox.SetProgress(zexatest.Progress{}) // every message is delivered at once
	sandbox.SetWebhookDelivery(zexatest.WebhookDelivery{AllowHTTP: true})
	client, err := sandbox.Client(zexa.WithoutValidation()) // a real receiver has an https URL
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()

	s, secret := newShop(out), webhook.NewSecret()
	h, err := s.handler(webhook.WithSecret(secret), webhook.WithConfirmation(client, 4))
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	stop, _ := start(listener, h)
	err = register(ctx, client, "http://"+listener.Addr().String()+"/zexa", secret)
	if err == nil {
		err = s.story(ctx, client, sandbox)
	}
	if err := errors.Join(err, stop()); err != nil {
		return err
	}
	fmt.Fprintln(out, "That was all.")
	return nil
}

// story is what happens in the demo.
func (s *shop) story(ctx context.Context, client *zexa.Client, sandbox *zexatest.Server) error {
	const customer = "+244912345678"
	id, err := s.write(ctx, client, customer, "A sua encomenda saiu.")
	if err != nil {
		return err
	}
	if err := s.wait(ctx, func() bool { return s.statuses[id] == zexa.StatusDelivered }); err != nil {
		return err
	}
	sandbox.OptOut(customer) // the customer replies STOP
	if err := s.wait(ctx, func() bool { return s.optedOut[customer] }); err != nil {
		return err
	}
	_, err = s.write(ctx, client, customer, "Temos novidades.")
	return err
}

// write sends a message to somebody who has not opted out.
func (s *shop) write(ctx context.Context, client *zexa.Client, to, body string) (id string, err error) {
	s.mu.Lock()
	stop := s.optedOut[to]
	s.mu.Unlock()
	if stop {
		fmt.Fprintln(s.out, "not sent: the customer has opted out")
		return "", nil
	}
	message, err := client.Messages.Send(ctx, zexa.SMS("ZEXA", to, body))
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintln(s.out, "sent:", message.ID)
	// The event may have come before the answer, so this too has to advance.
	if webhook.Advances(s.statuses[message.ID], message.Status) {
		s.statuses[message.ID] = message.Status
	}
	return message.ID, nil
}

// wait returns when an event has made done true.
func (s *shop) wait(ctx context.Context, done func() bool) error {
	for {
		s.mu.Lock()
		ready, changed := done(), s.changed
		s.mu.Unlock()
		if ready {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
