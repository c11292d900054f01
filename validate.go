package zexa

import (
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/zexa-ao/zexa-go/internal/check"
)

// invalid collects what is wrong with the parameters of a call. Its methods
// add at most one problem each, and leave an empty value to required.
type invalid []FieldError

func (v *invalid) add(field, reason string) {
	*v = append(*v, FieldError{Field: field, Reason: reason})
}

func (v invalid) err() error {
	if len(v) == 0 {
		return nil
	}
	return &ValidationError{Fields: v}
}

func (v *invalid) required(field, value string) {
	if value == "" {
		v.add(field, "is required")
	}
}

type field struct{ name, value string }

// texts refuses what JSON cannot carry: encoding/json would send another text.
func (v *invalid) texts(fields ...field) {
	for _, f := range fields {
		if !utf8.ValidString(f.value) {
			v.add(f.name, "is not valid UTF-8")
		}
	}
}

func (v *invalid) phone(field, value string) {
	if value != "" && !check.E164(value) {
		v.add(field, "is not a phone number in E.164: a plus sign and 7 to 15 digits")
	}
}

func (v *invalid) email(field, value string) {
	if value != "" && !check.Email(value) {
		v.add(field, "is not an e-mail address")
	}
}

func (v *invalid) senderID(field, value string) {
	if value != "" && !check.SenderID(value) {
		v.add(field, "is not a Sender ID for SMS: up to 11 letters or digits, or a number in E.164")
	}
}

func (v *invalid) https(field, value string) {
	if u, err := url.Parse(value); value != "" && (err != nil || !strings.EqualFold(u.Scheme, "https") || u.Hostname() == "") {
		v.add(field, "is not an https URL")
	}
}

// content checks what messages and campaigns have in common.
func (v *invalid) content(body string, t *Template) {
	if body == "" && t == nil {
		v.add("body", "is required unless template is given")
	}
	if t == nil {
		return
	}
	if t.Name == "" && len(t.Extra) == 0 {
		v.add("template.name", "is required")
	}
	v.texts(field{"template.name", t.Name}, field{"template.language", t.Language})
	for i, value := range t.Variables {
		v.texts(field{fmt.Sprintf("template.variables[%d]", i), value})
	}
}

func (v *invalid) time(field string, t time.Time) {
	if y := wholeSecondUTC(t).Year(); y < 1 || y > 9999 {
		v.add(field, "is not between the years 1 and 9999")
	}
}
