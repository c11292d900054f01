package webhook

import (
	"cmp"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	zexa "github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/internal/redact"
)

// An Event is what a post to a webhook says. What it does not say, or says in a
// way that [Parse] does not know, is the zero value.
type Event struct {
	// ID is the id of the event itself. That events have one is undocumented.
	ID string

	// Type is the name of the event. The documented ones are constants of
	// package zexa, such as [zexa.EventMessageDelivered]; others may come.
	Type zexa.EventType

	// Time is when it happened, in UTC.
	Time time.Time

	MessageID  string // the message it is about, "msg_…"
	CampaignID string // the campaign it is about or that its message belongs to, "cmp_…"

	// Status is the status of the message: the one that a documented Type
	// names, else the one in the payload.
	Status zexa.DeliveryStatus

	// CampaignStatus is the same for an event about a campaign.
	CampaignStatus zexa.CampaignStatus

	// To is the recipient of the message, or who opted out: a phone number, an
	// e-mail address, a Slack channel or user. It is as it was posted: expect
	// E.164, but that a phone number has its plus is undocumented too.
	To string

	// Test is whether this is the event that tries the URL at its registration.
	// That there is one is documented, what it looks like is not, so it may go
	// unrecognised.
	Test bool

	// Confirmed is whether the API has confirmed the status; see
	// [WithConfirmation]. Parse leaves it false.
	Confirmed bool

	raw json.RawMessage
}

// LogValue returns what may be logged of the event: not what was posted, and the
// recipient masked.
func (e Event) LogValue() slog.Value {
	attrs := []slog.Attr{
		slog.String("type", redact.Text(string(e.Type))),
		slog.String("id", redact.Text(e.ID)),
		slog.String("message_id", redact.Text(e.MessageID)),
		slog.String("campaign_id", redact.Text(e.CampaignID)),
		slog.String("status", redact.Text(cmp.Or(string(e.Status), string(e.CampaignStatus)))),
		slog.String("to", redact.Text(e.To)),
	}
	attrs = slices.DeleteFunc(attrs, func(a slog.Attr) bool { return a.Value.String() == "" })
	return slog.GroupValue(append(attrs, slog.Bool("test", e.Test), slog.Bool("confirmed", e.Confirmed))...)
}

// RawJSON returns the exact bytes that were posted, with all that Event has no
// field for. They are JSON unless Parse returned an error, and must not be
// changed.
func (e *Event) RawJSON() json.RawMessage { return e.raw }

var errNotJSON = errors.New("webhook: the body is not JSON")

// Parse reads the body of a post. It keeps body, which must not be changed
// afterwards. The only error is that body is not JSON, and the event then still
// has its bytes; an unknown event, an unknown field or one of another type is
// no error. A [Handler] does all this itself.
//
// The names of the events are documented, the fields of the payload are not.
// What is assumed:
//
//   - The event is a JSON object, flat or as an envelope with the object it is
//     about under data, payload, object, resource, message or campaign. Names
//     of fields match in any case and with or without underscores and hyphens.
//   - Type is event, event_type, event_name, type or topic: a documented name if
//     one of them has it, else the first of them, in this order. If there is
//     none of them it is name, unless that is in an inner object, where it is
//     likely the name of a campaign or a person.
//   - ID is event_id, or the id of the outermost object or of an object under
//     event. An id that starts as those of messages, campaigns, webhooks,
//     contacts and lists do (msg_, cmp_, wh_, cnt_, lst_) is not the event's.
//   - MessageID and CampaignID are message_id and campaign_id, an id that
//     starts with msg_ or cmp_, or the id of the object that the event is about.
//   - Time is timestamp, time, occurred_at or event_time, or created_at of the
//     event itself, not of the message in it: RFC 3339, the same without a zone
//     (UTC is assumed) or with a blank for the T, or Unix time in seconds,
//     milliseconds, microseconds or nanoseconds.
//   - To is to, recipient, phone, phone_number, msisdn or email, or address if
//     that is a phone number or an e-mail address. For an opt-out it is from if
//     only that is one, as in the reply that said STOP.
//   - Of members of the same name, and of names for the same, the first counts.
//   - Test is set if an undocumented name has the word test or ping in it, or
//     if the payload says "test": true.
func Parse(body []byte) (Event, error) {
	f := facts{e: Event{raw: body}}
	if !json.Valid(body) {
		return f.e, errNotJSON
	}
	if object, ok := asObject(body); ok {
		f.read(object, envelope, 0)
	}
	f.settle()
	return f.e, nil
}

