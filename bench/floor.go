package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// The floor is what one writes by hand with net/http and encoding/json: one
// tuned Transport, json.Unmarshal of the whole body, and nothing else: no
// validation, no timeout, no retries, no bound on what is read.
type floor struct {
	client *http.Client
	base   string
	key    string
}

type floorMessage struct {
	Channel string `json:"channel"`
	To      string `json:"to"`
	From    string `json:"from"`
	Body    string `json:"body"`
}

type floorSent struct {
	ID        string    `json:"id"`
	Status    string    `json:"status"`
	Channel   string    `json:"channel"`
	To        string    `json:"to"`
	CreatedAt time.Time `json:"created_at"`
}

type floorContact struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Phone     string    `json:"phone"`
	Email     string    `json:"email"`
	Lists     []string  `json:"lists"`
	CreatedAt time.Time `json:"created_at"`
}

type floorError struct {
	Status    int             `json:"-"`
	Code      string          `json:"error"`
	Message   string          `json:"message"`
	Details   json.RawMessage `json:"details"`
	RequestID string          `json:"request_id"`
}

func (e *floorError) Error() string { return fmt.Sprintf("%d %s: %s", e.Status, e.Code, e.Message) }

func newFloor(base string) *floor {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost = 256, 256
	return &floor{&http.Client{Transport: transport}, base + "/v1", key}
}

func (f *floor) do(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, f.base+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+f.key)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "floor/1.0")
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := f.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= 400 {
		e := &floorError{Status: resp.StatusCode}
		if err := json.Unmarshal(answer, e); err != nil {
			return err
		}
		return e
	}
	return json.Unmarshal(answer, out)
}

func (f *floor) send(ctx context.Context) error {
	var sent floorSent
	if err := f.do(ctx, http.MethodPost, "/messages", floorMessage{"sms", to, from, text}, &sent); err != nil {
		return err
	}
	return filled(sent.ID)
}

func (f *floor) refused(ctx context.Context) error {
	var e *floorError
	if err := f.send(ctx); !errors.As(err, &e) {
		return fmt.Errorf("not a refusal: %w", err)
	}
	return filled(e.Code)
}

func (f *floor) list(ctx context.Context) (n int, err error) {
	for page := 1; ; page++ {
		var answer struct {
			Data []floorContact `json:"data"`
			Meta struct {
				Total   int `json:"total"`
				Page    int `json:"page"`
				PerPage int `json:"per_page"`
			} `json:"meta"`
		}
		q := url.Values{"page": {strconv.Itoa(page)}, "per_page": {strconv.Itoa(perPage)}}
		if err := f.do(ctx, http.MethodGet, "/contacts?"+q.Encode(), nil, &answer); err != nil {
			return n, err
		}
		n += len(answer.Data)
		if page*answer.Meta.PerPage >= answer.Meta.Total {
			return n, nil
		}
	}
}
