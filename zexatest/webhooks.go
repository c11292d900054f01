package zexatest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"time"

	zexa "github.com/zexa-ao/zexa-go"
)

// Webhook is a registration for events.
type Webhook struct {
	ID        string
	URL       string
	Events    []zexa.EventType
	CreatedAt time.Time
}

type webhook struct {
	Webhook
	queue      [][]byte // payloads to deliver, in order
	delivering bool
}

type wireWebhook struct {
	ID        string           `json:"id"`
	URL       string           `json:"url"`
	Events    []zexa.EventType `json:"events"`
	CreatedAt string           `json:"created_at"`
}

func (h *webhook) wire() wireWebhook {
	return wireWebhook{h.ID, h.URL, h.Events, timestamp(h.CreatedAt)}
}

// payload is the body of a delivery. Its fields are undocumented.
type payload struct {
	ID        string         `json:"id"`
	Event     zexa.EventType `json:"event"`
	CreatedAt string         `json:"created_at"`
	Data      any            `json:"data"`
}

const testEvent = zexa.EventType("webhook.test")

// WebhookDelivery is how events are delivered to the registered URLs.
type WebhookDelivery struct {
	// Client makes the requests. Nil means one that reaches loopback addresses
	// only, so that no test posts to a real receiver; it gives up after 10 seconds
	// and follows no redirects. For a receiver in this process, see [ClientFor].
	Client *http.Client
	// AllowHTTP lets webhooks be registered with http URLs of loopback addresses.
	AllowHTTP bool
	// Tries is how often a delivery is tried until it is answered 2xx. 0 means 3.
	Tries int
	// FirstWait is waited before the second try, twice as long before the third,
	// and so on. 0 means 1 second.
	FirstWait time.Duration
}

// SetWebhookDelivery sets how events are delivered from now on.
func (s *Server) SetWebhookDelivery(d WebhookDelivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delivery = d
}

// AddWebhook registers a webhook for events as POST /webhooks does, with any URL.
func (s *Server) AddWebhook(url string, events ...zexa.EventType) Webhook {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.register(url, slices.Clone(events)).clone()
}

// Webhooks returns the registered webhooks, oldest first.
func (s *Server) Webhooks() []Webhook {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Webhook, len(s.webhooks))
	for i, h := range s.webhooks {
		all[i] = h.clone()
	}
	return all
}

func (h *webhook) clone() Webhook {
	copied := h.Webhook
	copied.Events = slices.Clone(h.Events)
	return copied
}

// register adds a webhook and sends it the test event.
func (s *Server) register(url string, events []zexa.EventType) *webhook {
	h := &webhook{Webhook: Webhook{ID: s.nextID("wh"), URL: url, Events: events, CreatedAt: time.Now()}}
	s.webhooks = append(s.webhooks, h)
	s.enqueue(h, s.payload(testEvent, h.wire()))
	return h
}

func (s *Server) postWebhook(c *call) (int, any, *apiError) {
	var target string
	var events []zexa.EventType
	err := c.form.decode(map[string]any{"url": &target, "events": &events})
	if err == nil {
		err = c.form.require("url", "events")
	}
	if err != nil {
		return 0, nil, err
	}
	u, parseErr := url.Parse(target)
	secure := parseErr == nil && u.Scheme == "https" && u.Host != ""
	local := parseErr == nil && u.Scheme == "http" && s.delivery.AllowHTTP && isLoopback(u.Hostname())
	if !secure && !local {
		return 0, nil, validationError("url", target, "The field url must be an https URL.")
	}
	for _, event := range events {
		switch event {
		case "message.delivered", "message.failed", "message.undeliverable", "message.optout",
			"campaign.sent", "campaign.completed", "*":
		default:
			return 0, nil, validationError("events", event, "There is no such event.")
		}
	}
	return http.StatusCreated, s.register(target, events).wire(), nil
}

// emit delivers an event to the webhooks that asked for it.
func (s *Server) emit(event zexa.EventType, data any) {
	var body []byte
	for _, h := range s.webhooks {
		if !slices.Contains(h.Events, event) && !slices.Contains(h.Events, "*") {
			continue
		}
		if body == nil {
			body = s.payload(event, data)
		}
		s.enqueue(h, body)
	}
}

func (s *Server) payload(event zexa.EventType, data any) []byte {
	return encodePayload(payload{s.nextID("evt"), event, timestamp(time.Now()), data})
}

func (s *Server) enqueue(h *webhook, body []byte) {
	if s.closed {
		return
	}
	h.queue = append(h.queue, body)
	if !h.delivering {
		h.delivering = true
		s.running.Add(1)
		go s.deliverAll(h)
	}
}

// deliverAll empties the queue of a webhook.
func (s *Server) deliverAll(h *webhook) {
	defer s.running.Done()
	for {
		s.mu.Lock()
		if len(h.queue) == 0 || s.closed {
			h.delivering = false
			s.mu.Unlock()
			return
		}
		body := h.queue[0]
		h.queue[0] = nil
		h.queue = h.queue[1:]
		d := s.delivery
		s.mu.Unlock()
		s.deliver(d, h.URL, body)
	}
}

// deliver posts one event until it is received or the tries are used up.
func (s *Server) deliver(d WebhookDelivery, url string, body []byte) {
	if d.Client == nil {
		d.Client = s.hooks
	}
	if d.Tries <= 0 {
		d.Tries = 3
	}
	if d.FirstWait <= 0 {
		d.FirstWait = time.Second
	}
	for try := range d.Tries {
		if try > 0 && !s.sleep(s.ctx, d.FirstWait<<(try-1)) {
			return
		}
		r, err := http.NewRequestWithContext(s.ctx, http.MethodPost, url, bytes.NewReader(body))
		if err != nil {
			return // the URL was checked when it was registered
		}
		r.Header.Set("Content-Type", "application/json")
		resp, err := d.Client.Do(r)
		if err != nil {
			continue
		}
		resp.Body.Close()
		if resp.StatusCode/100 == 2 {
			return
		}
	}
}

func encodePayload(p payload) []byte {
	body, err := json.Marshal(p)
	if err != nil {
		panic("zexatest: " + err.Error())
	}
	return body
}
