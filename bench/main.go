// Command bench measures what the SDK costs beside net/http and encoding/json
// written by hand, the floor, and beside other public SDKs, on the same work
// against one server in a process of its own. It prints Markdown.
//
// A round runs all clients in turn, in slices, each time starting with another
// one, so that what else the machine does touches all. Numbers are medians of
// rounds; ratios are medians of the ratios to the floor of the same round. The other SDKs talk to a server of their own format, so
// their bodies differ a little. CPU time is that of the whole client process.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/zexa-ao/zexa-go"
)

func main() {
	serving := flag.Bool("serve", false, "be the server; for the program itself")
	rounds := flag.Int("rounds", 0, "rounds of each work; 0 is its default")
	only := flag.String("only", "", "only the work whose title contains this")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := serve
	if !*serving {
		err = func() error { return bench(ctx, *rounds, *only) }
	}
	if err := err(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// A work is something that all clients do.
type work struct {
	title  string
	mode   string // of the server
	rounds int
	slices int                                 // of a round
	ops    int                                 // of a slice
	do     func(context.Context, client) error // all of them
	warm   func(context.Context, client) error // one that is not measured; nil: connections are part of the work
	print  func([]result)
	extra  []contender // take part in this work only
}

type result struct {
	name  string
	costs []cost
}

const inFlight = 64

var works = []work{
	{
		title: "One send after the other", mode: "0s", rounds: 11, slices: 8, ops: 500,
		do: func(ctx context.Context, c client) error {
			return times(500, func() error { return c.send(ctx) })
		},
		warm:  func(ctx context.Context, c client) error { return c.send(ctx) },
		print: printOperation,
	},
	{
		title: "2,000 sends, 64 at a time, server latency 5 ms, HTTP/1.1", mode: "5ms", rounds: 11, slices: 1, ops: 2000,
		do: func(ctx context.Context, c client) error {
			return together(2000, inFlight, func() error { return c.send(ctx) })
		},
		print: printFanOut,
	},
	{
		title: "Iterate 5,000 contacts, 100 a page, server latency 20 ms", mode: "20ms", rounds: 5, slices: 1, ops: contacts,
		do:    iterate,
		print: printList,
		extra: []contender{{"zexa, 8 pages ahead", func(base string) client { return openZexa(base, zexa.CallPagesAhead(8)) }}},
	},
	{
		title: "Iterate 5,000 contacts, 100 a page, no latency", mode: "0s", rounds: 9, slices: 2, ops: contacts,
		do:    iterate,
		print: printList,
	},
	{
		title: "A 422 into a typed error", mode: "422", rounds: 11, slices: 8, ops: 500,
		do: func(ctx context.Context, c client) error {
			return times(500, func() error { return c.refused(ctx) })
		},
		warm:  func(ctx context.Context, c client) error { return c.refused(ctx) },
		print: printOperation,
	},
}

func bench(ctx context.Context, rounds int, only string) (err error) {
	server, err := startBackend(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.close()) }()
	fmt.Printf("%s, %s/%s, GOMAXPROCS %d\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0))
	for _, w := range works {
		if !strings.Contains(w.title, only) {
			continue
		}
		if rounds > 0 {
			w.rounds = rounds
		}
		results, err := run(ctx, server, w)
		if err != nil {
			return fmt.Errorf("%s: %w", w.title, err)
		}
		fmt.Printf("\n## %s\n\n", w.title)
		w.print(results)
	}
	if title := "Cost of importing it"; strings.Contains(title, only) {
		sizes, err := measureSizes(ctx)
		if err != nil {
			return err
		}
		fmt.Printf("\n## %s\n\n", title)
		printSizes(sizes)
	}
	return nil
}

// run has all clients do w, interleaved.
func run(ctx context.Context, server *backend, w work) ([]result, error) {
	var results []result
	taking := append(contenders[:len(contenders):len(contenders)], w.extra...)
	for _, c := range taking {
		results = append(results, result{name: c.name})
	}
	for range w.rounds {
		means := make([]cost, len(taking))
		for range w.slices {
			first := rand.N(len(taking))
			for i := range taking {
				i = (first + i) % len(taking)
				c, err := runOnce(ctx, server, w, taking[i])
				if err != nil {
					return nil, fmt.Errorf("%s: %w", taking[i].name, err)
				}
				means[i].add(c, w.slices)
			}
		}
		for i, mean := range means {
			results[i].costs = append(results[i].costs, mean)
		}
	}
	return results, nil
}

func runOnce(ctx context.Context, server *backend, w work, by contender) (cost, error) {
	c := by.open(server.url())
	defer c.close()
	if _, err := server.set(w.mode); err != nil {
		return cost{}, err
	}
	if w.warm != nil {
		if err := times(20, func() error { return w.warm(ctx, c) }); err != nil {
			return cost{}, err
		}
	}
	spent, err := measure(w.ops, func() error { return w.do(ctx, c) })
	if err != nil {
		return cost{}, err
	}
	spent.connections, err = server.set(w.mode)
	return spent, err
}

func times(n int, do func() error) error {
	for range n {
		if err := do(); err != nil {
			return err
		}
	}
	return nil
}

// together does n times what do does, up to limit at once.
func together(n, limit int, do func() error) error {
	var (
		next  atomic.Int64
		group sync.WaitGroup
		errs  = make([]error, limit)
	)
	for i := range limit {
		group.Go(func() {
			for next.Add(1) <= int64(n) && errs[i] == nil {
				errs[i] = do()
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

func iterate(ctx context.Context, c client) error {
	n, err := c.list(ctx)
	if err == nil && n != contacts {
		err = fmt.Errorf("%d contacts, not %d", n, contacts)
	}
	return err
}
