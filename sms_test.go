package zexa_test

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/zexa-ao/zexa-go"
)

// The GSM 7 bit default alphabet in the order of its codes, with U+001B where
// the escape is, and the extension table (3GPP TS 23.038, 6.2.1 and 6.2.1.1).
const (
	gsm7Alphabet = "@£$¥èéùìòÇ\nØø\rÅå" +
		"Δ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ" +
		" !\"#¤%&'()*+,-./" +
		"0123456789:;<=>?" +
		"¡ABCDEFGHIJKLMNO" +
		"PQRSTUVWXYZÄÖÑÜ§" +
		"¿abcdefghijklmno" +
		"pqrstuvwxyzäöñüà"
	gsm7Extension = "\f^{}\\[~]|€"
	gsm7Escape    = 0x1b
)

func TestMeasureSMS(t *testing.T) {
	repeat := strings.Repeat

	tests := []struct {
		name string
		body string
		want zexa.SMSLength
	}{
		{"an empty body is sent as nothing", "",
			zexa.SMSLength{Encoding: zexa.EncodingGSM7, Left: 160}},
		{"one character is one segment", "a",
			zexa.SMSLength{Encoding: zexa.EncodingGSM7, Units: 1, Segments: 1, Left: 159}},
		{"160 GSM-7 characters fill a single segment", repeat("a", 160),
			zexa.SMSLength{Encoding: zexa.EncodingGSM7, Units: 160, Segments: 1, Left: 0}},
		{"161 GSM-7 characters are two segments of 153", repeat("a", 161),
			zexa.SMSLength{Encoding: zexa.EncodingGSM7, Units: 161, Segments: 2, Left: 145}},
		{"306 GSM-7 characters fill two segments", repeat("a", 306),
			zexa.SMSLength{Encoding: zexa.EncodingGSM7, Units: 306, Segments: 2, Left: 0}},
		{"307 GSM-7 characters are three segments", repeat("a", 307),
			zexa.SMSLength{Encoding: zexa.EncodingGSM7, Units: 307, Segments: 3, Left: 152}},
		{"a character of the extension table counts two", "10 €",
			zexa.SMSLength{Encoding: zexa.EncodingGSM7, Units: 5, Segments: 1, Left: 155}},
		{"80 characters of the extension table fill a single segment", repeat("€", 80),
			zexa.SMSLength{Encoding: zexa.EncodingGSM7, Units: 160, Segments: 1, Left: 0}},
		{"a pair where only one septet is left makes a second segment", repeat("a", 159) + "€",
			zexa.SMSLength{Encoding: zexa.EncodingGSM7, Units: 161, Segments: 2, Left: 145}},
		{"an escape pair at the limit of a segment moves to the next", repeat("a", 152) + "€" + repeat("a", 7),
			zexa.SMSLength{Encoding: zexa.EncodingGSM7, Units: 161, Segments: 2, Left: 144}},
		{"an escape pair that ends a segment stays in it", repeat("a", 151) + "€" + repeat("a", 8),
			zexa.SMSLength{Encoding: zexa.EncodingGSM7, Units: 161, Segments: 2, Left: 145}},
		{"a single segment has no limit inside it to move a pair over", repeat("a", 152) + "€",
			zexa.SMSLength{Encoding: zexa.EncodingGSM7, Units: 154, Segments: 1, Left: 6}},
		{"each segment of escape pairs loses a septet", repeat("€", 153),
			zexa.SMSLength{Encoding: zexa.EncodingGSM7, Units: 306, Segments: 3, Left: 151}},
		{"padding can cost a segment", repeat("a", 152) + "€" + repeat("a", 152),
			zexa.SMSLength{Encoding: zexa.EncodingGSM7, Units: 306, Segments: 3, Left: 152}},

		{"one character outside GSM-7 makes all UCS-2", "amanhã",
			zexa.SMSLength{Encoding: zexa.EncodingUCS2, Units: 6, Segments: 1, Left: 64}},
		{"the last character alone can make all UCS-2", repeat("a", 160) + "ã",
			zexa.SMSLength{Encoding: zexa.EncodingUCS2, Units: 161, Segments: 3, Left: 40}},
		{"the extension table counts one in UCS-2", "ã€",
			zexa.SMSLength{Encoding: zexa.EncodingUCS2, Units: 2, Segments: 1, Left: 68}},
		{"70 UCS-2 characters fill a single segment", repeat("ã", 70),
			zexa.SMSLength{Encoding: zexa.EncodingUCS2, Units: 70, Segments: 1, Left: 0}},
		{"71 UCS-2 characters are two segments of 67", repeat("ã", 71),
			zexa.SMSLength{Encoding: zexa.EncodingUCS2, Units: 71, Segments: 2, Left: 63}},
		{"134 UCS-2 characters fill two segments", repeat("ã", 134),
			zexa.SMSLength{Encoding: zexa.EncodingUCS2, Units: 134, Segments: 2, Left: 0}},
		{"135 UCS-2 characters are three segments", repeat("ã", 135),
			zexa.SMSLength{Encoding: zexa.EncodingUCS2, Units: 135, Segments: 3, Left: 66}},
		{"an emoji is a surrogate pair", "😀",
			zexa.SMSLength{Encoding: zexa.EncodingUCS2, Units: 2, Segments: 1, Left: 68}},
		{"35 emoji fill a single segment", repeat("😀", 35),
			zexa.SMSLength{Encoding: zexa.EncodingUCS2, Units: 70, Segments: 1, Left: 0}},
		{"a surrogate pair at the limit of a segment moves to the next", repeat("ã", 66) + "😀" + repeat("ã", 3),
			zexa.SMSLength{Encoding: zexa.EncodingUCS2, Units: 71, Segments: 2, Left: 62}},
		{"a surrogate pair that ends a segment stays in it", repeat("ã", 65) + "😀" + repeat("ã", 4),
			zexa.SMSLength{Encoding: zexa.EncodingUCS2, Units: 71, Segments: 2, Left: 63}},
		{"each segment of surrogate pairs loses a unit", repeat("😀", 67),
			zexa.SMSLength{Encoding: zexa.EncodingUCS2, Units: 134, Segments: 3, Left: 65}},

		{"each byte of invalid UTF-8 counts as U+FFFD", "a\xff\xed\xa0\x80",
			zexa.SMSLength{Encoding: zexa.EncodingUCS2, Units: 5, Segments: 1, Left: 65}},
		{"there is no limit to the segments", repeat("a", 153*300),
			zexa.SMSLength{Encoding: zexa.EncodingGSM7, Units: 153 * 300, Segments: 300, Left: 0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assert.Equal(t, tt.want, zexa.MeasureSMS(tt.body))
			assert.Equal(t, tt.want, referenceLength(tt.body), "the reference of the fuzz test")
		})
	}
}

