// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cilium/ebpf/btf"

	"github.com/tetrameter/tetrameter/exporter/match"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

// choose fills Attaches and Rejected. A way that serves all rules comes before
// one that refuses some; among equals the ladder decides. Where fentry can miss
// events it is the last of those that serve all: the kernel keeps the programs
// of the other kinds on their CPU. A rule that the way taken refuses does not
// count, and does not keep the others from counting.
func (h *Hook) choose(kernel Kernel, opts Options) {
	var last, partial []Attach
	h.Absent = h.absent(kernel)
	for _, kind := range h.kinds() {
		attach, err := h.attach(kind, kernel, opts)
		switch {
		case err != nil:
			h.Rejected = append(h.Rejected, Rejection{kind, err.Error()})
		case len(attach.Refused) > 0:
			partial = append(partial, attach)
		case kind == Fentry && kernel.Preemptible():
			h.Rejected = append(h.Rejected, Rejection{kind, "can miss events on this preemptible kernel"})
			last = append(last, attach)
		default:
			h.Attaches = append(h.Attaches, attach)
		}
	}
	h.Attaches = append(append(h.Attaches, last...), partial...)
}

// kinds are the ways to attach to the place, in the order in which they are
// tried.
func (p Place) kinds() []Kind {
	switch {
	case p.Section == policy.LSMHooks:
		return append([]Kind{LSM}, Kinds()...)
	case p.Section == policy.Uprobes, p.Section == policy.USDTs:
		return []Kind{Uprobe}
	case p.Raw:
		return []Kind{RawTracepoint}
	case p.Section == policy.Tracepoints:
		return []Kind{Tracepoint}
	}
	return Kinds()
}

// standsIn says whether tracepoints are attached for a function.
func (p Place) standsIn(kind Kind) bool {
	return kind == Tracepoint && p.Section != policy.Tracepoints
}

// function is the kernel function of the place: that of an LSM hook is the one
// which calls the security modules.
func (p Place) function() string {
	if p.Section == policy.LSMHooks {
		return "security_" + p.Function
	}
	return p.Function
}

func (h *Hook) absent(kernel Kernel) bool {
	var err error
	switch {
	case h.Section == policy.Uprobes, h.Section == policy.USDTs:
		_, err = h.userSites(kernel)
	case h.Raw:
		_, err = kernel.RawTracepoint(h.rawEvent())
	case h.Section == policy.Tracepoints:
		_, err = kernel.Format(h.Event)
	default:
		_, err = kernel.Function(h.function())
	}
	return err != nil
}

// attach returns the way of a kind. It is an error if that serves no rule.
func (h *Hook) attach(kind Kind, kernel Kernel, opts Options) (Attach, error) {
	choice := h.Section == policy.Kprobes || h.Section == policy.LSMHooks && kind != LSM
	if choice && len(opts.Kinds) > 0 && !slices.Contains(opts.Kinds, kind) {
		return Attach{}, errors.New("excluded by --attach")
	}
	if err := kernel.Attachable(kind); err != nil {
		return Attach{}, err
	}
	sites, err := h.sites(kind, kernel)
	if err != nil {
		return Attach{}, err
	}
	a := Attach{Kind: kind}
	for _, r := range h.Rules {
		if reason := h.refusal(r, kind, sites); reason != "" {
			if a.Refused == nil {
				a.Refused = map[ID]string{}
			}
			a.Refused[r.ID] = reason
		}
	}
	if len(a.Refused) == len(h.IDs()) {
		return Attach{}, errors.New(a.Refused[h.Rules[0].ID])
	}
	return a, h.fill(&a, sites)
}

// refusal says why a rule cannot be served at all sites, or nothing.
func (h *Hook) refusal(r Rule, kind Kind, sites []site) string {
	if r.Refused != "" {
		return r.Refused
	}
	for _, s := range sites {
		if _, err := h.ruleAt(s, r); err != nil {
			return err.Error()
		}
		if _, err := exitOf(h.Place, kind, s); match.NeedsReturn(r.Spec.Selectors) && err != nil {
			return err.Error()
		}
	}
	return ""
}

// fill makes points of the sites. The exit of a function is attached before its
// entry, so that no call is remembered whose return is not seen.
func (h *Hook) fill(a *Attach, sites []site) error {
	for _, s := range sites {
		returns := false
		for _, r := range h.Rules {
			if a.Refused[r.ID] != "" {
				continue
			}
			rule, err := h.ruleAt(s, r)
			if err != nil {
				return err
			}
			s.Rules = append(s.Rules, PointRule{r.ID, rule})
			returns = returns || match.NeedsReturn(r.Spec.Selectors)
		}
		if returns {
			exit, err := exitOf(h.Place, a.Kind, s)
			if err != nil {
				return err
			}
			a.Points = append(a.Points, exit)
		}
		a.Points = append(a.Points, s.Point)
	}
	return nil
}

