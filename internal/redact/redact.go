// Package redact makes text that came from elsewhere fit to be printed.
package redact

import (
	"strings"
	"unicode"
)

const (
	maskFrom = 7   // digits in a row that may be a phone number
	longest  = 300 // runes of foreign text that are printed
)

// Text returns s on one line, cut to a readable length, with the digits of
// phone numbers (runs of seven or more, single spaces between them allowed)
// and the names in e-mail addresses masked.
func Text(s string) string {
	// In this order: flattening closes gaps between digits, and a cut could
	// leave too few of them to be recognised.
	return cut(mask(flatten(s)))
}

// Line is [Text] without masking, for identifiers made by a program.
func Line(s string) string {
	return cut(flatten(s))
}

func flatten(s string) string {
	return strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, "\uFFFD"), func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r)
	}), " ")
}

func cut(s string) string {
	n := 0
	for i := range s {
		if n++; n > longest {
			return s[:i] + "…"
		}
	}
	return s
}

func mask(s string) string {
	if !suspicious(s) {
		return s
	}
	in := []rune(s)
	out := make([]rune, 0, len(in))
	for i := 0; i < len(in); {
		switch end, count := digitRun(in, i); {
		case count >= maskFrom:
			for _, r := range in[i:end] {
				if unicode.IsDigit(r) {
					r = '*'
				}
				out = append(out, r)
			}
			i = end
		case count > 0:
			out = append(out, in[i:end]...)
			i = end
		case in[i] == '@':
			out = maskName(out)
			fallthrough
		default:
			out = append(out, in[i])
			i++
		}
	}
	return string(out)
}

// suspicious is the cheap test that lets most text pass untouched.
func suspicious(s string) bool {
	digits := 0
	for _, r := range s {
		if r == '@' {
			return true
		}
		if unicode.IsDigit(r) {
			digits++
		}
	}
	return digits >= maskFrom
}

// digitRun returns the end of the run of digits that starts at i and how many
// there are. A single space inside a run belongs to it.
func digitRun(in []rune, i int) (end, count int) {
	for end = i; end < len(in); end++ {
		switch {
		case unicode.IsDigit(in[end]):
			count++
		case count > 0 && unicode.IsSpace(in[end]) && end+1 < len(in) && unicode.IsDigit(in[end+1]):
		default:
			return end, count
		}
	}
	return end, count
}

// maskName masks what stands before an @ at the end of out.
func maskName(out []rune) []rune {
	i := len(out)
	for i > 0 && !unicode.IsSpace(out[i-1]) && !strings.ContainsRune(`<>()[]{}"',;:=/@`, out[i-1]) {
		i--
	}
	if i == len(out) {
		return out
	}
	return append(out[:i], '*', '*', '*')
}
