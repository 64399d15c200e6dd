// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/tetrameter/tetrameter/exporter/plan"
)

// capabilitySet has a bit for each capability of capabilities(7).
type capabilitySet uint64

// effective returns what the agent may do.
func effective() (capabilitySet, error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData // low and high bits, as capget(2) has it
	if err := unix.Capget(&header, &data[0]); err != nil {
		return 0, fmt.Errorf("read own capabilities: %w", err)
	}
	return capabilitySet(data[1].Effective)<<32 | capabilitySet(data[0].Effective), nil
}

func (s capabilitySet) has(capability uint) bool { return s>>capability&1 != 0 }

// check returns an error that names what is missing for anything to count.
// CAP_SYS_ADMIN includes what was split from it in Linux 5.8.
func (s capabilitySet) check() error {
	var missing []string
	for _, c := range []struct {
		number    uint
		name, use string
	}{
		{unix.CAP_BPF, "CAP_BPF", "maps and loading programs"},
		{unix.CAP_PERFMON, "CAP_PERFMON", "programs that read memory of the kernel, and attaching them"},
	} {
		if !s.has(c.number) && !s.has(unix.CAP_SYS_ADMIN) {
			missing = append(missing, fmt.Sprintf("%s (for %s)", c.name, c.use))
		}
	}
	if missing != nil {
		return fmt.Errorf("not allowed to count: %s is missing", strings.Join(missing, " and "))
	}
	return nil
}

// explainRefusal says what would help if the kernel does not let the agent open
// an event of a kind: uprobes need CAP_SYS_ADMIN (kernel/events/core.c,
// perf_uprobe_event_init), and distributions want it for all where
// kernel.perf_event_paranoid is above 2.
func explainRefusal(kind plan.Kind, err error) error {
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	own, unknown := effective()
	if unknown != nil || own.has(unix.CAP_SYS_ADMIN) {
		return err
	}
	switch kind {
	case plan.Uprobe:
		return errors.New("not permitted without CAP_SYS_ADMIN")
	case plan.Kprobe, plan.Tracepoint:
		level, err := os.ReadFile("/proc/sys/kernel/perf_event_paranoid")
		if err != nil {
			level = []byte("unknown")
		}
		return refusedEvent(strings.TrimSpace(string(level)), filtered())
	}
	return err
}

// refusedEvent names what can refuse perf_event_open(2) without CAP_SYS_ADMIN.
func refusedEvent(paranoid string, filtered bool) error {
	text := "not permitted without CAP_SYS_ADMIN while kernel.perf_event_paranoid is " + paranoid
	if filtered {
		text += ", or by the seccomp profile"
	}
	return errors.New(text)
}

// explainBPF says what else can refuse bpf(2) to who has what check asks for: the
// default profile of CRI-O did so without CAP_SYS_ADMIN until the end of 2025.
func explainBPF(err error) error {
	if errors.Is(err, fs.ErrPermission) && filtered() {
		return fmt.Errorf("%w: the capabilities for it are there, so the seccomp profile may be what does not permit it", err)
	}
	return err
}

// filtered says whether a seccomp profile, such as a container runtime's, decides
// which system calls the agent may make (Seccomp in proc_pid_status(5)).
func filtered() bool {
	status, err := os.ReadFile("/proc/self/status")
	return err == nil && strings.Contains(string(status), "\nSeccomp:\t2\n")
}
