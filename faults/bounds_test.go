package faults_test

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/zexatest"
)

var bounds = slices.Concat(
	[]row{
		swamps("2xx, spaces without end", 200, "an error; *accepted*", endless(spaces, nil)),
		swamps("2xx, a string without end", 200, "an error; *accepted*", endless(letters, []byte(`{"id":"`))),
		swamps("2xx, a gzip bomb without end", 200, "an error; *accepted*", endless(bomb, nil, "Content-Encoding", "gzip")),
		swamps("2xx, empty objects without end", 200, "an error; *accepted*", endless(bytes.Repeat([]byte("{},"), 1<<14), []byte(`[`))),
		swamps("2xx, a list of 2.7 million empty objects", 200, "an error before they are decoded; *accepted*", whole(func() string { return list("{}", 2_700_000) }), http1),
		swamps("2xx, an object of 2.7 million empty strings", 200, "an error before they are decoded; *accepted*", whole(func() string { return `{"lists":` + list(`""`, 2_700_000) + `}` }), http1),
		swamps("2xx, 8 MiB of opening brackets", 200, "an error; *accepted*", whole(func() string { return strings.Repeat("[", 8<<20-1) }), http1),
		swamps("2xx, a string of 8 MiB that never ends", 200, "an error; *accepted*", whole(func() string { return `{"id":"` + strings.Repeat("x", 8<<20-8) }), http1),
		swamps("2xx, 8 MiB and one byte", 200, "an error; *accepted*", whole(func() string { return strings.Repeat(" ", 8<<20-1) + "{}" }), http1),
		swamps("2xx, a string of 8 MiB", 200, "", whole(func() string { return `{"data":[],"name":"` + strings.Repeat("x", 8<<20-21) + `"}` }), http1),
		swamps("2xx, a string of 8 MiB of escapes", 200, "", whole(func() string { return `{"data":[],"name":"` + strings.Repeat(`\u00e9`, (8<<20-21)/6) + `"}` }), http1),
		swamps("2xx, 99,000 values in 8 MiB", 200, "", whole(func() string { return `{"data":[],"lists":` + list(`"`+strings.Repeat("x", 80)+`"`, 99_000) + `}` }), http1),
		swamps("2xx, 99,000 objects in objects", 200, "", whole(func() string { return `{"data":[],"x":` + list(`{"a":0}`, 49_000) + strings.Repeat(" ", 7<<20) + `}` }), http1),
		{fault: "2xx, spaces without end", call: "DELETE", holds: "success: what it says does not matter", alone: true, run: deleteSwamped},
		{fault: "a page of 1,000 items, and one of 1,001", call: "GET", holds: "the one is read, the other is an error", run: thousandItems},
	},
	[]row{
		swamps("4xx, spaces without end", 422, "the status decides; *not sent*", endless(spaces, nil)),
		swamps("4xx, a message without end", 422, "the status decides; *not sent*", endless(letters, []byte(`{"error":"validation_error","message":"`))),
		swamps("4xx, a gzip bomb without end", 422, "the status decides; *not sent*", endless(bomb, nil, "Content-Encoding", "gzip")),
		swamps("4xx, tiny values without end", 422, "the status decides; *not sent*", endless(bytes.Repeat([]byte("[],"), 1<<14), []byte(`{"details":[`))),
		swamps("5xx, spaces without end", 501, "the status decides; *outcome unknown*", endless(spaces, nil)),
		swamps("5xx, a gzip bomb without end", 501, "the status decides; *outcome unknown*", endless(bomb, nil, "Content-Encoding", "gzip")),
	},
	[]row{
		{fault: "headers of 2 MiB", call: "POST", holds: "no further than 256 KiB; *outcome unknown*", alone: true, run: swampedByHeaders(1, 2<<20)},
		{fault: "60,000 headers", call: "POST", holds: "no further than 256 KiB; *outcome unknown*", alone: true, run: swampedByHeaders(60_000, 10)},
		{fault: "a header without end", call: "POST", holds: "no further than 256 KiB; *outcome unknown*", over: onlyHTTP1, alone: true, run: spelled("HTTP/1.1 200 OK\r\nX: ", "xxxxxxxx", zexa.ErrOutcomeUnknown)},
		{fault: "a Content-Length of 1 TiB, then the end", call: "POST", holds: "is not believed; *accepted*", over: onlyHTTP1, alone: true, run: spelled("HTTP/1.1 200 OK\r\nContent-Length: 1099511627776\r\n\r\n{", "", zexa.ErrAccepted)},
		{fault: "the length of a chunk without end", call: "POST", holds: "*accepted*", over: onlyHTTP1, alone: true, run: spelled("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", "xxxxxxxx", zexa.ErrAccepted)},
		{fault: "a trailer without end", call: "POST", holds: "*accepted*", over: onlyHTTP1, alone: true, run: spelled("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n1\r\n{\r\n0\r\nX: ", "xxxxxxxx", zexa.ErrAccepted)},
		{fault: "103 Early Hints without end", call: "POST", holds: "*outcome unknown*", alone: true, run: endlessHints},
	},
	[]row{
		{fault: "2xx, byte by byte", call: "GET", holds: "each attempt ends after its time; retried", run: drips(get, 200, 2, zexa.ErrAccepted)},
		{fault: "2xx, byte by byte", call: "POST", holds: "ends after the attempt's time; *accepted*", run: drips(post, 200, 1, zexa.ErrAccepted)},
		{fault: "4xx, byte by byte", call: "POST", holds: "ends after the attempt's time; the status decides: *not sent*", run: drips(post, 422, 1, zexa.ErrNotSent)},
		{fault: "5xx, byte by byte", call: "POST", holds: "ends after the attempt's time; *outcome unknown*", run: drips(post, 502, 1, zexa.ErrOutcomeUnknown)},
		{fault: "5xx, byte by byte", call: "GET", holds: "each attempt ends after its time; retried", run: drips(get, 502, 2, zexa.ErrOutcomeUnknown)},
		{fault: "a status line, byte by byte", call: "POST", holds: "ends after the attempt's time; *outcome unknown*", over: onlyHTTP1, run: dripsStatusLine},
		{fault: "empty gzip members without end", call: "POST", holds: "ends after the attempt's time; *accepted*", alone: true, run: endlessEmptyGzip},
		{fault: "101 Switching Protocols, then silence", call: "POST", holds: "ends after the attempt's time; *outcome unknown*", over: onlyHTTP1, run: switchesProtocols},
	},
	[]row{
		{fault: "17 hostile ids", call: "GET", holds: "each is one segment of the path", run: hostileIDs},
		{fault: "an empty id", call: "GET, DELETE", holds: "an error before anything is sent", run: emptyIDs},
	},
)

