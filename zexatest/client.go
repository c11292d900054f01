package zexatest

import zexa "github.com/zexa-ao/zexa-go"

// TB is what [New] needs of a test. *testing.T, B and F have it.
type TB interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, args ...any)
}

// New starts a server and returns it with a client of it. Both end with the test.
// In a testing/synctest bubble, call it with the bubble's own T.
func New(tb TB, opts ...Option) (*Server, *zexa.Client) {
	tb.Helper()
	s, err := Start(opts...)
	if err != nil {
		tb.Fatalf("%v", err)
	}
	tb.Cleanup(s.Close)
	client, err := s.Client()
	if err != nil {
		tb.Fatalf("zexatest: %v", err)
	}
	tb.Cleanup(client.CloseIdleConnections)
	return s, client
}

// Client returns a client of the server, with the key of the moment. Options are
// applied after those that make it reach the server.
func (s *Server) Client(opts ...zexa.Option) (*zexa.Client, error) {
	reach := []zexa.Option{zexa.WithBaseURL(s.url)}
	if s.ownClient {
		reach = append(reach, zexa.WithHTTPClient(s.HTTPClient()))
	}
	return zexa.New(s.Key(), append(reach, opts...)...)
}
