package faults_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"
)

// certificate is of every server here, and trusted by the default client.
var certificate tls.Certificate

// isolate arranges the process so that the default client trusts the servers
// of this package, finds their names, and has a proxy in its environment, while
// nothing can leave the machine. It comes before all else, since net/http and
// crypto/x509 read the environment once.
func isolate() (end func(), err error) {
	dir, err := os.MkdirTemp("", "faults")
	if err != nil {
		return nil, err
	}
	if certificate, err = selfSigned("*.direct.test", "*.proxied.test"); err != nil {
		return nil, err
	}
	roots := filepath.Join(dir, "roots.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]})
	if err := os.WriteFile(roots, block, 0o600); err != nil {
		return nil, err
	}
	proxy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go http.Serve(proxy, http.HandlerFunc(connect))
	for name, value := range map[string]string{
		"SSL_CERT_FILE": roots, "SSL_CERT_DIR": dir,
		"HTTPS_PROXY": "http://" + proxy.Addr().String(), "NO_PROXY": "direct.test", "HTTP_PROXY": "",
	} {
		os.Setenv(name, value)
	}
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go resolve(server)
		return client, nil
	}}
	return func() {
		proxy.Close()
		os.RemoveAll(dir)
	}, nil
}

func selfSigned(names ...string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: names,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// unresolved is how many more questions for a name are answered with "no such
// name". A name that is not in it resolves to 127.0.0.1.
var unresolved sync.Map // of string to *atomic.Int64

// resolve is a name server on a stream.
func resolve(conn net.Conn) {
	defer conn.Close()
	for {
		var length [2]byte
		if _, err := io.ReadFull(conn, length[:]); err != nil {
			return
		}
		message := make([]byte, binary.BigEndian.Uint16(length[:]))
		if _, err := io.ReadFull(conn, message); err != nil || len(message) < 12 {
			return
		}
		end, name := 12, []string(nil)
		for end < len(message) && message[end] != 0 {
			label := int(message[end])
			name = append(name, string(message[end+1:end+1+label]))
			end += 1 + label
		}
		end += 5
		isA := message[end-3] == 1
		answer := append([]byte{message[0], message[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, message[12:end]...)
		left, listed := unresolved.Load(strings.Join(name, "."))
		switch {
		case listed && left.(*atomic.Int64).Add(-1) >= 0:
			answer[3] |= 3
		case isA:
			answer[7] = 1
			answer = append(answer, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1)
		}
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)); err != nil {
			return
		}
	}
}

// A tunnel is where the proxy takes a host, after it was refused some times.
type tunnel struct {
	refusals atomic.Int64
	used     atomic.Int64
	address  string
}

var tunnels sync.Map // of host to *tunnel

// connect is a proxy for https.
func connect(w http.ResponseWriter, r *http.Request) {
	found, ok := tunnels.Load(r.URL.Hostname())
	if r.Method != http.MethodConnect || !ok {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	t := found.(*tunnel)
	if t.refusals.Add(-1) >= 0 {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	t.used.Add(1)
	server, err := net.Dial("tcp", t.address)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer server.Close()
	client, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer client.Close()
	io.WriteString(client, "HTTP/1.1 200 OK\r\n\r\n")
	go func() {
		io.Copy(server, client)
		server.Close()
	}()
	io.Copy(client, server)
}

// A site is a server, and what has reached it.
type site struct {
	base    string // URL
	address string
	arrived atomic.Int64
	acted   atomic.Int64
	conns   atomic.Int64

	listener atomic.Pointer[func(*http.Request)]
}

// onArrive has f called for each request, before it is handled.
func (s *site) onArrive(f func(*http.Request)) { s.listener.Store(&f) }

// listen gives a listener on loopback that ends with the trial.
func (x *trial) listen() net.Listener {
	x.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(x, err)
	x.Cleanup(func() { ln.Close() })
	return ln
}

// serve starts a server for h over the trial's carrier.
func (x *trial) serve(h http.Handler) *site {
	x.Helper()
	return x.serveOn(x.listen(), h)
}

func (x *trial) serveOn(ln net.Listener, h http.Handler) *site {
	x.Helper()
	return x.serveWith(certificate, ln, h)
}

func (x *trial) serveWith(certificate tls.Certificate, ln net.Listener, h http.Handler) *site {
	x.Helper()
	s := x.siteAt(ln)
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.arrived.Add(1)
			if f := s.listener.Load(); f != nil {
				(*f)(r)
			}
			h.ServeHTTP(w, r)
		}),
		ConnState: func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				s.conns.Add(1)
			}
		},
		ErrorLog: log.New(io.Discard, "", 0),
	}
	x.Cleanup(func() { server.Close() })
	if x.over == http1 {
		go server.Serve(ln)
		return s
	}
	server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}}
	go server.ServeTLS(ln, "", "")
	return s
}

func (x *trial) siteAt(ln net.Listener) *site {
	x.Helper()
	s := &site{address: ln.Addr().String()}
	switch x.over {
	case http1:
		s.base = "http://" + s.address + "/v1"
	case http2:
		if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
			x.Skip("the system does not take its roots from SSL_CERT_FILE")
		}
		s.base = "https://" + s.address + "/v1"
	default:
		x.Fatalf("no sockets over %s", x.over)
	}
	return s
}

// A wire is a connection of which the server's side is spelled out.
type wire struct {
	net.Conn
	r *bufio.Reader
	n int64 // of the connection, from 1
}

// serveConns starts a server that has each connection handled by handle and
// then closed. The body of an HTTP/1.1 answer goes over it in clear, HTTP/2
// inside TLS.
func (x *trial) serveConns(handle func(*site, *wire)) *site {
	x.Helper()
	ln := x.listen()
	s := x.siteAt(ln)
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			n := s.conns.Add(1)
			go func() {
				defer conn.Close()
				stop := context.AfterFunc(x.Context(), func() { conn.Close() })
				defer stop()
				if x.over == http2 {
					conn = tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{"h2"}})
				}
				handle(s, &wire{conn, bufio.NewReader(conn), n})
			}()
		}
	}()
	return s
}

// request reads a whole request of HTTP/1.1, and returns false at the end of
// the connection.
func (w *wire) request() bool {
	r, err := http.ReadRequest(w.r)
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, r.Body)
	return err == nil
}

const (
	okAnswer      = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n" + `{"credits":1}`
	createdAnswer = "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n" + `{"id":"msg_1"}`
)

func (w *wire) say(s string) error {
	_, err := io.WriteString(w, s)
	return err
}

// lose ends the connection with a reset.
func (w *wire) lose() {
	if tcp, ok := w.Conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	w.Close()
}
