package zexatest

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	zexa "github.com/zexa-ao/zexa-go"
)

// Delivery is a webhook event to deliver to a handler, right or wrong.
type Delivery struct {
	// Event names it.
	Event zexa.EventType
	// ID is the event's id. Empty means a fresh one.
	ID string
	// Data is what the event is about. A [Message] or [Campaign] is written as
	// the server writes it, anything else as encoding/json does.
	Data any
	// Body, if not nil, is posted as it is, whatever the fields above say: a
	// malformed event, or one of another shape.
	Body []byte
	// URL is what is posted to: a path with its query, or a whole URL such as
	// the one that is registered. Empty means "/".
	URL string
	// Header is added to the request.
	Header http.Header
	// Copies is how often it is delivered, the same each time. 0 means once.
	Copies int
	// Delay is waited first.
	Delay time.Duration
}

// Deliver posts events to a webhook handler, in process, one after another in the
// order given, and returns the statuses that it answered with, one per copy. The
// order and the copies are the caller's: repeat a delivery to duplicate it, swap
// two to reorder them.
func Deliver(h http.Handler, deliveries ...Delivery) []int {
	var statuses []int
	for _, d := range deliveries {
		time.Sleep(d.Delay)
		body := d.body()
		for range max(d.Copies, 1) {
			statuses = append(statuses, d.post(h, body))
		}
	}
	return statuses
}

// DeliverConcurrently is [Deliver] with every copy of every event posted from a
// goroutine of its own, each after its own delay. It returns when all are
// answered, the statuses in the order of the deliveries.
func DeliverConcurrently(h http.Handler, deliveries ...Delivery) []int {
	copies := 0
	for _, d := range deliveries {
		copies += max(d.Copies, 1)
	}
	statuses := make([]int, copies)
	var posts sync.WaitGroup
	next := 0
	for _, d := range deliveries {
		body := d.body()
		for range max(d.Copies, 1) {
			i := next
			next++
			posts.Go(func() {
				time.Sleep(d.Delay)
				statuses[i] = d.post(h, body)
			})
		}
	}
	posts.Wait()
	return statuses
}

func (d Delivery) body() []byte {
	if d.Body != nil {
		return d.Body
	}
	p := payload{ID: d.ID, Event: d.Event, CreatedAt: timestamp(time.Now()), Data: d.Data}
	if p.ID == "" {
		p.ID = "evt_" + strings.ToLower(rand.Text())
	}
	switch data := d.Data.(type) {
	case Message:
		p.Data = (&message{Message: data}).wire()
	case Campaign:
		p.Data = (&campaign{Campaign: data}).wire()
	}
	return encodePayload(p)
}

func (d Delivery) post(h http.Handler, body []byte) int {
	base := &url.URL{Scheme: "https", Host: "receiver.zexatest.local", Path: "/"}
	target, err := base.Parse(d.URL)
	if err != nil {
		panic("zexatest: " + err.Error()) // as httptest.NewRequest does
	}
	r := &http.Request{
		Method: http.MethodPost, URL: target, Header: http.Header{},
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}
	r.Header.Set("Content-Type", "application/json")
	for name, values := range d.Header {
		r.Header[http.CanonicalHeaderKey(name)] = values
	}
	return serve(h, r).StatusCode
}

// ClientFor returns a client whose every request is answered by h, in process and
// whatever its URL. As WebhookDelivery.Client it has events delivered to a
// receiver inside a testing/synctest bubble.
func ClientFor(h http.Handler) *http.Client {
	return &http.Client{Transport: handlerTransport{h}}
}

type handlerTransport struct{ h http.Handler }

func (t handlerTransport) RoundTrip(r *http.Request) (resp *http.Response, err error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if r.Body != nil {
		defer r.Body.Close()
	}
	// A server would survive it, and lose the connection.
	defer func() {
		if p := recover(); p != nil {
			resp, err = nil, fmt.Errorf("zexatest: the handler panicked: %v", p)
		}
	}()
	resp = serve(t.h, r)
	if err := r.Context().Err(); err != nil {
		return nil, err // the client is gone, and the answer lost
	}
	return resp, nil
}

// serve passes a client's request to a handler and returns its answer.
func serve(h http.Handler, r *http.Request) *http.Response {
	r = r.Clone(r.Context())
	r.RequestURI = r.URL.RequestURI()
	r.RemoteAddr = "192.0.2.1:1234" // reserved for documentation
	if r.Host == "" {
		r.Host = r.URL.Host
	}
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w := &responseWriter{header: http.Header{}}
	h.ServeHTTP(w, r)
	w.WriteHeader(http.StatusOK) // unless it has
	return &http.Response{
		StatusCode: w.status, Status: http.StatusText(w.status),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.header, Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()),
		Request: r,
	}
}

type responseWriter struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *responseWriter) Header() http.Header { return w.header }

func (w *responseWriter) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK { // what is below announces another
		w.status = status
	}
}

func (w *responseWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(p)
}
