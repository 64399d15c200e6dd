// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"
)

const (
	megabyte     = 1e6
	memoryBudget = 30
)

// memory starts agents with the policies that they ship with.
func (h host) memory(ctx context.Context) ([]row, error) {
	starts := 5
	if h.quick {
		starts = 3
	}
	var started, scraped []float64
	for range starts {
		before, after, err := h.agentMemory(ctx)
		if err != nil {
			return nil, fmt.Errorf("memory: %w", err)
		}
		started = append(started, before/megabyte)
		scraped = append(scraped, after/megabyte)
	}
	return []row{
		{"agent's resident memory, shipped policies, after start", memoryBudget, median(started), "MB", spread(started, 0)},
		{"the same after 5 scrapes", memoryBudget, median(scraped), "MB", spread(scraped, 0)},
	}, nil
}

func (h host) agentMemory(ctx context.Context) (started, scraped float64, err error) {
	p, err := h.startPinned(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, p.remove()) }()
	time.Sleep(time.Second)
	if started, err = p.residentBytes(); err != nil {
		return 0, 0, err
	}
	for range 5 {
		if _, err := p.scrape(ctx); err != nil {
			return 0, 0, err
		}
	}
	scraped, err = p.residentBytes()
	return started, scraped, err
}

// pinned is an agent on this machine with pins of its own.
type pinned struct {
	*agent
	program, bpffs string
}

func (h host) startPinned(ctx context.Context, args ...string) (*pinned, error) {
	dir, err := os.MkdirTemp(h.dir, "bpf")
	if err != nil {
		return nil, err
	}
	p := &pinned{program: h.path("tetrameter"), bpffs: dir}
	if p.agent, err = startAgent(ctx, p.program, append([]string{"--bpf-fs", dir}, args...)...); err != nil {
		return nil, errors.Join(err, p.remove())
	}
	return p, nil
}

// remove ends the agent and all that it left in the kernel.
func (p *pinned) remove() error {
	if p.agent != nil {
		p.stop()
	}
	if out, err := exec.Command(p.program, "cleanup", "--bpf-fs", p.bpffs).CombinedOutput(); err != nil {
		return fmt.Errorf("cleanup: %w\n%s", err, out)
	}
	if err := unix.Unmount(p.bpffs, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("unmount %s: %w", p.bpffs, err)
	}
	return nil
}
