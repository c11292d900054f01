package zexatest

import (
	"encoding/json"
	"net/http"
	"time"

	zexa "github.com/zexa-ao/zexa-go"
)

// Campaign is a broadcast to a contact list.
type Campaign struct {
	ID          string
	Name        string
	Channel     zexa.Channel
	ListID      string
	SenderID    string
	Body        string
	Template    json.RawMessage // the template object as it was sent
	Status      zexa.CampaignStatus
	Total       int // contacts on the list, the opted-out included
	Stats       CampaignStats
	CreatedAt   time.Time
	ScheduledAt time.Time // zero if it was to go at once
}

// CampaignStats says where a campaign's contacts are. They add up to its Total.
type CampaignStats struct {
	Pending       int // not reached yet: scheduled, or paused
	Queued        int
	Sent          int // and not final yet; of any other status too
	Delivered     int
	Failed        int // contacts without an address for the channel included
	Undeliverable int
	OptedOut      int
}

type campaign struct {
	Campaign
	waiting   []string // addresses still to send to
	launched  bool
	announced map[zexa.EventType]bool
}

type wireCampaign struct {
	ID        string     `json:"id"`
	Status    string     `json:"status"`
	Name      string     `json:"name"`
	Channel   string     `json:"channel"`
	Total     int        `json:"total"`
	CreatedAt string     `json:"created_at"`
	Stats     *wireStats `json:"stats,omitempty"`
}

type wireStats struct {
	Pending       int `json:"pending"`
	Queued        int `json:"queued"`
	Sent          int `json:"sent"`
	Delivered     int `json:"delivered"`
	Failed        int `json:"failed"`
	Undeliverable int `json:"undeliverable"`
	OptedOut      int `json:"opted_out"`
}

// created is the campaign as POST answers it, wire as it is read later.
func (c *campaign) created() wireCampaign {
	return wireCampaign{ID: c.ID, Status: string(c.Status), Name: c.Name, Channel: string(c.Channel),
		Total: c.Total, CreatedAt: timestamp(c.CreatedAt)}
}

func (c *campaign) wire() wireCampaign {
	w := c.created()
	w.Stats = &wireStats{c.Stats.Pending, c.Stats.Queued, c.Stats.Sent, c.Stats.Delivered,
		c.Stats.Failed, c.Stats.Undeliverable, c.Stats.OptedOut}
	return w
}

// Campaigns returns all campaigns, oldest first.
func (s *Server) Campaigns() []Campaign {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Campaign, len(s.campaigns))
	for i, c := range s.campaigns {
		all[i] = c.Campaign
	}
	return all
}

// Campaign returns the campaign with an id, and whether there is one.
func (s *Server) Campaign(id string) (Campaign, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.campaign(id)
	if c == nil {
		return Campaign{}, false
	}
	return c.Campaign, true
}

func (s *Server) campaign(id string) *campaign {
	for _, c := range s.campaigns {
		if c.ID == id {
			return c
		}
	}
	return nil
}

func (s *Server) postCampaign(c *call) (int, any, *apiError) {
	created := &campaign{announced: map[zexa.EventType]bool{}}
	var scheduledAt string
	err := c.form.decode(map[string]any{
		"name": &created.Name, "channel": &created.Channel, "contact_list_id": &created.ListID,
		"sender_id": &created.SenderID, "body": &created.Body, "template": &created.Template,
		"scheduled_at": &scheduledAt,
	})
	if err == nil {
		err = c.form.require("name", "channel", "contact_list_id", "sender_id")
	}
	if err == nil {
		err = c.form.requireContent(created.Channel, created.Template)
	}
	if err == nil {
		err = s.checkCampaign(created)
	}
	if err == nil {
		created.ScheduledAt, err = parseSchedule(scheduledAt)
	}
	if err != nil {
		return 0, nil, err
	}

	now := time.Now()
	later := created.ScheduledAt.After(now)
	cheapest := price(Message{Channel: created.Channel, To: "+244", Body: created.Body})
	if !later && s.halves < cheapest {
		return 0, nil, insufficientCredits()
	}
	created.ID = s.nextID("cmp")
	created.CreatedAt = now
	created.Total = len(s.onList(created.ListID))
	created.Stats.Pending = created.Total
	s.campaigns = append(s.campaigns, created)
	if later {
		created.Status = "scheduled"
		s.at(created.ScheduledAt, func() { s.launch(created) })
		return http.StatusCreated, created.created(), nil
	}
	created.Status = "sending"
	reply := created.created() // before it can pause or end
	s.launch(created)
	return http.StatusCreated, reply, nil
}

