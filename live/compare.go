package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
)

// A document is the OpenAPI document that answers are compared with.
type document struct{ doc *openapi3.T }

func loadDocument(path string) (*document, error) {
	doc, err := openapi3.NewLoader().LoadFromFile(path)
	if err != nil {
		return nil, err
	}
	return &document{doc}, nil
}

// An answer is what the API answered a call with.
type answer struct {
	method, path string // of the document
	status       int
	header       http.Header
	body         []byte
}

// A comparison is what sets an answer apart from the document. It holds names
// and types, and no values.
type comparison struct {
	differences []difference
	found       []string // fields that are assumed, and there as assumed
	empty       []string // lists without an item to compare
}

// A difference is one thing that is not as the document says.
type difference struct {
	kind    kind
	where   string
	what    string
	assumed bool // the document only assumes it
}

type kind string

const (
	unknownField  kind = "unknown field"
	unknownHeader kind = "unknown header"
	unknownValue  kind = "unknown value"
	missingField  kind = "missing field"
	missingHeader kind = "missing header"
	otherType     kind = "other type"
	otherForm     kind = "other form"
	otherContent  kind = "other content"
	otherStatus   kind = "other status"
)

// contradicts reports whether something that is documented does not hold.
func (c comparison) contradicts() bool {
	return slices.ContainsFunc(c.differences, func(d difference) bool {
		return !d.assumed && !strings.HasPrefix(string(d.kind), "unknown")
	})
}

// String returns a line for each difference, and one for what was only assumed
// and is there.
func (c comparison) String() string {
	var b strings.Builder
	for _, d := range c.differences {
		fmt.Fprintf(&b, "  %-15s %s\n", d.kind, d)
	}
	if len(c.differences) == 0 {
		b.WriteString("  no differences\n")
	}
	if len(c.found) > 0 {
		fmt.Fprintf(&b, "  %-15s %s\n", "as assumed", strings.Join(c.found, ", "))
	}
	if len(c.empty) > 0 {
		fmt.Fprintf(&b, "  %-15s %s\n", "empty", strings.Join(c.empty, ", "))
	}
	return b.String()
}

// String returns a difference without its kind.
func (d difference) String() string {
	s := strings.Trim(d.where+": "+d.what, ": ")
	if d.assumed {
		s += " (only assumed)"
	}
	return s
}

// compare compares an answer with what the document says of it.
func (d *document) compare(a answer) comparison {
	w := &walk{found: make(map[string]bool), odd: make(map[string]bool), empty: make(map[string]bool)}
	w.answer(d.doc.Paths.Find(a.path).GetOperation(a.method), a)
	slices.SortStableFunc(w.differences, func(a, b difference) int {
		return cmp.Or(cmp.Compare(a.where, b.where), cmp.Compare(a.kind, b.kind), cmp.Compare(a.what, b.what))
	})
	c := comparison{differences: slices.Compact(w.differences), empty: slices.Sorted(maps.Keys(w.empty))}
	for _, where := range slices.Sorted(maps.Keys(w.found)) {
		if w.found[where] && !w.odd[where] {
			c.found = append(c.found, where)
		}
	}
	return c
}

// A walk goes through an answer along its schema.
type walk struct {
	differences []difference
	found       map[string]bool // assumed fields that are there
	odd         map[string]bool // fields with a difference
	empty       map[string]bool // lists without items
}

func (w *walk) add(kind kind, where, what string, assumed bool) {
	w.differences = append(w.differences, difference{kind, where, what, assumed})
	w.odd[where] = true
}

func (w *walk) answer(operation *openapi3.Operation, a answer) {
	ref := operation.Responses.Status(a.status)
	if ref == nil {
		w.add(otherStatus, "", "is not in the document", false)
		ref = operation.Responses.Default()
	}
	response := ref.Value
	w.headers(response, a.header)
	body := bytes.TrimSpace(a.body)
	if len(response.Content) == 0 {
		if len(body) > 0 {
			w.add(otherContent, "", "a body, none expected", false)
		}
		return
	}
	if media, _, _ := mime.ParseMediaType(a.header.Get("Content-Type")); media != "application/json" {
		w.add(otherContent, "Content-Type", "application/json expected", false)
	}
	var v any
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if err := decoder.Decode(&v); err != nil {
		w.add(otherContent, "", "JSON expected", false)
		return
	}
	w.value(response.Content.Get("application/json").Schema, "", v, assumed(response.Extensions))
}