// A role is what an object in a payload stands for.
type role int

const (
	envelope role = iota // the event itself
	subject              // what it is about, which its type says
	message
	campaign
	contact
)

// maxDepth is how deep facts are looked for, as in {"data": {"message": {…}}}.
const maxDepth = 3

// lastName is the rank of the name that only counts if there is no other.
const lastName = 3

// facts collects what may tell something from all objects of a payload. What
// stands further out, or first, is preferred.
type facts struct {
	e Event // what is known so far

	eventID   string // called so
	ownID     string // the id of the envelope
	subjectID string // the id of what the event is about, kind unknown

	names   [lastName + 1]string // of the event, best first
	status  string
	from    string
	created time.Time // of the envelope

	isResource bool // the envelope is at the same time what it is about
}

func (f *facts) read(object scanner, as role, depth int) {
	var inner [8]struct {
		object scanner
		as     role
	}
	n := 0
	for {
		key, value, ok := object.member()
		if !ok {
			break
		}
		var buf [16]byte
		name := normal(buf[:0], key)
		if nested, ok := asObject(value); ok {
			if as, ok := innerRole(name, as); ok && depth < maxDepth && n < len(inner) {
				inner[n].object, inner[n].as = nested, as
				n++
			}
			continue
		}
		f.note(name, value, as)
	}
	for _, in := range inner[:n] {
		f.read(in.object, in.as, depth+1)
	}
}

// innerRole returns the role of an object that is called name and stands in one
// of role outer. Objects of other names tell nothing.
func innerRole(name []byte, outer role) (r role, ok bool) {
	switch string(name) {
	case "event":
		return envelope, outer == envelope
	case "data", "payload", "object", "resource":
		return max(subject, outer), true
	case "message":
		return message, true
	case "campaign":
		return campaign, true
	case "contact", "recipient", "to":
		return contact, true
	}
	return 0, false
}

// note takes in one member that is not an object.
func (f *facts) note(name, value []byte, as role) {
	e := &f.e
	switch string(name) {
	case "id":
		f.id(text(value), as)
	case "eventid":
		first(&f.eventID, value)
	case "messageid", "msgid":
		first(&e.MessageID, value)
	case "campaignid":
		first(&e.CampaignID, value)
	case "message", "campaign", "objectid", "resourceid":
		f.knownID(text(value))
	case "event", "eventtype", "eventname":
		f.name(0, value, as)
	case "type":
		f.name(1, value, as)
	case "topic":
		f.name(2, value, as)
	case "name":
		f.name(lastName, value, as)
	case "status":
		if as != contact {
			first(&f.status, value)
		}
	case "to", "recipient", "phone", "phonenumber", "msisdn", "email":
		first(&e.To, value)
	case "address":
		if isAddress(text(value)) { // and not a postal one
			first(&e.To, value)
		}
	case "from":
		first(&f.from, value)
	case "timestamp", "time", "occurredat", "eventtime":
		if e.Time.IsZero() {
			e.Time = timeOf(value)
		}
	case "createdat":
		if as == envelope && f.created.IsZero() {
			f.created = timeOf(value)
		}
	case "test":
		e.Test = e.Test || string(value) == "true"
	}
}

// id takes in the id of an object.
func (f *facts) id(id string, as role) {
	if f.knownID(id) {
		f.isResource = f.isResource || as == envelope
		return
	}
	into := &f.ownID
	switch as {
	case subject:
		into = &f.subjectID
	case message:
		into = &f.e.MessageID
	case campaign:
		into = &f.e.CampaignID
	case contact:
		return
	}
	if *into == "" {
		*into = id
	}
}

// knownID takes in an id that tells by itself that it is not an event's.
func (f *facts) knownID(id string) bool {
	prefix, _, ok := strings.Cut(id, "_")
	if !ok {
		return false
	}
	switch prefix {
	case "msg":
		if f.e.MessageID == "" {
			f.e.MessageID = id
		}
	case "cmp":
		if f.e.CampaignID == "" {
			f.e.CampaignID = id
		}
	case "wh", "cnt", "lst":
	default:
		return false
	}
	return true
}

// name takes in what may be the name of the event. People name campaigns and
// contacts, so those names must not become the type of an event.
func (f *facts) name(rank int, value []byte, as role) {
	if as > subject || rank == lastName && as != envelope {
		return
	}
	s := &f.names[rank]
	if *s == "" || !documented(*s) {
		if v := text(value); *s == "" || documented(v) {
			*s = v
		}
	}
}

