package main

import (
	"fmt"
	"os"
	"strings"

	zexa "github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/examples/internal/demo"
	"github.com/zexa-ao/zexa-go/zexatest"
)

// prepare returns a client and the numbers in a file, or without a file numbers
// that nobody has. A Zexa inside this process takes 400 messages a second, and
// some answers get lost.
func prepare(file string) (client *zexa.Client, numbers []string, err error) {
	client, server, err := demo.ClientAndServer(
		zexatest.Fault{Method: "POST", Reset: zexatest.ResetAfterActed, Every: 400, Times: zexatest.Always},
		zexatest.Fault{Method: "POST", Status: 500, Every: 700, Times: zexatest.Always},
	)
	if err != nil {
		return nil, nil, err
	}
	if server != nil {
		server.SetBalance(5_000)
		server.RateLimit(zexatest.Limit{Requests: 400})
	}
	if file == "" {
		for n := range 1_200 {
			numbers = append(numbers, fmt.Sprintf("+24491%07d", n))
		}
		return client, numbers, nil
	}
	text, err := os.ReadFile(file)
	return client, strings.Fields(string(text)), err
}