func (w *walk) headers(response *openapi3.Response, header http.Header) {
	for name, h := range response.Headers {
		if h.Value.Required && header.Get(name) == "" {
			w.add(missingHeader, name, "expected", false)
		}
	}
	for name := range header {
		_, known := response.Headers[name]
		if !known && ofInterest.MatchString(name) {
			w.add(unknownHeader, shown(name), "", false)
		}
	}
}

// ofInterest matches headers that may tell what no documentation does: rate
// limits, request ids, idempotency.
var ofInterest = regexp.MustCompile(`(?i)limit|retry|request-?id|correlation|trace|idempoten`)

func (w *walk) value(ref *openapi3.SchemaRef, where string, v any, isAssumed bool) {
	schema := ref.Value
	if got := typeOf(v); !permits(schema, got) {
		w.add(otherType, where, got+", "+types(schema)+" expected", isAssumed)
		if data := schema.Properties["data"]; data != nil && got == "array" {
			w.value(data, where, v, isAssumed) // a list without its envelope
			return
		}
		w.inside(where, v)
		return
	}
	switch v := v.(type) {
	case string:
		w.text(schema, where, v, isAssumed)
	case []any:
		if len(v) == 0 && len(schema.Items.Value.Properties) > 0 {
			w.empty[cmp.Or(where, "the answer")] = true
		}
		isAssumed = isAssumed || assumed(schema.Extensions) // an assumption on a list is one on its items
		for _, item := range v {
			w.value(schema.Items, where+"[]", item, isAssumed)
		}
	case map[string]any:
		w.object(schema, where, v, isAssumed)
	}
}

func (w *walk) text(schema *openapi3.Schema, where, v string, isAssumed bool) {
	if schema.Format == "date-time" {
		if _, err := time.Parse(time.RFC3339, v); err != nil {
			w.add(otherForm, where, "date-time expected", isAssumed)
		}
	}
	if schema.Pattern != "" && !regexp.MustCompile(schema.Pattern).MatchString(v) {
		w.add(otherForm, where, schema.Pattern+" expected", isAssumed)
	}
	if known, ok := schema.Extensions["x-extensible-enum"].([]any); ok && !slices.Contains(known, any(v)) {
		w.add(unknownValue, where, "not one of "+fmt.Sprint(known), isAssumed)
	}
}

func (w *walk) object(schema *openapi3.Schema, where string, v map[string]any, isAssumed bool) {
	for name, property := range schema.Properties {
		field := join(where, name)
		required := slices.Contains(schema.Required, name)
		isAssumed := isAssumed || !required && (assumed(property.Extensions) || assumed(property.Value.Extensions))
		value, there := v[name]
		switch {
		case there:
			w.found[field] = w.found[field] || isAssumed
			w.value(property, field, value, isAssumed)
		case required || isAssumed:
			w.add(missingField, field, types(property.Value)+" expected", isAssumed)
		}
	}
	for name, value := range v {
		if _, known := schema.Properties[name]; !known {
			w.unknown(join(where, shown(name)), value)
		}
	}
}

// unknown adds a field that the document does not have, with all that is in it.
func (w *walk) unknown(where string, v any) {
	w.add(unknownField, where, typeOf(v), false)
	w.inside(where, v)
}

func (w *walk) inside(where string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for name, value := range v {
			w.unknown(join(where, shown(name)), value)
		}
	case []any:
		for _, item := range v {
			w.unknown(where+"[]", item)
		}
	}
}

func assumed(extensions map[string]any) bool {
	_, ok := extensions["x-assumption"]
	return ok
}

func join(where, name string) string {
	if where == "" {
		return name
	}
	return where + "." + name
}

var (
	plainName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]{0,63}$`)
	number    = regexp.MustCompile(`[0-9]{5}`)
)

// shown returns a name as it may be printed: an object may be keyed by phone
// numbers or addresses.
func shown(name string) string {
	if !plainName.MatchString(name) || number.MatchString(name) {
		return "(a name that is not shown)"
	}
	return name
}

// typeOf returns the name that JSON Schema has for the type of a value.
func typeOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case json.Number:
		if f, err := v.Float64(); err == nil && f == math.Trunc(f) {
			return "integer"
		}
		return "number"
	case string:
		return "string"
	case []any:
		return "array"
	default:
		return "object"
	}
}

func permits(schema *openapi3.Schema, got string) bool {
	return schema.Type.Permits(got) || got == "integer" && schema.Type.Permits("number")
}

func types(schema *openapi3.Schema) string { return strings.Join(schema.Type.Slice(), " or ") }
