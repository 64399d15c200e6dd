// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"time"

	"golang.org/x/sys/unix"
)

// clock turns CLOCK_MONOTONIC, which programs read, into wall time. It keeps
// one offset as long as it can: the created timestamp of a series must not move
// from scrape to scrape.
type clock struct {
	offset time.Duration
}

// clockStep is by how much wall time has to jump for the offset to follow.
const clockStep = 500 * time.Millisecond

func newClock() clock { return clock{offset()} }

func offset() time.Duration {
	return time.Duration(time.Now().UnixNano()) - time.Duration(monotonic())
}

func (c *clock) adjust() {
	if now := offset(); (now - c.offset).Abs() > clockStep {
		c.offset = now
	}
}

// wall is the zero time for 0, which means never.
func (c *clock) wall(ns uint64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, int64(ns)+int64(c.offset))
}

func monotonic() uint64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return 0 // never: the clock exists
	}
	return uint64(ts.Nano())
}
