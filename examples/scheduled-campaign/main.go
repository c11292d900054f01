// Scheduled-campaign sends one SMS to everybody on a contact list, tomorrow at
// nine in Luanda.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	zexa "github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/examples/internal/demo"
	"github.com/zexa-ao/zexa-go/zexatest"
)

// Angola has no summer time.
var luanda = time.FixedZone("WAT", 60*60)

func main() {
	from, list := demo.Addresses("ZEXA", zexatest.DefaultContactList) // flags -from and -to
	if err := run(from, list); err != nil {
		log.Fatal(err)
	}
}

func run(from, list string) error {
	client, err := demo.Client() // in your program: zexa.NewFromEnv()
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()

	now := time.Now().In(luanda)
	at := time.Date(now.Year(), now.Month(), now.Day()+1, 9, 0, 0, 0, luanda)
	campaign, err := client.Campaigns.Create(ctx, zexa.CampaignParams{
		Name:          "Opening hours",
		Channel:       zexa.ChannelSMS,
		ContactListID: list,
		SenderID:      from,
		Body:          "No sábado abrimos às 10.",
		ScheduledAt:   at,
	})
	if errors.Is(err, zexa.ErrOutcomeUnknown) {
		return fmt.Errorf("it may be scheduled, so look before creating it again: %w", err)
	}
	if err != nil {
		return err
	}
	fmt.Printf("%s is %s for %s\n", campaign.ID, campaign.Status, at.Format("2 January 2006, 15:04 MST"))
	if total, ok := campaign.Total(); ok {
		fmt.Printf("contacts on the list: %d\n", total)
	}
	return nil
}
