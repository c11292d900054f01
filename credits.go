package zexa

import (
	"context"
	"log/slog"
	"net/http"
)

// CreditService reads the balance of the account. It is [Client.Credits].
type CreditService struct{ client *Client }

// A Balance is what is left to spend.
type Balance struct {
	// Credits is documented as an integer, but an e-mail is documented to cost
	// half a credit.
	Credits  float64 `json:"credits"`
	Currency string  `json:"currency"` // "USD"

	exactJSON
}

// LogValue returns what may be logged of the balance.
func (b Balance) LogValue() slog.Value {
	return slog.GroupValue(slog.Float64("credits", b.Credits), slog.String("currency", b.Currency))
}

// Get returns the balance. At zero sending stops, and running campaigns pause
// until the account is topped up. It calls GET /credits, which is documented.
func (s *CreditService) Get(ctx context.Context, opts ...CallOption) (*Balance, error) {
	return call[Balance](ctx, s.client, request{method: http.MethodGet, path: "/credits"}, opts)
}
