package webhook

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	zexa "github.com/zexa-ao/zexa-go"
)

// Defaults of a [Handler].
const (
	DefaultTimeout  = 10 * time.Second
	DefaultMaxBody  = 1 << 20 // bytes
	DefaultRemember = 72 * time.Hour
	DefaultSize     = 100_000 // events in the built-in store
)

// rememberVague is how long an event is remembered that has neither id nor
// time: another one that says the same, such as a second opt-out, is a new one.
const rememberVague = 5 * time.Minute

type config struct {
	secrets  secrets
	verify   func(ctx context.Context, header http.Header, body []byte) error
	open     bool
	confirm  *confirmer
	timeout  time.Duration
	maxBody  int64
	keeper   keeper
	remember time.Duration
	logger   *slog.Logger
}

// An Option configures a [Handler]. A nil Option, or one with a value that
// makes no sense, is an error from [NewHandler].
type Option func(*config) error

// WithSecret accepts a post only if its URL carries the secret, as one made
// with [URL] does. Others are answered 403 before their body is read. A secret
// has 20 to 256 letters, digits, hyphens and underscores; [NewSecret] makes
// one. An empty secret is an error, not an open door.
//
// It protects against everybody who does not know the URL. It does not protect
// against those who have seen it: in a log, in the vendor's dashboard, or on
// the way, if TLS ends at a proxy. They can make up events and repeat old ones.
//
// To rotate a secret, give both, in any order; register a URL with the new one;
// end the old registration, which no endpoint does, or let the vendor do it;
// then leave the old secret out. In between an event may come to both URLs, and
// is a copy only if it has the same id there. More than two secrets are an
// error.
func WithSecret(secrets ...string) Option {
	return func(c *config) error {
		if len(secrets) < 1 || len(secrets) > 2 {
			return errors.New("WithSecret takes one secret, or two while one replaces the other")
		}
		c.secrets = nil
		for i, secret := range secrets {
			if err := checkSecret(secret); err != nil {
				return fmt.Errorf("secret %d: %w", i+1, err)
			}
			c.secrets = append(c.secrets, sha256.Sum256([]byte(secret)))
		}
		return nil
	}
}

// WithVerifier accepts a post only if verify returns nil for its header and its
// body, which are as they arrived and must not be changed. It is for the day
// the vendor signs deliveries, or for a proxy of yours that does. An error is
// answered 403, or 503 if ctx has ended.
//
// It protects as well as verify does. A signature protects the body against
// everybody without the key; against a repetition of the post only if it covers
// a time that verify checks. Compare with hmac.Equal, not with ==.
//
// With [WithSecret] a post must pass both, the secret first.
func WithVerifier(verify func(ctx context.Context, header http.Header, body []byte) error) Option {
	return func(c *config) error {
		if verify == nil {
			return errors.New("the verifier is nil")
		}
		c.verify = verify
		return nil
	}
}

// WithoutAuthentication accepts every post. Anybody who finds the URL can make
// up events: it is for tests, and for a handler behind something that
// authenticates by itself, such as mutual TLS.
func WithoutAuthentication() Option {
	return func(c *config) error {
		c.open = true
		return nil
	}
}

// WithConfirmation believes what an event says of a status only once the API
// says so too, by GET /messages/{id} or GET /campaigns/{id}, which are
// documented. It needs [WithSecret] or [WithVerifier] below it, and protects
// against those who got past them: a status cannot be made up, though a true
// one can be told again. No endpoint can confirm opt-outs, so they pass. Test
// events, statuses that are undocumented and events that do not say what they
// are about pass too, unconfirmed, and reach Funcs.Other alone.
//
// An event is confirmed if the API has the same status, or one that comes
// later. If it has another final status, the event is false or outdated and
// answered 403. In any other case it is answered 503 so that the sender tries
// again: the API is not that far yet, does not know the message, or cannot be
// asked. In a confirmed event, To is what the API says too; all else, RawJSON
// included, is what was posted.
//
// A test event that is not recognised, as it looks like one about a message,
// is answered 503 as well. Should a registration fail for that, register with a
// handler that does not confirm.
//
// At most atOnce events are confirmed at a time, so that a flood of posts does
// not use up the account's rate; 4 is plenty for most. The others wait, up to
// the handler's timeout. What the client waits for, its retries and its pace,
// counts towards that timeout. For a stricter limit give it a client of its own,
// made with [zexa.WithRateLimiter].
func WithConfirmation(client *zexa.Client, atOnce int) Option {
	return func(c *config) error {
		switch {
		case client == nil:
			return errors.New("the client for confirmation is nil")
		case atOnce < 1:
			return errors.New("the number of confirmations at once must be positive")
		}
		c.confirm = &confirmer{client: client, slots: make(chan struct{}, atOnce)}
		return nil
	}
}

// WithTimeout sets the deadline that the context of each function has, counted
// from when the post has been read. What comes before the function counts: the
// verifier, the store, the confirmation, the wait for another copy. It must be
// positive and is [DefaultTimeout] by default. How long the sender waits is
// undocumented.
func WithTimeout(d time.Duration) Option {
	return func(c *config) error {
		if d <= 0 {
			return errors.New("the timeout must be positive")
		}
		c.timeout = d
		return nil
	}
}

// WithMaxBody sets how many bytes a post may have; a larger one is answered
// 413. It must be positive and is [DefaultMaxBody] by default.
func WithMaxBody(bytes int64) Option {
	return func(c *config) error {
		if bytes <= 0 {
			return errors.New("the limit of the body must be positive")
		}
		c.maxBody = bytes
		return nil
	}
}

// WithStore keeps what has been handled in store, in place of a [MemoryStore]
// of [DefaultSize].
func WithStore(store Store) Option {
	return func(c *config) error {
		if store == nil {
			return errors.New("the store is nil")
		}
		c.keeper = foreign{store}
		if own, ok := store.(*MemoryStore); ok {
			if own == nil || own.known == nil {
				return errors.New("the store was not made by NewMemoryStore")
			}
			c.keeper = own
		}
		return nil
	}
}

// WithRemember sets how long a copy of an event that was handled is recognised,
// if the store can keep it as long. It must be positive and is
// [DefaultRemember] by default. An event with neither an id nor a time is
// remembered for five minutes at most: who opts out a second time says the same
// as the first time.
func WithRemember(d time.Duration) Option {
	return func(c *config) error {
		if d <= 0 {
			return errors.New("the time to remember must be positive")
		}
		c.remember = d
		return nil
	}
}

// WithLogger writes a record for each post that is refused, cannot be confirmed
// or waited in vain for another copy (warn) and for each failure of a function,
// a panic included, or of the store (error). Records hold the type and the id of the event, the answer
// and the reason: never a body, a header or a secret, and phone numbers and
// e-mail addresses in them are masked. Without it nothing is written anywhere.
func WithLogger(logger *slog.Logger) Option {
	return func(c *config) error {
		if logger == nil {
			return errors.New("the logger is nil")
		}
		c.logger = logger
		return nil
	}
}
