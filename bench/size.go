package main

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

// A binary is a small program that imports one SDK, as built.
type binary struct {
	name    string
	size    int64
	modules string // that are linked, besides the SDK
}

// measureSizes builds the programs in size, each of which makes one call. The
// first one uses net/http alone.
func measureSizes(ctx context.Context) ([]binary, error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	var binaries []binary
	for _, name := range []string{"hello", "zexa", "resend", "godo", "stripe"} {
		out := filepath.Join(dir, name)
		build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, "./size/"+name)
		if text, err := build.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("size of %s: %w\n%s", name, err, text)
		}
		info, err := os.Stat(out)
		if err != nil {
			return nil, err
		}
		built, err := buildinfo.ReadFile(out)
		if err != nil {
			return nil, err
		}
		var modules []string
		for _, dep := range built.Deps {
			if !strings.Contains(dep.Path, name) {
				modules = append(modules, path.Base(dep.Path))
			}
		}
		binaries = append(binaries, binary{name, info.Size(), strings.Join(modules, ", ")})
	}
	return binaries, nil
}
