package contactcsv_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/contactcsv"
)

// read returns the rows of text as "line: name phone email lists" or
// "line: error".
func read(t testing.TB, text string) []string {
	t.Helper()
	r, err := contactcsv.NewReader(strings.NewReader(text), contactcsv.Columns{})
	require.NoError(t, err)
	rows := show(r.Rows())
	require.NoError(t, r.Err())
	return rows
}

func show(rows iter.Seq[zexa.ContactRow]) []string {
	var all []string
	for row := range rows {
		what := fmt.Sprintf("%s/%s/%s/%s", row.Contact.Name, row.Contact.Phone, row.Contact.Email, strings.Join(row.Contact.Lists, "+"))
		if row.Err != nil {
			what = row.Err.Error()
		}
		all = append(all, fmt.Sprintf("%d: %s", row.Line, what))
	}
	return all
}

const header = "name,phone,email,lists\n"

func TestRowsAreReadByTheNamesInTheHeader(t *testing.T) {
	t.Parallel()
	ana := []string{"2: Ana/+244912345678/ana@exemplo.ao/lst_1+lst_2"}
	for name, tt := range map[string]struct {
		text string
		want []string
	}{
		"commas":                         {"name,phone,email,lists\nAna,+244912345678,ana@exemplo.ao,lst_1|lst_2\n", ana},
		"semicolons":                     {"name;phone;email;lists\nAna;+244912345678;ana@exemplo.ao;lst_1|lst_2\n", ana},
		"CRLF":                           {"name,phone,email,lists\r\nAna,+244912345678,ana@exemplo.ao,lst_1|lst_2\r\n", ana},
		"no line end at the end":         {"name,phone,email,lists\nAna,+244912345678,ana@exemplo.ao,lst_1|lst_2", ana},
		"CR at the end":                  {"name,phone,email,lists\r\nAna,+244912345678,ana@exemplo.ao,lst_1|lst_2\r", ana},
		"a byte order mark":              {"\uFEFFname,phone,email,lists\nAna,+244912345678,ana@exemplo.ao,lst_1|lst_2\n", ana},
		"a byte order mark and quotes":   {"\uFEFF\"name\";\"phone\";\"email\";\"lists\"\r\n\"Ana\";\"+244912345678\";\"ana@exemplo.ao\";\"lst_1|lst_2\"\r\n", ana},
		"another order":                  {"lists,phone,name,email\nlst_1|lst_2,+244912345678,Ana,ana@exemplo.ao\n", ana},
		"case and space":                 {" Name , PHONE ,eMail,\tLists\n Ana , +244912345678 , ana@exemplo.ao , lst_1 | lst_2 \n", ana},
		"space before a quote":           {"name, \"phone\", email, lists\nAna, \"+244912345678\", ana@exemplo.ao, \"lst_1|lst_2\"\n", ana},
		"columns nobody knows":           {"id,name,vip,phone,email,lists,note\n7,Ana,yes,+244912345678,ana@exemplo.ao,lst_1|lst_2,\"a, b\"\n", ana},
		"bars too many":                  {"name,phone,email,lists\nAna,+244912345678,ana@exemplo.ao,|lst_1||lst_2|\n", ana},
		"separators too many":            {"name,phone,email,lists,,\nAna,+244912345678,ana@exemplo.ao,lst_1|lst_2\n", ana},
		"separators too many in a row":   {"name,phone,email,lists\nAna,+244912345678,ana@exemplo.ao,lst_1|lst_2,,,\n", ana},
		"a semicolon in a comma file":    {"name,phone\nAna;Silva,+244912345678\n", []string{"2: Ana;Silva/+244912345678//"}},
		"a comma in a semicolon file":    {"name;phone;a,b,c\nSilva, Ana;+244912345678;\n", []string{"2: Silva, Ana/+244912345678//"}},
		"only what is required":          {"phone,name\n+244912345678,Ana\n", []string{"2: Ana/+244912345678//"}},
		"blank lines":                    {"\n \t\r\nname,phone\n\nAna,1\n\r\n   \nRui,2\n\n", []string{"5: Ana/1//", "8: Rui/2//"}},
		"quotes within quotes":           {"name,phone\n\"Ana \"\"Nita\"\" Silva, mãe\",1\n", []string{`2: Ana "Nita" Silva, mãe/1//`}},
		"nothing after the header":       {"name,phone", nil},
		"empty fields":                   {"name,phone\n,\n", []string{"2: ///"}},
		"a byte order mark further down": {"name,phone\n\uFEFFAna,1\n", []string{"2: \uFEFFAna/1//"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.want, read(t, tt.text))
		})
	}
}

