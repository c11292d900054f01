package zexatest_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func goList(t *testing.T, args ...string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", append([]string{"list"}, args...)...).Output()
	require.NoError(t, err)
	return strings.Fields(string(out))
}

func TestOnlyTheStandardLibraryAndTheSDKAreImported(t *testing.T) {
	t.Parallel()
	for _, path := range goList(t, "-f", `{{join .Imports "\n"}}`, ".") {
		if path == "github.com/zexa-ao/zexa-go" {
			continue
		}
		assert.NotContains(t, path, ".")
	}
}

// Both add flags to the programs that link them.
func TestNeitherTestingNorHTTPTestIsLinked(t *testing.T) {
	t.Parallel()
	linked := goList(t, "-deps", ".", "../examples/sandbox")
	assert.Contains(t, linked, "net/http")
	assert.NotContains(t, linked, "testing")
	assert.NotContains(t, linked, "net/http/httptest")
}
