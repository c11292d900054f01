package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

const (
	contacts = 5000
	perPage  = 100
)

// A backend is the server that all are measured against, in a process of its
// own, so that only the client's cost is in the numbers of this one.
type backend struct {
	command *exec.Cmd
	stop    io.Closer // the server ends when its standard input does
	address string
}

func startBackend(ctx context.Context) (*backend, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	command := exec.CommandContext(ctx, self, "-serve")
	command.Stderr = os.Stderr
	stop, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	var address string
	if _, err := fmt.Fscanln(out, &address); err != nil {
		return nil, errors.Join(fmt.Errorf("the server did not start: %w", err), stop.Close(), command.Wait())
	}
	return &backend{command, stop, address}, nil
}

func (b *backend) close() error {
	return errors.Join(b.stop.Close(), b.command.Wait())
}

func (b *backend) url() string { return "http://" + b.address }

// set makes every answer take as long as mode says ("20ms"), or a 422 at once
// ("422"), and returns how many connections were made since it was last called.
func (b *backend) set(mode string) (connections int, err error) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(b.url() + "/set?mode=" + mode)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(string(body))
}

// serve is the process of the server. It prints its address and ends with its
// standard input.
func serve() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	var made atomic.Int64
	server := &http.Server{
		Handler:           newHandler(&made),
		ReadHeaderTimeout: time.Minute,
		ConnState: func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				made.Add(1)
			}
		},
	}
	fmt.Println(listener.Addr())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		server.Close()
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// newHandler answers as Zexa, Resend, DigitalOcean and Stripe would, with
// bodies that were made before.
func newHandler(made *atomic.Int64) http.Handler {
	var latency atomic.Int64
	var refuse atomic.Bool
	pages := renderPages()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/set" {
			mode := r.URL.Query().Get("mode")
			refuse.Store(mode == "422")
			d, _ := time.ParseDuration(mode)
			latency.Store(int64(d))
			fmt.Fprint(w, made.Swap(0)-1) // but the one that asks
			return
		}
		io.Copy(io.Discard, r.Body)
		time.Sleep(time.Duration(latency.Load()))
		w.Header().Set("Content-Type", "application/json")
		switch {
		case refuse.Load():
			w.WriteHeader(http.StatusUnprocessableEntity)
			io.WriteString(w, refusals[r.URL.Path])
		case r.Method == http.MethodPost:
			w.WriteHeader(http.StatusCreated)
			io.WriteString(w, created[r.URL.Path])
		default:
			if list, n := pages[r.URL.Path], pageOf(r); n < len(list) {
				w.Write(list[n])
			} else {
				http.NotFound(w, r)
			}
		}
	})
}

var created = map[string]string{
	"/v1/messages":     `{"id":"msg_xyz789","status":"queued","channel":"sms","to":"+244912345678","created_at":"2026-06-24T10:00:00Z"}`,
	"/emails":          `{"id":"49a3999c-0ce1-4ea6-ab68-afcd6dc2e794"}`,
	"/v2/account/keys": `{"ssh_key":{"id":512189,"fingerprint":"3b:16:bf:e4:8b:00:8b:b8:59:8c:a9:d3:f0:19:45:fa","name":"loja","public_key":"ssh-rsa AEXAMPLEaC1yc2EAAAADAQABAAAAQQDDHr"}}`,
	"/v1/customers":    `{"id":"cus_xyz789","object":"customer","name":"Ana","phone":"+244912345678","email":"ana@exemplo.ao","created":1680893993}`,
}

var refusals = map[string]string{
	"/v1/messages":     `{"error":"validation_error","message":"the number cannot be reached","details":{"field":"to","value":"+244912345678"},"request_id":"req_abc123"}`,
	"/emails":          `{"statusCode":422,"name":"validation_error","message":"the address cannot be reached"}`,
	"/v2/account/keys": `{"id":"unprocessable_entity","message":"the key is not valid","request_id":"req_abc123"}`,
	"/v1/customers":    `{"error":{"type":"invalid_request_error","code":"parameter_invalid","message":"the number cannot be reached","param":"phone"}}`,
}

// pageOf returns the index of the page asked for, by number or by the id of the
// last item of the page before.
func pageOf(r *http.Request) int {
	q := r.URL.Query()
	if n, err := strconv.Atoi(q.Get("page")); err == nil {
		return n - 1
	}
	after := q.Get("after") + q.Get("starting_after")
	if _, number, ok := strings.Cut(after, "_"); ok {
		n, _ := strconv.Atoi(number)
		return n/perPage + 1
	}
	return 0
}

func renderPages() map[string][][]byte {
	formats := map[string]struct{ head, item, tail string }{
		"/v1/contacts": {
			`{"data":[`,
			`{"id":"cnt_{i}","name":"Contacto {i}","phone":"+2449{phone}","email":"contacto{i}@exemplo.ao","lists":["lst_vip"],"created_at":"2026-06-24T10:00:00Z"}`,
			`],"meta":{"total":{total},"page":{page},"per_page":{per_page}}}`,
		},
		"/contacts": {
			`{"object":"list","data":[`,
			`{"id":"cnt_{i}","object":"contact","first_name":"Contacto","last_name":"{i}","email":"contacto{i}@exemplo.ao","created_at":"2026-06-24T10:00:00Z","unsubscribed":false}`,
			`],"has_more":{more}}`,
		},
		"/v2/account/keys": {
			`{"ssh_keys":[`,
			`{"id":{i},"name":"Contacto {i}","fingerprint":"3b:16:bf:e4:8b:00:8b:b8:59:8c:a9:d3:f0:19:45:fa","public_key":"ssh-rsa AEXAMPLEaC1yc2EAAAADAQABAAAAQQDDHr"}`,
			`],"links":{"pages":{"next":"{next}"}},"meta":{"total":{total}}}`,
		},
		"/v1/customers": {
			`{"object":"list","url":"/v1/customers","data":[`,
			`{"id":"cus_{i}","object":"customer","name":"Contacto {i}","phone":"+2449{phone}","email":"contacto{i}@exemplo.ao","created":1680893993}`,
			`],"has_more":{more}}`,
		},
	}
	pages := make(map[string][][]byte, len(formats))
	for path, f := range formats {
		for page := 1; page <= contacts/perPage; page++ {
			body := f.head
			for i := (page - 1) * perPage; i < page*perPage; i++ {
				if i%perPage > 0 {
					body += ","
				}
				body += strings.NewReplacer("{i}", fmt.Sprint(i), "{phone}", fmt.Sprintf("%08d", i)).Replace(f.item)
			}
			next := ""
			if page < contacts/perPage {
				next = fmt.Sprintf("https://api.digitalocean.com/v2/account/keys?page=%d", page+1)
			}
			body += strings.NewReplacer("{total}", fmt.Sprint(contacts), "{page}", fmt.Sprint(page),
				"{per_page}", fmt.Sprint(perPage), "{more}", fmt.Sprint(next != ""), "{next}", next).Replace(f.tail)
			pages[path] = append(pages[path], []byte(body))
		}
	}
	return pages
}