// exitOf returns the point at which what enters at the site returns.
func exitOf(p Place, kind Kind, s site) (Point, error) {
	exit := s.Point
	exit.Exit = true
	switch {
	case p.Section == policy.Kprobes && (kind == Fentry || kind == Kprobe):
		return exit, nil
	case p.Section == policy.Uprobes && !isFunctionEntry(p.Symbol):
		// The kernel takes the word on the stack there for the return address.
		return Point{}, fmt.Errorf("%s may not be where a function begins: its return cannot be probed", p.Symbol)
	case p.Section == policy.Uprobes:
		return exit, nil
	case p.standsIn(kind) && p.Syscall:
		exit.Target = strings.Replace(s.Target, "/sys_enter_", "/sys_exit_", 1)
		return exit, nil
	}
	return Point{}, fmt.Errorf("the return value is not known at %s", s.Target)
}

// isFunctionEntry says whether the symbol of a uprobe is one, without an offset.
func isFunctionEntry(symbol string) bool {
	return !strings.Contains(symbol, "+") && !strings.HasPrefix(symbol, "0x")
}

// sites returns the places that a program of the kind is attached to.
func (h *Hook) sites(kind Kind, kernel Kernel) ([]site, error) {
	switch kind {
	case RawTracepoint:
		proto, err := kernel.RawTracepoint(h.rawEvent())
		if err != nil {
			return nil, err
		}
		return []site{functionSite(h.rawEvent(), proto, kernel)}, nil
	case Uprobe:
		return h.userSites(kernel)
	case LSM:
		proto, err := kernel.Function("bpf_lsm_" + h.Function)
		if err != nil {
			return nil, err
		}
		return []site{functionSite(h.Function, proto, kernel)}, nil
	case Tracepoint:
		if h.standsIn(kind) {
			return standIns(h.Place, kernel)
		}
		format, err := kernel.Format(h.Event)
		if err != nil {
			return nil, err
		}
		return []site{recordSite(h.Event, format, kernel)}, nil
	}
	return h.functionSites(kind, kernel)
}

// functionSites is the function itself, or those of a 32-bit system call;
// kprobes need not know prototypes.
func (h *Hook) functionSites(kind Kind, kernel Kernel) ([]site, error) {
	var sites []site
	for _, function := range h.entries(kernel) {
		proto, err := kernel.Function(function)
		if err != nil && kind == Fentry {
			return nil, err
		}
		if kind == Fentry {
			if err := described(proto); err != nil {
				return nil, err
			}
		}
		s := functionSite(function, proto, kernel)
		if h.Syscall {
			s.Syscall, s.types, s.returns, s.registers = true, nil, nil, argRegisters
			s.I386 = strings.HasPrefix(function, i386Prefix)
		}
		if kind == Kprobe {
			s.Parameters, s.machine = 0, true
		}
		sites = append(sites, s)
	}
	return sites, nil
}

// i386Prefix is that of the functions which 32-bit system calls enter on x86
// (arch/x86/include/asm/syscall_wrapper.h).
const i386Prefix = "__ia32_"

// entries are the functions at which programs enter the place. The system calls
// of i386 that need more than a conversion of registers have functions of their
// own, and only a table in the kernel's code says which do: it calls one of those
// that exist. No call enters two.
func (p Place) entries(kernel Kernel) []string {
	entries := []string{p.function()}
	name, i386 := strings.CutPrefix(p.Function, i386Prefix+"sys_")
	if !p.Syscall || !i386 || strings.HasPrefix(name, "ia32_") {
		return entries
	}
	for _, kind := range []string{"compat_sys_", "sys_ia32_", "compat_sys_ia32_"} {
		if _, err := kernel.Function(i386Prefix + kind + name); err == nil {
			entries = append(entries, i386Prefix+kind+name)
		}
	}
	return entries
}

// described returns an error if a parameter points to a structure that the
// kernel's types only name: the verifier refuses to read such a parameter
// (btf_ctx_access in kernel/bpf/btf.c).
func described(proto *btf.FuncProto) error {
	for i, p := range proto.Params {
		pointer, ok := btf.As[*btf.Pointer](p.Type)
		if !ok {
			continue
		}
		if named, ok := btf.As[*btf.Fwd](pointer.Target); ok {
			return fmt.Errorf("the kernel's types do not describe struct %s of parameter %d", named.Name, i)
		}
	}
	return nil
}

// rawEvent is the name of a raw tracepoint, which has no group.
func (p Place) rawEvent() string {
	_, event, _ := strings.Cut(p.Event, "/")
	return event
}

// argRegisters is how many arguments the programs read.
const argRegisters = 6

// functionSite has the arguments of a function. Without a prototype all
// registers may have some.
func functionSite(target string, proto *btf.FuncProto, kernel Kernel) site {
	s := site{Point: Point{Target: target}, kernel: kernel, registers: argRegisters}
	if proto == nil {
		return s
	}
	s.registers, s.returns = 0, proto.Return
	plain := true
	for _, p := range proto.Params {
		size, err := btf.Sizeof(p.Type)
		s.Parameters += max(1, (size+7)/8)
		// A structure of several words moves those behind it to other places.
		if plain = plain && (err != nil || size <= 8); plain {
			s.types = append(s.types, p.Type)
		}
	}
	s.registers = min(len(s.types), argRegisters)
	return s
}
