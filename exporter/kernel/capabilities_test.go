// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tetrameter/tetrameter/exporter/plan"
)

func TestCapabilityCheck(t *testing.T) {
	tests := map[string]struct {
		set  capabilitySet
		want string
	}{
		"all that is required": {1<<unix.CAP_BPF | 1<<unix.CAP_PERFMON, ""},
		"what includes both":   {1 << unix.CAP_SYS_ADMIN, ""},
		"none": {0, "not allowed to count: CAP_BPF (for maps and loading programs) and " +
			"CAP_PERFMON (for programs that read memory of the kernel, and attaching them) is missing"},
		"one": {1<<unix.CAP_PERFMON | 1<<unix.CAP_SYS_PTRACE, "not allowed to count: CAP_BPF (for maps and loading programs) is missing"},
	}
	for name, test := range tests {
		got := ""
		if err := test.set.check(); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestExplainRefusal(t *testing.T) {
	own, err := effective()
	if err != nil {
		t.Fatal(err)
	}
	if !own.has(unix.CAP_SYS_ADMIN) {
		t.Fatal("tests of this package mount file systems")
	}
	// Who has the capability that would be named was refused for another reason.
	for _, refused := range []error{errors.New("another problem"), unix.EACCES} {
		if got := explainRefusal(plan.Uprobe, refused); !errors.Is(got, refused) {
			t.Errorf("%v became %v", refused, got)
		}
	}
}
