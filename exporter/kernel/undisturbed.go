// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"log/slog"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// undisturbed keeps map system calls from costing events. While one runs, the
// kernel refuses kprobe programs on its CPU (bpf_disable_instrumentation,
// include/linux/bpf.h), and on a preemptible kernel other tasks can run there
// meanwhile: their events are missed. A real-time thread is not preempted by
// tasks that cause events.
type undisturbed struct {
	needed bool
	log    *slog.Logger
	refuse sync.Once
}

// begin makes the calling thread real time, until the function it returns is
// called. Without CAP_SYS_NICE, or the cgroup's consent, it does nothing.
func (u *undisturbed) begin() (end func()) {
	if !u.needed {
		return func() {}
	}
	runtime.LockOSThread()
	before, err := unix.SchedGetAttr(0, 0)
	if err == nil {
		err = unix.SchedSetAttr(0, &unix.SchedAttr{
			Size:     unix.SizeofSchedAttr,
			Policy:   unix.SCHED_FIFO,
			Flags:    unix.SCHED_FLAG_RESET_ON_FORK,
			Priority: 1,
		}, 0)
	}
	if err != nil {
		u.refuse.Do(func() {
			u.log.Warn("reading counters can make this preemptible kernel miss events: no real-time priority, which CAP_SYS_NICE allows", "err", err)
		})
		return runtime.UnlockOSThread
	}
	return func() {
		if unix.SchedSetAttr(0, before, 0) == nil {
			runtime.UnlockOSThread()
		} // else the thread ends with its goroutine
	}
}