func TestABadLineCostsItsRowAndNoOther(t *testing.T) {
	t.Parallel()
	const (
		quote   = "a quote is not closed, or stands inside a field that is not quoted"
		notUTF8 = "the line is not text in UTF-8; is it UTF-16, or Latin-1?"
		loneCR  = "a CR stands alone; lines end with LF or CRLF"
	)
	for name, tt := range map[string]struct{ line, err string }{
		"a quote that is not closed": {`"Ana,+244912345678,,`, quote},
		"a quote inside a field":     {`Ana "Nita",+244912345678,,`, quote},
		"text after a quote":         {`"Ana" Silva,+244912345678,,`, quote},
		"one quote":                  {`"`, quote},
		"fields too few":             {`Ana,+244912345678`, "fields: the line has 2, the header 4"},
		"fields too many":            {`Silva, Ana,+244912345678,a@b.ao,lst_1`, "fields: the line has 5, the header 4"},
		"another separator":          {`Ana;+244912345678;;`, "fields: the line has 1, the header 4"},
		"Latin-1":                    {"Jo\xe3o,+244912345678,,", notUTF8},
		"UTF-16":                     {"\xff\xfeA\x00n\x00a\x00", notUTF8},
		"UTF-16 without a mark":      {"A\x00n\x00a\x00,\x001\x00,\x00,\x00", notUTF8},
		"a CR alone":                 {"Ana,+244912345678,,\rLia,+244912345678,,", loneCR},
		"a CR within quotes":         {"\"Ana\rSilva\",+244912345678,,", loneCR},
		"a line that is too long":    {"Ana,+244912345678,," + strings.Repeat("x", contactcsv.MaxLine), "the line is longer than 65536 bytes"},
		"a line of two buffers":      {strings.Repeat("x", 2*contactcsv.MaxLine+2), "the line is longer than 65536 bytes"},
		"a line without end":         {strings.Repeat("0123456789", 1<<20), "the line is longer than 65536 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, end := range []string{"\n", "\r\n"} {
				text := header + "Rui,1,," + end + tt.line + end + "Eva,2,," + end + tt.line
				got := read(t, text)
				assert.Equal(t, []string{"2: Rui/1//", "3: " + tt.err, "4: Eva/2//", "5: " + tt.err}, got)
				assert.NotContains(t, strings.Join(got, " "), "912345678")
			}
		})
	}
}

func TestALineMayBeOfTheLongestLength(t *testing.T) {
	t.Parallel()
	name := strings.Repeat("x", contactcsv.MaxLine-len(",1,,"))
	for _, end := range []string{"", "\n", "\r\n", "\r"} {
		assert.Equal(t, []string{"2: " + name + "/1//"}, read(t, header+name+",1,,"+end), "%q", end)
		assert.Equal(t, []string{"2: the line is longer than 65536 bytes"}, read(t, header+name+"x,1,,"+end), "%q", end)
	}
}

