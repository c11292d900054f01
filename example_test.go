package zexa_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"slices"
	"time"

	"github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/zexatest"
)

// newSandbox returns a client of a Zexa inside the process. In a program of your
// own, call zexa.NewFromEnv.
func newSandbox() (*zexatest.Server, *zexa.Client) {
	server, err := zexatest.Start()
	if err != nil {
		log.Fatal(err)
	}
	server.SetProgress(zexatest.Progress{}) // every message is delivered at once
	client, err := server.Client()
	if err != nil {
		log.Fatal(err)
	}
	return server, client
}

func ExampleMessageService_Send() {
	server, client := newSandbox()
	defer server.Close()
	ctx := context.Background()

	message, err := client.Messages.Send(ctx, zexa.SMS("ZEXA", "+244912345678", "A sua encomenda saiu."))
	switch {
	case errors.Is(err, zexa.ErrOutcomeUnknown):
		log.Print("it may have been sent: ask somebody, do not repeat it: ", err)
	case err != nil:
		log.Print("it was not sent: ", err)
	default:
		fmt.Println(message.ID, message.Channel)
	}
	// Output: msg_000001 sms
}

func ExampleMessageService_Send_template() {
	server, client := newSandbox()
	defer server.Close()

	message, err := client.Messages.Send(context.Background(), zexa.WhatsAppTemplate("ZEXA", "+244912345678", zexa.Template{
		Name:      "order_shipped",
		Language:  "pt",
		Variables: []string{"Ana", "1042"},
	}))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(message.ID, message.Channel)
	// Output: msg_000001 whatsapp
}

func ExampleMessageService_Get() {
	server, client := newSandbox()
	defer server.Close()

	_, err := client.Messages.Get(context.Background(), "msg_missing")
	fmt.Println(errors.Is(err, zexa.ErrNotFound))
	// Output: true
}

func ExampleMessageService_Wait() {
	server, client := newSandbox()
	defer server.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Minute)
	defer cancel()

	sent, err := client.Messages.Send(ctx, zexa.SMS("ZEXA", "+244912345678", "Hello"))
	if err != nil {
		log.Fatal(err)
	}
	message, err := client.Messages.Wait(ctx, sent.ID)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(message.Status) // or failed, or undeliverable
	// Output: delivered
}

func ExampleMessageService_SendMany() {
	server, client := newSandbox()
	defer server.Close()

	messages := []zexa.MessageParams{
		zexa.SMS("ZEXA", "+244912345678", "Order 1 is on its way."),
		zexa.SMS("ZEXA", "912345678", "Order 2 is on its way."),
		zexa.SMS("ZEXA", "+244912345679", "Order 3 is on its way."),
	}
	batch := client.Messages.SendMany(context.Background(), slices.Values(messages), zexa.BatchParams{})
	for r := range batch.Results() {
		if r.Err != nil {
			fmt.Println(r.Index, r.Err)
		}
	}
	summary := batch.Summary()
	fmt.Println(summary.Accepted, "accepted,", summary.Refused, "refused,", summary.Unknown, "unknown")
	// Output:
	// 1 zexa: POST /messages: not sent: to: is not a phone number in E.164: a plus sign and 7 to 15 digits
	// 2 accepted, 1 refused, 0 unknown
}

func ExampleEstimateCredits() {
	estimate := zexa.EstimateCredits(slices.Values([]zexa.MessageParams{
		zexa.SMS("ZEXA", "+244912345678", "Olá"),
		zexa.SMS("ZEXA", "+351912345678", "Olá"),
		zexa.Email("loja@exemplo.ao", "ana@exemplo.ao", "Olá", "…"),
	}))
	fmt.Printf("%d segments, %g to %g credits\n", estimate.Segments, estimate.MinCredits, estimate.MaxCredits)
	// Output: 2 segments, 3.5 to 6.5 credits
}

func ExampleCampaignService_Create() {
	server, client := newSandbox()
	defer server.Close()
	for _, phone := range []string{"+244912345678", "+244912345679"} {
		server.AddContact(zexatest.Contact{Name: "Ana", Phone: phone, Lists: []string{zexatest.DefaultContactList}})
	}
	ctx := context.Background()

	campaign, err := client.Campaigns.Create(ctx, zexa.CampaignParams{
		Name:          "July",
		Channel:       zexa.ChannelSMS,
		ContactListID: zexatest.DefaultContactList,
		SenderID:      "ZEXA",
		Body:          "20 % off until Sunday.",
	})
	if err != nil {
		log.Fatal(err)
	}
	campaign, err = client.Campaigns.Wait(ctx, campaign.ID)
	if err != nil {
		log.Fatal(err)
	}
	total, _ := campaign.Total()
	fmt.Println(campaign.ID, campaign.Status, total)
	// Output: cmp_000001 completed 2
}

func ExampleContactService_Create() {
	server, client := newSandbox()
	defer server.Close()

	contact, err := client.Contacts.Create(context.Background(), zexa.ContactParams{
		Name:  "Ana",
		Phone: "+244912345678",
		Lists: []string{zexatest.DefaultContactList},
	})
	if errors.Is(err, zexa.ErrConflict) {
		fmt.Println("Ana is there already")
	} else if err != nil {
		log.Fatal(err)
	}
	fmt.Println(contact.ID)
	// Output: cnt_000001
}

