package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/zexa-ao/zexa-go/zexatest"
)

func TestLogs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		require.NoError(t, run(&out))
		var got []string
		for line := range strings.Lines(out.String()) {
			var record struct{ Level, Msg, Method, Path string }
			require.NoError(t, json.Unmarshal([]byte(line), &record))
			got = append(got, strings.Join([]string{record.Level, record.Msg, record.Method, record.Path}, " "))
		}
		assert.Equal(t, []string{
			"DEBUG zexa: call POST /messages",
			"INFO sent  ",
			"WARN zexa: retry GET /messages/{id}",
			"DEBUG zexa: call GET /messages/{id}",
			"ERROR zexa: call POST /messages",
			"WARN parked  ",
		}, got)
		for _, private := range []string{"912345678", "encomenda", zexatest.DefaultKey} {
			assert.NotContains(t, out.String(), private)
		}
	})
}
