// Package contactcsv reads contacts from CSV, for [zexa.ContactService.Import].
//
// The first line that is not blank is the header. It needs the columns name and
// phone, may have email and lists, and any others, which are ignored; case and
// space around a name do not matter. In lists, ids are separated by a vertical
// bar:
//
//	name;phone;email;lists
//	Ana;+244912345678;ana@exemplo.ao;lst_1|lst_2
//
// The text is UTF-8, with or without a byte order mark. Fields are separated by
// commas or by semicolons, whichever the header uses. Lines end with LF or CRLF,
// and each is read on its own, so that a stray quote costs one row and not the
// rest of the file; in return a field cannot contain a line break.
package contactcsv

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"unicode/utf8"

	"github.com/zexa-ao/zexa-go"
)

// MaxLine is how many bytes a line may have. A longer one is an error of its
// row.
const MaxLine = 64 << 10

// Columns are the names of the columns in the header. An empty one stands for
// its default: name, phone, email, lists.
type Columns struct {
	Name, Phone, Email, Lists string
}

// A Reader reads contacts. It holds no more than a line in memory.
type Reader struct {
	lines *bufio.Reader
	line  int // number of the last line read
	end   error

	csv    *csv.Reader // of one line
	text   bytes.Reader
	buffer *bufio.Reader // between the two, so that csv.Reader makes none for each line

	width                     int // fields in the header
	name, phone, email, lists int // index of a column; -1: there is none
}

// NewReader reads the header from source and returns a Reader of the rows that
// follow it. It fails if the source cannot be read or its header has not what
// is needed.
func NewReader(source io.Reader, columns Columns) (*Reader, error) {
	if source == nil {
		return nil, errors.New("contactcsv: the source is nil")
	}
	r := &Reader{lines: bufio.NewReaderSize(source, MaxLine+len("\r\n"))}
	r.buffer = bufio.NewReader(&r.text) // of a size that csv.NewReader takes as it is
	r.csv = csv.NewReader(r.buffer)
	r.csv.FieldsPerRecord = -1
	r.csv.TrimLeadingSpace = true
	r.csv.ReuseRecord = true
	if err := r.readHeader(columns); err != nil {
		return nil, fmt.Errorf("contactcsv: header: %w", err)
	}
	return r, nil
}

func (r *Reader) readHeader(columns Columns) error {
	line, ok, err := r.next()
	switch {
	case !ok && r.Err() != nil:
		return r.end
	case !ok:
		return errors.New("there is none, the source is empty")
	case err != nil:
		return err
	}
	widest := -1
	for _, separator := range ",;" {
		r.csv.Comma = separator
		header, problem := r.fields(line)
		if problem == nil {
			problem = r.find(header, columns)
		}
		if problem == nil {
			return nil
		}
		if len(header) > widest { // this separator was meant
			widest, err = len(header), problem
		}
	}
	return err
}

// find looks for the columns in the header.
func (r *Reader) find(header []string, columns Columns) error {
	r.width = len(header)
	for r.width > 1 && header[r.width-1] == "" {
		r.width-- // as in the rows, see contact
	}
	for _, c := range []struct {
		index          *int
		name, standard string
		required       bool
	}{
		{&r.name, columns.Name, "name", true},
		{&r.phone, columns.Phone, "phone", true},
		{&r.email, columns.Email, "email", false},
		{&r.lists, columns.Lists, "lists", false},
	} {
		name := strings.TrimSpace(c.name)
		if name == "" {
			name = c.standard
		}
		*c.index = -1
		for i, title := range header {
			switch {
			case !strings.EqualFold(title, name):
			case *c.index >= 0:
				return fmt.Errorf("there are two columns %q", name)
			default:
				*c.index = i
			}
		}
		if c.required && *c.index < 0 {
			return fmt.Errorf("there is no column %q; commas or semicolons separate columns", name)
		}
	}
	return nil
}

// Rows returns the rows, one for each line that is not blank, with its number in
// the source; the header is usually line 1. A line that cannot be read is a row
// with Err set. A second range goes on where the first one ended. After the
// last row, see [Reader.Err].
func (r *Reader) Rows() iter.Seq[zexa.ContactRow] {
	return func(yield func(zexa.ContactRow) bool) {
		for {
			line, ok, err := r.next()
			if !ok {
				return
			}
			row := zexa.ContactRow{Line: r.line, Err: err}
			if err == nil {
				row.Contact, row.Err = r.contact(line)
			}
			if !yield(row) {
				return
			}
		}
	}
}

// Err returns why the source could not be read to its end, or nil. A line of
// which only a part could be read has no row.
func (r *Reader) Err() error {
	if r.end == nil || r.end == io.EOF {
		return nil
	}
	return fmt.Errorf("contactcsv: after line %d: %w", r.line, r.end)
}

// next returns the next line that is not blank, valid until the next call, and
// whether there is one. The error is one of the line.
func (r *Reader) next() (line []byte, ok bool, err error) {
	for r.end == nil {
		line, err = r.lines.ReadSlice('\n')
		long := err == bufio.ErrBufferFull
		for err == bufio.ErrBufferFull {
			_, err = r.lines.ReadSlice('\n')
		}
		if r.end = err; err != nil && (err != io.EOF || len(line) == 0) {
			break
		}
		r.line++
		if r.line == 1 {
			line = bytes.TrimPrefix(line, []byte("\uFEFF"))
		}
		line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
		text := bytes.TrimSpace(line)
		switch {
		case long || len(line) > MaxLine:
			return nil, true, fmt.Errorf("the line is longer than %d bytes", MaxLine)
		case len(text) == 0:
			continue
		case !utf8.Valid(line) || bytes.IndexByte(line, 0) >= 0:
			return nil, true, errors.New("the line is not text in UTF-8; is it UTF-16, or Latin-1?")
		case bytes.IndexByte(text, '\r') >= 0:
			// A file whose lines end with CR is one long header to us, with no rows.
			return nil, true, errors.New("a CR stands alone; lines end with LF or CRLF")
		}
		return line, true, nil
	}
	return nil, false, nil
}

// fields returns the fields of a line, valid until the next call.
func (r *Reader) fields(line []byte) ([]string, error) {
	r.text.Reset(line)
	r.buffer.Reset(&r.text)
	fields, err := r.csv.Read()
	if err != nil {
		return nil, errors.New("a quote is not closed, or stands inside a field that is not quoted")
	}
	for i := range fields {
		fields[i] = strings.TrimSpace(fields[i])
	}
	return fields, nil
}

func (r *Reader) contact(line []byte) (zexa.ContactParams, error) {
	fields, err := r.fields(line)
	if err != nil {
		return zexa.ContactParams{}, err
	}
	count := len(fields)
	for count > r.width && fields[count-1] == "" {
		count-- // spreadsheets like to end a line with separators
	}
	if count != r.width {
		return zexa.ContactParams{}, fmt.Errorf("fields: the line has %d, the header %d", len(fields), r.width)
	}
	field := func(i int) string {
		if i < 0 {
			return ""
		}
		return fields[i]
	}
	c := zexa.ContactParams{Name: field(r.name), Phone: field(r.phone), Email: field(r.email)}
	for id := range strings.SplitSeq(field(r.lists), "|") {
		if id = strings.TrimSpace(id); id != "" {
			c.Lists = append(c.Lists, id)
		}
	}
	return c, nil
}
