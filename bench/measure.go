package main

import (
	"runtime"
	"slices"
	"syscall"
	"time"
)

// A cost is what a slice of work took, or the mean of several, for each operation. CPU time and
// allocations are those of the whole process, with the goroutines of the
// transport and the garbage collector.
type cost struct {
	wall        time.Duration // of all operations
	cpu         time.Duration
	allocs      float64
	bytes       float64
	connections int
}

// add adds one of n costs to their mean.
func (c *cost) add(one cost, n int) {
	c.wall += one.wall / time.Duration(n)
	c.cpu += one.cpu / time.Duration(n)
	c.allocs += one.allocs / float64(n)
	c.bytes += one.bytes / float64(n)
	c.connections += one.connections / n
}

// measure runs work, which is n operations.
func measure(n int, work func() error) (cost, error) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu, start := cpuTime(), time.Now()
	err := work()
	c := cost{wall: time.Since(start), cpu: (cpuTime() - cpu) / time.Duration(n)}
	runtime.ReadMemStats(&after)
	c.allocs = float64(after.Mallocs-before.Mallocs) / float64(n)
	c.bytes = float64(after.TotalAlloc-before.TotalAlloc) / float64(n)
	return c, err
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func median[T ~int | ~int64 | ~float64](values []T) T {
	if len(values) == 0 {
		return 0
	}
	values = slices.Sorted(slices.Values(values))
	return values[len(values)/2]
}

// of returns one part of each cost.
func of[T any](costs []cost, part func(cost) T) []T {
	parts := make([]T, len(costs))
	for i, c := range costs {
		parts[i] = part(c)
	}
	return parts
}

// ratio is the median of the ratios of each round to the same round of the
// floor: what else the machine did at the time touched both.
func ratio(costs, floor []cost, part func(cost) time.Duration) float64 {
	ratios := make([]float64, min(len(costs), len(floor)))
	for i := range ratios {
		ratios[i] = float64(part(costs[i])) / float64(part(floor[i]))
	}
	return median(ratios)
}
