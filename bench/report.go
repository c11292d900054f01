package main

import (
	"fmt"
	"time"
)

func wall(c cost) time.Duration { return c.wall }
func cpu(c cost) time.Duration  { return c.cpu }
func allocs(c cost) float64     { return c.allocs }
func size(c cost) float64       { return c.bytes }
func connections(c cost) int    { return c.connections }

func printOperation(results []result) {
	fmt.Println("| | CPU | × floor | allocations | over floor | bytes | over floor |")
	fmt.Println("|---|--:|--:|--:|--:|--:|--:|")
	floor := results[0].costs
	for _, r := range results {
		a, b := median(of(r.costs, allocs)), median(of(r.costs, size))
		fmt.Printf("| %s | %.1f µs | %.2f | %.1f | %+.1f | %.0f | %+.0f |\n", r.name,
			micros(median(of(r.costs, cpu))), ratio(r.costs, floor, cpu),
			a, a-median(of(floor, allocs)), b, b-median(of(floor, size)))
	}
}

func printFanOut(results []result) {
	fmt.Println("| | time | × floor | CPU a send | × floor | connections |")
	fmt.Println("|---|--:|--:|--:|--:|--:|")
	floor := results[0].costs
	for _, r := range results {
		fmt.Printf("| %s | %.0f ms | %.2f | %.1f µs | %.2f | %d |\n", r.name,
			micros(median(of(r.costs, wall)))/1000, ratio(r.costs, floor, wall),
			micros(median(of(r.costs, cpu))), ratio(r.costs, floor, cpu), median(of(r.costs, connections)))
	}
}

func printList(results []result) {
	fmt.Println("| | time | CPU an item | × floor | allocations an item | over floor | bytes an item |")
	fmt.Println("|---|--:|--:|--:|--:|--:|--:|")
	floor := results[0].costs
	for _, r := range results {
		a := median(of(r.costs, allocs))
		fmt.Printf("| %s | %.0f ms | %.2f µs | %.2f | %.2f | %+.2f | %.0f |\n", r.name,
			micros(median(of(r.costs, wall)))/1000,
			micros(median(of(r.costs, cpu))), ratio(r.costs, floor, cpu),
			a, a-median(of(floor, allocs)), median(of(r.costs, size)))
	}
}

func printSizes(sizes []binary) {
	fmt.Println("| | stripped binary | over hello | modules linked |")
	fmt.Println("|---|--:|--:|---|")
	for _, b := range sizes {
		fmt.Printf("| %s | %.2f MB | %+.2f MB | %s |\n", b.name, megabytes(b.size), megabytes(b.size-sizes[0].size), b.modules)
	}
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

func megabytes(n int64) float64 { return float64(n) / 1e6 }
