package webhook

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

const (
	// secretParameter is a word that tools which scrub URLs look for.
	secretParameter = "secret"

	minSecret = 20
	maxSecret = 256
)

// NewSecret returns a new random secret for [URL] and [WithSecret], of 26
// letters and digits, which is more than 128 bits. Keep it as you keep the API
// key.
func NewSecret() string { return rand.Text() }

// URL returns the URL to register for events: base with the secret in its
// query, as in https://shop.example/zexa?secret=…. base has to be https, which
// the API demands; plain http is accepted for loopback addresses and
// "localhost", for tests.
//
// The secret is in the query because less of what writes down URLs writes that
// down: much software logs the path alone or counts requests by path, some
// removes a query parameter of this name, and none logs the query without the
// path. Also, the query arrives whatever the router. An access log of whole
// request lines shows it, as it would show a path: configure yours not to. The
// URL is a secret as a whole, and so is what contains it, such as a
// [zexa.WebhookParams] or a [zexa.Webhook].
func URL(base, secret string) (string, error) {
	if err := checkSecret(secret); err != nil {
		return "", fmt.Errorf("webhook: %w", err)
	}
	u, err := url.Parse(base)
	switch {
	case err != nil: // its text repeats the URL
		return "", errors.New("webhook: the base is not a URL")
	case u.Scheme != "https" && !(u.Scheme == "http" && isLoopback(u.Hostname())):
		return "", errors.New("webhook: the URL must be https")
	case u.Hostname() == "":
		return "", errors.New("webhook: the URL has no host")
	case u.User != nil:
		return "", errors.New("webhook: the URL must not hold a user name or password")
	case u.Fragment != "":
		return "", errors.New("webhook: the URL must not have a fragment")
	case u.Query().Has(secretParameter):
		return "", fmt.Errorf("webhook: the URL has a parameter %q already", secretParameter)
	}
	if u.RawQuery != "" {
		u.RawQuery += "&"
	}
	u.RawQuery += secretParameter + "=" + secret
	return u.String(), nil
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback() || strings.EqualFold(host, "localhost")
}

// checkSecret never repeats the secret.
func checkSecret(secret string) error {
	switch {
	case secret == "":
		return errors.New("the secret is empty")
	case len(secret) < minSecret:
		return fmt.Errorf("the secret is shorter than %d characters; NewSecret makes one", minSecret)
	case len(secret) > maxSecret:
		return fmt.Errorf("the secret is longer than %d characters", maxSecret)
	}
	for i := range len(secret) {
		switch c := secret[i]; {
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_':
		default:
			// Anything else may arrive in another spelling than it was registered.
			return errors.New("the secret has other characters than letters, digits, - and _")
		}
	}
	return nil
}

// secrets are the digests of those that are accepted. With digests, comparing
// takes the same time whatever the length, and no dump shows a secret.
type secrets [][sha256.Size]byte

// in reports whether query carries one of the secrets. The time it takes does
// not depend on which, or on how much of one is right.
func (s secrets) in(query string) bool {
	given := ""
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		if value, ok := strings.CutPrefix(pair, secretParameter+"="); ok {
			given = value
			break
		}
	}
	if len(given) > maxSecret {
		return false
	}
	var buf [maxSecret]byte
	digest, found := sha256.Sum256(buf[:copy(buf[:], given)]), 0
	for i := range s {
		found |= subtle.ConstantTimeCompare(digest[:], s[i][:])
	}
	return found == 1
}
