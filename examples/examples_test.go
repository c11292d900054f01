// Package examples_test runs the example programs.
package examples_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	// What the programs are made of, so that a change of it runs the test again.
	_ "github.com/zexa-ao/zexa-go/examples/internal/demo"
)

// examples are the programs of this module that end by themselves, with a line
// that each prints without a key.
var examples = map[string]struct {
	landmark string
	sends    bool
}{
	"quickstart":             {landmark: "That was all."},
	"send-sms":               {landmark: "msg_000001 is delivered", sends: true},
	"send-email":             {landmark: "999.5 credits are left", sends: true},
	"send-whatsapp-template": {landmark: "msg_000001 on whatsapp is queued", sends: true},
	"scheduled-campaign":     {landmark: "cmp_000001 is scheduled for", sends: true},
	"list-contacts":          {landmark: "contacts without an e-mail address: 40"},
	"handle-errors":          {landmark: "never repeat the call"},
	"unknown-outcome":        {landmark: "messages that the API accepted: 1\n", sends: true},
	"contact-import":         {landmark: "created: 3, already there: 2, failed: 2"},
	"otp-service":            {landmark: "messages that the API accepted: 1\n"},
	"logging":                {landmark: `"msg":"zexa: retry"`},
	"testing-your-code":      {landmark: "order 1042: parked"},
}

// larger are the programs that need more than a screen: servers, and a tour.
var larger = map[string]bool{"sandbox": true, "webhook-receiver": true, "otp-service": true, "quickstart": true}

// servers are the programs that end when they are stopped.
var servers = map[string]bool{"sandbox": true, "webhook-receiver": true}

func TestExamples(t *testing.T) {
	bin := t.TempDir()
	args := []string{"build", "-o", bin + string(filepath.Separator)}
	for name := range examples {
		args = append(args, "./"+name)
	}
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	for name, example := range examples {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := run(t, filepath.Join(bin, name))
			if code != 0 || stderr != "" || !strings.Contains(stdout, example.landmark) {
				t.Errorf("exit code %d, want 0 and %q\nstdout:\n%s\nstderr:\n%s", code, example.landmark, stdout, stderr)
			}
			if !example.sends {
				return
			}
			code, stdout, stderr = run(t, filepath.Join(bin, name), "ZEXA_API_KEY=zx_none")
			if code != 2 || !strings.Contains(stderr, "-to") {
				t.Errorf("with a key: exit code %d, want 2 and a word about -to\nstdout:\n%s\nstderr:\n%s", code, stdout, stderr)
			}
		})
	}
}

// run runs a program with an empty stdin, no key unless env has one, and a proxy
// that nobody listens on.
func run(t *testing.T, program string, env ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program)
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "ZEXA_API_KEY=") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "HTTP_PROXY=http://127.0.0.1:9", "HTTPS_PROXY=http://127.0.0.1:9", "NO_PROXY=", "no_proxy=")
	cmd.Env = append(cmd.Env, env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// TestEveryExampleIsRunAndShort checks that every example is tested, here or in
// a module of its own, and fits on a screen.
func TestEveryExampleIsRunAndShort(t *testing.T) {
	files, err := filepath.Glob("*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		name := filepath.Dir(path)
		_, tested := examples[name]
		if _, err := os.Stat(filepath.Join(name, "go.mod")); !tested && !servers[name] && err != nil {
			t.Errorf("%s is not in the table of examples", name)
		}
		source, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(source, []byte("\n")); n >= 60 && !larger[name] && !strings.HasSuffix(path, "_test.go") {
			t.Errorf("%s has %d lines, want fewer than 60", path, n)
		}
	}
}
