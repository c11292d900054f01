package webhook

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	zexa "github.com/zexa-ao/zexa-go"
)

// A scanner goes through an object or array that is known to be valid JSON. It
// allocates nothing, where encoding/json would for every field of every shape.
type scanner struct{ rest []byte }

// asObject returns a scanner of the members of value, if it is an object.
func asObject(value []byte) (scanner, bool) { return inside(value, '{') }

// inside returns a scanner of what is in value, if it opens so.
func inside(value []byte, open byte) (scanner, bool) {
	value = trimSpace(value)
	if len(value) == 0 || value[0] != open {
		return scanner{}, false
	}
	return scanner{value[1:]}, true
}

// member returns the next member of an object. The key is what stands between
// its quotes.
func (s *scanner) member() (key, value []byte, ok bool) {
	key, ok = s.element()
	if !ok {
		return nil, nil, false
	}
	s.rest = trimSpace(s.rest)[1:] // the colon
	value, _ = s.element()
	return key[1 : len(key)-1], value, true
}

// element returns the next value.
func (s *scanner) element() (value []byte, ok bool) {
	s.rest = trimSpace(s.rest)
	if s.rest[0] == ',' {
		s.rest = trimSpace(s.rest[1:])
	}
	if s.rest[0] == '}' || s.rest[0] == ']' {
		return nil, false
	}
	n := length(s.rest)
	value, s.rest = s.rest[:n:n], s.rest[n:]
	return value, true
}

// length returns how long the value is that b starts with.
func length(b []byte) int {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			for i++; b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
			if depth == 0 {
				return i + 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return i
			}
		}
	}
	return len(b)
}

func trimSpace(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t' || b[0] == '\r' || b[0] == '\n') {
		b = b[1:]
	}
	return b
}

// text returns the text of a string or a number; for anything else nothing.
func text(value []byte) string {
	switch c := value[0]; {
	case c == '-' || '0' <= c && c <= '9':
		return string(value)
	case c != '"':
		return ""
	case bytes.IndexByte(value, '\\') < 0:
		value = value[1 : len(value)-1]
		if known := knownWord(value); known != "" {
			return known
		}
		return strings.ToValidUTF8(string(value), "\uFFFD")
	}
	var s string
	if json.Unmarshal(value, &s) != nil {
		return ""
	}
	return s
}

// knownWord returns a word that is in most events, without allocating it.
func knownWord(b []byte) string {
	for _, word := range [...]string{
		string(zexa.EventMessageDelivered), string(zexa.StatusDelivered), string(zexa.StatusFailed),
	} {
		if string(b) == word {
			return word
		}
	}
	return ""
}

// normal appends key in small letters, without underscores and hyphens. It does
// not append more than fits: a longer key is none of those that are looked for.
func normal(dst, key []byte) []byte {
	for _, c := range key {
		if c == '_' || c == '-' {
			continue
		}
		if len(dst) == cap(dst) {
			return nil
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

// sortedDepth bounds the work that nesting makes: below it, the order of
// members and the blanks between them make a difference.
const sortedDepth = 8

// canonical appends value without the blanks and in an order of members that do
// not matter.
func canonical(dst, value []byte, depth int) []byte {
	if depth == sortedDepth {
		return append(dst, value...)
	}
	if object, ok := inside(value, '{'); ok {
		type member struct{ key, value []byte }
		var few [16]member
		members := few[:0]
		for {
			key, value, ok := object.member()
			if !ok {
				break
			}
			members = append(members, member{key, value})
		}
		if len(members) <= len(few) { // the rule, and here this is quicker
			for i := 1; i < len(members); i++ {
				for j := i; j > 0 && bytes.Compare(members[j].key, members[j-1].key) < 0; j-- {
					members[j], members[j-1] = members[j-1], members[j]
				}
			}
		} else {
			slices.SortStableFunc(members, func(a, b member) int { return bytes.Compare(a.key, b.key) })
		}
		dst = append(dst, '{')
		for _, m := range members {
			dst = append(append(append(dst, '"'), m.key...), '"', ':')
			dst = append(canonical(dst, m.value, depth+1), ',')
		}
		return append(dst, '}')
	}
	if array, ok := inside(value, '['); ok {
		dst = append(dst, '[')
		for {
			value, ok := array.element()
			if !ok {
				return append(dst, ']')
			}
			dst = append(canonical(dst, value, depth+1), ',')
		}
	}
	return append(dst, value...)
}
