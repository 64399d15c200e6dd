// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"fmt"
	"math"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/tetrameter/tetrameter/bpf"
	"github.com/tetrameter/tetrameter/exporter/plan"
)

// clock turns jiffies, which programs read, into wall time. A jiffy is a fixed
// number of nanoseconds of CLOCK_MONOTONIC, so one moment on both clocks serves
// for ever, and a created timestamp does not move from scrape to scrape.
type clock struct {
	sample moment
	tick   time.Duration // 0 until it was measured
	offset time.Duration // from CLOCK_MONOTONIC to wall time
}

// moment is one time on both clocks.
type moment struct {
	jiffies uint64
	ns      time.Duration
}

const (
	// clockStep is by how much wall time has to jump for the offset to follow.
	clockStep = 500 * time.Millisecond
	// measuring is how long jiffies are watched to find out how many there are
	// in a second: 10 to 100, so that one more or less does not matter.
	measuring = 100 * time.Millisecond
)

// frequencies are the choices of jiffies per second (kernel/Kconfig.hz).
func frequencies() []int { return []int{100, 250, 300, 1000} }

func newClock(now moment) clock {
	return clock{sample: now, offset: offset()}
}

// adjust follows steps of the wall clock, and measures the tick the first time.
func (c *clock) adjust(read func() (moment, error)) error {
	if now := offset(); (now - c.offset).Abs() > clockStep {
		c.offset = now
	}
	if c.tick != 0 {
		return nil
	}
	time.Sleep(measuring - (time.Duration(monotonic()) - c.sample.ns))
	now, err := read()
	if err != nil {
		return err
	}
	c.tick = tickOf(now.jiffies-c.sample.jiffies, now.ns-c.sample.ns)
	return nil
}

// tickOf returns the tick of the frequency closest to that measured.
func tickOf(jiffies uint64, in time.Duration) time.Duration {
	measured := float64(jiffies) / in.Seconds()
	best := frequencies()[0]
	for _, hz := range frequencies() {
		if math.Abs(float64(hz)-measured) < math.Abs(float64(best)-measured) {
			best = hz
		}
	}
	if math.Abs(float64(best)-measured) > measured/5 {
		return time.Duration(float64(time.Second) / measured) // a kernel of its own
	}
	return time.Second / time.Duration(best)
}

// wall returns the latest time that cannot be after the event which read the
// jiffies, at most two ticks before it; the zero time for 0, which means never.
func (c *clock) wall(jiffies uint64) time.Time {
	if jiffies == 0 {
		return time.Time{}
	}
	since := time.Duration(int64(c.sample.jiffies-jiffies)+1) * c.tick
	return time.Unix(0, int64(c.sample.ns-since+c.offset))
}

// wallOf is the wall time of a time on CLOCK_MONOTONIC.
func (c *clock) wallOf(ns uint64) time.Time {
	return time.Unix(0, int64(ns)+int64(c.offset))
}

func offset() time.Duration {
	return time.Duration(time.Now().UnixNano()) - time.Duration(monotonic())
}

func monotonic() uint64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return 0 // never: the clock exists
	}
	return uint64(ts.Nano())
}

// readClock runs a program that looks at both clocks.
func (k *Kernel) readClock() (moment, error) {
	var value bpf.StateValue
	if _, err := k.clockProgram.Run(&ebpf.RunOptions{}); err != nil {
		return moment{}, fmt.Errorf("read kernel clock: %w", err)
	}
	if err := k.maps.byName[bpf.RawTPMapState].Lookup(uint32(0), &value); err != nil {
		return moment{}, fmt.Errorf("read kernel clock: %w", err)
	}
	return moment{value.Jiffies, time.Duration(value.Ns)}, nil
}

// openClock loads the program and takes the first look.
func (k *Kernel) openClock() (err error) {
	t := template{load: bpf.LoadRawTP}
	if k.clockProgram, err = k.loadProgram(t, bpf.RawTPProgReadClock, plan.Point{}, nil, nil); err != nil {
		return fmt.Errorf("load clock program: %w", err)
	}
	now, err := k.readClock()
	k.clock = newClock(now)
	return err
}
