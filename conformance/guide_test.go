package conformance

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheGuideHasASectionForEveryOperation(t *testing.T) {
	c, err := loadContract(t.Context())
	require.NoError(t, err)
	guide, err := os.ReadFile("../docs/api.md")
	require.NoError(t, err)
	lines := strings.Split(string(guide), "\n")
	for path, item := range c.doc.Paths.Map() {
		for method := range item.Operations() {
			assert.True(t, slices.Contains(lines, "## "+method+" "+path), "%s %s has none in docs/api.md", method, path)
		}
	}
}