func ExampleContactService_All() {
	server, client := newSandbox()
	defer server.Close()
	for i := range 120 {
		server.AddContact(zexatest.Contact{Name: "Ana", Phone: fmt.Sprintf("+244912000%03d", i)})
	}

	n := 0
	for _, err := range client.Contacts.All(context.Background(), zexa.ContactQuery{PerPage: 100}) {
		if err != nil {
			log.Fatal(err)
		}
		n++
	}
	fmt.Println(n)
	// Output: 120
}

func ExampleContactService_List() {
	server, client := newSandbox()
	defer server.Close()
	for i := range 120 {
		server.AddContact(zexatest.Contact{Name: "Ana", Phone: fmt.Sprintf("+244912000%03d", i)})
	}

	page, err := client.Contacts.List(context.Background(), zexa.ContactQuery{Page: 3})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(page.Items), "of", page.Meta.Total, "on page", page.Meta.Page, "of", page.Pages())
	// Output: 20 of 120 on page 3 of 3
}

func ExampleContactService_DeleteMany() {
	server, client := newSandbox()
	defer server.Close()
	server.AddContact(zexatest.Contact{Name: "Ana", Phone: "+244912345678"})

	for _, r := range client.Contacts.DeleteMany(context.Background(), []string{"cnt_000001", "cnt_missing"}) {
		fmt.Println(r.ID, r.Err == nil, errors.Is(r.Err, zexa.ErrNotFound))
	}
	// Output:
	// cnt_000001 true false
	// cnt_missing false true
}

func ExampleContactService_Import() {
	server, client := newSandbox()
	defer server.Close()

	contacts := []zexa.ContactParams{
		{Name: "Ana", Phone: "+244912345678"},
		{Name: "Rui", Phone: "+244912345679"},
		{Name: "", Phone: "+244912345670"},
	}
	summary := client.Contacts.Import(context.Background(), zexa.ContactRows(slices.Values(contacts)), zexa.ImportParams{}).Wait()
	fmt.Println(summary.Accepted, "created,", summary.Existing, "existing,", summary.Refused, "refused")
	// Output: 2 created, 0 existing, 1 refused
}

func ExampleSenderIDService_Find() {
	server, client := newSandbox()
	defer server.Close()

	sender, err := client.SenderIDs.Find(context.Background(), "ZEXA", zexa.ChannelSMS)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(sender.Name, sender.Status)
	// Output: ZEXA approved
}

func ExampleWebhookService_Register() {
	server, client := newSandbox()
	defer server.Close()

	webhook, err := client.Webhooks.Register(context.Background(), zexa.WebhookParams{
		URL:    "https://shop.example/zexa",
		Events: []zexa.EventType{zexa.EventMessageDelivered, zexa.EventMessageOptOut},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(webhook.ID)
	// Output: wh_000001
}

func ExampleCreditService_Get() {
	server, client := newSandbox()
	defer server.Close()

	balance, err := client.Credits.Get(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(balance.Credits, balance.Currency)
	// Output: 1000 USD
}

func ExampleError() {
	server, client := newSandbox()
	defer server.Close()
	server.SetBalance(0)

	_, err := client.Messages.Send(context.Background(), zexa.SMS("ZEXA", "+244912345678", "Hello"))
	var e *zexa.Error
	if errors.As(err, &e) {
		fmt.Println(e.Status, e.Code, e.RequestID)
	}
	fmt.Println(errors.Is(err, zexa.ErrInsufficientCredits), errors.Is(err, zexa.ErrNotSent))
	// Output:
	// 422 insufficient_credits req_000001
	// true true
}

func ExampleClient_Do() {
	server, client := newSandbox()
	defer server.Close()

	var answer json.RawMessage
	err := client.Do(context.Background(), http.MethodGet, "/messages/{id}/events", nil, &answer, zexa.CallPathValue("id", "msg_1"))
	fmt.Println(errors.Is(err, zexa.ErrNotFound)) // the sandbox does not know it either
	// Output: true
}

func ExampleMeasureSMS() {
	for _, body := range []string{
		"Ola Ana, a sua encomenda chegou.",
		"Olá Ana, a sua encomenda já chegou ao nosso balcão. Pode levantá-la até sexta-feira.",
	} {
		l := zexa.MeasureSMS(body)
		fmt.Printf("%s: units %d, segments %d, left %d\n", l.Encoding, l.Units, l.Segments, l.Left)
	}
	// Output:
	// GSM-7: units 32, segments 1, left 128
	// UCS-2: units 84, segments 2, left 50
}

func ExampleSMSLength_Credits() {
	const recipients = 250
	length := zexa.MeasureSMS("A sua consulta é amanhã às 9h. Se não puder vir, avise-nos por favor até às 18h.")
	fmt.Printf("%d recipients in Angola: %g credits\n", recipients, recipients*length.Credits())
	// Output: 250 recipients in Angola: 500 credits
}

func ExampleNonGSM7() {
	body := "A sua inscrição está confirmada"
	fmt.Printf("%q\n", zexa.NonGSM7(body))
	// Output: ['ç' 'ã' 'á']
}
