package zexa

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
)

// A ContactRow is a contact to import, from line Line of its source. A row that
// could not be read has Err set; it is reported and not sent.
type ContactRow struct {
	Line    int
	Contact ContactParams
	Err     error
}

// ContactRows numbers contacts from 1, for [ContactService.Import].
func ContactRows(contacts iter.Seq[ContactParams]) iter.Seq[ContactRow] {
	if contacts == nil {
		return nil
	}
	return func(yield func(ContactRow) bool) {
		line := 0
		for c := range contacts {
			line++
			if !yield(ContactRow{Line: line, Contact: c}) {
				return
			}
		}
	}
}

// ImportParams say how contacts are imported. The zero value is the default.
type ImportParams struct {
	BatchParams

	// NormalizePhone, if set, is given each phone number and returns it in
	// E.164, or an error, which becomes that of the row. It is called by
	// several goroutines at once.
	NormalizePhone func(phone string) (string, error)
}

// An ImportState is what became of a row.
type ImportState string

// The states of a row.
const (
	ImportCreated           ImportState = "created"
	ImportExisting          ImportState = "existing"            // there was a contact with this phone number
	ImportCreatedOrExisting ImportState = "created or existing" // it is there, but the answers do not tell since when
	ImportFailed            ImportState = "failed"              // see the error; if its outcome is unknown, it may be there
)

// An ImportResult is what became of one row of [ContactService.Import].
type ImportResult struct {
	Index    int // of the row in the sequence, from 0
	Line     int // of the row in its source
	State    ImportState
	Contact  *Contact // if it was created
	Err      error    // if it failed; as of [ContactService.Create]
	Attempts int      // requests made for it

	bad bool // the row itself is, and it was not sent
}

// Import adds contacts from a sequence of rows, of which no more is held in
// memory than is under way. Every row that was started has one result; a row
// that is bad costs its own result and nothing else. Contacts are checked
// before they are sent. POST /contacts is documented as "add or import".
//
// A phone number is unique on the account, so that a contact cannot be created
// twice: unlike a message, a contact is attempted again after an ambiguous
// failure, and one that is already there is not a failure.
//
// It stops starting rows as [MessageService.SendMany] does.
func (s *ContactService) Import(ctx context.Context, rows iter.Seq[ContactRow], p ImportParams, opts ...CallOption) *Batch[ImportResult] {
	opts = append(opts[:len(opts):len(opts)], CallRepeatPOST())
	add := func(index int, row ContactRow) ImportResult {
		r := ImportResult{Index: index, Line: row.Line, State: ImportFailed}
		if row.Err == nil && p.NormalizePhone != nil {
			if row.Contact.Phone, row.Err = p.NormalizePhone(row.Contact.Phone); row.Err != nil {
				row.Err = fmt.Errorf("phone: %w", row.Err)
			}
		}
		req := request{method: http.MethodPost, path: "/contacts", in: row.Contact, many: true, drain: true, attempts: &r.Attempts}
		if row.Err != nil {
			r.Err, r.bad = localError(req.method, req.path, row.Err), true
			return r
		}
		r.Contact, r.Err = call[Contact](ctx, s.client, req, opts)
		switch {
		case r.Err == nil:
			r.State = ImportCreated
		case errors.Is(r.Err, ErrConflict) && errors.Is(r.Err, ErrNotSent):
			r.State, r.Err = ImportExisting, nil
		case errors.Is(r.Err, ErrConflict), errors.Is(r.Err, ErrAccepted):
			r.State, r.Err = ImportCreatedOrExisting, nil
		}
		return r
	}
	return newBatch(ctx, rows, p.BatchParams, add, func(t *Tally, r ImportResult) verdict {
		switch {
		case r.State == ImportExisting, r.State == ImportCreatedOrExisting:
			return verdict{count: &t.Existing}
		case r.bad:
			return verdict{count: &t.Refused}
		default:
			return outcomeVerdict(t, r.Err)
		}
	})
}
