package zexatest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"sync"
	"time"

	zexa "github.com/zexa-ao/zexa-go"
)

// What every [Server] holds when it starts, besides 1,000 credits.
const (
	DefaultKey         = "zexa_test_key"        // the API key, until SetKey changes it
	DefaultSender      = "ZEXA"                 // approved for sms, whatsapp, telegram and slack
	DefaultEmail       = "hello@zexatest.local" // verified for email
	DefaultContactList = "lst_000001"           // a contact list, empty
)

// Server is a Zexa of your own: the documented API over state in memory. Get one
// from [New] or [Start]. All methods may be called at any time, from any goroutine.
//
// A Server is an [http.Handler] too, so that it can be mounted elsewhere; it
// answers below the path /v1.
type Server struct {
	url       string
	ownClient bool // the SDK's own transport can't reach this carrier
	http      *http.Server
	transport *http.Transport
	hooks     *http.Client
	ctx       context.Context
	cancel    context.CancelFunc
	running   sync.WaitGroup // connections, handlers and webhook deliveries

	mu       sync.Mutex
	closed   bool
	conns    map[net.Conn]bool
	key      string
	ids      map[string]int // last number given out, by prefix
	agenda   agenda
	progress *Progress

	halves   int64 // balance in half credits, the smallest price
	senders  []*SenderID
	lists    map[string]string
	contacts contacts
	optedOut map[string]bool

	messages  []*message
	byID      map[string]*message
	accepted  int
	onAccept  func(Message)
	announce  []Message // accepted, not yet passed to onAccept
	campaigns []*campaign
	webhooks  []*webhook
	delivery  WebhookDelivery

	faults   []*fault
	limit    *limiter
	requests []*Request
	keep     int
}

// Option chooses the carrier of a [Server]. Without one it is in memory.
type Option func(*config)

type config struct {
	addr string // empty: in memory
	tls  bool
}

// OnLoopback carries the API over HTTP/1.1 on a free port of 127.0.0.1. Real
// sockets don't work inside a testing/synctest bubble.
func OnLoopback() Option { return OnAddr("127.0.0.1:0") }

// OnLoopbackTLS carries the API over HTTPS, HTTP/2 included, on a free port of
// 127.0.0.1. The certificate is made for this server; [Server.HTTPClient] trusts it.
func OnLoopbackTLS() Option {
	return func(c *config) { c.addr, c.tls = "127.0.0.1:0", true }
}

// OnAddr is [OnLoopback] on a port of one's choice. The host of addr must be a
// loopback address.
func OnAddr(addr string) Option {
	return func(c *config) { c.addr, c.tls = addr, false }
}

// Start starts a server, in memory unless an option says otherwise. Call
// [Server.Close] when done.
func Start(opts ...Option) (*Server, error) {
	var cfg config
	for _, opt := range opts {
		opt(&cfg)
	}
	s := &Server{
		transport: &http.Transport{MaxIdleConnsPerHost: 1024},
		hooks: &http.Client{
			Transport: &http.Transport{DialContext: dialLoopback},
			Timeout:   10 * time.Second,
			CheckRedirect: func(*http.Request, []*http.Request) error {
				return http.ErrUseLastResponse
			},
		},
		conns:    map[net.Conn]bool{},
		key:      DefaultKey,
		ids:      map[string]int{},
		halves:   2 * 1000,
		lists:    map[string]string{},
		contacts: contacts{byID: map[string]*Contact{}, byPhone: map[string]*Contact{}},
		optedOut: map[string]bool{},
		byID:     map[string]*message{},
		keep:     10_000,
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.AddContactList("Everyone")
	for _, channel := range []zexa.Channel{zexa.ChannelSMS, zexa.ChannelWhatsApp, zexa.ChannelTelegram, zexa.ChannelSlack} {
		s.SetSenderID(channel, DefaultSender, zexa.SenderIDApproved)
	}
	s.SetSenderID(zexa.ChannelEmail, DefaultEmail, zexa.SenderIDApproved)

	s.http = &http.Server{
		Handler:                      s,
		BaseContext:                  func(net.Listener) context.Context { return s.ctx },
		ConnState:                    s.track,
		ErrorLog:                     log.New(io.Discard, "", 0),
		DisableGeneralOptionsHandler: true, // it answers without JSON
	}
	if err := s.listen(cfg); err != nil {
		s.cancel()
		return nil, fmt.Errorf("zexatest: %w", err)
	}
	return s, nil
}

// listen starts the carrier.
func (s *Server) listen(cfg config) error {
	if cfg.addr == "" {
		pipes := newPipeListener()
		s.transport.DialContext = pipes.dial
		s.ownClient = true
		// Nothing listens on port 1: a client that was not given the carrier
		// fails instead of reaching somebody else.
		s.url = "http://127.0.0.1:1/v1"
		go s.http.Serve(pipes) // returns when closed
		return nil
	}
	if !isLoopback(cfg.addr) {
		return fmt.Errorf("%q is not a loopback address", cfg.addr)
	}
	ln, err := net.Listen("tcp", cfg.addr)
	if err != nil {
		return err
	}
	if !cfg.tls {
		s.url = "http://" + ln.Addr().String() + "/v1"
		go s.http.Serve(ln) // returns when closed
		return nil
	}
	cert, err := selfSigned()
	if err != nil {
		ln.Close()
		return err
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert.Leaf)
	s.http.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}}
	s.transport.TLSClientConfig = &tls.Config{RootCAs: roots}
	s.transport.ForceAttemptHTTP2 = true
	s.ownClient = true
	s.url = "https://" + ln.Addr().String() + "/v1"
	go s.http.ServeTLS(ln, "", "") // returns when closed
	return nil
}

