// Command stripe makes one call of stripe-go.
package main

import (
	"context"
	"fmt"

	"github.com/stripe/stripe-go/v84"
)

func main() {
	customer, err := stripe.NewClient("key").V1Customers.Create(context.Background(),
		&stripe.CustomerCreateParams{Name: stripe.String("Ana")})
	fmt.Println(customer, err)
}
