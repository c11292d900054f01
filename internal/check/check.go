// Package check recognises well-formed values. Each function accepts all that
// the API may accept: a refusal here is final, and the API has not been asked.
package check

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// E164 reports whether s is a phone number in E.164: a plus sign, a digit that
// is not 0, and 6 to 14 more digits. E.164 sets no minimum; seven is the
// shortest in use.
func E164(s string) bool {
	digits, ok := strings.CutPrefix(s, "+")
	if !ok || len(digits) < 7 || len(digits) > 15 || digits[0] == '0' {
		return false
	}
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			return false
		}
	}
	return true
}

// Email reports whether s has the shape of one e-mail address: something
// before an @, something after it, and neither blanks nor control characters.
func Email(s string) bool {
	at := strings.LastIndexByte(s, '@')
	return at > 0 && at < len(s)-1 && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	})
}

// SenderID reports whether s can be a Sender ID for SMS: up to 11 letters or
// digits, or a number in E.164.
func SenderID(s string) bool {
	if E164(s) {
		return true
	}
	if n := utf8.RuneCountInString(s); n == 0 || n > 11 {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// Key says what is wrong with an API key, or nothing. It never repeats the key.
func Key(key string) (problem string) {
	switch {
	case key == "":
		return "is empty"
	case strings.HasPrefix(key, "Bearer "):
		return `must be the key alone, without "Bearer"`
	}
	for _, r := range key {
		switch {
		case r == ' ':
			return "contains a space"
		case unicode.IsControl(r):
			return "contains a control character (a line break from a file?)"
		case r > unicode.MaxASCII:
			return "contains a character that is not ASCII"
		}
	}
	return ""
}

// HeaderName reports whether s can name an HTTP header.
func HeaderName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return s != ""
}

// HeaderValue reports whether s can be the value of an HTTP header.
func HeaderValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