// settle decides what only all facts together tell.
func (f *facts) settle() {
	e := &f.e
	for rank, name := range f.names {
		if documented(name) && rank != lastName {
			e.Type = zexa.EventType(name)
			break
		}
		if e.Type == "" {
			e.Type = zexa.EventType(name)
		}
	}
	known := documented(string(e.Type))
	e.Test = e.Test || !known && saysTest(string(e.Type))

	aboutMessage := strings.HasPrefix(string(e.Type), "message.")
	aboutCampaign := strings.HasPrefix(string(e.Type), "campaign.")
	switch {
	case aboutMessage && e.MessageID == "" && e.Type != zexa.EventMessageOptOut:
		e.MessageID = f.subjectID
	case aboutCampaign && e.CampaignID == "":
		e.CampaignID = f.subjectID
	}

	e.ID = f.eventID
	if e.ID == "" && f.ownID != e.MessageID && f.ownID != e.CampaignID {
		e.ID = f.ownID
	}
	if e.Time.IsZero() && !f.isResource {
		e.Time = f.created
	}

	switch {
	case e.Type == zexa.EventMessageOptOut:
		if !isAddress(e.To) && isAddress(f.from) {
			e.To = f.from
		}
	case known && aboutMessage:
		e.Status = zexa.DeliveryStatus(strings.TrimPrefix(string(e.Type), "message."))
	case known:
		e.CampaignStatus = zexa.CampaignStatus(strings.TrimPrefix(string(e.Type), "campaign."))
	case aboutMessage || !aboutCampaign && e.MessageID != "":
		e.Status = zexa.DeliveryStatus(f.status)
	case aboutCampaign || e.CampaignID != "":
		e.CampaignStatus = zexa.CampaignStatus(f.status)
	}
}

func documented(name string) bool {
	switch zexa.EventType(name) {
	case zexa.EventMessageDelivered, zexa.EventMessageFailed, zexa.EventMessageUndeliverable,
		zexa.EventMessageOptOut, zexa.EventCampaignSent, zexa.EventCampaignCompleted:
		return true
	}
	return false
}

func saysTest(name string) bool {
	for word := range strings.FieldsFuncSeq(name, func(r rune) bool { return strings.ContainsRune("._-:/ ", r) }) {
		if strings.EqualFold(word, "test") || strings.EqualFold(word, "ping") {
			return true
		}
	}
	return false
}

// isAddress reports whether s is a phone number or an e-mail address, rather
// than the name of a sender.
func isAddress(s string) bool {
	digits := strings.TrimPrefix(s, "+")
	return strings.Contains(s, "@") || len(digits) >= 7 && strings.Trim(digits, "0123456789") == ""
}

// first sets *s to the text of value, if it has none yet.
func first(s *string, value []byte) {
	if *s == "" {
		*s = text(value)
	}
}

// layouts are those of times, fractions of a second included. Without a zone it
// is UTC.
var layouts = [...]string{time.RFC3339, "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05"}

// timeOf reads a time, or returns the zero one.
func timeOf(value []byte) time.Time {
	var t time.Time
	if value[0] == '"' && t.UnmarshalText(value[1:len(value)-1]) == nil {
		return writable(t)
	}
	s := text(value)
	if n, err := strconv.ParseFloat(s, 64); err == nil {
		return unix(s, n)
	}
	s = strings.Replace(s, " ", "T", 1)
	for _, layout := range layouts {
		if t, err := time.Parse(layout, s); err == nil {
			return writable(t)
		}
	}
	return time.Time{}
}

// writable returns t in UTC, or the zero time if its year there has not four
// digits, so that it could not be written as JSON.
func writable(t time.Time) time.Time {
	t = t.UTC()
	if y := t.Year(); y < 1 || y > 9999 {
		return time.Time{}
	}
	return t
}

// unix reads Unix time, s as a number n. The magnitude tells the unit: as
// seconds, 1e11 is the year 5138.
func unix(s string, n float64) time.Time {
	perSecond := 1.0
	for _, limit := range [...]float64{1e11, 1e14, 1e17} {
		if n >= limit {
			perSecond *= 1000
		}
	}
	if !(n > 0 && n/perSecond < 1e11) {
		return time.Time{}
	}
	if whole, err := strconv.ParseInt(s, 10, 64); err == nil {
		per := int64(perSecond)
		return time.Unix(whole/per, whole%per*(int64(time.Second)/per)).UTC()
	}
	seconds, fraction := math.Modf(n / perSecond)
	return time.Unix(int64(seconds), int64(fraction*1e9)).UTC()
}
