package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
)

type span struct {
	Name        string
	SpanContext struct{ TraceID, SpanID string }
	Parent      struct{ SpanID string }
	Events      []struct{ Name string }
	Attributes  []struct {
		Key   string
		Value struct{ Value any }
	}
}

func TestAttemptsAreInsideTheirCall(t *testing.T) {
	var out bytes.Buffer
	if err := run(&out); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "912345678") || strings.Contains(out.String(), "encomenda") {
		t.Errorf("a span has personal data in it:\n%s", &out)
	}
	calls, attempts := make(map[string]span), make(map[string]int) // by id, by name of the call
	var inner []span
	for decoder := json.NewDecoder(&out); ; {
		var s span
		if err := decoder.Decode(&s); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(s.Name, "HTTP ") {
			inner = append(inner, s)
		} else {
			calls[s.SpanContext.SpanID] = s
		}
	}
	for _, s := range inner {
		call := calls[s.Parent.SpanID]
		if call.SpanContext.TraceID != s.SpanContext.TraceID {
			t.Errorf("the span of the attempt %s is in no call", s.Name)
		}
		attempts[call.Name]++
	}
	if len(calls) != 2 || attempts["POST /messages"] != 1 || attempts["GET /messages/{id}"] != 2 {
		t.Errorf("calls: %d, attempts: %v", len(calls), attempts)
	}
	for _, call := range calls {
		if want := attempts[call.Name] - 1; len(call.Events) != want {
			t.Errorf("%s: %d retries, want %d", call.Name, len(call.Events), want)
		}
		for _, a := range call.Attributes {
			if n, ok := a.Value.Value.(float64); a.Key == "zexa.attempts" && (!ok || int(n) != attempts[call.Name]) {
				t.Errorf("%s: %v attempts, want %d", call.Name, a.Value.Value, attempts[call.Name])
			}
		}
	}
}
