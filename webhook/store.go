package webhook

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math"
	"sync"
	"time"
)

// State is what a [Store] knows about an event.
type State int

const (
	Busy    State = iota // somebody is handling it
	Claimed              // nobody had it: it is the caller's to handle now
	Done                 // it has been handled
)

// A Store remembers which events have been handled, so that a copy is not
// handled again. [NewMemoryStore] is one for a single process; processes that
// share the deliveries, as behind a load balancer, need one that they share as
// well, such as a database:
//
//   - Claim: SET key busy NX PX lease, and if that was refused, GET key, where
//     all but done means Busy
//   - Done: SET key done PX ttl
//   - Release: DEL key
//
// Keys are 32 hexadecimal digits, which tell nothing of the event. Methods are
// called by many goroutines at once. If Claim fails, the event is not handled
// and the post answered 503.
type Store interface {
	// Claim takes an event for the caller and returns Claimed, unless it is
	// Busy or Done. It does not wait. If neither Done nor Release follows, the
	// caller has died: after lease at the earliest the event may be claimed
	// again.
	Claim(ctx context.Context, key string, lease time.Duration) (State, error)

	// Done remembers for ttl that the claimed event has been handled. A store
	// that forgets it sooner makes a late copy be handled again.
	Done(ctx context.Context, key string, ttl time.Duration) error

	// Release gives back an event that has been claimed and not handled. It is
	// not called once the lease is over.
	Release(ctx context.Context, key string) error
}

// A MemoryStore is a [Store] in the memory of one process.
type MemoryStore struct {
	size  int
	start time.Time

	mu    sync.Mutex
	known map[digest]memory
	order []turn // of the events that are done, oldest first
	turns uint64
}

// digest stands for a key. Neither it nor what is known holds a pointer, so
// that the garbage collector need not look through a large store.
type digest [16]byte

// key is how a [Store] gets to know d.
func (d digest) key() string { return hex.EncodeToString(d[:]) }

func digestOf(key string) (d digest) {
	// The keys of a Handler are such digests already.
	if len(key) == hex.EncodedLen(len(d)) {
		if _, err := hex.Decode(d[:], []byte(key)); err == nil {
			return d
		}
	}
	sum := sha256.Sum256([]byte(key))
	copy(d[:], sum[:])
	return d
}

// memory is what is known of an event: that it is busy, if its turn is 0, or
// that it is done.
type memory struct {
	turn  uint64        // its place in the order
	until time.Duration // from the start: it is forgotten then
}

// turn is a place in the order. It is void if its event has moved on.
type turn struct {
	digest digest
	turn   uint64
}

// NewMemoryStore returns a store that remembers the last events that were
// handled, at most size of them; each takes about 100 bytes. Those that are
// being handled come on top and are never forgotten. When it is full the
// oldest is forgotten before its time, so size should be more than the events
// in the time in which copies may come.
func NewMemoryStore(size int) (*MemoryStore, error) {
	if size < 1 {
		return nil, errors.New("webhook: the size of the store must be positive")
	}
	return newMemoryStore(size), nil
}

func newMemoryStore(size int) *MemoryStore {
	return &MemoryStore{size: size, start: time.Now(), known: make(map[digest]memory)}
}

// Claim implements [Store]. A claim lasts until Done or Release: it does not
// outlive the process anyway.
func (s *MemoryStore) Claim(ctx context.Context, key string, lease time.Duration) (State, error) {
	return s.claim(ctx, digestOf(key), lease)
}

// Done implements [Store].
func (s *MemoryStore) Done(ctx context.Context, key string, ttl time.Duration) error {
	return s.done(ctx, digestOf(key), ttl)
}

// Release implements [Store].
func (s *MemoryStore) Release(ctx context.Context, key string) error {
	return s.release(ctx, digestOf(key))
}

func (s *MemoryStore) claim(_ context.Context, d digest, _ time.Duration) (State, error) {
	now := time.Since(s.start)
	s.mu.Lock()
	defer s.mu.Unlock()
	m, ok := s.known[d]
	switch {
	case ok && m.turn == 0:
		return Busy, nil
	case ok && now < m.until:
		return Done, nil
	}
	s.known[d] = memory{}
	return Claimed, nil
}

func (s *MemoryStore) done(_ context.Context, d digest, ttl time.Duration) error {
	now := time.Since(s.start)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turns++
	s.known[d] = memory{turn: s.turns, until: now + min(ttl, math.MaxInt64-now)}
	s.order = append(s.order, turn{d, s.turns})
	for len(s.order) > 0 {
		oldest := s.order[0]
		m := s.known[oldest.digest]
		valid := m.turn == oldest.turn
		if valid && len(s.order) <= s.size && now < m.until {
			break
		}
		if valid {
			delete(s.known, oldest.digest)
		}
		s.order = s.order[1:]
	}
	return nil
}

func (s *MemoryStore) release(_ context.Context, d digest) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known[d].turn == 0 {
		delete(s.known, d)
	}
	return nil
}

// A keeper is a store as a Handler uses it. A [MemoryStore] is one, so that the
// usual handler does not have to spell out keys, nor to give it deadlines.
type keeper interface {
	claim(ctx context.Context, d digest, lease time.Duration) (State, error)
	done(ctx context.Context, d digest, ttl time.Duration) error
	release(ctx context.Context, d digest) error
}

// foreign is a store of the caller's.
type foreign struct{ Store }

// settleTimeout bounds what a store does after an event has been handled.
const settleTimeout = 5 * time.Second

func (f foreign) claim(ctx context.Context, d digest, lease time.Duration) (State, error) {
	return f.Claim(ctx, d.key(), lease)
}

// done has a deadline of its own: what has been done is done, also if the
// sender has hung up.
func (f foreign) done(ctx context.Context, d digest, ttl time.Duration) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	return f.Done(ctx, d.key(), ttl)
}

// release leaves a claim alone whose lease may be over: it may be another's now.
func (f foreign) release(ctx context.Context, d digest) error {
	if deadline, ok := ctx.Deadline(); ok && time.Since(deadline) > leaseMargin {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	return f.Release(ctx, d.key())
}
