package zexa

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"iter"
	"maps"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"sync"

	"github.com/google/go-querystring/query"

	"github.com/zexa-ao/zexa-go/internal/bounded"
)

// Bounds of per_page, as documented for every list.
const (
	DefaultPerPage = 50
	MaxPerPage     = 100
)

// Bounds of [CallPagesAhead].
const (
	DefaultPagesAhead = 4
	MaxPagesAhead     = 16
)

// maxItems bounds what one page may hold, whatever was asked for.
const maxItems = 1000

// A Page is one page of a list.
type Page[T any] struct {
	Items []T

	// Meta is what the API says of the whole list. It is documented, but all
	// zero if the answer had none; of a bare array, which is the whole list, it
	// is the Total alone.
	Meta Meta

	whole bool   // the answer was a bare array: there are no other pages
	data  []byte // the array of items, to be told from that of other pages
	exactJSON
}

// Meta is the documented meta object of a list.
type Meta struct {
	Total   int // items in the whole list
	Page    int // number of this page, from 1
	PerPage int // items a page; the API may give fewer than were asked for
}

// Pages returns the number of pages, or 0 if the answer did not tell.
func (p *Page[T]) Pages() int {
	switch {
	case p.whole:
		return 1
	case p.Meta.PerPage <= 0:
		return 0
	}
	pages := p.Meta.Total / p.Meta.PerPage
	if p.Meta.Total%p.Meta.PerPage > 0 {
		pages++
	}
	return pages
}

// A list is a list endpoint: with it, a service gets both of its forms in a
// line each.
type list[T any] struct {
	path string

	// mismatch, if set, says why an item cannot be meant by the filter that
	// was asked for, or nothing.
	mismatch func(*T) string
}

// page gets one page. query is a struct for go-querystring.
func (l list[T]) page(ctx context.Context, c *Client, page, perPage int, q any, opts []CallOption) (*Page[T], error) {
	values, err := l.values(c, page, perPage, q)
	if err != nil {
		return nil, localError(http.MethodGet, l.path, err)
	}
	return l.fetch(ctx, c, values, false, opts)
}

func (l list[T]) values(c *Client, page, perPage int, q any) (url.Values, error) {
	if !c.engine.validate {
		return query.Values(q)
	}
	var v invalid
	if page < 0 {
		v.add("page", "is negative")
	}
	if perPage < 0 || perPage > MaxPerPage {
		v.add("per_page", fmt.Sprintf("is not between 1 and %d", MaxPerPage))
	}
	if err := v.err(); err != nil {
		return nil, err
	}
	return query.Values(q)
}

func (l list[T]) fetch(ctx context.Context, c *Client, values url.Values, many bool, opts []CallOption) (*Page[T], error) {
	r := request{method: http.MethodGet, path: l.path, query: values, list: true, many: many}
	page, err := call[Page[T]](ctx, c, r, opts)
	if err != nil {
		return nil, err
	}
	if l.mismatch != nil {
		for i := range page.Items {
			if why := l.mismatch(&page.Items[i]); why != "" {
				return nil, l.broken("the API ignored the filter: " + why)
			}
		}
	}
	return page, nil
}

// all iterates over all pages. They are fetched ahead once the first has told
// how many there are; they are looked at in their order.
func (l list[T]) all(ctx context.Context, c *Client, page, perPage int, q any, opts []CallOption) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		values, err := l.values(c, page, perPage, q)
		if err == nil && page > 1 {
			err = &ValidationError{[]FieldError{{"page", "is for List: All begins with the first page"}}}
		}
		if err == nil && ctx == nil {
			err = errNilContext
		}
		ahead := 0
		if err == nil {
			ahead, err = pagesAhead(opts)
		}
		if err != nil {
			yield(none, localError(http.MethodGet, l.path, err))
			return
		}
		ctx, cancel := context.WithCancel(ctx)
		f := fetcher[T]{fetch: func(n int) (*Page[T], error) {
			values := maps.Clone(values)
			values.Set("page", strconv.Itoa(n))
			return l.fetch(ctx, c, values, true, opts)
		}, next: 1, last: 1, window: 1, limit: ahead}
		if f.ramp = ahead == 0; f.ramp {
			f.limit = DefaultPagesAhead
		}
		defer func() {
			cancel()
			f.group.Wait()
			for _, ahead := range f.pending {
				if got := <-ahead; got.crash != nil {
					got.crash()
				}
			}
		}()
		seen := pageSet{maphash.MakeSeed(), make(map[uint64]bool)}
		for n := f.next; ; n++ {
			p, err := f.page(n)
			if err == nil {
				err = l.follow(p, n, seen)
			}
			if err != nil {
				yield(none, err)
				return
			}
			done := p.last(n, perPage)
			if !done {
				f.plan(n, p.Pages())
			}
			for i := range p.Items {
				if !yield(p.Items[i], nil) {
					return
				}
			}
			if done {
				return
			}
		}
	}
}

// pagesAhead returns what [CallPagesAhead] set, 0 if it was not given.
func pagesAhead(opts []CallOption) (int, error) {
	var o callOptions
	err := o.apply(opts)
	return o.ahead, err
}

