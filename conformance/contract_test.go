package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

const documentPath = "../docs/openapi.yaml"

// A contract is the document, as something to check requests and answers with.
type contract struct {
	doc    *openapi3.T
	router routers.Router

	// strict is the document without the room that it leaves to answers: no
	// fields and no values but those it names.
	strict       *openapi3.T
	strictRouter routers.Router

	seen *coverage
}

func loadContract(ctx context.Context) (*contract, error) {
	doc, err := openapi3.NewLoader().LoadFromFile(documentPath)
	if err != nil {
		return nil, err
	}
	c := &contract{doc: doc, seen: newCoverage(doc)}
	if c.router, err = route(ctx, doc); err != nil {
		return nil, err
	}
	if c.strict, err = tighten(doc); err != nil {
		return nil, err
	}
	c.strictRouter, err = route(ctx, c.strict)
	return c, err
}

func route(ctx context.Context, doc *openapi3.T) (routers.Router, error) {
	if err := doc.Validate(ctx); err != nil {
		return nil, err
	}
	return gorillamux.NewRouter(doc)
}

// tighten returns a copy of doc in which every list of known values is the
// whole list, and every object without word on further fields has none.
func tighten(doc *openapi3.T) (*openapi3.T, error) {
	encoded, err := doc.MarshalJSON()
	if err != nil {
		return nil, err
	}
	var tree map[string]any
	if err := json.Unmarshal(encoded, &tree); err != nil {
		return nil, err
	}
	tightenTree(tree)
	if encoded, err = json.Marshal(tree); err != nil {
		return nil, err
	}
	return openapi3.NewLoader().LoadFromData(encoded)
}

func tightenTree(node any) {
	switch node := node.(type) {
	case map[string]any:
		for _, child := range node {
			tightenTree(child)
		}
		if known, ok := node[knownValues]; ok {
			node["enum"] = known
		}
		_, isSchema := node["type"]
		_, hasFields := node["properties"]
		if _, told := node["additionalProperties"]; isSchema && hasFields && !told {
			node["additionalProperties"] = false
		}
	case []any:
		for _, child := range node {
			tightenTree(child)
		}
	}
}

// An exchange is one request and its answer, both read.
type exchange struct {
	request      *http.Request // its URL is below that of the document's server
	requestBody  []byte
	status       int
	header       http.Header
	responseBody []byte
}

// checkRequest returns what the document does not allow in a request.
func (c *contract) checkRequest(x *exchange) error {
	input, err := c.input(c.router, x)
	if err != nil {
		return err
	}
	operation := input.Route.Operation
	problems := []error{openapi3filter.ValidateRequest(x.request.Context(), input)}
	for name, values := range x.request.URL.Query() {
		if operation.Parameters.GetByInAndName(openapi3.ParameterInQuery, name) == nil {
			problems = append(problems, fmt.Errorf("the parameter %q is not documented", name))
		}
		if len(values) > 1 {
			problems = append(problems, fmt.Errorf("the parameter %q is given twice", name))
		}
	}
	for name := range x.request.Header {
		if !slices.Contains([]string{"Accept", "Authorization", "Content-Type", "User-Agent"}, name) {
			problems = append(problems, fmt.Errorf("the header %s is neither documented nor general", name))
		}
	}
	return errors.Join(problems...)
}

// checkResponse returns what the document does not allow in an answer.
func (c *contract) checkResponse(x *exchange, strict bool) error {
	router := c.router
	if strict {
		router = c.strictRouter
	}
	input, err := c.input(router, x)
	if err != nil { // not of an operation, so it can only be an error
		return c.checkError(x)
	}
	problems := []error{openapi3filter.ValidateResponse(x.request.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input,
		Status:                 x.status,
		Header:                 x.header,
		Body:                   io.NopCloser(bytes.NewReader(x.responseBody)),
		Options:                input.Options,
	})}
	if response := responseTo(input.Route.Operation, x.status); len(response.Content) == 0 && len(x.responseBody) > 0 {
		problems = append(problems, errors.New("the answer has a body"))
	}
	return errors.Join(problems...)
}

func (c *contract) checkError(x *exchange) error {
	if x.status < 400 {
		return fmt.Errorf("%s %s is answered %d, and is not documented", x.request.Method, x.request.URL.Path, x.status)
	}
	var v any
	if err := json.Unmarshal(x.responseBody, &v); err != nil {
		return err
	}
	return fits(c.doc.Components.Schemas["Error"], v)
}

