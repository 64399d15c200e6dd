// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"time"
)

// quietIdle is the share of the CPUs that must be idle before wall time is
// measured.
const quietIdle = 0.9

// waitQuiet waits until the machine has little else to do, but not for ever. It
// returns the share of the CPUs that was idle at last.
func waitQuiet(ctx context.Context, limit time.Duration) (float64, error) {
	for end := time.Now().Add(limit); ; {
		before, err := readTicks()
		if err != nil {
			return 0, err
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(2 * time.Second):
		}
		after, err := readTicks()
		if err != nil {
			return 0, err
		}
		idle := (after.idle - before.idle) / (after.all - before.all)
		if idle >= quietIdle || time.Now().After(end) {
			return idle, nil
		}
	}
}

// ticks are times of all CPUs together, by what they did.
type ticks struct{ idle, all float64 }

// readTicks reads the first line of /proc/stat (proc_stat(5)): user, nice,
// system, idle, iowait, irq, softirq, steal; guest time is in user.
func readTicks() (ticks, error) {
	const idle, iowait, last = 4, 5, 8
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return ticks{}, err
	}
	line, _, _ := bytes.Cut(stat, []byte("\n"))
	var t ticks
	for i, field := range bytes.Fields(line) {
		if i == 0 || i > last {
			continue
		}
		n, err := strconv.ParseFloat(string(field), 64)
		if err != nil {
			return ticks{}, fmt.Errorf("/proc/stat: %w", err)
		}
		t.all += n
		if i == idle || i == iowait {
			t.idle += n
		}
	}
	return t, nil
}
