// Package bounded reads and vets what a server sends without trusting its size.
package bounded

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
)

const (
	trusted = 64 << 10 // the most that is allocated on the word of Content-Length
	largest = 1 << 20  // chunk that a body of unknown size is read in
)

// ErrTooLarge is returned by [Read] for a body over its limit.
var ErrTooLarge = errors.New("answer is over the size limit")

// chunks are the first, and mostly the only, ones that bodies of unknown size
// are read in.
var chunks = sync.Pool{New: func() any { return new([trusted]byte) }}

// Read reads r to its end, up to limit bytes, into one buffer of exactly the
// size read. length is the announced size; it says nothing if it is negative, or
// 0, as it is in an answer that a transport made without care. With an error it
// returns what was read before it, of a body over the limit no more than 64 KiB.
func Read(r io.Reader, length, limit int64) ([]byte, error) {
	if length > 0 && length <= min(trusted, limit) {
		return readAnnounced(r, int(length))
	}
	first := chunks.Get().(*[trusted]byte)
	defer chunks.Put(first)
	var full [][]byte
	chunk, n, size := first[:], 0, int64(0)
	for {
		if n == len(chunk) {
			full = append(full, chunk)
			chunk, n = make([]byte, min(2*len(chunk), largest)), 0
		}
		k, err := r.Read(chunk[n:])
		n += k
		switch size += int64(k); {
		case size > limit:
			return bytes.Clone(first[:min(limit, trusted)]), ErrTooLarge
		case err == io.EOF:
			return join(full, chunk[:n], size), nil
		case err != nil:
			return join(full, chunk[:n], size), err
		}
	}
}

func join(full [][]byte, last []byte, size int64) []byte {
	body := make([]byte, 0, size)
	for _, chunk := range full {
		body = append(body, chunk...)
	}
	return append(body, last...)
}

func readAnnounced(r io.Reader, length int) ([]byte, error) {
	body := make([]byte, length)
	n, err := 0, error(nil)
	for n < length && err == nil {
		var k int
		k, err = r.Read(body[n:])
		n += k
	}
	if err == nil {
		// The end must be seen for the connection to be used again.
		extra := chunks.Get().(*[trusted]byte)
		defer chunks.Put(extra)
		var k int
		if k, err = r.Read(extra[:1]); k > 0 {
			return body, fmt.Errorf("%d bytes announced, more sent", length)
		}
	}
	if err == io.EOF {
		err = nil
		if n < length {
			err = io.ErrUnexpectedEOF
		}
	}
	return body[:n], err
}

// maxValues is the most values that an answer may hold. Decoded, a value of two
// bytes can take a hundred times as many.
const maxValues = 100_000

// small is the size of an answer that is harmless whatever it holds.
const small = 64 << 10

// ErrTooMany is returned by [Values].
var ErrTooMany = errors.New("answer holds too many values")

// Values refuses JSON that would take far more memory than its size when it is
// decoded. It counts, and allocates nothing.
func Values(body []byte) error {
	if len(body) <= small {
		return nil
	}
	n, quoted := 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ',' || c == '[' || c == '{'):
			n++
		}
	}
	if n > maxValues {
		return ErrTooMany
	}
	return nil
}

// ErrTooManyItems is returned by [Items] for a list over its limit.
var ErrTooManyItems = errors.New("list holds too many items")

// Items finds the items of a JSON list before it is decoded: the elements of
// body, if it is an array, or of its member name. data is the array, or
// whatever else the member is, nil if there is none. What is returned is right
// if body is valid JSON, which it does not check; otherwise it is bounded all
// the same.
func Items(body []byte, name string, limit int) (data []byte, items [][]byte, err error) {
	s := scanner{body: body}
	s.space()
	switch s.peek() {
	case '[':
		return s.array(limit)
	case '{':
		s.pos++
	default:
		return nil, nil, nil
	}
	for key := s.key(); key != nil; key = s.nextKey() {
		// encoding/json takes a name in any case, and the last one of several.
		switch named := strings.EqualFold(unquoted(key), name); {
		case named && s.peek() == '[':
			if data, items, err = s.array(limit); err != nil {
				return nil, nil, err
			}
		case named:
			data, items = s.value(), nil
		default:
			s.value()
		}
	}
	return data, items, nil
}

// Member returns the value of the first member of that name of the JSON object
// body, or nil if there is none or body may end before its end. It allocates
// nothing, whatever body is.
func Member(body []byte, name string) []byte {
	s := scanner{body: body}
	s.space()
	if s.peek() != '{' {
		return nil
	}
	s.pos++
	for key := s.key(); key != nil; key = s.nextKey() {
		value := s.value()
		if string(bytes.Trim(key, `"`)) == name {
			if s.pos == len(body) {
				return nil
			}
			return value
		}
	}
	return nil
}

// unquoted returns the text of a JSON string, or nothing if it is none.
func unquoted(key []byte) (text string) {
	if bytes.IndexByte(key, '\\') < 0 {
		return string(bytes.Trim(key, `"`))
	}
	json.Unmarshal(key, &text)
	return text
}

type scanner struct {
	body []byte
	pos  int
}

func (s *scanner) peek() byte {
	if s.pos >= len(s.body) {
		return 0
	}
	return s.body[s.pos]
}

func (s *scanner) space() {
	for s.pos < len(s.body) {
		switch s.body[s.pos] {
		case ' ', '\t', '\r', '\n':
			s.pos++
		default:
			return
		}
	}
}

// key passes over the name and the colon of a member, and returns the name, with
// its quotes, or nil if there is none.
func (s *scanner) key() []byte {
	s.space()
	if s.peek() != '"' {
		return nil
	}
	key := s.value()
	s.space()
	s.pos = min(s.pos+1, len(s.body)) // colon
	s.space()
	return key
}

// nextKey is key after a value.
func (s *scanner) nextKey() []byte {
	s.space()
	if s.peek() != ',' {
		return nil
	}
	s.pos++
	return s.key()
}

// array passes over the array at pos and returns it and its elements.
func (s *scanner) array(limit int) (data []byte, items [][]byte, err error) {
	start := s.pos
	s.pos++
	items = make([][]byte, 0, 16)
	for s.space(); s.peek() != ']' && s.pos < len(s.body); s.space() {
		if len(items) == limit {
			return nil, nil, fmt.Errorf("%w: more than %d", ErrTooManyItems, limit)
		}
		items = append(items, s.value())
		s.space()
		if s.peek() != ',' {
			break
		}
		s.pos++
	}
	s.pos = min(s.pos+1, len(s.body))
	return s.body[start:s.pos], items, nil
}

// value passes over the value at pos and returns it.
func (s *scanner) value() []byte {
	start, depth := s.pos, 0
	for s.pos < len(s.body) {
		switch s.body[s.pos] {
		case '"':
			s.quoted()
			if depth == 0 {
				return s.body[start:s.pos:s.pos]
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return s.body[start:s.pos:s.pos]
			}
			if depth--; depth == 0 {
				s.pos++
				return s.body[start:s.pos:s.pos]
			}
		case ',', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return s.body[start:s.pos:s.pos]
			}
		}
		s.pos++
	}
	return s.body[start:]
}

func (s *scanner) quoted() {
	for s.pos++; s.pos < len(s.body); s.pos++ {
		switch s.body[s.pos] {
		case '\\':
			s.pos++
		case '"':
			s.pos++
			return
		}
	}
	s.pos = len(s.body)
}