func TestMeasureSMSKnowsTheWholeAlphabetAndNothingElse(t *testing.T) {
	require.Equal(t, 128, len([]rune(gsm7Alphabet)))
	width := map[rune]int{}
	for _, r := range gsm7Alphabet {
		width[r] = 1
	}
	for _, r := range gsm7Extension {
		width[r] = 2
	}
	delete(width, gsm7Escape)

	for r := rune(0); r <= unicode.MaxRune; r++ {
		want := zexa.SMSLength{Encoding: zexa.EncodingGSM7, Units: width[r], Segments: 1, Left: 160 - width[r]}
		if width[r] == 0 {
			units := len(utf16.Encode([]rune(string(r))))
			want = zexa.SMSLength{Encoding: zexa.EncodingUCS2, Units: units, Segments: 1, Left: 70 - units}
		}
		if got := zexa.MeasureSMS(string(r)); got != want {
			t.Errorf("%U: got %+v, want %+v", r, got, want)
		}
	}
}

func TestMeasureSMSDoesNotAllocate(t *testing.T) {
	for _, body := range []string{
		strings.Repeat("a", 1000),
		strings.Repeat("€", 1000),
		strings.Repeat("ã", 1000),
		strings.Repeat("😀", 1000),
		strings.Repeat("\xff", 1000),
	} {
		assert.Zero(t, testing.AllocsPerRun(10, func() { zexa.MeasureSMS(body) }), "%.8q", body)
	}
}

func TestSMSCredits(t *testing.T) {
	assert.Equal(t, 0.0, zexa.MeasureSMS("").Credits(), "nothing costs nothing")
	assert.Equal(t, 1.0, zexa.MeasureSMS(strings.Repeat("a", 160)).Credits(), "one segment is one credit")
	assert.Equal(t, 3.0, zexa.MeasureSMS(strings.Repeat("ã", 160)).Credits(), "three segments are three credits")
}

func TestNonGSM7(t *testing.T) {
	tests := []struct {
		name string
		body string
		want string
	}{
		{"an empty body has none", "", ""},
		{"the alphabet and its extension table have none", strings.ReplaceAll(gsm7Alphabet, "\x1b", "") + gsm7Extension, ""},
		{"they come once each and in order", "Não há informação: não", "ãáç"},
		{"the accents of Portuguese that GSM-7 lacks", "áàâãéêíóôõúüçÁÀÂÃÉÊÍÓÔÕÚÜÇ", "áâãêíóôõúçÁÀÂÃÊÍÓÔÕÚ"},
		{"what slips in unseen", "“a”\u00a0–\t…\x1b`", "“”\u00a0–\t…\x1b`"},
		{"an emoji", "ok 👍🏽", "👍🏽"},
		{"invalid UTF-8", "a\xff\xfe", "\ufffd"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assert.Equal(t, tt.want, string(zexa.NonGSM7(tt.body)))
		})
	}
	assert.Nil(t, zexa.NonGSM7("Ola"))
}