func TestAHeaderThatLacksSomethingIsAnError(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		text    string
		columns contactcsv.Columns
		says    string
	}{
		"nothing":                    {"", contactcsv.Columns{}, "contactcsv: header: there is none, the source is empty"},
		"blank lines":                {"\n\r\n  \n", contactcsv.Columns{}, "there is none, the source is empty"},
		"a byte order mark":          {"\uFEFF", contactcsv.Columns{}, "there is none, the source is empty"},
		"no phone":                   {"name,email\n", contactcsv.Columns{}, `there is no column "phone"`},
		"no phone, with semicolons":  {"name;email;a,b\n", contactcsv.Columns{}, `there is no column "phone"`},
		"no name":                    {"phone;email\n", contactcsv.Columns{}, `there is no column "name"`},
		"a row":                      {"Ana,+244912345678\n", contactcsv.Columns{}, `there is no column "name"`},
		"tabs":                       {"name\tphone\n", contactcsv.Columns{}, "commas or semicolons separate columns"},
		"a name twice":               {"name,phone,Phone\n", contactcsv.Columns{}, `there are two columns "phone"`},
		"an optional name twice":     {"name,phone,lists,lists\n", contactcsv.Columns{}, `there are two columns "lists"`},
		"a stray quote":              {"name,\"phone\n", contactcsv.Columns{}, "a quote is not closed"},
		"UTF-16":                     {"\xff\xfen\x00a\x00", contactcsv.Columns{}, "is it UTF-16"},
		"UTF-16 without a mark":      {"n\x00a\x00m\x00e\x00,\x00p\x00h\x00o\x00n\x00e\x00", contactcsv.Columns{}, "is it UTF-16"},
		"lines that end with CR":     {"name,phone,email\rAna,+244912345678,\rRui,+244912345679,\r", contactcsv.Columns{}, "a CR stands alone"},
		"a line that is too long":    {strings.Repeat("name,phone", 10_000), contactcsv.Columns{}, "longer than 65536 bytes"},
		"a mark and a long line":     {"\uFEFF" + strings.Repeat("name,phone", 10_000), contactcsv.Columns{}, "longer than 65536 bytes"},
		"not the name that is meant": {"name,phone\n", contactcsv.Columns{Phone: "Telefone"}, `there is no column "Telefone"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := contactcsv.NewReader(strings.NewReader(tt.text), tt.columns)
			require.ErrorContains(t, err, tt.says)
			assert.NotContains(t, err.Error(), "912345678")
		})
	}
	_, err := contactcsv.NewReader(nil, contactcsv.Columns{})
	assert.EqualError(t, err, "contactcsv: the source is nil")
}

func TestColumnsCanHaveOtherNames(t *testing.T) {
	t.Parallel()
	text := "Nome completo;Telemóvel;name;Correio;Grupos\nAna;1;x;a@b.ao;lst_1\n"
	r, err := contactcsv.NewReader(strings.NewReader(text), contactcsv.Columns{
		Name: " nome completo", Phone: "TELEMÓVEL", Email: "Correio", Lists: "grupos",
	})
	require.NoError(t, err)
	assert.Equal(t, []string{"2: Ana/1/a@b.ao/lst_1"}, show(r.Rows()))
}

func TestASourceThatFailsIsToldOfAfterTheRows(t *testing.T) {
	t.Parallel()
	broken := errors.New("disk on fire")
	for name, tt := range map[string]struct {
		text string
		rows []string
		says string
	}{
		"between two lines": {header + "Ana,1,,\n\n", []string{"2: Ana/1//"}, "contactcsv: after line 3: disk on fire"},
		"within a line":     {header + "Ana,1,,\nRui,2", []string{"2: Ana/1//"}, "contactcsv: after line 2: disk on fire"},
		"within a long one": {header + "Ana,1,,\n" + strings.Repeat("x", 1<<17), []string{"2: Ana/1//"}, "contactcsv: after line 2: disk on fire"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := contactcsv.NewReader(io.MultiReader(strings.NewReader(tt.text), iotest.ErrReader(broken)), contactcsv.Columns{})
			require.NoError(t, err)
			require.NoError(t, r.Err())
			assert.Equal(t, tt.rows, show(r.Rows()))
			assert.ErrorIs(t, r.Err(), broken)
			assert.EqualError(t, r.Err(), tt.says)
			assert.Empty(t, show(r.Rows()))
		})
	}
	_, err := contactcsv.NewReader(iotest.ErrReader(broken), contactcsv.Columns{})
	assert.ErrorIs(t, err, broken)
	_, err = contactcsv.NewReader(io.MultiReader(strings.NewReader("name,pho"), iotest.ErrReader(broken)), contactcsv.Columns{})
	assert.ErrorIs(t, err, broken)
}

func TestASecondRangeGoesOnWhereTheFirstEnded(t *testing.T) {
	t.Parallel()
	r, err := contactcsv.NewReader(iotest.OneByteReader(strings.NewReader("name,phone\nAna,1\n\nRui,2\nEva,3\n")), contactcsv.Columns{})
	require.NoError(t, err)
	for row := range r.Rows() {
		assert.Equal(t, "Ana", row.Contact.Name)
		break
	}
	assert.Equal(t, []string{"4: Rui/2//", "5: Eva/3//"}, show(r.Rows()))
	assert.Empty(t, show(r.Rows()))
}

// repeated is a text again and again.
type repeated struct {
	text string
	left int // bytes
	at   int
}

func (r *repeated) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n := min(copy(p, r.text[r.at:]), r.left)
	r.at, r.left = (r.at+n)%len(r.text), r.left-n
	return n, nil
}

func TestAFileOfAnySizeTakesTheMemoryOfALine(t *testing.T) { // not parallel: it measures the heap
	size := 16 << 20
	if testing.Short() {
		size = 4 << 20
	}
	rows := &repeated{text: "Ana,+244912345678,ana@exemplo.ao,lst_1|lst_2\nRui,\"2,,\n", left: size}
	r, err := contactcsv.NewReader(io.MultiReader(strings.NewReader(header), rows), contactcsv.Columns{})
	require.NoError(t, err)
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before, n := heap(), 0
	for range r.Rows() {
		n++
	}
	after := heap()
	assert.InDelta(t, size/len(rows.text)*2, n, 2)
	assert.Less(t, after, before+(256<<10))
}

func FuzzReader(f *testing.F) {
	for _, seed := range []string{
		"name,phone\nAna,1\n", "\uFEFFname;phone;lists\r\nAna;1;a|b\r\n", "\n\nname,phone\n\"Ana\n\"\"\n,,,\n",
		"name,phone\r\r\n\r\rAna,1\r", "name,phone\n\xff\n \n\u00a0\n\uFEFF\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := contactcsv.NewReader(bytes.NewReader(text), contactcsv.Columns{})
		if err != nil {
			return
		}
		var want []int
		for i, line := range bytes.Split(bytes.TrimPrefix(text, []byte("\uFEFF")), []byte("\n")) {
			if len(line) > contactcsv.MaxLine+1 || len(bytes.TrimSpace(line)) > 0 {
				want = append(want, i+1)
			}
		}
		var got []int
		for row := range r.Rows() {
			got = append(got, row.Line)
			if row.Err != nil && !isZero(row.Contact) {
				t.Errorf("line %d has an error and a contact", row.Line)
			}
			for _, s := range append(row.Contact.Lists, row.Contact.Name, row.Contact.Phone, row.Contact.Email) {
				if !utf8.ValidString(s) || strings.TrimSpace(s) != s || strings.Contains(s, "\n") {
					t.Errorf("line %d has the field %q", row.Line, s)
				}
			}
		}
		if err := r.Err(); err != nil {
			t.Error(err)
		}
		if !slices.Equal(got, want[1:]) { // the first is the header
			t.Errorf("rows are lines %v, want %v", got, want[1:])
		}
	})
}

func isZero(c zexa.ContactParams) bool {
	return c.Name == "" && c.Phone == "" && c.Email == "" && c.Lists == nil
}