func (s *Server) checkCampaign(c *campaign) *apiError {
	switch c.Channel {
	case "sms", "whatsapp", "telegram", "email":
	case "slack":
		return validationError("channel", c.Channel, "Contacts have no Slack address.")
	default:
		return validationError("channel", c.Channel, "There is no such channel.")
	}
	if err := s.checkSender("sender_id", c.Channel, c.SenderID); err != nil {
		return err
	}
	if _, ok := s.lists[c.ListID]; !ok {
		missing := notFound("contact list", c.ListID)
		missing.field = "contact_list_id"
		return missing
	}
	return nil
}

func (s *Server) getCampaigns(c *call) (int, any, *apiError) {
	return paginate(c, s.campaigns, (*campaign).wire)
}

func (s *Server) getCampaign(c *call) (int, any, *apiError) {
	found := s.campaign(c.id)
	if found == nil {
		return 0, nil, notFound("campaign", c.id)
	}
	return http.StatusOK, found.wire(), nil
}

// launch takes the contacts that are on the list now, and sends to them.
func (s *Server) launch(c *campaign) {
	c.launched = true
	targets := s.onList(c.ListID)
	c.Total = len(targets)
	c.Stats = CampaignStats{}
	for _, contact := range targets {
		address := contact.Phone
		if c.Channel == "email" {
			address = contact.Email
		}
		if address == "" {
			c.Stats.Failed++
			continue
		}
		c.waiting = append(c.waiting, address)
	}
	s.fanOut(c)
}

// fanOut sends to the waiting addresses until the credits run out.
func (s *Server) fanOut(c *campaign) {
	for len(c.waiting) > 0 {
		to := c.waiting[0]
		if s.optedOut[to] {
			c.Stats.OptedOut++
		} else {
			m := Message{Channel: c.Channel, To: to, From: c.SenderID, Body: c.Body, Template: c.Template, CampaignID: c.ID}
			if _, ok := s.accept(m, c); !ok {
				break
			}
			c.Stats.Queued++
		}
		c.waiting = c.waiting[1:]
	}
	c.Stats.Pending = len(c.waiting)
	s.settle(c)
}

// resume goes on with paused campaigns, the oldest first.
func (s *Server) resume() {
	for _, c := range s.campaigns {
		if c.launched && len(c.waiting) > 0 {
			s.fanOut(c)
		}
	}
}

func (c *campaign) count(status zexa.DeliveryStatus, by int) {
	switch status {
	case "queued":
		c.Stats.Queued += by
	case "delivered":
		c.Stats.Delivered += by
	case "failed":
		c.Stats.Failed += by
	case "undeliverable":
		c.Stats.Undeliverable += by
	default:
		c.Stats.Sent += by
	}
}

// settle derives a launched campaign's status from its statistics, and announces
// what is to be announced, once.
func (s *Server) settle(c *campaign) {
	switch {
	case len(c.waiting) > 0:
		c.Status = "paused"
	case c.Stats.Queued > 0:
		c.Status = "sending"
	case c.Stats.Sent > 0:
		c.Status = "sent"
		s.announceOnce(c, "campaign.sent")
	default:
		c.Status = "completed"
		s.announceOnce(c, "campaign.sent")
		s.announceOnce(c, "campaign.completed")
	}
}

func (s *Server) announceOnce(c *campaign, event zexa.EventType) {
	if c.announced[event] {
		return
	}
	c.announced[event] = true
	s.emit(event, c.wire())
}
