package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	zexa "github.com/zexa-ao/zexa-go"
)

// A confirmer asks the API whether events are true.
type confirmer struct {
	client *zexa.Client
	slots  chan struct{} // one for each question under way
}

// confirm sets Confirmed if the API agrees with the status of e. An event that
// has none to agree with it leaves as it is. With an error it returns what to
// answer.
func (c *confirmer) confirm(ctx context.Context, e *Event) (status int, err error) {
	aboutMessage := e.MessageID != "" && progress(e.Status) != 0 && progress(e.Status) != unknownProgress
	aboutCampaign := e.CampaignID != "" && campaignProgress(e.CampaignStatus) != 0
	if e.Test || !aboutMessage && !aboutCampaign {
		return 0, nil
	}
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return http.StatusServiceUnavailable, fmt.Errorf("waiting to ask the API: %w", context.Cause(ctx))
	}
	if aboutMessage {
		return c.confirmMessage(ctx, e)
	}
	return c.confirmCampaign(ctx, e)
}

func (c *confirmer) confirmMessage(ctx context.Context, e *Event) (status int, err error) {
	message, err := c.client.Messages.Get(ctx, e.MessageID)
	switch {
	case err != nil:
		return http.StatusServiceUnavailable, err
	case message.Status == e.Status || Advances(e.Status, message.Status):
		e.Confirmed = true
		if message.To != "" {
			e.To = message.To
		}
		return 0, nil
	case message.Status.Final():
		return http.StatusForbidden, errors.New("the API has another final status")
	default:
		return http.StatusServiceUnavailable, errors.New("the API has another status")
	}
}

func (c *confirmer) confirmCampaign(ctx context.Context, e *Event) (status int, err error) {
	campaign, err := c.client.Campaigns.Get(ctx, e.CampaignID)
	switch {
	case err != nil:
		return http.StatusServiceUnavailable, err
	case campaign.Status == e.CampaignStatus || campaignProgress(campaign.Status) > campaignProgress(e.CampaignStatus):
		e.Confirmed = true
		return 0, nil
	default:
		return http.StatusServiceUnavailable, errors.New("the API has another status")
	}
}

// campaignProgress orders the statuses that are known. One that is not, or none,
// is 0.
func campaignProgress(s zexa.CampaignStatus) int {
	switch s {
	case zexa.CampaignScheduled:
		return 1
	case zexa.CampaignSending, zexa.CampaignPaused:
		return 2
	case zexa.CampaignSent:
		return 3
	case zexa.CampaignCompleted:
		return 4
	}
	return 0
}
