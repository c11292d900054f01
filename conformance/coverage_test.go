package conformance

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
)

// knownValues is the extension that lists values of an answer of which there
// may be more.
const knownValues = "x-extensible-enum"

// coverage is what of a document has been seen: each operation with each
// status, each parameter, and of each schema every field and every value that
// is listed.
type coverage struct {
	mu     sync.Mutex
	seen   map[string]bool // by key; what is expected is there from the start
	schema map[string]bool // schemas whose parts are expected
}

func newCoverage(doc *openapi3.T) *coverage {
	c := &coverage{seen: make(map[string]bool), schema: make(map[string]bool)}
	for _, item := range doc.Paths.Map() {
		for _, operation := range item.Operations() {
			c.expectOperation(operation)
		}
	}
	for _, item := range doc.Webhooks {
		for _, operation := range item.Operations() {
			c.expectContent(operation.RequestBody.Value.Content)
		}
	}
	return c
}

func (c *coverage) expectOperation(operation *openapi3.Operation) {
	for _, parameter := range operation.Parameters {
		c.expect(parameterKey(operation, parameter.Value.Name))
	}
	if operation.RequestBody != nil {
		c.expectContent(operation.RequestBody.Value.Content)
	}
	for status, response := range operation.Responses.Map() {
		c.expect(operation.OperationID + " " + status)
		c.expectContent(response.Value.Content)
	}
}

func (c *coverage) expect(key string) { c.seen[key] = false }

func (c *coverage) expectContent(content openapi3.Content) {
	for _, media := range content {
		if media.Schema != nil {
			c.expectSchema(media.Schema, "")
		}
	}
}

func (c *coverage) expectSchema(ref *openapi3.SchemaRef, key string) {
	key = schemaKey(ref, key)
	if ref.Ref != "" {
		if c.schema[key] {
			return
		}
		c.schema[key] = true
	}
	for _, value := range listed(ref.Value) {
		c.expect(valueKey(key, value))
	}
	for name, property := range ref.Value.Properties {
		c.expect(key + "." + name)
		c.expectSchema(property, key+"."+name)
	}
	if ref.Value.Items != nil {
		c.expectSchema(ref.Value.Items, key)
	}
	for _, option := range ref.Value.AnyOf {
		c.expectSchema(option, key)
	}
}

// note notes that the part of the document with a key was seen.
func (c *coverage) note(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, expected := c.seen[key]; expected {
		c.seen[key] = true
	}
}

// noteBody notes the parts of a schema that are in a body.
func (c *coverage) noteBody(media *openapi3.MediaType, body []byte) {
	var v any
	if media == nil || media.Schema == nil || json.Unmarshal(body, &v) != nil {
		return
	}
	c.noteSchema(media.Schema, "", v)
}

func (c *coverage) noteSchema(ref *openapi3.SchemaRef, key string, v any) {
	key = schemaKey(ref, key)
	c.note(valueKey(key, v))
	switch v := v.(type) {
	case map[string]any:
		for name, property := range ref.Value.Properties {
			if value, ok := v[name]; ok {
				c.note(key + "." + name)
				c.noteSchema(property, key+"."+name, value)
			}
		}
	case []any:
		for _, item := range v {
			if ref.Value.Items != nil {
				c.noteSchema(ref.Value.Items, key, item)
			}
		}
	}
	for _, option := range ref.Value.AnyOf {
		c.noteSchema(option, key, v)
	}
}

// missing returns what was expected and not seen.
func (c *coverage) missing() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var missing []string
	for _, key := range slices.Sorted(maps.Keys(c.seen)) {
		if !c.seen[key] {
			missing = append(missing, key)
		}
	}
	return missing
}

// statuses returns the operations with the statuses seen, one line each.
func (c *coverage) statuses(doc *openapi3.T) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var lines []string
	for path, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			line := method + " " + path + ":"
			for _, status := range slices.Sorted(maps.Keys(operation.Responses.Map())) {
				if c.seen[operation.OperationID+" "+status] {
					line += " " + status
				}
			}
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return lines
}

func statusKey(operation *openapi3.Operation, status int) string {
	if operation.Responses.Status(status) == nil {
		return operation.OperationID + " default"
	}
	return operation.OperationID + " " + strconv.Itoa(status)
}

func parameterKey(operation *openapi3.Operation, name string) string {
	return operation.OperationID + "?" + name
}

// schemaKey is the name of a schema: its own if it has one, else that of its
// place.
func schemaKey(ref *openapi3.SchemaRef, place string) string {
	if ref.Ref == "" {
		return place
	}
	return ref.Ref[strings.LastIndex(ref.Ref, "/")+1:]
}

func valueKey(schema string, v any) string { return fmt.Sprintf("%s = %v", schema, v) }

func listed(schema *openapi3.Schema) []any {
	known, _ := schema.Extensions[knownValues].([]any)
	return append(slices.Clone(schema.Enum), known...)
}
