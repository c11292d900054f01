package conformance

import (
	"os"
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
	for path, item := range c.doc.Paths.Map() {
		for method := range item.Operations() {
			assert.Contains(t, strings.Split(string(guide), "\n"), "## "+method+" "+path)
		}
	}
}
