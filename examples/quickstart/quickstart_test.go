package main

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	zexa "github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/zexatest"
)

// runWith runs the program and returns what it printed on stdout and stderr.
func runWith(t *testing.T, p program, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	p.stdin, p.stdout, p.stderr = strings.NewReader(stdin), &out, &errs
	code = run(t.Context(), args, p)
	if p.key != "" && strings.Contains(out.String()+errs.String(), p.key) {
		t.Errorf("the key was printed:\n%s%s", &out, &errs)
	}
	return code, out.String(), errs.String()
}

func wantLines(t *testing.T, output string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(output, line) {
			t.Errorf("the output lacks %q", line)
		}
	}
	if t.Failed() {
		t.Logf("the output:\n%s", output)
	}
}

// live returns a server, and the program with a key for it.
func live(t *testing.T) (*zexatest.Server, program) {
	t.Helper()
	server, _ := zexatest.New(t, zexatest.OnLoopback())
	return server, program{key: server.Key(), baseURL: server.URL()}
}

func TestTour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		code, stdout, stderr := runWith(t, program{}, "")
		if code != 0 || stderr != "" {
			t.Errorf("exit code %d, stderr %q", code, stderr)
		}
		wantLines(t, stdout,
			"a Zexa inside this process",
			"1000 credits (USD)",
			"GSM-7, segments: 1, credits in Angola: 1.",
			`Because of "áã" it travels as UCS-2`,
			"UCS-2, segments: 2, credits in Angola: 2.",
			"sms to +244912345678: first queued, in the end delivered",
			"whatsapp to +244923456781: first queued, in the end delivered",
			"telegram to +244934567899: first queued, in the end undeliverable",
			"email to ana@example.com: first queued, in the end delivered",
			"slack to C024BE91L: first queued, in the end delivered",
			"996 credits (USD)",
			"status 422, code validation_error, request id req_",
			`field to, value "912345678"`,
			"status=429",
			"accepted at attempt 2, after 1.",
			"Find: ZEXA may send SMS",
			"Page 1 of 3 has 50 contacts.",
			"Page 3 of 3 has 20 contacts.",
			"120 contacts.",
			"cmp_000001 is completed:",
			"stats.delivered: 108",
			"stats.undeliverable: 12",
			"A test event has arrived already.",
			"cnt_000001 is gone.",
			"zexa.ErrNotFound",
			"That was all.",
		)
	})
}

func TestKeyOnlyReads(t *testing.T) {
	server, p := live(t)
	code, stdout, stderr := runWith(t, p, "yes\n")
	if code != 0 || stderr != "" {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
	wantLines(t, stdout, "this talks to "+server.URL(), "1000 credits (USD)", "ZEXA for sms: approved", "Nothing was sent.")
	for _, r := range server.Requests() {
		if r.Method != http.MethodGet {
			t.Errorf("%s %s was requested", r.Method, r.Path)
		}
	}
}

func TestSendsOnlyAfterYes(t *testing.T) {
	for _, test := range []struct {
		name, stdin string
		want        int
		line        string
	}{
		{"yes", "yes\n", 1, "Accepted as msg_000001, and queued."},
		{"yes, twice", "yes\nyes\n", 1, "Accepted as msg_000001, and queued."},
		{"no", "no\n", 0, "Nothing was sent."},
		{"just enter", "\n", 0, "Nothing was sent."},
		{"y", "y\n", 0, "Nothing was sent."},
		{"end of input", "", 0, "Nothing was sent."},
		{"end of input after yes", "yes", 0, "Nothing was sent."},
	} {
		t.Run(test.name, func(t *testing.T) {
			server, p := live(t)
			code, stdout, stderr := runWith(t, p, test.stdin, "-from", "ZEXA", "-to", "+244912345678", "-body", "Olá")
			if code != 0 || stderr != "" {
				t.Errorf("exit code %d, stderr %q", code, stderr)
			}
			if got := server.Accepted(); got != test.want {
				t.Errorf("%d messages were accepted, want %d", got, test.want)
			}
			wantLines(t, stdout, `One SMS from ZEXA to +244912345678: "Olá"`, "Credits in Angola: 1.", test.line)
			for _, m := range server.Messages() {
				if m.To != "+244912345678" || m.From != "ZEXA" || m.Body != "Olá" {
					t.Errorf("sent %+v", m)
				}
			}
		})
	}
}

func TestSendThatFails(t *testing.T) {
	for _, test := range []struct {
		name     string
		fault    zexatest.Fault
		accepted int
		line     string
	}{
		{"refused", zexatest.Fault{Status: http.StatusUnprocessableEntity}, 0, "POST /messages: not sent: 422"},
		{"answer lost", zexatest.Fault{Reset: zexatest.ResetAfterActed}, 1, "find out before you send it again"},
	} {
		t.Run(test.name, func(t *testing.T) {
			server, p := live(t)
			test.fault.Method = http.MethodPost
			server.Fault(test.fault)
			code, _, stderr := runWith(t, p, "yes\n", "-from", "ZEXA", "-to", "+244912345678")
			if code != 1 {
				t.Errorf("exit code %d, want 1", code)
			}
			if got := server.Accepted(); got != test.accepted {
				t.Errorf("%d messages were accepted, want %d", got, test.accepted)
			}
			wantLines(t, stderr, test.line)
		})
	}
}

func TestWrongKey(t *testing.T) {
	server, p := live(t)
	p.key = "another_key"
	server.SetKey("not_" + p.key)
	code, _, stderr := runWith(t, p, "")
	if code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	wantLines(t, stderr, "401 unauthorized")

	p.key = "a key with spaces"
	if code, _, _ := runWith(t, p, ""); code != 1 {
		t.Errorf("malformed key: exit code %d, want 1", code)
	}
}

// The refused connections are real, the waits between them are not.
func TestUnreachable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		code, _, stderr := runWith(t, program{key: "zx_secret", baseURL: "http://127.0.0.1:1/v1"}, "")
		if code != 1 {
			t.Errorf("exit code %d, want 1", code)
		}
		wantLines(t, stderr, "quickstart: zexa: GET /credits", "connection refused", "4 attempts")
	})
}

func TestUsage(t *testing.T) {
	withKey := program{key: "zx_secret", baseURL: "http://127.0.0.1:1/v1"}
	for _, test := range []struct {
		name string
		p    program
		args []string
		code int
		line string
	}{
		{"help", program{}, []string{"-help"}, 0, "-body"},
		{"unknown flag", program{}, []string{"-x"}, 2, "-x"},
		{"argument", program{}, []string{"x"}, 2, "unexpected argument"},
		{"-to without a key", program{}, []string{"-to", "+244912345678", "-from", "ZEXA"}, 2, zexa.EnvKey},
		{"-to without -from", withKey, []string{"-to", "+244912345678"}, 2, "-from"},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, stdout, stderr := runWith(t, test.p, "yes\n", test.args...)
			if code != test.code || stdout != "" {
				t.Errorf("exit code %d, want %d; stdout %q", code, test.code, stdout)
			}
			wantLines(t, stderr, test.line)
		})
	}
}
