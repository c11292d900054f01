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

func TestADeliveryIsPostedToAPathOrAWholeURL(t *testing.T) {
	t.Parallel()
	var got string
	h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Host + " " + r.URL.Path + " " + r.URL.RawQuery })
	for target, want := range map[string]string{
		"":                                      "receiver.zexatest.local / ",
		"/":                                     "receiver.zexatest.local / ",
		"/zexa?secret=x":                        "receiver.zexatest.local /zexa secret=x",
		"?secret=x":                             "receiver.zexatest.local / secret=x",
		"https://shop.example:8443/zexa?secret": "shop.example:8443 /zexa secret",
	} {
		zexatest.Deliver(h, zexatest.Delivery{URL: target})
		assert.Equal(t, want, got, target)
	}
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
