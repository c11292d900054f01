package main

import (
	"context"
	"errors"
	"fmt"

	zexa "github.com/zexa-ao/zexa-go"
)

// A state is what the shop knows of the message about an order.
type state string

const (
	sent   state = "sent"
	parked state = "parked" // perhaps sent: a person decides
	unsent state = "unsent" // can be sent later
)

type order struct {
	number int
	phone  string
}

// tell tells a customer that the order is on its way. The state is right with
// every error.
func tell(ctx context.Context, client *zexa.Client, o order) (state, error) {
	body := fmt.Sprintf("Order %d is on its way.", o.number)
	_, err := client.Messages.Send(ctx, zexa.SMS("ZEXA", o.phone, body))
	switch {
	case err == nil, errors.Is(err, zexa.ErrAccepted):
		return sent, nil
	case errors.Is(err, zexa.ErrOutcomeUnknown):
		return parked, err
	default:
		return unsent, err
	}
}
