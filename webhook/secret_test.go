package webhook_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/zexa-ao/zexa-go/webhook"
)

func TestNewSecretIsAcceptedAndNeverTheSame(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 1000 {
		s := webhook.NewSecret()
		assert.False(t, seen[s])
		seen[s] = true
		assert.GreaterOrEqual(t, len(s), 26)
		_, err := webhook.URL("https://shop.example/zexa", s)
		require.NoError(t, err)
	}
}

func TestURL(t *testing.T) {
	t.Parallel()
	tests := []struct{ base, want, problem string }{
		{"https://shop.example/zexa", "https://shop.example/zexa?secret=" + secret, ""},
		{"https://shop.example", "https://shop.example?secret=" + secret, ""},
		{"https://shop.example:8443/a%2Fb/?x=%20", "https://shop.example:8443/a%2Fb/?x=%20&secret=" + secret, ""},
		{"http://127.0.0.1:80/x", "http://127.0.0.1:80/x?secret=" + secret, ""},
		{"http://[::1]/x", "http://[::1]/x?secret=" + secret, ""},
		{"http://localhost/x", "http://localhost/x?secret=" + secret, ""},
		{"http://shop.example/zexa", "", "must be https"},
		{"http://127.0.0.1.example/", "", "must be https"},
		{"ftp://localhost/", "", "must be https"},
		{"shop.example/zexa", "", "must be https"},
		{"", "", "must be https"},
		{"https:///zexa", "", "has no host"},
		{"https://u:private@shop.example/", "", "user name or password"},
		{"https://shop.example/#private", "", "fragment"},
		{"https://shop.example/?secret=private", "", "already"},
		{"https://shop.example/%zz?private", "", "not a URL"},
	}
	for _, tt := range tests {
		got, err := webhook.URL(tt.base, secret)
		assert.Equal(t, tt.want, got, tt.base)
		if tt.problem == "" {
			require.NoError(t, err, tt.base)
			var r recorder
			_, query, _ := strings.Cut(got, "?")
			assert.Equal(t, http.StatusOK, post(handler(t, &r), "/?"+query, event).Code, "the handler accepts its own URL")
			continue
		}
		require.ErrorContains(t, err, tt.problem, tt.base)
		assert.NotContains(t, err.Error(), "private")
	}
	for _, bad := range []string{"", "short", strings.Repeat("a", 20) + "%"} {
		got, err := webhook.URL("https://shop.example/", bad)
		require.Error(t, err)
		assert.Empty(t, got)
	}
}