// record notes what of the document an exchange has used.
func (c *contract) record(x *exchange) {
	input, err := c.input(c.router, x)
	if err != nil {
		return
	}
	operation := input.Route.Operation
	c.seen.note(statusKey(operation, x.status))
	for name := range x.request.URL.Query() {
		c.seen.note(parameterKey(operation, name))
	}
	if body := operation.RequestBody; body != nil {
		c.seen.noteBody(body.Value.Content.Get("application/json"), x.requestBody)
	}
	if media, _, _ := mime.ParseMediaType(x.header.Get("Content-Type")); media == "application/json" {
		c.seen.noteBody(responseTo(operation, x.status).Content.Get(media), x.responseBody)
	}
}

func (c *contract) input(router routers.Router, x *exchange) (*openapi3filter.RequestValidationInput, error) {
	r := x.request.Clone(x.request.Context())
	r.Body = io.NopCloser(bytes.NewReader(x.requestBody))
	r.ContentLength = int64(len(x.requestBody))
	r.GetBody = nil
	found, values, err := router.FindRoute(r)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", r.Method, r.URL.Path, err)
	}
	options := &openapi3filter.Options{
		MultiError:                        true,
		RejectWhenRequestBodyNotSpecified: true,
		SkipSettingDefaults:               true,
		AuthenticationFunc:                authenticate,
	}
	options.WithCustomSchemaErrorFunc(reason)
	return &openapi3filter.RequestValidationInput{Request: r, PathParams: values, Route: found, Options: options}, nil
}

// reason says what is wrong where, without the whole schema.
func reason(err *openapi3.SchemaError) string {
	return "/" + strings.Join(err.JSONPointer(), "/") + ": " + err.Reason
}

// fits returns why a value does not fit a schema.
func fits(schema *openapi3.SchemaRef, v any) error {
	return schema.Value.VisitJSON(v, openapi3.EnableJSONSchema2020(), openapi3.MultiErrors(),
		openapi3.SetSchemaErrorMessageCustomizer(reason))
}

func authenticate(_ context.Context, input *openapi3filter.AuthenticationInput) error {
	header := input.RequestValidationInput.Request.Header.Values("Authorization")
	if len(header) != 1 || !strings.HasPrefix(header[0], "Bearer ") || len(header[0]) == len("Bearer ") {
		return errors.New("there is no bearer key")
	}
	return nil
}

func responseTo(operation *openapi3.Operation, status int) *openapi3.Response {
	if response := operation.Responses.Status(status); response != nil {
		return response.Value
	}
	return operation.Responses.Default().Value
}

// A transport carries requests and checks each exchange.
type transport struct {
	contract *contract
	base     string // of the server that is really there
	next     http.RoundTripper
	report   func(format string, args ...any)

	wrong bool // requests are to be found wrong
	odd   bool // answers may have fields and values that are not documented
}

func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	x, response, err := t.carry(r)
	if err != nil {
		return nil, err
	}
	name := r.Method + " " + x.request.URL.Path
	switch err := t.contract.checkRequest(x); {
	case err != nil && !t.wrong:
		t.report("the request %s: %v", name, err)
	case err == nil && t.wrong:
		t.report("the request %s is wrong, and the document allows it", name)
	}
	if err := t.contract.checkResponse(x, !t.odd); err != nil {
		t.report("the answer %d to %s: %v", x.status, name, err)
	}
	t.contract.record(x)
	return response, nil
}

// carry makes the request and returns it as an exchange with the server of the
// document.
func (t *transport) carry(r *http.Request) (*exchange, *http.Response, error) {
	target, err := url.Parse(t.contract.doc.Servers[0].URL + strings.TrimPrefix(r.URL.String(), t.base))
	if err != nil {
		return nil, nil, err
	}
	x := &exchange{request: r.Clone(r.Context())}
	x.request.URL, x.request.Host = target, target.Host
	if r.Body != nil {
		if x.requestBody, err = io.ReadAll(r.Body); err != nil {
			return nil, nil, err
		}
		r.Body.Close()
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(x.requestBody))
	}
	response, err := t.next.RoundTrip(r)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	if x.responseBody, err = io.ReadAll(response.Body); err != nil {
		return nil, nil, err
	}
	x.status, x.header = response.StatusCode, maps.Clone(response.Header)
	response.Body = io.NopCloser(bytes.NewReader(x.responseBody))
	return x, response, nil
}
