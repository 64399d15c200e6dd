// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/cilium/ebpf/btf"

	"github.com/tetrameter/tetrameter/exporter/plan"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

// probeFunction exists in every kernel with BPF to be attached to by tests
// (net/bpf/test_run.c).
const probeFunction = "bpf_fentry_test1"

// Facts is what this kernel offers; it implements plan.Kernel.
type Facts struct {
	kinds map[plan.Kind]error
	btf   *btf.Spec
	noBTF error
}

// Facts finds out what this kernel offers. The first call attaches a program
// each way and detaches it again. The result is for the plan of the next Apply.
func (k *Kernel) Facts() *Facts {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.useBTF()
	if k.kinds == nil {
		k.kinds = map[plan.Kind]error{}
		for _, kind := range []plan.Kind{plan.Fentry, plan.Kprobe} {
			k.kinds[kind] = k.probe(kind)
		}
	}
	f := &Facts{kinds: k.kinds}
	f.btf, f.noBTF = k.btf.Kernel()
	return f
}

// useBTF makes the kernel's types available to loading.
func (k *Kernel) useBTF() {
	if k.btf == nil {
		k.btf = btf.NewCache()
	}
}

// probe attaches nothing but the jump to an empty matcher, for a moment.
func (k *Kernel) probe(kind plan.Kind) error {
	p, err := k.newPoint(kind, plan.Point{Target: probeFunction}, nil)
	if kind == plan.Kprobe && errors.Is(err, fs.ErrNotExist) {
		return errors.New("this kernel has no kprobes")
	}
	if err != nil {
		return reasonOf(err)
	}
	return p.close()
}

// Arch implements plan.Kernel.
func (f *Facts) Arch() string { return runtime.GOARCH }

// Attachable implements plan.Kernel.
func (f *Facts) Attachable(kind plan.Kind) error { return f.kinds[kind] }

// Parameters implements plan.Kernel. It returns an error that wraps
// btf.ErrNotFound if the kernel's BTF lacks the function, as for a function of
// a module.
func (f *Facts) Parameters(function string) (int, error) {
	if f.noBTF != nil {
		return 0, fmt.Errorf("no kernel BTF: %w", f.noBTF)
	}
	var fn *btf.Func
	if err := f.btf.TypeByName(function, &fn); err != nil {
		return 0, fmt.Errorf("function %s: %w", function, err)
	}
	proto, ok := fn.Type.(*btf.FuncProto)
	if !ok {
		return 0, fmt.Errorf("function %s has no prototype", function)
	}
	return len(proto.Params), nil
}

// Preemptible implements plan.Kernel.
func (f *Facts) Preemptible() bool { return preemptible() }

// HasTracepoint implements plan.Kernel.
func (f *Facts) HasTracepoint(event string) bool {
	for _, root := range []string{"/sys/kernel/tracing", "/sys/kernel/debug/tracing"} {
		if _, err := os.Stat(filepath.Join(root, "events", event, "id")); err == nil {
			return true
		}
	}
	return false
}

// reasonOf shortens an error to what a label can carry: its innermost cause.
func reasonOf(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// initialNamespaces are the inode numbers that the kernel gives to its first
// namespaces (include/uapi/linux/nsfs.h; before 6.18 include/linux/proc_ns.h,
// which has none for mnt and net).
const (
	initialNamespacesMin = 0xEFFFFFF8
	initialNamespacesMax = 0xEFFFFFFF
)

// hostNamespaces returns the inode numbers of the namespaces of process 1.
// Where that one may not be looked at, the agent's own serve if they are the
// kernel's first. A namespace that stays unknown has no entry: only a policy
// that needs it fails.
func hostNamespaces() (map[policy.Namespace]uint32, error) {
	inodes := map[policy.Namespace]uint32{}
	for ns, file := range namespaceFiles() {
		inode, err := readNamespace("/proc/1/ns/" + file)
		if errors.Is(err, fs.ErrPermission) {
			inode, err = readNamespace("/proc/self/ns/" + file)
			if inode < initialNamespacesMin || inode > initialNamespacesMax {
				continue
			}
		}
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		inodes[ns] = inode
	}
	return inodes, nil
}

func namespaceFiles() map[policy.Namespace]string {
	return map[policy.Namespace]string{
		policy.Uts: "uts", policy.Ipc: "ipc", policy.Mnt: "mnt",
		policy.Pid: "pid", policy.PidForChildren: "pid_for_children",
		policy.Net: "net", policy.Time: "time", policy.TimeForChildren: "time_for_children",
		policy.Cgroup: "cgroup", policy.User: "user",
	}
}

func readNamespace(file string) (uint32, error) {
	target, err := os.Readlink(file)
	if err != nil {
		return 0, fmt.Errorf("read namespace: %w", err)
	}
	return parseNamespace(target)
}

// parseNamespace takes the inode number from a link like "mnt:[4026531840]"
// (namespaces(7)).
func parseNamespace(link string) (uint32, error) {
	_, number, _ := strings.Cut(link, ":[")
	inode, err := strconv.ParseUint(strings.TrimSuffix(number, "]"), 10, 32)
	if err != nil {
		return 0, fmt.Errorf("parse namespace %q: %w", link, err)
	}
	return uint32(inode), nil
}
