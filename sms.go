package zexa

import "unicode/utf16"

// SMSEncoding is the character encoding that the text of an SMS travels in.
// The text itself decides it, see [MeasureSMS].
type SMSEncoding string

// The encodings of 3GPP TS 23.038 that text is sent in.
const (
	// EncodingGSM7 is the GSM 7 bit default alphabet with its extension
	// table. Its unit is the septet: most characters take one, those of the
	// extension table take two.
	EncodingGSM7 SMSEncoding = "GSM-7"

	// EncodingUCS2 is UCS-2. Its unit is the UTF-16 code unit: characters
	// outside the Basic Multilingual Plane, such as most emoji, are sent as
	// surrogate pairs and take two.
	EncodingUCS2 SMSEncoding = "UCS-2"
)

// What one SMS holds, in units of its encoding. An SMS carries 140 octets; a
// segment of a longer message gives 6 of them to the concatenation header
// (3GPP TS 23.040, 9.2.3.24.1).
const (
	gsm7Single, gsm7Segment = 160, 153
	ucs2Single, ucs2Segment = 70, 67
)

// SMSLength tells how much of an SMS a text takes up. [MeasureSMS] makes it.
type SMSLength struct {
	// Encoding is the encoding that the text needs.
	Encoding SMSEncoding

	// Units is the length of the text in units of Encoding: septets for
	// GSM-7, with the escape that precedes a character of the extension
	// table, and UTF-16 code units for UCS-2.
	Units int

	// Segments is the number of SMS that the text is sent as. It is zero for
	// an empty text only.
	Segments int

	// Left is the number of units that the last segment still has room for,
	// or the whole of a first segment if the text is empty. A character of
	// two units does not fit where one is left. Left belongs to Encoding: a
	// character that GSM-7 does not have makes the whole text UCS-2.
	Left int
}

// Credits returns the price in credits of sending the text to one recipient in
// Angola, where the vendor documents one credit per segment. For an international
// SMS it documents an indicative price of 2 to 5 credits, without saying what
// each country costs or whether that is per segment. The result is whole; it is
// a float64 like every other number of credits, as 0.5 is a price elsewhere.
func (l SMSLength) Credits() float64 {
	return float64(l.Segments)
}

// MeasureSMS returns the encoding, the segments and the room left of body when
// it is sent as an SMS. It does not contact the API.
//
// A body that consists of characters of the GSM 7 bit default alphabet and its
// extension table (3GPP TS 23.038, 6.2.1) is sent as GSM-7: 160 septets in a
// single SMS or 153 in each segment of a longer text. A character of the
// extension table, which is one of ^ { } \ [ ~ ] | € and the form feed, counts
// as two septets. Anything else makes the whole body UCS-2: 70 UTF-16 code
// units in a single SMS or 67 in each segment. The vendor documents 160
// characters for a single segment of GSM-7, 70 per segment of other text, and
// that longer text is split; 153 and 67 are what 3GPP TS 23.040 leaves beside
// its 6-octet concatenation header. An escape or surrogate pair is never divided
// between two segments; the unit that this may leave unused at the end of a
// segment is in neither Units nor Left.
//
// Most Portuguese text is UCS-2, which more than doubles the price of a long
// message: the alphabet has à, é, è, É and Ç, but not ç, ã, õ, á, â, ê, í, ó, ô
// or ú. [NonGSM7] finds the characters that are to blame. The national language
// tables of TS 23.038, one of which is for Portuguese, are not taken into
// account, as the vendor does not document any use of them.
//
// Invalid UTF-8 is counted as it is sent, each such byte as U+FFFD. The
// number of segments has no upper limit here; TS 23.040 allows 255.
func MeasureSMS(body string) SMSLength {
	l := SMSLength{Encoding: EncodingGSM7}
	width, single, segment := gsm7Width, gsm7Single, gsm7Segment
	if !isGSM7(body) {
		l.Encoding = EncodingUCS2
		width, single, segment = utf16.RuneLen, ucs2Single, ucs2Segment
	}

	used := segment // of the current segment; full, so that the first character opens one
	for _, r := range body {
		w := width(r)
		if used+w > segment {
			l.Segments++
			used = 0
		}
		used += w
		l.Units += w
	}
	l.Left = segment - used

	if l.Units <= single {
		l.Segments = min(l.Segments, 1)
		l.Left = single - l.Units
	}
	return l
}

// NonGSM7 returns the characters that make body UCS-2, each once, in the order
// of their first appearance. It returns nil if body can be sent as GSM-7. Print
// the result with %q, or convert it with string(…).
//
// Many of them slip in unseen and have a plain substitute: typographic quotes
// and dashes, the ellipsis, the no-break space, the tab. See [MeasureSMS] for
// what the alphabet contains. A byte of invalid UTF-8 is reported as U+FFFD.
func NonGSM7(body string) []rune {
	var found []rune
	seen := make(map[rune]bool)
	for _, r := range body {
		if gsm7Width(r) == 0 && !seen[r] {
			seen[r] = true
			found = append(found, r)
		}
	}
	return found
}

func isGSM7(s string) bool {
	for _, r := range s {
		if gsm7Width(r) == 0 {
			return false
		}
	}
	return true
}

// gsm7Width returns the number of septets that r takes in the GSM 7 bit default
// alphabet and its extension table, or 0 if it is in neither (3GPP TS 23.038,
// 6.2.1 and 6.2.1.1).
func gsm7Width(r rune) int {
	switch r {
	case '\f', '^', '{', '}', '\\', '[', '~', ']', '|', '€':
		return 2
	case '\n', '\r', '£', '¥', '¤', '§', '¡', '¿',
		'Δ', 'Φ', 'Γ', 'Λ', 'Ω', 'Π', 'Ψ', 'Σ', 'Θ', 'Ξ',
		'à', 'ä', 'å', 'æ', 'è', 'é', 'ì', 'ñ', 'ò', 'ö', 'ø', 'ß', 'ù', 'ü',
		'Ä', 'Å', 'Æ', 'Ç', 'É', 'Ñ', 'Ö', 'Ø', 'Ü':
		return 1
	case '`':
		return 0
	}
	if ' ' <= r && r <= '~' {
		return 1
	}
	return 0
}
