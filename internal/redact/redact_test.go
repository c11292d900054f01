package redact_test

import (
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/zexa-ao/zexa-go/internal/redact"
)

func TestText(t *testing.T) {
	t.Parallel()
	repeat := strings.Repeat

	tests := []struct{ name, in, want string }{
		{"ordinary text stays", "balance is 4250.5 credits", "balance is 4250.5 credits"},
		{"letters outside ASCII stay", "saldo não é válido 😀", "saldo não é válido 😀"},
		{"nothing stays nothing", "", ""},

		{"seven digits are masked", "1234567", "*******"},
		{"six digits stay", "123456", "123456"},
		{"six digits stay beside a number", "123456, +244912345678", "123456, +************"},
		{"a number is masked and its plus kept", "to +244912345678 failed", "to +************ failed"},
		{"each of two numbers is masked", "+244912345678,+351912345678", "+************,+************"},
		{"a number in a word is masked", "id9123456x", "id*******x"},
		{"single spaces inside a number belong to it", "+244 912 345 678", "+*** *** *** ***"},
		{"a space after a number stays", "912345678 is wrong", "********* is wrong"},
		{"a space at the end is dropped", "912345678 ", "*********"},
		{"six digits in groups stay", "12 34 56 x", "12 34 56 x"},
		{"groups of seven digits are masked", "12 34 567", "** ** ***"},
		{"other characters end a run", "912.345.678 912-345", "912.345.678 912-345"},
		{"a run that was ended does not count further", "123456x7", "123456x7"},
		{"a no-break space inside a number belongs to it", "912\u00a0345\u00a0678", "*** *** ***"},
		{"a line break inside a number belongs to it", "912\n345\n678", "*** *** ***"},
		{"several spaces are shown as one, and so belong to the number", "912  345 \t 678", "*** *** ***"},
		{"control characters are shown as a space, and so belong to the number", "912\x00345\x1b678", "*** *** ***"},
		{"invisible characters are shown as a space, and so belong to the number", "912\u200b345\u2060678", "*** *** ***"},
		{"digits of other scripts are masked", "٩١٢٣٤٥٦٧٨", "*********"},
		{"full-width digits are masked", "９１２３４５６", "*******"},
		{"digits of several scripts are one run", "912٣٤٥6", "*******"},

		{"the name of an address is masked", "ana.maria@example.com is unknown", "***@example.com is unknown"},
		{"a name alone is masked", "ana@", "***@"},
		{"each of two addresses is masked", "a@example.com,b+c@example.org", "***@example.com,***@example.org"},
		{"a name in brackets is masked", "<ana@example.com>", "<***@example.com>"},
		{"a name in quotes is masked", `"ana@example.com" 'eva@example.com'`, `"***@example.com" '***@example.com'`},
		{"a name after a colon is masked", "mailto:ana@example.com", "mailto:***@example.com"},
		{"a name with few digits is masked", "ana1990@example.com", "***@example.com"},
		{"a name of many digits is masked", "912345678@example.com", "***@example.com"},
		{"a name outside ASCII is masked", "joão@example.com", "***@example.com"},
		{"an @ without a name stays", "@example, a @ b", "@example, a @ b"},
		{"every name before an @ is masked", "a@b@c", "***@***@c"},

		{"line breaks become spaces", "a\nb\r\nc\td", "a b c d"},
		{"control characters become spaces", "a\x00b\x1b[31mc\x7fd", "a b [31mc d"},
		{"line separators become spaces", "a\u2028b\u2029c\u0085d", "a b c d"},
		{"characters that turn the text around become spaces", "a\u202eb", "a b"},
		{"blanks at both ends are dropped", " \n a \t ", "a"},
		{"blanks alone are nothing", " \n\t", ""},
		{"bytes that are no UTF-8 become the replacement character", "a\x9bb\xffc", "a\ufffdb\ufffdc"},

		{"300 characters are printed", repeat("é", 300), repeat("é", 300)},
		{"301 characters are cut", repeat("é", 301), repeat("é", 300) + "…"},
		{"a number across the cut is masked", repeat("x", 295) + "912345678", repeat("x", 295) + "*****…"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.want, redact.Text(tt.in))
		})
	}
}

func TestLineMasksNothing(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"req_20260725120000":      "req_20260725120000",
		"912345678@example.com":   "912345678@example.com",
		"a\nb\x1b[0m":             "a b [0m",
		"a\x9bb":                  "a\ufffdb",
		strings.Repeat("7", 301):  strings.Repeat("7", 300) + "…",
		strings.Repeat("7", 300):  strings.Repeat("7", 300),
		" \r\n" + "x" + "\u200b ": "x",
	} {
		assert.Equal(t, want, redact.Line(in), "%q", in)
	}
}

var (
	number = regexp.MustCompile(`(\p{Nd} ?){7}`)
	name   = regexp.MustCompile(`[^\s<>()\[\]{}"',;:=/@*]@`)
)

func FuzzText(f *testing.F) {
	for _, s := range []string{
		"", "to +244 912 345 678 failed", "123456", "ana.maria@example.com", "912\x00345\x00678", "912  345  678", "912\u200b345\u200b678",
		"٩١٢٣٤٥٦٧٨", "a\r\n\x1b[31m", "\xff\x9b", "a\x00b@example.com", strings.Repeat("1234567 ", 60), strings.Repeat("x", 400),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		text := redact.Text(s)
		require.False(t, number.MatchString(text), "%q", text)
		require.False(t, name.MatchString(text), "%q", text)
		for _, out := range []string{text, redact.Line(s)} {
			require.True(t, utf8.ValidString(out), "%q", out)
			require.LessOrEqual(t, utf8.RuneCountInString(out), 301)
			require.False(t, strings.ContainsFunc(out, func(r rune) bool { return !unicode.IsPrint(r) }), "%q", out)
		}
	})
}