var (
	spaces  = bytes.Repeat([]byte(" "), 64<<10)
	letters = bytes.Repeat([]byte("x"), 64<<10)
	bomb    = zipped(spaces, 256)
)

// list is a JSON array of n times the same item.
func list(item string, n int) string {
	return "[" + strings.Repeat(item+",", n-1) + item + "]"
}

// zipped is a gzip of n times the same block. Gzips one after another are one.
func zipped(block []byte, n int) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	for range n {
		z.Write(block)
	}
	z.Close()
	return b.Bytes()
}

// An answer writes an answer with a status.
type answer func(w http.ResponseWriter, status int)

// endless begins an answer and then repeats a block until nobody reads on.
func endless(block, beginning []byte, header ...string) answer {
	return func(w http.ResponseWriter, status int) {
		for pair := range slices.Chunk(header, 2) {
			w.Header().Set(pair[0], pair[1])
		}
		w.WriteHeader(status)
		_, err := w.Write(beginning)
		for err == nil {
			_, err = w.Write(block)
		}
	}
}

// whole gives a whole body. It is made at the first call, which has no writer.
func whole(make func() string) answer {
	body := sync.OnceValue(make)
	return func(w http.ResponseWriter, status int) {
		body := body()
		if w == nil {
			return
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// What the heap of this process, server included, must not grow by: what a call
// promises to stay under, and what is enough for one that reads no more than it
// has to.
const (
	promised = 64 << 20
	moderate = 32 << 20
)

// peak runs f, and checks that the heap grew by less than most meanwhile.
func (x *trial) peak(most uint64, f func()) {
	x.Helper()
	heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	read := func() uint64 {
		metrics.Read(heap)
		return heap[0].Value.Uint64()
	}
	runtime.GC()
	runtime.GC()
	before := read()
	ctx, stop := context.WithCancel(x.Context())
	highest := make(chan uint64)
	go func() {
		top := before
		tick := time.NewTicker(200 * time.Microsecond)
		defer tick.Stop()
		for {
			top = max(top, read())
			select {
			case <-tick.C:
			case <-ctx.Done():
				highest <- top
				return
			}
		}
	}()
	f()
	stop()
	grown := <-highest - before
	assert.Less(x, grown, most, "the heap grew by %d MiB", grown>>20)
	x.Logf("the heap grew by %.1f MiB", float64(grown)/(1<<20))
	x.memory = fmt.Sprintf("under %d MiB", most>>20)
}

// swamps is a row in which an answer is far too much. If nothing is said of
// what must hold, it is just not too much.
func swamps(fault string, status int, holds string, a answer, over ...carrier) row {
	r := row{fault: fault, over: over, call: "GET, POST", holds: cmp.Or(holds, "is read"), alone: true}
	r.run = func(x *trial) {
		s := x.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			a(w, status)
		}))
		c := x.client(s.base)
		outcome := zexa.ErrAccepted
		switch {
		case holds == "":
			outcome = nil
		case status >= 500:
			outcome = zexa.ErrOutcomeUnknown
		case status >= 400:
			outcome = zexa.ErrNotSent
		}
		most := uint64(promised)
		if over == nil {
			most = moderate // it has no end, so it need not be held
		} else {
			a(nil, status) // what the server holds is not the call's
		}
		start := time.Now()
		x.peak(most, func() {
			_, err := c.Contacts.List(x.Context(), zexa.ContactQuery{})
			ends(x, http.MethodGet, outcome, err)
			runtime.GC()
			_, err = c.Contacts.Create(x.Context(), zexa.ContactParams{Name: "Rui", Phone: "+244912345678"})
			ends(x, http.MethodPost, outcome, err)
			runtime.GC()
			var anything any
			err = c.Do(x.Context(), http.MethodGet, "/anything", nil, &anything)
			if outcome == nil || status != 200 {
				ends(x, http.MethodGet, outcome, err)
			}
		})
		x.soon(start)
		x.arrives(3, s.arrived.Load())
	}
	return r
}

