package zexatest

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/mail"
	"regexp"
	"strings"
	"time"

	zexa "github.com/zexa-ao/zexa-go"
)

// Message is a message that the server accepted, from POST /messages or for a
// campaign.
type Message struct {
	ID          string
	Channel     zexa.Channel
	To          string
	From        string
	Body        string
	Subject     string
	HTML        string
	Template    json.RawMessage // the template object as it was sent
	Status      zexa.DeliveryStatus
	Credits     float64 // what it cost
	CampaignID  string  // empty for a message of its own
	CreatedAt   time.Time
	ScheduledAt time.Time // zero if it was to go at once
}

type message struct {
	Message
	campaign *campaign
}

// wireMessage holds the documented fields and no others.
type wireMessage struct {
	ID        string `json:"id"`
	Status    string `json:"status"`
	Channel   string `json:"channel"`
	To        string `json:"to"`
	CreatedAt string `json:"created_at"`
}

func (m *message) wire() wireMessage {
	return wireMessage{m.ID, string(m.Status), string(m.Channel), m.To, timestamp(m.CreatedAt)}
}

// Progress is how messages move by themselves.
type Progress struct {
	// Sent is how long a message stays queued, from when it was accepted or from
	// when it is due.
	Sent time.Duration
	// Final is how long it then stays sent.
	Final time.Duration
	// Outcome chooses what becomes of a sent message. One for which it returns
	// "sent" stays so. Nil means that all are delivered. It must not call the
	// Server.
	Outcome func(Message) zexa.DeliveryStatus
}

// SetProgress has the messages that become due from now on move from queued to
// sent to their outcome by themselves. Until it is called they move by
// [Server.SetMessageStatus] alone.
func (s *Server) SetProgress(p Progress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.progress = &p
}

// Messages returns all messages accepted so far, those of campaigns included,
// oldest first.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Message, len(s.messages))
	for i, m := range s.messages {
		all[i] = m.Message
	}
	return all
}

// Message returns the message with an id, and whether there is one.
func (s *Server) Message(id string) (Message, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, ok := s.byID[id]
	if !ok {
		return Message{}, false
	}
	return m.Message, true
}

// Accepted returns how many messages POST /messages has really accepted, answered
// or not, so that a message sent twice shows. Those of campaigns don't count.
func (s *Server) Accepted() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accepted
}

// OnAccept has f called for every message accepted from now on, those of
// campaigns included. It may be called from several goroutines at once, and may
// call the Server, except for [Server.Close], which waits for it.
func (s *Server) OnAccept(f func(Message)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onAccept = f
}

// SetMessageStatus moves a message to a status, be it forward or back, and sends
// the webhook events that follow from it. It fails only for an unknown id.
func (s *Server) SetMessageStatus(id string, status zexa.DeliveryStatus) error {
	s.mu.Lock()
	defer s.unlock()
	m, ok := s.byID[id]
	if !ok {
		return fmt.Errorf("zexatest: no message %q", id)
	}
	s.move(m, status)
	return nil
}

// Balance returns the credits left.
func (s *Server) Balance() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return float64(s.halves) / 2
}

// SetBalance sets the credits left, to the nearest half. If there are enough,
// campaigns that paused go on.
func (s *Server) SetBalance(credits float64) {
	s.mu.Lock()
	defer s.unlock()
	s.halves = halves(credits)
	s.resume()
}

// TopUp adds credits, to the nearest half. Campaigns that paused go on as far as
// they reach.
func (s *Server) TopUp(credits float64) {
	s.mu.Lock()
	defer s.unlock()
	s.halves += halves(credits)
	s.resume()
}

func halves(credits float64) int64 { return int64(math.Round(credits * 2)) }

func (s *Server) getCredits(*call) (int, any, *apiError) {
	return http.StatusOK, struct {
		Credits  float64 `json:"credits"`
		Currency string  `json:"currency"`
	}{float64(s.halves) / 2, "USD"}, nil
}

func (s *Server) postMessage(c *call) (int, any, *apiError) {
	var m Message
	var scheduledAt string
	err := c.form.decode(map[string]any{
		"channel": &m.Channel, "to": &m.To, "from": &m.From, "body": &m.Body,
		"subject": &m.Subject, "html": &m.HTML, "template": &m.Template, "scheduled_at": &scheduledAt,
	})
	if err == nil {
		err = c.form.require("channel", "to", "from")
	}
	if err == nil {
		err = c.form.requireContent(m.Channel, m.Template)
	}
	if err == nil {
		err = checkAddress("to", m.Channel, m.To)
	}
	if err == nil {
		err = s.checkSender("from", m.Channel, m.From)
	}
	if err == nil {
		m.ScheduledAt, err = parseSchedule(scheduledAt)
	}
	if err != nil {
		return 0, nil, err
	}
	accepted, ok := s.accept(m, nil)
	if !ok {
		return 0, nil, insufficientCredits()
	}
	s.accepted++
	return http.StatusCreated, accepted.wire(), nil
}