// Close ends the server: requests in flight are cut off, webhook deliveries
// under way are given up, and nothing moves by itself any more. It returns when
// nothing of it runs any more. State can still be read afterwards.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	s.agenda.stop()
	s.mu.Unlock()

	s.cancel()
	s.http.Close()
	s.running.Wait()
	s.transport.CloseIdleConnections()
	s.hooks.CloseIdleConnections()
}

// enter counts a handler in, so that Close waits for it. It reports false when
// the server is closed.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.running.Add(1)
	return true
}

// track counts connections in and out. http.Server.Close doesn't wait for their
// goroutines, one of which may linger on an error, and misses a connection that
// comes in meanwhile.
func (s *Server) track(conn net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch state {
	case http.StateNew:
		if s.closed {
			conn.Close()
			return
		}
		s.conns[conn] = true
		s.running.Add(1)
	case http.StateHijacked, http.StateClosed:
		if s.conns[conn] {
			delete(s.conns, conn)
			s.running.Done()
		}
	}
}

// URL returns the base URL, which ends in /v1. That of a server in memory only
// works with [Server.HTTPClient].
func (s *Server) URL() string { return s.url }

// HTTPClient returns a client that reaches the server whatever its carrier.
func (s *Server) HTTPClient() *http.Client {
	return &http.Client{Transport: s.transport}
}

// Key returns the API key that the server accepts.
func (s *Server) Key() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.key
}

// SetKey replaces the API key: requests with the old one are answered 401.
func (s *Server) SetKey(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.key = key
}

// nextID returns the next id with a prefix: msg_000001, msg_000002, …
func (s *Server) nextID(prefix string) string {
	s.ids[prefix]++
	return fmt.Sprintf("%s_%06d", prefix, s.ids[prefix])
}

// unlock releases the lock and then tells onAccept what was accepted under it.
func (s *Server) unlock() {
	accepted, tell := s.announce, s.onAccept
	s.announce = nil
	s.mu.Unlock()
	for _, m := range accepted {
		tell(m)
	}
}

// sleep waits for d, or until the request or the server ends. It reports
// whether it waited in full.
func (s *Server) sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
	case <-s.ctx.Done():
	}
	return false
}

// isLoopback reports whether the host of a host:port, or a bare host, is a
// loopback address.
func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		host = addr
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// dialLoopback keeps deliveries on this machine: a test may well register the
// URL of a real receiver.
func dialLoopback(ctx context.Context, network, addr string) (net.Conn, error) {
	if !isLoopback(addr) {
		return nil, fmt.Errorf("%s is not a loopback address", addr)
	}
	var dialer net.Dialer
	return dialer.DialContext(ctx, network, addr)
}

func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(24 * time.Hour),
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		DNSNames:              []string{"localhost"},
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, nil
}