// A fetcher fetches pages in order, at most window at once.
type fetcher[T any] struct {
	fetch   func(n int) (*Page[T], error)
	group   sync.WaitGroup
	pending []chan fetched[T] // of the pages started and not returned
	next    int               // the first page not started
	last    int               // the last page to start
	window  int
	limit   int  // of window
	ramp    bool // let window grow to limit twofold with each page, not at once
}

type fetched[T any] struct {
	page  *Page[T]
	err   error
	crash func() // ends the loop as the caller's code ended the goroutine
}

// plan starts further pages, once page n has come and said that there are pages
// in all; 0 is unknown. The window grows, so that a loop that ends early has
// wasted little.
func (f *fetcher[T]) plan(n, pages int) {
	f.last = max(pages, n+1)
	if f.limit == 1 || pages == 0 {
		return // the next page is fetched when it is wanted
	}
	if f.window *= 2; !f.ramp || f.window > f.limit {
		f.window = f.limit
	}
	f.start()
}

// page returns the nth page, which is the next one that was not returned yet.
func (f *fetcher[T]) page(n int) (*Page[T], error) {
	f.start()
	got := <-f.pending[0]
	f.pending = f.pending[1:]
	if got.crash != nil {
		got.crash()
	}
	return got.page, got.err
}

func (f *fetcher[T]) start() {
	for ; f.next <= f.last && len(f.pending) < f.window; f.next++ {
		n, done := f.next, make(chan fetched[T], 1)
		f.pending = append(f.pending, done)
		f.group.Go(func() {
			var got fetched[T]
			defer func() { done <- got }()
			guard(func() { got.page, got.err = f.fetch(n) }, func(crash func()) { got.crash = crash })
		})
	}
}

// follow checks that p can be the nth page of a list of which the pages in seen
// came before.
func (l list[T]) follow(p *Page[T], n int, seen pageSet) error {
	if p.Meta.Page > 0 && p.Meta.Page != n {
		return l.broken(fmt.Sprintf("page %d was asked for, the answer is page %d", n, p.Meta.Page))
	}
	if len(p.Items) == 0 {
		if n < p.Pages() {
			return l.broken(fmt.Sprintf("page %d of %d is empty", n, p.Pages()))
		}
		return nil
	}
	if !seen.add(p.data) {
		return l.broken(fmt.Sprintf("page %d repeats an earlier page", n))
	}
	return nil
}

// A pageSet remembers pages by a hash of their items.
type pageSet struct {
	seed   maphash.Seed
	hashes map[uint64]bool
}

// add reports whether data is not that of a page before.
func (s pageSet) add(data []byte) bool {
	hash := maphash.Bytes(s.seed, data)
	if s.hashes[hash] {
		return false
	}
	s.hashes[hash] = true
	return true
}

// last reports whether p, the nth page, is the last. What the API says of the
// list decides; if it says nothing, a page that is empty or not full is the last.
func (p *Page[T]) last(n, perPage int) bool {
	if p.whole {
		return true
	}
	if p.Meta.PerPage > 0 {
		return n >= p.Pages()
	}
	if perPage == 0 {
		perPage = DefaultPerPage
	}
	return len(p.Items) < max(perPage, 1)
}

// broken is the error of a list that contradicts itself.
func (l list[T]) broken(why string) error {
	return &Error{Method: http.MethodGet, Path: l.path, Status: http.StatusOK, Err: errors.New(why)}
}

// decode decodes body, which may be the documented envelope or a bare array.
// The items are found and counted first, so that no more is allocated than
// they need.
func (p *Page[T]) decode(body []byte) error {
	data, items, err := bounded.Items(body, "data", maxItems)
	if err != nil {
		return err
	}
	p.Items = make([]T, 0, len(items))
	if p.whole = body[0] == '['; p.whole {
		if err := json.Unmarshal(body, &p.Items); err != nil {
			return err
		}
		p.Meta.Total = len(p.Items)
	} else if err := p.decodeEnvelope(body, data != nil); err != nil {
		return err
	}
	if len(items) != len(p.Items) {
		return errors.New("the list has an unexpected form")
	}
	for i := range p.Items {
		if r, ok := any(&p.Items[i]).(resource); ok {
			r.keep(items[i])
		}
	}
	p.data = data
	return nil
}

func (p *Page[T]) decodeEnvelope(body []byte, hasData bool) error {
	envelope := struct {
		Data []T `json:"data"`
		Meta struct {
			Total   *float64 `json:"total"`
			Page    float64  `json:"page"`
			PerPage float64  `json:"per_page"`
		} `json:"meta"`
	}{Data: p.Items}
	if err := json.Unmarshal(body, &envelope); err != nil {
		return err
	}
	m := envelope.Meta
	if !hasData && (m.Total == nil || *m.Total != 0) {
		return errors.New("the answer has no data")
	}
	if envelope.Data != nil {
		p.Items = envelope.Data
	}
	p.Meta.Page = count(m.Page)
	if m.Total != nil {
		p.Meta.Total, p.Meta.PerPage = count(*m.Total), count(m.PerPage)
	}
	return nil
}

// count is a number of things, which JSON may write as 340, 340.0 or 3.4e2.
func count(f float64) int {
	return int(min(max(f, 0), math.MaxInt32))
}
