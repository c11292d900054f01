package zexatest

import (
	"time"

	zexa "github.com/zexa-ao/zexa-go"
)

// SenderID is a sender registered for one channel. For email it is an address,
// and approved means verified.
type SenderID struct {
	ID        string
	Name      string
	Channel   zexa.Channel
	Status    zexa.SenderIDStatus
	CreatedAt time.Time
}

type wireSenderID struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Channel   string `json:"channel"`
	Status    string `json:"status"`
	CreatedAt string `json:"created_at"`
}

func (id *SenderID) wire() wireSenderID {
	return wireSenderID{id.ID, id.Name, string(id.Channel), string(id.Status), timestamp(id.CreatedAt)}
}

// SetSenderID registers a sender for a channel, or changes the status of one
// that is registered. Messages are accepted from approved ones only.
func (s *Server) SetSenderID(channel zexa.Channel, name string, status zexa.SenderIDStatus) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.sender(channel, name); known != nil {
		known.Status = status
		return
	}
	s.senders = append(s.senders, &SenderID{
		ID: s.nextID("sid"), Name: name, Channel: channel, Status: status, CreatedAt: time.Now(),
	})
}

// SenderIDs returns the senders of all channels in the order of registration.
func (s *Server) SenderIDs() []SenderID {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]SenderID, len(s.senders))
	for i, id := range s.senders {
		all[i] = *id
	}
	return all
}

func (s *Server) sender(channel zexa.Channel, name string) *SenderID {
	for _, id := range s.senders {
		if id.Channel == channel && id.Name == name {
			return id
		}
	}
	return nil
}

// checkSender checks that the sender in the named field may be used.
func (s *Server) checkSender(field string, channel zexa.Channel, name string) *apiError {
	known := s.sender(channel, name)
	if known == nil {
		return validationError(field, name, "The sender is not registered for %s.", channel)
	}
	if known.Status != "approved" {
		return validationError(field, name, "The sender is %s, not approved.", known.Status)
	}
	return nil
}

func (s *Server) getSenderIDs(c *call) (int, any, *apiError) {
	return paginate(c, s.senders, (*SenderID).wire)
}
