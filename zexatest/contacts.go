package zexatest

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// Contact is a person on the account. Its phone number is unique.
type Contact struct {
	ID        string // given by the server
	Name      string
	Phone     string // in E.164 format
	Email     string
	Lists     []string // ids of the contact lists it is on
	CreatedAt time.Time
}

type wireContact struct {
	ID        string   `json:"id"`
	Name      string   `json:"name"`
	Phone     string   `json:"phone"`
	Email     string   `json:"email"`
	Lists     []string `json:"lists"`
	CreatedAt string   `json:"created_at"`
}

func (c *Contact) wire() wireContact {
	lists := c.Lists
	if lists == nil {
		lists = []string{}
	}
	return wireContact{c.ID, c.Name, c.Phone, c.Email, lists, timestamp(c.CreatedAt)}
}

// contacts are in the order in which they were added.
type contacts struct {
	all     []*Contact
	byID    map[string]*Contact
	byPhone map[string]*Contact
}

// AddContactList makes an empty contact list and returns its id. The name is for
// people, and no endpoint shows it.
func (s *Server) AddContactList(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.nextID("lst")
	s.lists[id] = name
	return id
}

// AddContact adds a contact and returns it with its id. If the phone number is
// known, that contact is put on the lists of c and returned instead. Lists that
// don't exist are made. Nothing else is checked, not even that there is a phone
// number.
func (s *Server) AddContact(c Contact) Contact {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range c.Lists {
		if _, ok := s.lists[id]; !ok {
			s.lists[id] = ""
		}
	}
	known, ok := s.contacts.byPhone[c.Phone]
	if !ok || c.Phone == "" {
		return s.addContact(c).clone()
	}
	for _, id := range c.Lists {
		if !slices.Contains(known.Lists, id) {
			// Never in place: an answer under way may hold the old slice.
			known.Lists = append(slices.Clip(known.Lists), id)
		}
	}
	return known.clone()
}

func (s *Server) addContact(c Contact) *Contact {
	c.ID = s.nextID("cnt")
	c.CreatedAt = time.Now()
	c.Lists = slices.Clone(c.Lists)
	s.contacts.all = append(s.contacts.all, &c)
	s.contacts.byID[c.ID] = &c
	s.contacts.byPhone[c.Phone] = &c
	return &c
}

func (c *Contact) clone() Contact {
	copied := *c
	copied.Lists = slices.Clone(c.Lists)
	return copied
}

// Contacts returns the contacts on a list, or all of them if the id is empty, in
// the order in which they were added.
func (s *Server) Contacts(listID string) []Contact {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []Contact
	for _, c := range s.onList(listID) {
		found = append(found, c.clone())
	}
	return found
}

func (s *Server) onList(id string) []*Contact {
	if id == "" {
		return s.contacts.all
	}
	var found []*Contact
	for _, c := range s.contacts.all {
		if slices.Contains(c.Lists, id) {
			found = append(found, c)
		}
	}
	return found
}

// OptOut has an address (a phone number, or an e-mail address) ask not to be
// written to: campaigns skip it, and a message.optout event goes out. Messages
// sent to it one by one are still accepted.
func (s *Server) OptOut(address string) {
	s.mu.Lock()
	defer s.unlock()
	if s.optedOut[address] {
		return
	}
	s.optedOut[address] = true
	s.emit("message.optout", struct {
		To string `json:"to"`
	}{address})
}

// OptedOut reports whether an address has opted out.
func (s *Server) OptedOut(address string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.optedOut[address]
}

func (s *Server) postContact(c *call) (int, any, *apiError) {
	var contact Contact
	err := c.form.decode(map[string]any{
		"name": &contact.Name, "phone": &contact.Phone, "email": &contact.Email, "lists": &contact.Lists,
	})
	if err == nil {
		err = c.form.require("name", "phone")
	}
	if err != nil {
		return 0, nil, err
	}
	if !e164.MatchString(contact.Phone) {
		return 0, nil, validationError("phone", contact.Phone, "The field phone must be a phone number in E.164 format.")
	}
	if contact.Email != "" && !isEmail(contact.Email) {
		return 0, nil, validationError("email", contact.Email, "The field email must be an email address.")
	}
	for _, id := range contact.Lists {
		if _, ok := s.lists[id]; !ok {
			return 0, nil, validationError("lists", id, "There is no such contact list.")
		}
	}
	if s.contacts.byPhone[contact.Phone] != nil {
		return 0, nil, &apiError{
			status: http.StatusConflict, code: "conflict", field: "phone", value: contact.Phone,
			message: "A contact with this phone number exists.",
		}
	}
	return http.StatusCreated, s.addContact(contact).wire(), nil
}

func (s *Server) getContacts(c *call) (int, any, *apiError) {
	listID := c.query.Get("list_id")
	if _, ok := s.lists[listID]; !ok && listID != "" {
		missing := notFound("contact list", listID)
		missing.field = "list_id"
		return 0, nil, missing
	}
	found := s.onList(listID)
	if text := strings.ToLower(c.query.Get("search")); text != "" {
		found = slices.DeleteFunc(slices.Clone(found), func(contact *Contact) bool {
			all := contact.Name + "\n" + contact.Phone + "\n" + contact.Email
			return !strings.Contains(strings.ToLower(all), text)
		})
	}
	return paginate(c, found, (*Contact).wire)
}

func (s *Server) deleteContact(c *call) (int, any, *apiError) {
	contact := s.contacts.byID[c.id]
	if contact == nil {
		return 0, nil, notFound("contact", c.id)
	}
	delete(s.contacts.byID, contact.ID)
	delete(s.contacts.byPhone, contact.Phone)
	i := slices.Index(s.contacts.all, contact)
	s.contacts.all = slices.Delete(s.contacts.all, i, i+1)
	return http.StatusNoContent, nil, nil
}
