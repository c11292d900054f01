package demo

import (
	"context"
	"net/http"

	zexa "github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/zexatest"
)

// Errors makes every kind of error happen on the Zexa inside this process. If
// ZEXA_API_KEY is set it makes one call that only reads.
func Errors() (errs []error, err error) {
	client, server, err := ClientAndServer()
	if err != nil {
		return nil, err
	}
	defer client.CloseIdleConnections()
	ctx := context.Background()
	if server == nil {
		_, err := client.Credits.Get(ctx)
		return []error{err}, nil
	}

	send := func(ctx context.Context, to string) {
		_, err := client.Messages.Send(ctx, zexa.SMS("ZEXA", to, "Hello."))
		errs = append(errs, err)
	}

	send(ctx, "912345678") // found before it is sent

	for _, fault := range []zexatest.Fault{
		{Status: http.StatusBadRequest},
		{Status: http.StatusUnauthorized},
		{Status: http.StatusUnprocessableEntity},
		{Status: http.StatusBadGateway},
		{Reset: zexatest.ResetAfterActed},
		{Damage: zexatest.InvalidJSON},
	} {
		server.Fault(fault)
		send(ctx, "+244912345678")
	}

	server.SetBalance(0)
	send(ctx, "+244912345678")

	ended, cancel := context.WithCancel(ctx)
	cancel()
	send(ended, "+244912345678")

	known := server.Contacts("")[0].Phone
	_, err = client.Contacts.Create(ctx, zexa.ContactParams{Name: "Ana", Phone: known})
	errs = append(errs, err)

	_, err = client.Messages.Get(ctx, "msg_missing")
	errs = append(errs, err)

	server.Fault(zexatest.Fault{Status: http.StatusServiceUnavailable})
	_, err = client.Credits.Get(ctx, zexa.CallRetries(0))
	errs = append(errs, err)

	nowhere, err := zexa.New("zx_demo", zexa.WithBaseURL("http://127.0.0.1:1/v1"), zexa.WithRetries(0))
	if err != nil {
		return nil, err
	}
	_, err = nowhere.Messages.Send(ctx, zexa.SMS("ZEXA", "+244912345678", "Hello."))
	errs = append(errs, err)

	// Last, as a client that was told to wait holds back its other calls too.
	server.Fault(zexatest.Fault{Status: http.StatusTooManyRequests, RetryAfter: "90"})
	send(ctx, "+244912345678")
	return errs, nil
}
