package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	zexa "github.com/zexa-ao/zexa-go"
)

// A smoke is one run against the API.
type smoke struct {
	client *zexa.Client
	doc    *document
	out    io.Writer

	failed       bool // a call did not succeed
	contradicted bool // something that is documented does not hold
}

// A step is one call.
type step struct {
	method, path string // of the document
	which        string // what sets it apart from others like it
	assumed      bool   // the document only assumes that it can be made
}

// read calls what changes nothing.
func (s *smoke) read(ctx context.Context) {
	ask(s, step{method: "GET", path: "/credits"}, func(o zexa.CallOption) (*zexa.Balance, error) {
		return s.client.Credits.Get(ctx, o)
	})
	ask(s, step{method: "GET", path: "/sender-ids"}, func(o zexa.CallOption) (*zexa.Page[zexa.SenderID], error) {
		return s.client.SenderIDs.List(ctx, zexa.SenderIDQuery{}, o)
	})
	contacts := ask(s, step{method: "GET", path: "/contacts"}, func(o zexa.CallOption) (*zexa.Page[zexa.Contact], error) {
		return s.client.Contacts.List(ctx, zexa.ContactQuery{}, o)
	})
	if list := firstList(contacts); list != "" {
		filtered := step{method: "GET", path: "/contacts", which: "with list_id", assumed: true}
		ask(s, filtered, func(o zexa.CallOption) (*zexa.Page[zexa.Contact], error) {
			return s.client.Contacts.List(ctx, zexa.ContactQuery{ListID: list}, o)
		})
	}
	campaigns := ask(s, step{method: "GET", path: "/campaigns"}, func(o zexa.CallOption) (*zexa.Page[zexa.Campaign], error) {
		return s.client.Campaigns.List(ctx, zexa.CampaignQuery{}, o)
	})
	if campaigns != nil && len(campaigns.Items) > 0 {
		ask(s, step{method: "GET", path: "/campaigns/{id}"}, func(o zexa.CallOption) (*zexa.Campaign, error) {
			return s.client.Campaigns.Get(ctx, campaigns.Items[0].ID, o)
		})
	}
	s.askForNothing(ctx)
}

// askForNothing asks for a message that there is not, to see an error.
func (s *smoke) askForNothing(ctx context.Context) {
	missing := step{method: "GET", path: "/messages/{id}", which: "that does not exist"}
	var response zexa.Response
	m, err := s.client.Messages.Get(ctx, "msg_there_is_no_such_message", zexa.CallResponse(&response))
	a := answered(missing, response, m, err)
	switch {
	case response.Status == http.StatusNotFound:
		err = nil
	case err == nil:
		err = errors.New("a message that does not exist was found")
	}
	s.report(missing, a, err)
}

// send sends one message, and gets it.
func (s *smoke) send(ctx context.Context, p zexa.MessageParams) {
	m := ask(s, step{method: "POST", path: "/messages"}, func(o zexa.CallOption) (*zexa.Message, error) {
		return s.client.Messages.Send(ctx, p, o)
	})
	if m != nil {
		ask(s, step{method: "GET", path: "/messages/{id}"}, func(o zexa.CallOption) (*zexa.Message, error) {
			return s.client.Messages.Get(ctx, m.ID, o)
		})
	}
}

type resource interface{ RawJSON() json.RawMessage }

// ask makes a call, reports its answer and returns it. With an error it returns
// the zero value.
func ask[T resource](s *smoke, st step, call func(zexa.CallOption) (T, error)) T {
	var response zexa.Response
	got, err := call(zexa.CallResponse(&response))
	s.report(st, answered(st, response, got, err), err)
	return got
}

// answered returns the answer to a call, of which the SDK hands out the body in
// the error or in the value.
func answered(st step, response zexa.Response, got resource, err error) answer {
	a := answer{method: st.method, path: st.path, status: response.Status, header: response.Header}
	var failure *zexa.Error
	switch {
	case err == nil:
		a.body = got.RawJSON()
	case errors.As(err, &failure):
		a.body = failure.Body
	}
	return a
}

// report prints how an answer differs from the document, and what the call
// failed with.
func (s *smoke) report(st step, a answer, err error) {
	fmt.Fprintln(s.out, strings.TrimSpace(st.method+" "+st.path+" "+st.which))
	// Without a body, the error says more than a comparison would.
	if a.status != 0 && (err == nil || len(a.body) > 0) {
		c := s.doc.compare(a)
		fmt.Fprintf(s.out, "  %-15s %d\n%s", "status", a.status, c)
		s.contradicted = s.contradicted || c.contradicts() && !st.assumed
	}
	if err == nil {
		return
	}
	s.failed = s.failed || !st.assumed
	fmt.Fprintf(s.out, "  %-15s %v\n", "failed", err)
	if errors.Is(err, zexa.ErrOutcomeUnknown) || errors.Is(err, zexa.ErrAccepted) {
		fmt.Fprintln(s.out, "  The message may have been sent. Look before you send another.")
	}
}

func firstList(p *zexa.Page[zexa.Contact]) string {
	if p == nil {
		return ""
	}
	for _, c := range p.Items {
		if len(c.Lists) > 0 {
			return c.Lists[0]
		}
	}
	return ""
}
