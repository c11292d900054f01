// Command zexa makes one call of the SDK.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/zexa-ao/zexa-go"
)

func main() {
	client, err := zexa.NewFromEnv()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	message, err := client.Messages.Send(context.Background(), zexa.SMS("MinhaLoja", "+244912345678", "A sua encomenda saiu."))
	fmt.Println(message, err)
}
