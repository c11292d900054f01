// Testing-your-code is a program with a test that uses zexatest. The test is the
// example: see orders_test.go, and run it with
//
//	go test -v ./examples/testing-your-code
package main

import (
	"context"
	"fmt"
	"log"

	"github.com/zexa-ao/zexa-go/zexatest"
)

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
	fmt.Println("How this is tested: go test -v ./examples/testing-your-code")
}

func run() error {
	server, err := zexatest.Start() // a Zexa inside this process, even if ZEXA_API_KEY is set
	if err != nil {
		return err
	}
	defer server.Close()
	client, err := server.Client() // in your program: zexa.NewFromEnv()
	if err != nil {
		return err
	}
	server.Fault(zexatest.Fault{Method: "POST", Reset: zexatest.ResetAfterActed}) // the first answer gets lost
	for number := 1042; number <= 1043; number++ {
		state, err := tell(context.Background(), client, order{number, "+244912345678"})
		fmt.Printf("order %d: %s, error: %v\n", number, state, err)
	}
	return nil
}
