package zexa_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/zexa-ao/zexa-go"
)

var creditCalls = []apiCall{{
	name: "Credits.Get", method: http.MethodGet, template: "/credits", path: "/credits",
	status: 200, answer: `{"credits":4250,"currency":"USD"}`,
	call: func(ctx context.Context, c *zexa.Client, opts ...zexa.CallOption) (any, error) {
		return c.Credits.Get(ctx, opts...)
	},
	check: func(t *testing.T, got any) {
		assert.Equal(t, 4250.0, got.(*zexa.Balance).Credits)
		assert.Equal(t, "USD", got.(*zexa.Balance).Currency)
	},
}}

func TestHalfACreditIsCounted(t *testing.T) {
	t.Parallel()
	for written, want := range map[string]float64{"0.5": 0.5, "4250.5": 4250.5, "4250.0": 4250, "0": 0, "-1": -1, "4.25e3": 4250} {
		b, err := newMock(t, nil, answer(200, `{"credits":`+written+`,"currency":"USD"}`)).Credits.Get(t.Context())
		require.NoError(t, err)
		assert.Equal(t, want, b.Credits)
	}
}
