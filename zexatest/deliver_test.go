package zexatest_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/zexa-ao/zexa-go/zexatest"
)

func TestAnAnswerThatIsAnnouncedIsNotTheAnswer(t *testing.T) {
	t.Parallel()
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusTeapot)
		w.WriteHeader(http.StatusOK) // too late
	})
	assert.Equal(t, []int{http.StatusTeapot}, zexatest.Deliver(h, zexatest.Delivery{}))
}

func TestAClientThatGaveUpGetsNoAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := zexatest.ClientFor(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(time.Minute) }))
		client.Timeout = time.Second
		_, err := client.Get("https://receiver.example/")
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}
