package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	zexa "github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/zexatest"
)

// A tour shows the API on a server of our own.
type tour struct {
	server *zexatest.Server
	client *zexa.Client
	out    io.Writer
}

func takeTour(ctx context.Context, p program) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()

	server, err := zexatest.Start(p.server...)
	if err != nil {
		return err
	}
	defer server.Close()
	server.SetProgress(zexatest.Progress{Outcome: outcome})

	client, err := server.Client()
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()

	t := &tour{server, client, p.stdout}
	fmt.Fprintf(t.out, "%s is not set, so this talks to a Zexa inside this process, at\n%s. Nothing leaves your machine.\n",
		zexa.EnvKey, server.URL())
	for i, step := range []struct {
		title string
		do    func(context.Context) error
	}{
		{"The balance", t.balance},
		{"What an SMS costs, before it is sent", t.cost},
		{"A message on each channel, followed to its final status", t.channels},
		{"The balance after that", t.balance},
		{"A message that the API refuses", t.refusal},
		{"Too many requests: the client waits as long as it is told", t.rateLimit},
		{"Sender IDs", t.senderIDs},
		{"120 contacts, page by page", t.contacts},
		{"A campaign to those contacts", t.campaign},
		{"A webhook", t.webhook},
		{"A contact is deleted", t.deletion},
	} {
		fmt.Fprintf(t.out, "\n%d. %s\n", i+1, step.title)
		if err := step.do(ctx); err != nil {
			return err
		}
	}
	fmt.Fprintf(t.out, "\nThat was all. With %s set, this program reads from your own account.\n", zexa.EnvKey)
	return nil
}

// outcome decides what the server makes of a message: numbers that end in 9
// cannot be reached.
func outcome(m zexatest.Message) zexa.DeliveryStatus {
	if strings.HasSuffix(m.To, "9") {
		return zexa.StatusUndeliverable
	}
	return zexa.StatusDelivered
}

func (t *tour) say(format string, args ...any) {
	fmt.Fprintf(t.out, "   "+format+"\n", args...)
}

func (t *tour) balance(ctx context.Context) error {
	balance, err := t.client.Credits.Get(ctx)
	if err != nil {
		return err
	}
	t.say("%g credits (%s)", balance.Credits, balance.Currency)
	return nil
}

func (t *tour) cost(context.Context) error {
	for _, body := range []string{
		"Your order 1042 is on its way and arrives tomorrow morning, between 9 and 12. Thank you!",
		"A sua encomenda 1042 já saiu e chega amanhã de manhã, entre as 9 e as 12. Obrigado!",
	} {
		length := zexa.MeasureSMS(body)
		t.say("%q", body)
		if odd := zexa.NonGSM7(body); odd != nil {
			t.say("  Because of %q it travels as %s, in which fewer characters fit.", string(odd), length.Encoding)
		}
		t.say("  %s, segments: %d, credits in Angola: %g.", length.Encoding, length.Segments, length.Credits())
	}
	return nil
}

func (t *tour) channels(ctx context.Context) error {
	var sent []*zexa.Message
	for _, params := range []zexa.MessageParams{
		zexa.SMS("ZEXA", "+244912345678", "Your order 1042 is on its way."),
		zexa.WhatsApp("ZEXA", "+244923456781", "Your order 1042 is on its way."),
		zexa.Telegram("ZEXA", "+244934567899", "Your order 1042 is on its way."),
		zexa.Email(zexatest.DefaultEmail, "ana@example.com", "Order 1042", "It is on its way."),
		zexa.Slack("ZEXA", "C024BE91L", "Order 1042 has left the warehouse."),
	} {
		message, err := t.client.Messages.Send(ctx, params)
		if err != nil {
			return err
		}
		sent = append(sent, message)
	}
	for _, message := range sent {
		final, err := t.client.Messages.Wait(ctx, message.ID)
		if err != nil {
			return err
		}
		t.say("%s, %s to %s: first %s, in the end %s", message.ID, message.Channel, message.To, message.Status, final.Status)
	}
	return nil
}

func (t *tour) refusal(ctx context.Context) error {
	sms := zexa.SMS("ZEXA", "912345678", "Hello.")
	_, err := t.client.Messages.Send(ctx, sms)
	var found *zexa.ValidationError
	if !errors.As(err, &found) {
		return fmt.Errorf("expected a validation error, got %v", err)
	}
	t.say("The client finds the mistake before anything is sent:")
	for _, problem := range found.Fields {
		t.say("  field %s %s", problem.Field, problem.Reason)
	}

	unchecked, err := t.server.Client(zexa.WithoutValidation())
	if err != nil {
		return err
	}
	defer unchecked.CloseIdleConnections()
	_, err = unchecked.Messages.Send(ctx, sms)

	var refused *zexa.Error
	if !errors.As(err, &refused) || !errors.Is(err, zexa.ErrValidation) {
		return fmt.Errorf("expected a validation error of the API, got %v", err)
	}
	var details struct {
		Field string `json:"field"`
		Value string `json:"value"`
	}
	if err := refused.DecodeDetails(&details); err != nil {
		return err
	}
	t.say("A client that was told not to look leaves that to the API:")
	t.say("  status %d, code %s, request id %s", refused.Status, refused.Code, refused.RequestID)
	t.say("  field %s, value %q", details.Field, details.Value)
	t.say("  %s", refused.Message)
	return nil
}

