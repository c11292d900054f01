package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
)

// start serves on addr and returns what is printed, line by line.
func start(t *testing.T, addr string) *bufio.Scanner {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	read, write := io.Pipe()
	served := make(chan error, 1)
	go func() {
		err := serve(ctx, addr, write)
		write.CloseWithError(err)
		served <- err
	}()
	t.Cleanup(func() {
		cancel()
		read.Close() // so that nothing waits to be printed
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return bufio.NewScanner(read)
}

func find(t *testing.T, lines *bufio.Scanner, what string) string {
	t.Helper()
	for lines.Scan() {
		if strings.Contains(lines.Text(), what) {
			return lines.Text()
		}
	}
	t.Fatalf("there is no line with %q: %v", what, lines.Err())
	return ""
}

func TestTheSandboxTakesWhatItSaysAndTellsOfIt(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "localhost:0", ":0"} {
		t.Run(addr, func(t *testing.T) {
			lines := start(t, addr)
			url := strings.Fields(find(t, lines, "Base URL"))[2]
			key := strings.Fields(find(t, lines, "API key"))[2]
			_, body, _ := strings.Cut(find(t, lines, "-d '"), "'")
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/messages", strings.NewReader(strings.TrimSuffix(body, "'")))
			if err != nil {
				t.Fatal(err)
			}
			r.Header = http.Header{"Authorization": {"Bearer " + key}, "Content-Type": {"application/json"}}
			answered := make(chan *http.Response, 1)
			go func() {
				defer close(answered)
				if resp, err := http.DefaultClient.Do(r); err == nil {
					resp.Body.Close()
					answered <- resp
				}
			}()
			find(t, lines, "msg_000001  sms       to +244912345678 from ZEXA, 1 credits")
			if resp := <-answered; resp == nil || resp.StatusCode != http.StatusCreated {
				t.Errorf("the answer is %v, want 201", resp)
			}
		})
	}
}

func TestTheSandboxServesThisMachineOnly(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", "192.0.2.1:80", "nonsense"} {
		if err := serve(t.Context(), addr, io.Discard); err == nil {
			t.Errorf("%s is served", addr)
		}
	}
}