func (s *Server) getMessage(c *call) (int, any, *apiError) {
	m, ok := s.byID[c.id]
	if !ok {
		return 0, nil, notFound("message", c.id)
	}
	return http.StatusOK, m.wire(), nil
}

// accept charges for a message and queues it. It reports false if the balance
// does not cover it.
func (s *Server) accept(m Message, c *campaign) (*message, bool) {
	cost := price(m)
	if cost > s.halves {
		return nil, false
	}
	s.halves -= cost
	m.ID = s.nextID("msg")
	m.Status = "queued"
	m.Credits = float64(cost) / 2
	m.CreatedAt = time.Now()
	accepted := &message{Message: m, campaign: c}
	s.messages = append(s.messages, accepted)
	s.byID[m.ID] = accepted
	if s.onAccept != nil {
		s.announce = append(s.announce, m)
	}
	if m.ScheduledAt.After(m.CreatedAt) {
		s.at(m.ScheduledAt, func() { s.start(accepted, m.ScheduledAt) })
	} else {
		s.start(accepted, m.CreatedAt)
	}
	return accepted, true
}

// start lets a message that is due move by itself, if messages do.
func (s *Server) start(m *message, due time.Time) {
	if s.progress == nil {
		return
	}
	p := *s.progress
	s.at(due.Add(p.Sent), func() {
		if m.Status != "queued" {
			return
		}
		s.move(m, "sent")
		s.at(due.Add(p.Sent+p.Final), func() {
			if m.Status != "sent" {
				return
			}
			outcome := zexa.DeliveryStatus("delivered")
			if p.Outcome != nil {
				outcome = p.Outcome(m.Message)
			}
			s.move(m, outcome)
		})
	})
}

// move changes a message's status and does what follows from it.
func (s *Server) move(m *message, status zexa.DeliveryStatus) {
	if m.Status == status {
		return
	}
	from := m.Status
	m.Status = status
	switch status {
	case "delivered", "failed", "undeliverable":
		s.emit(zexa.EventType("message."+status), m.wire())
	}
	if m.campaign != nil {
		m.campaign.count(from, -1)
		m.campaign.count(status, +1)
		s.settle(m.campaign)
	}
}

// price returns what a message costs, in half credits.
func price(m Message) int64 {
	switch m.Channel {
	case "email", "slack":
		return 1
	case "sms":
		segments := int64(zexa.MeasureSMS(m.Body).Segments)
		if !strings.HasPrefix(m.To, "+244") {
			return segments * 2 * 2
		}
		return segments * 2
	default:
		return 2
	}
}

// requireContent wants a body, or on WhatsApp a template in its place.
func (f form) requireContent(channel zexa.Channel, template json.RawMessage) *apiError {
	if template == nil {
		return f.require("body")
	}
	var object map[string]any
	if json.Unmarshal(template, &object) != nil || len(object) == 0 {
		wrong := invalidRequest("template", "The field template must be an object.")
		wrong.value = template
		return wrong
	}
	if channel != "whatsapp" {
		return validationError("template", template, "Templates are for WhatsApp.")
	}
	return nil
}

var e164 = regexp.MustCompile(`^\+[1-9][0-9]{1,14}$`)

// checkAddress checks the channel, and the address in the named field for it.
func checkAddress(field string, channel zexa.Channel, address string) *apiError {
	switch channel {
	case "sms", "whatsapp", "telegram":
		if !e164.MatchString(address) {
			return validationError(field, address, "The field %s must be a phone number in E.164 format.", field)
		}
	case "email":
		if !isEmail(address) {
			return validationError(field, address, "The field %s must be an email address.", field)
		}
	case "slack":
		if strings.ContainsAny(address, " \t\r\n") {
			return validationError(field, address, "The field %s must be a Slack channel or user id.", field)
		}
	default:
		return validationError("channel", channel, "There is no such channel.")
	}
	return nil
}

func isEmail(address string) bool {
	parsed, err := mail.ParseAddress(address)
	return err == nil && parsed.Address == address
}

// parseSchedule reads a time in UTC. The zero time stands for at once.
func parseSchedule(text string) (time.Time, *apiError) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || !strings.HasSuffix(text, "Z") {
		return time.Time{}, validationError("scheduled_at", text, "The field scheduled_at must be an ISO 8601 time in UTC.")
	}
	return t, nil
}