func deleteSwamped(x *trial) {
	s := x.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { endless(spaces, nil)(w, 200) }))
	x.peak(moderate, func() {
		require.NoError(x, x.client(s.base).Contacts.Delete(x.Context(), "cnt_1"))
	})
	x.arrives(1, s.arrived.Load())
}

func thousandItems(x *trial) {
	n := 1000
	s := x.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"data":`+list(`{"id":"cnt_1"}`, n)+`}`)
		n++
	}))
	c := x.client(s.base)
	page, err := c.Contacts.List(x.Context(), zexa.ContactQuery{})
	require.NoError(x, err)
	assert.Len(x, page.Items, 1000)
	_, err = c.Contacts.List(x.Context(), zexa.ContactQuery{})
	assert.ErrorContains(x, err, "more than 1000")
	x.arrives(2, s.arrived.Load())
}

func swampedByHeaders(n, size int) func(*trial) {
	return func(x *trial) {
		value := strings.Repeat("x", size)
		s := x.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for i := range n {
				w.Header()["X-"+strconv.Itoa(i)] = []string{value}
			}
			w.WriteHeader(http.StatusCreated)
		}))
		x.peak(promised, func() {
			ends(x, http.MethodPost, zexa.ErrOutcomeUnknown, post.call(x.Context(), &world{client: x.client(s.base)}))
		})
		x.arrives(1, s.arrived.Load())
	}
}

// spelled answers with a beginning, and then with the same again and again.
func spelled(beginning, block string, want error) func(*trial) {
	return func(x *trial) {
		s := x.serveConns(func(s *site, c *wire) {
			if !c.request() {
				return
			}
			s.arrived.Add(1)
			err := c.say(beginning)
			for more := strings.Repeat(block, 4096); more != "" && err == nil; {
				err = c.say(more)
			}
		})
		start := time.Now()
		x.peak(promised, func() {
			ends(x, http.MethodPost, want, post.call(x.Context(), &world{client: x.client(s.base)}))
		})
		x.soon(start)
		x.arrives(1, s.arrived.Load())
	}
}

func endlessHints(x *trial) {
	s := x.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Link", "</"+strings.Repeat("x", 1000)+">")
		for r.Context().Err() == nil {
			w.WriteHeader(http.StatusEarlyHints)
		}
	}))
	start := time.Now()
	x.peak(moderate, func() {
		ends(x, http.MethodPost, zexa.ErrOutcomeUnknown, post.call(x.Context(), &world{client: x.client(s.base, zexa.WithAttemptTimeout(2*time.Second))}))
	})
	x.soon(start)
	x.arrives(1, s.arrived.Load())
}

// shortly is time enough for a busy machine to make a connection and send the
// head of an answer.
const shortly = 3 * time.Second

// untilTimeout checks that a call ended when its attempts had to.
func (x *trial) untilTimeout(start time.Time, attempts int) {
	x.Helper()
	assert.GreaterOrEqual(x, time.Since(start), time.Duration(attempts)*shortly)
	x.soon(start)
}

func drips(v verb, status, arrived int, want error) func(*trial) {
	return func(x *trial) {
		w := x.world(zexa.WithAttemptTimeout(shortly), zexa.WithRetries(1))
		w.api.Fault(zexatest.Fault{Status: status, Body: letters, Drip: 5 * time.Millisecond, Times: zexatest.Always})
		start := time.Now()
		err := v.call(x.Context(), w)
		ends(x, v.method, want, err)
		assert.Equal(x, status, x.apiError(err).Status)
		x.untilTimeout(start, arrived)
		x.arrives(arrived, w.requests())
	}
}

func dripsStatusLine(x *trial) {
	s := x.serveConns(func(s *site, c *wire) {
		if !c.request() {
			return
		}
		s.arrived.Add(1)
		for i := 0; c.say("HTTP/1.1 200 "+strings.Repeat("x", i)[max(i-1, 0):]) == nil; i++ {
			time.Sleep(5 * time.Millisecond)
		}
	})
	start := time.Now()
	ends(x, http.MethodPost, zexa.ErrOutcomeUnknown,
		post.call(x.Context(), &world{client: x.client(s.base, zexa.WithAttemptTimeout(shortly))}))
	x.untilTimeout(start, 1)
	x.arrives(1, s.arrived.Load())
}

func endlessEmptyGzip(x *trial) {
	empty := zipped(nil, 0)
	s := x.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		endless(bytes.Repeat(empty, 1000), nil, "Content-Encoding", "gzip")(w, 200)
	}))
	start := time.Now()
	x.peak(moderate, func() {
		ends(x, http.MethodPost, zexa.ErrAccepted,
			post.call(x.Context(), &world{client: x.client(s.base, zexa.WithAttemptTimeout(shortly))}))
	})
	x.untilTimeout(start, 1)
	x.arrives(1, s.arrived.Load())
}

func switchesProtocols(x *trial) {
	s := x.serveConns(func(s *site, c *wire) {
		if c.request() {
			s.arrived.Add(1)
			c.say("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
			io.Copy(io.Discard, c)
		}
	})
	start := time.Now()
	done := make(chan error, 1)
	go func() {
		done <- post.call(x.Context(), &world{client: x.client(s.base, zexa.WithAttemptTimeout(shortly))})
	}()
	select {
	case err := <-done:
		ends(x, http.MethodPost, zexa.ErrOutcomeUnknown, err)
		x.soon(start)
	case <-time.After(15 * time.Second):
		x.Error("the call does not end")
	}
	x.arrives(1, s.arrived.Load())
}

func hostileIDs(x *trial) {
	ids := []string{
		".", "..", "../credits", "..%2fcredits", "a/b", "/", "//evil.example", "a?b=c", "a#b", "%", "%2e%2e", "a\\..\\b", "a\r\nX: y",
		"\x00", "\xff", "é ;,=", strings.Repeat("x", 8<<10),
	}
	var got []string
	s := x.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, one := strings.CutPrefix(r.URL.EscapedPath(), "/v1/messages/")
		assert.True(x, one)
		assert.NotContains(x, id, "/")
		assert.Empty(x, r.URL.RawQuery)
		assert.Empty(x, r.Header.Get("X"))
		text, err := url.PathUnescape(id)
		assert.NoError(x, err)
		got = append(got, text)
		io.WriteString(w, `{"id":"msg_1"}`)
	}))
	c := x.client(s.base)
	for _, id := range ids {
		_, err := c.Messages.Get(x.Context(), id)
		require.NoError(x, err)
	}
	assert.Equal(x, ids, got)
	x.arrives(len(ids), s.arrived.Load())
}

func emptyIDs(x *trial) {
	w := x.world()
	_, err := w.client.Messages.Get(x.Context(), "")
	assert.ErrorIs(x, err, zexa.ErrValidation)
	_, err = w.client.Campaigns.Get(x.Context(), "")
	assert.ErrorIs(x, err, zexa.ErrValidation)
	assert.ErrorIs(x, w.client.Contacts.Delete(x.Context(), ""), zexa.ErrValidation)
	x.arrives(0, w.requests())
}
