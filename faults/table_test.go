// Package faults_test holds the client to its promises when the network and the
// API misbehave: real listeners on loopback, HTTP/1.1 and HTTP/2, the public API
// and, wherever that is possible, the default client.
//
// Its heart is one table. A row is a fault and what must hold; a run gives its
// figures. To have them printed as Markdown, in this directory:
//
//	go test -count=1 -args -table=-
package faults_test

import (
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The table. Each section is one of what the package promises.
var table = []section{
	{"A message is never sent twice by us", neverTwice},
	{"Waiting", waiting},
	{"Errors", readableErrors},
	{"The key", theKey},
	{"Forward compatibility", compatibility},
	{"Bounds", bounds},
	{"Manners of a library", manners},
}

type section struct {
	title string
	rows  []row
}

// A row is a fault, what is called, and what must hold.
type row struct {
	fault string
	call  string
	holds string
	over  []carrier // nil: sockets
	alone bool      // no other row runs at the same time
	slow  bool      // only runs when the table is wanted
	run   func(*trial)
}

// A carrier is what takes requests to the server.
type carrier string

const (
	http1  carrier = "1.1"    // HTTP/1.1 over a socket
	http2  carrier = "2"      // HTTP/2 over TLS and a socket
	bubble carrier = "bubble" // HTTP/1.1 in memory, in a testing/synctest bubble
)

var (
	sockets   = []carrier{http1, http2}
	onlyHTTP1 = []carrier{http1}
	onlyHTTP2 = []carrier{http2}
	inBubble  = []carrier{bubble}
)

// A trial is a row over one carrier.
type trial struct {
	*testing.T
	over carrier
	figures
}

// figures are what a trial shows, as the table prints them.
type figures struct {
	arrived string // requests that reached a server
	acted   string // how many of them had their effect
	waited  string
	memory  string
}

type result struct {
	over carrier
	figures
	held bool
}

var (
	resultsMu sync.Mutex
	results   = map[[2]int][]result{} // by section and row
)

func TestFaults(t *testing.T) {
	for i, s := range table {
		for j, r := range s.rows {
			if r.over == nil {
				r.over = sockets
			}
			for _, over := range r.over {
				name := strings.Join([]string{strconv.Itoa(i + 1), r.fault, r.call, "over " + string(over)}, " ")
				t.Run(strings.ReplaceAll(name, "/", "-"), func(t *testing.T) {
					if r.slow && *tableFile == "" {
						t.Skip("it is slow: only run for the table")
					}
					if !r.alone {
						t.Parallel()
					}
					x := &trial{T: t, over: over}
					defer func() {
						if !t.Skipped() {
							resultsMu.Lock()
							defer resultsMu.Unlock()
							at := [2]int{i, j}
							results[at] = append(results[at], result{over, x.figures, !t.Failed()})
						}
					}()
					if over != bubble {
						r.run(x)
						return
					}
					synctest.Test(t, func(t *testing.T) {
						x.T = t
						r.run(x)
					})
				})
			}
		}
	}
}

// The table in the documents is printed by hand, so it can be left behind.
func TestTheDocumentedTableIsThisOne(t *testing.T) {
	all, err := os.ReadFile("../docs/faults.md")
	require.NoError(t, err)
	documented := map[string]bool{}
	for line := range strings.Lines(string(all)) {
		if cells := strings.Split(line, " | "); len(cells) > 3 && cells[0] != "| fault" && cells[0] != "| ---" {
			documented[strings.Join(cells[:3], " | ")] = true
		}
	}
	for _, s := range table {
		for _, r := range s.rows {
			line := strings.Join([]string{"| " + r.fault, r.call, r.holds}, " | ")
			assert.True(t, documented[line], "not in the documents: %s", line)
			delete(documented, line)
		}
	}
	for line := range documented {
		t.Errorf("only in the documents: %s", line)
	}
}

// arrives checks how many requests reached a server.
func (x *trial) arrives(want int, got int64) {
	x.Helper()
	assert.EqualValues(x, want, got, "requests that arrived")
	x.arrived = strconv.FormatInt(got, 10)
}

// acts checks how many requests had their effect.
func (x *trial) acts(want int, got int64) {
	x.Helper()
	assert.EqualValues(x, want, got, "requests acted on")
	x.acted = strconv.FormatInt(got, 10)
}

// waits checks how long was waited. Part of a wait is drawn at random, so the
// table shows the band that it must lie in.
func (x *trial) waits(least, most, got time.Duration) {
	x.Helper()
	assert.GreaterOrEqual(x, got, least)
	assert.LessOrEqual(x, got, most)
	switch {
	case most == 0:
		x.waited = "0 s"
	case least == most:
		x.waited = seconds(most) + " s"
	default:
		x.waited = seconds(least) + "–" + seconds(most) + " s"
	}
}

func seconds(d time.Duration) string {
	return strconv.FormatFloat(d.Seconds(), 'f', -1, 64)
}

// soon checks that a call did not hang until the end of an attempt's default time.
func (x *trial) soon(start time.Time) {
	x.Helper()
	assert.Less(x, time.Since(start), 25*time.Second, "it took far too long")
}

var tableFile = flag.String("table", "", "write the table as Markdown to `file`; - is the standard output")

func TestMain(m *testing.M) {
	flag.Parse()
	flag.Set("test.parallel", "16") // most rows only wait
	end, err := isolate()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	end()
	if err := writeTable(*tableFile); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func writeTable(name string) error {
	var b strings.Builder
	printTable(&b)
	switch name {
	case "":
		return nil
	case "-":
		_, err := io.WriteString(os.Stdout, b.String())
		return err
	}
	return os.WriteFile(name, []byte(b.String()), 0o644)
}

const preface = `# What happens when the network does not keep its promises

The client against a faulty network: real sockets on loopback, HTTP/1.1 and
HTTP/2, the default client, the public API only. Every row is a test that has
to pass. This table is printed by:

    go -C faults test -count=1 -args -table=../docs/faults.md

*Over* is the version of HTTP; in a *bubble* the requests travel in memory and
the clock is a fake one, so that waits are exact. Part of every wait is drawn at
random: what is shown is the band that it has to lie in. *Acted on* counts the
messages that the server accepted, or the contacts that it removed. *Memory* is
how much the heap grew at its peak, with the server in the same process.
`

func printTable(w io.Writer) {
	fmt.Fprint(w, preface)
	for i, s := range table {
		lines := [][]string{{"fault", "call", "what must hold", "over", "arrived", "acted on", "waited", "memory"}}
		for j, r := range s.rows {
			for _, group := range merged(results[[2]int{i, j}]) {
				holds := r.holds
				if !group.held {
					holds = "**DOES NOT HOLD:** " + holds
				}
				lines = append(lines, []string{
					r.fault, r.call, holds, string(group.over), group.arrived, group.acted, group.waited, group.memory,
				})
			}
		}
		if len(lines) == 1 {
			continue
		}
		fmt.Fprintf(w, "\n## %d. %s\n\n", i+1, s.title)
		for n, line := range withoutEmptyColumns(lines) {
			fmt.Fprintf(w, "| %s |\n", strings.Join(line, " | "))
			if n == 0 {
				fmt.Fprintf(w, "|%s\n", strings.Repeat(" --- |", len(line)))
			}
		}
	}
}

// merged joins the results that differ in their carrier only.
func merged(all []result) []result {
	slices.SortFunc(all, func(a, b result) int { return strings.Compare(string(a.over), string(b.over)) })
	var groups []result
next:
	for _, r := range all {
		for i := range groups {
			if g := &groups[i]; g.figures == r.figures && g.held == r.held {
				g.over += ", " + r.over
				continue next
			}
		}
		groups = append(groups, r)
	}
	return groups
}

func withoutEmptyColumns(lines [][]string) [][]string {
	kept := make([][]string, len(lines))
	for column := range lines[0] {
		if !slices.ContainsFunc(lines[1:], func(line []string) bool { return line[column] != "" }) {
			continue
		}
		for i, line := range lines {
			kept[i] = append(kept[i], line[column])
		}
	}
	return kept
}
