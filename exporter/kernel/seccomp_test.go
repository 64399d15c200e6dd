// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TestRefusedBPF: an agent to which a seccomp profile refuses bpf(2) names it. It
// cannot take a profile off again, so it runs in a process of its own.
func TestRefusedBPF(t *testing.T) {
	const refusing = "TETRAMETER_TEST_REFUSE_BPF"
	if os.Getenv(refusing) == "" {
		command := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^TestRefusedBPF$", "-test.v")
		command.Env = append(os.Environ(), refusing+"=1")
		if out, err := command.CombinedOutput(); err != nil || !strings.Contains(string(out), "PASS: TestRefusedBPF") {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	refuse(t, unix.SYS_BPF)
	k, err := Open(Options{NoPin: true, MaxSeries: 100})
	if err == nil {
		k.Close()
		t.Fatal("opened without bpf")
	}
	for _, part := range []string{"map ", "operation not permitted", "seccomp profile"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
}

// refuse has the kernel answer a system call of this process with EPERM, as
// profiles of container runtimes do.
func refuse(t *testing.T, call uint32) {
	t.Helper()
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS}, // the number of the call, first in struct seccomp_data
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: call, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC,
		uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		t.Fatalf("install a seccomp profile: %v", errno)
	}
}

func TestRefusedEvent(t *testing.T) {
	tests := map[bool]string{
		false: "not permitted without CAP_SYS_ADMIN while kernel.perf_event_paranoid is 3",
		true:  "not permitted without CAP_SYS_ADMIN while kernel.perf_event_paranoid is 3, or by the seccomp profile",
	}
	for profile, want := range tests {
		if got := refusedEvent("3", profile).Error(); got != want {
			t.Errorf("filtered %v: %q, want %q", profile, got, want)
		}
	}
}