func FuzzMeasureSMS(f *testing.F) {
	f.Add("", "a")
	f.Add("Olá", " Angola")
	f.Add(strings.Repeat("a", 152)+"€", strings.Repeat("[]", 80))
	f.Add(strings.Repeat("a", 159), "€")
	f.Add(strings.Repeat("a", 160), "ç")
	f.Add(strings.Repeat("ã", 66)+"😀", strings.Repeat("😀", 40))
	f.Add("\xe2\x82", "\xac")
	f.Add("\x1b\f\x00`", "\xed\xa0\x80")

	f.Fuzz(func(t *testing.T, body, more string) {
		got := zexa.MeasureSMS(body)
		require.Equal(t, referenceLength(body), got)

		// From here on U+FFFD stands for invalid UTF-8: two halves of one
		// character are longer apart than joined.
		body, more = string([]rune(body)), string([]rune(more))
		require.Equal(t, got, zexa.MeasureSMS(body))

		single, segment := 160, 153
		if got.Encoding == zexa.EncodingUCS2 {
			single, segment = 70, 67
		}
		switch got.Segments {
		case 0:
			require.Empty(t, body)
		case 1:
			require.Equal(t, single, got.Units+got.Left)
		default:
			require.GreaterOrEqual(t, got.Left, 0)
			require.Less(t, got.Left, segment)
			padding := got.Segments*segment - got.Units - got.Left
			require.GreaterOrEqual(t, padding, 0)
			require.Less(t, padding, got.Segments, "a segment loses one unit at most, the last one none")
		}
		if body != "" {
			full := zexa.MeasureSMS(body + strings.Repeat("a", got.Left))
			require.Equal(t, got.Segments, full.Segments)
			require.Zero(t, full.Left)
			require.Equal(t, got.Segments+1, zexa.MeasureSMS(body+strings.Repeat("a", got.Left+1)).Segments)
		}

		joined := zexa.MeasureSMS(body + more)
		require.GreaterOrEqual(t, joined.Segments, got.Segments)
		if joined.Encoding == got.Encoding {
			require.GreaterOrEqual(t, joined.Units, got.Units)
		}

		foreign := zexa.NonGSM7(body)
		require.Equal(t, got.Encoding == zexa.EncodingUCS2, len(foreign) > 0)
		rest := strings.Map(func(r rune) rune {
			if slices.Contains(foreign, r) {
				return -1
			}
			return r
		}, body)
		require.Equal(t, zexa.EncodingGSM7, zexa.MeasureSMS(rest).Encoding)
	})
}

// referenceLength does what MeasureSMS does the long way: it encodes body and
// cuts the result into segments.
func referenceLength(body string) zexa.SMSLength {
	encoding, single, segment := zexa.EncodingGSM7, 160, 153
	opensPair := func(unit uint16) bool { return unit == gsm7Escape }
	units, ok := septets(body)
	if !ok {
		encoding, single, segment = zexa.EncodingUCS2, 70, 67
		opensPair = func(unit uint16) bool { return 0xd800 <= unit && unit < 0xdc00 }
		units = utf16.Encode([]rune(body))
	}

	var segments [][]uint16
	switch {
	case len(units) == 0:
		return zexa.SMSLength{Encoding: encoding, Left: single}
	case len(units) <= single:
		segments, segment = [][]uint16{units}, single
	default:
		for rest := units; len(rest) > 0; {
			n := min(segment, len(rest))
			if opensPair(rest[n-1]) {
				n--
			}
			segments, rest = append(segments, rest[:n]), rest[n:]
		}
	}
	return zexa.SMSLength{
		Encoding: encoding,
		Units:    len(units),
		Segments: len(segments),
		Left:     segment - len(segments[len(segments)-1]),
	}
}

// septets returns the GSM-7 codes of body, or false if it has none.
func septets(body string) ([]uint16, bool) {
	alphabet := []rune(gsm7Alphabet)
	var units []uint16
	for _, r := range body {
		code := slices.Index(alphabet, r)
		switch {
		case strings.ContainsRune(gsm7Extension, r):
			// The code after the escape makes no difference to the length, as
			// long as it is not that of the escape.
			units = append(units, gsm7Escape, 0)
		case code >= 0 && code != gsm7Escape:
			units = append(units, uint16(code))
		default:
			return nil, false
		}
	}
	return units, true
}
