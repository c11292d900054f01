package check_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/zexa-ao/zexa-go/internal/check"
)

type verdict struct {
	name string
	text string
	ok   bool
}

func run(t *testing.T, check func(string) bool, verdicts []verdict) {
	t.Helper()
	for _, v := range verdicts {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, v.ok, check(v.text), "%q", v.text)
		})
	}
}

func TestE164(t *testing.T) {
	t.Parallel()
	run(t, check.E164, []verdict{
		{"a number of Angola is well-formed", "+244912345678", true},
		{"seven digits are enough", "+2901234", true},
		{"six digits are too few", "+290123", false},
		{"fifteen digits are allowed", "+123456789012345", true},
		{"sixteen digits are too many", "+1234567890123456", false},
		{"the first digit may be 9", "+9999999", true},
		{"the first digit is not 0", "+0912345678", false},
		{"the plus is needed", "244912345678", false},
		{"00 is no plus", "00244912345678", false},
		{"one plus is enough", "++244912345678", false},
		{"spaces are not part of a number", "+244 912 345 678", false},
		{"a space before it is not part of a number", " +244912345678", false},
		{"a line break after it is not part of a number", "+244912345678\n", false},
		{"hyphens are not part of a number", "+244-912-345678", false},
		{"letters are not part of a number", "+24491234567a", false},
		{"the character before 0 is no digit", "+24491234567/", false},
		{"the character after 9 is no digit", "+24491234567:", false},
		{"an extension is not part of a number", "+244912345678;ext=1", false},
		{"digits of other scripts are not digits", "+٢٤٤٩١٢٣٤", false},
		{"a plus alone is no number", "+", false},
		{"nothing is no number", "", false},
	})
}

func FuzzE164(f *testing.F) {
	for _, s := range []string{"", "+", "+244912345678", "+0912345678", "+123456", "+1234567890123456", "+244912345678\n", "+٢٤٤٩١٢٣٤"} {
		f.Add(s)
	}
	e164 := regexp.MustCompile(`\A\+[1-9][0-9]{6,14}\z`)
	f.Fuzz(func(t *testing.T, s string) {
		require.Equal(t, e164.MatchString(s), check.E164(s))
		if check.E164(s) {
			require.True(t, check.SenderID(s))
		}
	})
}

func TestEmail(t *testing.T) {
	t.Parallel()
	run(t, check.Email, []verdict{
		{"an address is well-formed", "ana@example.com", true},
		{"an address of one letter each is well-formed", "a@b", true},
		{"a plus in the name is allowed", "ana+zexa@example.com", true},
		{"letters outside ASCII are allowed", "joão@exemplo.ao", true},
		{"an @ in a quoted name is allowed", `"a@b"@example.com`, true},
		{"an address literal is allowed", "ana@[192.0.2.1]", true},
		{"a name is needed", "@example.com", false},
		{"a host is needed", "ana@", false},
		{"an @ is needed", "ana.example.com", false},
		{"an @ alone is no address", "@", false},
		{"a space is not part of an address", "ana maria@example.com", false},
		{"a space after it is not part of an address", "ana@example.com ", false},
		{"a no-break space is not part of an address", "ana\u00a0@example.com", false},
		{"a line break is not part of an address", "ana@example.com\r\nBcc: eva@example.com", false},
		{"a control character is not part of an address", "ana\x00@example.com", false},
		{"nothing is no address", "", false},
	})
}

func TestSenderID(t *testing.T) {
	t.Parallel()
	run(t, check.SenderID, []verdict{
		{"a name is allowed", "ZEXA", true},
		{"digits are allowed", "12345", true},
		{"letters and digits are allowed", "Zexa2026", true},
		{"one letter is allowed", "Z", true},
		{"eleven letters are allowed", "ABCDEFGHIJK", true},
		{"twelve letters are too many", "ABCDEFGHIJKL", false},
		{"letters are counted, not bytes", "ÇÇÇÇÇÇÇÇÇÇÇ", true},
		{"twelve letters outside ASCII are too many", "ÇÇÇÇÇÇÇÇÇÇÇÇ", false},
		{"a number is allowed", "+244912345678", true},
		{"a number of fifteen digits is allowed", "+123456789012345", true},
		{"a number that is too short is not", "+12345", false},
		{"a space is neither letter nor digit", "ZEXA AO", false},
		{"a hyphen is neither letter nor digit", "ZEXA-AO", false},
		{"a line break is neither letter nor digit", "ZEXA\n", false},
		{"what is no UTF-8 is neither letter nor digit", "ZEXA\xff", false},
		{"nothing is no Sender ID", "", false},
	})
}

func TestKey(t *testing.T) {
	t.Parallel()
	const control = "contains a control character (a line break from a file?)"
	tests := []struct{ name, key, want string }{
		{"a key has no problem", "zx_live_0123-AB.cd~", ""},
		{"every printable character of ASCII is allowed", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", ""},
		{"an empty key is a problem", "", "is empty"},
		{"the scheme is not part of a key", "Bearer s3cret", `must be the key alone, without "Bearer"`},
		{"a key may begin with the name of the scheme", "Bearers3cret", ""},
		{"a space before it is a problem", " s3cret", "contains a space"},
		{"a space after it is a problem", "s3cret ", "contains a space"},
		{"a line break is a problem", "s3cret\n", control},
		{"a carriage return is a problem", "s3cret\r", control},
		{"a tab is a problem", "s3\tcret", control},
		{"a null byte is a problem", "s3cret\x00", control},
		{"a delete character is a problem", "s3cret\x7f", control},
		{"a control character outside ASCII is a problem", "s3cret\u0085", control},
		{"a letter outside ASCII is a problem", "s3crét", "contains a character that is not ASCII"},
		{"a byte order mark is a problem", "\ufeffs3cret", "contains a character that is not ASCII"},
		{"what is no UTF-8 is a problem", "s3cret\xff", "contains a character that is not ASCII"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.want, check.Key(tt.key))
		})
	}
}

// accepted reports whether net/http would send the header.
func accepted(t *testing.T, name, value string) bool {
	t.Helper()
	dialled := errors.New("dialled")
	transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, dialled }}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://example.com", nil)
	require.NoError(t, err)
	r.Header[name] = []string{value}
	_, err = transport.RoundTrip(r)
	require.Error(t, err)
	return errors.Is(err, dialled)
}

func TestHeadersAreAcceptedAsByNetHTTP(t *testing.T) {
	t.Parallel()
	for c := range 256 {
		s := string([]byte{byte(c)})
		for _, text := range []string{s, "X" + s, s + "X", "X" + s + "X"} {
			assert.Equal(t, accepted(t, text, "value"), check.HeaderName(text), "%q", text)
			assert.Equal(t, accepted(t, "X-Name", text), check.HeaderValue(text), "%q", text)
		}
	}
	for _, text := range []string{"", "X-Trace-Id", "x_y", "ação", "X-Trace Id", "a\r\nX-Evil: b"} {
		assert.Equal(t, accepted(t, text, "value"), check.HeaderName(text), "%q", text)
		assert.Equal(t, accepted(t, "X-Name", text), check.HeaderValue(text), "%q", text)
	}
	assert.True(t, check.HeaderName("!#$%&'*+-.^_`|~09azAZ"))
	assert.True(t, check.HeaderValue("a\tb c "+strings.Repeat("x", 10_000)))
}