func (t *tour) rateLimit(ctx context.Context) error {
	client, err := t.server.Client(zexa.WithLogger(slog.New(slog.NewTextHandler(t.out, nil))))
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()

	t.say("The next answer is a 429 with Retry-After: 1. The client's log says:")
	t.server.Fault(zexatest.Fault{Status: http.StatusTooManyRequests, RetryAfter: "1"})
	var response zexa.Response
	start := time.Now()
	message, err := client.Messages.Send(ctx, zexa.SMS("ZEXA", "+244912345678", "Hello."), zexa.CallResponse(&response))
	if err != nil {
		return err
	}
	t.say("%s was accepted at attempt %d, after %.1f s.", message.ID, response.Attempts, time.Since(start).Seconds())
	return nil
}

func (t *tour) senderIDs(ctx context.Context) error {
	for sender, err := range t.client.SenderIDs.All(ctx, zexa.SenderIDQuery{}) {
		if err != nil {
			return err
		}
		t.say("%s for %s: %s", sender.Name, sender.Channel, sender.Status)
	}
	sender, err := t.client.SenderIDs.Find(ctx, "ZEXA", zexa.ChannelSMS)
	if err != nil {
		return err
	}
	t.say("Find: %s may send SMS, its id is %s.", sender.Name, sender.ID)
	return nil
}

func (t *tour) contacts(ctx context.Context) error {
	for i := range 120 {
		if _, err := t.client.Contacts.Create(ctx, zexa.ContactParams{
			Name:  fmt.Sprintf("Customer %d", i+1),
			Phone: fmt.Sprintf("+2449120%05d", i+1),
			Lists: []string{zexatest.DefaultContactList},
		}); err != nil {
			return err
		}
	}

	query := zexa.ContactQuery{ListID: zexatest.DefaultContactList, PerPage: 50}
	for n, pages := 1, 1; n <= pages; n++ {
		query.Page = n
		page, err := t.client.Contacts.List(ctx, query)
		if err != nil {
			return err
		}
		pages = page.Pages()
		t.say("Page %d of %d has %d contacts.", n, pages, len(page.Items))
	}

	n := 0
	for _, err := range t.client.Contacts.All(ctx, zexa.ContactQuery{ListID: zexatest.DefaultContactList}) {
		if err != nil {
			return err
		}
		n++
	}
	t.say("All goes through the pages by itself: %d contacts.", n)
	return nil
}

func (t *tour) campaign(ctx context.Context) error {
	campaign, err := t.client.Campaigns.Create(ctx, zexa.CampaignParams{
		Name:          "Opening hours",
		Channel:       zexa.ChannelSMS,
		ContactListID: zexatest.DefaultContactList,
		SenderID:      "ZEXA",
		Body:          "On Saturday we open at 10.",
	})
	if err != nil {
		return err
	}
	total, _ := campaign.Total()
	t.say("%s to %d contacts is %s.", campaign.ID, total, campaign.Status)

	campaign, err = t.client.Campaigns.Wait(ctx, campaign.ID)
	if err != nil {
		return err
	}
	t.say("%s is %s:", campaign.ID, campaign.Status)
	statistics := campaign.Statistics()
	for _, name := range slices.Sorted(maps.Keys(statistics)) {
		t.say("  %s: %g", name, statistics[name])
	}
	return nil
}

func (t *tour) webhook(ctx context.Context) error {
	arrived := make(chan struct{})
	arrive := sync.OnceFunc(func() { close(arrived) })
	receiver := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { arrive() })
	t.server.SetWebhookDelivery(zexatest.WebhookDelivery{Client: zexatest.ClientFor(receiver)})

	webhook, err := t.client.Webhooks.Register(ctx, zexa.WebhookParams{
		URL:    "https://shop.example/zexa",
		Events: []zexa.EventType{zexa.EventMessageDelivered, zexa.EventCampaignCompleted},
	})
	if err != nil {
		return err
	}
	t.say("%s will get events at %s.", webhook.ID, webhook.URL)
	select {
	case <-arrived:
		t.say("A test event has arrived already.")
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *tour) deletion(ctx context.Context) error {
	page, err := t.client.Contacts.List(ctx, zexa.ContactQuery{PerPage: 1})
	if err != nil {
		return err
	}
	for _, contact := range page.Items {
		if err := t.client.Contacts.Delete(ctx, contact.ID); err != nil {
			return err
		}
		t.say("%s is gone.", contact.ID)
		if err := t.client.Contacts.Delete(ctx, contact.ID); !errors.Is(err, zexa.ErrNotFound) {
			return fmt.Errorf("expected a contact that is not found, got %v", err)
		}
		t.say("Deleting it again is zexa.ErrNotFound.")
	}
	return nil
}
