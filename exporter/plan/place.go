// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/tetrameter/tetrameter/exporter/policy"
)

// Place is where a hook is: policies with equal places share the hook.
type Place struct {
	// Section is Kprobes also for what is declared in Fentries.
	Section  policy.Section
	Function string // of Kprobes, or the hook of LSMHooks
	Syscall  bool
	Event    string // of Tracepoints: group/name
	Raw      bool
	Path     string // of Uprobes and USDTs
	// Symbol is a function, which may have an offset, of Uprobes; "+0x10" is an
	// offset in the file and "0x10" an address. Of USDTs it is provider/name.
	Symbol string
}

// Key identifies a hook among all others.
func (p Place) Key() string {
	switch p.Section {
	case policy.Kprobes:
		if p.Syscall {
			return p.Function + "+syscall"
		}
		return p.Function
	case policy.USDTs:
		return "usdt:" + p.Path + ":" + p.Symbol
	}
	if p.Raw {
		return "raw:" + p.Event
	}
	return p.label()
}

// label is the value of the hook label, as Tetragon writes it.
func (p Place) label() string {
	switch p.Section {
	case policy.Tracepoints:
		return "tracepoint:" + p.Event
	case policy.LSMHooks:
		return "lsm:" + p.Function
	case policy.Uprobes:
		return "uprobe:" + p.Path + "/" + p.Symbol
	case policy.USDTs:
		return "usdt:" + p.Symbol
	}
	return "kprobe:" + p.Function
}

// event is the place without how its arguments are read: two places with the
// same event see it both.
func (p Place) event() Place {
	p.Syscall, p.Raw = false, false
	return p
}

// occurrence is a policy's counter at one event.
type occurrence struct {
	id    ID
	event Place
}

// builder collects hooks.
type builder struct {
	kernel Kernel
	hooks  map[Place]*Hook
	// places has the place by which a policy counts an event: a second entry of
	// the same policy that reads the arguments otherwise joins it, since two
	// hooks would be two programs that count the same event for one counter.
	places map[occurrence]Place
}

// add makes the policy's entries rules of hooks.
func (b *builder) add(p *policy.Policy) {
	for _, spec := range p.Hooks {
		for i, place := range b.placesOf(spec, p.Lists) {
			id := ID{p.Namespace, p.Name, place.label()}
			at := occurrence{id, place.event()}
			if first, ok := b.places[at]; ok {
				place = first
			}
			b.places[at] = place
			h := b.hooks[place]
			if h == nil {
				h = &Hook{Place: place, Label: place.label()}
				b.hooks[place] = h
			}
			rule := b.rule(id, at.event, spec, i, p.Lists)
			rule.Scope = scopeOf(p)
			h.Rules = append(h.Rules, rule)
		}
	}
}

// rule makes a rule of the entry's place number i.
func (b *builder) rule(id ID, at Place, spec policy.Hook, i int, lists []policy.List) Rule {
	r := Rule{ID: id}
	var err error
	if r.Spec, err = inlineLists(spec, lists, b.kernel.Arch()); err != nil {
		r.Refused = err.Error()
	}
	if refs := spec.User.RefCtrOffsets; i < len(refs) {
		r.Spec.User.RefCtrOffsets = refs[i : i+1]
	}
	if len(spec.User.Digests) > 0 {
		if err := b.verify(at.Path, spec); err != nil {
			r.Refused, r.Optional = err.Error(), spec.User.IgnoreBadDigest
		}
	}
	return r
}

// verify compares a file with the digests that an entry accepts. What becomes
// of the file later nobody sees.
func (b *builder) verify(path string, spec policy.Hook) error {
	file, err := b.kernel.Executable(path)
	if err != nil {
		return err
	}
	for _, digest := range spec.User.Digests {
		algorithm, want, _ := strings.Cut(digest, ":")
		got, err := file.Digest(algorithm)
		if err != nil {
			return fmt.Errorf("%v: %w", spec.Pos, err)
		}
		if strings.EqualFold(got, want) {
			return nil
		}
	}
	return fmt.Errorf("%v: %s has none of the digests", spec.Pos, path)
}

// placesOf returns the places of an entry: several for a list of functions and
// for several symbols.
func (b *builder) placesOf(spec policy.Hook, lists []policy.List) []Place {
	switch spec.Section {
	case policy.Tracepoints:
		t := spec.Tracepoint
		return []Place{{Section: policy.Tracepoints, Event: t.Subsystem + "/" + t.Event, Raw: t.Raw}}
	case policy.LSMHooks:
		return []Place{{Section: policy.LSMHooks, Function: spec.Call}}
	case policy.Uprobes:
		return userPlaces(spec.User)
	case policy.USDTs:
		return []Place{{Section: policy.USDTs, Path: spec.User.Path, Symbol: spec.User.Provider + "/" + spec.User.Name}}
	}
	if name, ok := strings.CutPrefix(spec.Call, "list:"); ok {
		return b.listPlaces(name, spec, lists)
	}
	return []Place{functionPlace(functionName(spec.Call, spec.Syscall, b.kernel.Arch()), spec.Syscall)}
}

func functionPlace(function string, syscall bool) Place {
	return Place{Section: policy.Kprobes, Function: function, Syscall: syscall}
}

func userPlaces(user policy.UserProbe) []Place {
	names := append([]string(nil), user.Symbols...)
	for _, offset := range user.Offsets {
		names = append(names, "+0x"+strconv.FormatUint(offset, 16))
	}
	for _, address := range user.Addrs {
		names = append(names, "0x"+strconv.FormatUint(address, 16))
	}
	var places []Place
	for _, name := range names {
		places = append(places, Place{Section: policy.Uprobes, Path: user.Path, Symbol: name})
	}
	return places
}

// listPlaces returns the functions of a list. One that cannot be read is a
// place that does not exist, with the list's name.
func (b *builder) listPlaces(name string, spec policy.Hook, lists []policy.List) []Place {
	functions, syscall, err := b.functions(name, spec, lists)
	if err != nil {
		return []Place{functionPlace(spec.Call, false)}
	}
	var places []Place
	for _, f := range functions {
		places = append(places, functionPlace(f, syscall && isSyscall(f)))
	}
	return places
}

func (b *builder) functions(name string, spec policy.Hook, lists []policy.List) (functions []string, syscall bool, err error) {
	list, err := listNamed(name, lists)
	if err != nil {
		return nil, false, err
	}
	arch := b.kernel.Arch()
	switch list.Type {
	case policy.GeneratedSyscalls:
		functions, err = b.kernel.Syscalls()
		return functions, true, err
	case policy.GeneratedFtrace:
		pattern, err := regexp.Compile(list.Pattern)
		if err != nil {
			return nil, false, err
		}
		all, err := b.kernel.Traceable()
		for _, f := range all {
			if pattern.MatchString(f) {
				functions = append(functions, f)
			}
		}
		return functions, spec.Syscall, err
	case policy.Syscalls:
		for _, call := range list.Values {
			functions = append(functions, functionName(call, true, arch))
		}
		return functions, true, nil
	}
	for _, call := range list.Values {
		functions = append(functions, functionName(call, spec.Syscall, arch))
	}
	return functions, spec.Syscall, nil
}

// functionName is the kernel's name of the function to hook. Only system calls
// get the architecture's prefix, and only if they lack it
// (arch/x86/include/asm/syscall_wrapper.h, arch/arm64/include/asm/syscall_wrapper.h).
func functionName(call string, syscall bool, arch string) string {
	abi, name, foreign := strings.Cut(call, "/")
	switch {
	case foreign && abi == "i386" && arch == "amd64":
		return i386Prefix + name
	case foreign && abi == "arm32" && arch == "arm64":
		return "__arm64_compat_" + name
	case foreign && nativeABI(abi, arch):
		call = name
	case foreign:
		return call // which no kernel has
	}
	if !syscall || !strings.HasPrefix(call, "sys_") {
		return call
	}
	return syscallPrefix(arch) + call
}

func nativeABI(abi, arch string) bool {
	return abi == "x64" && arch == "amd64" || abi == "arm64" && arch == "arm64"
}

// isSyscall says whether a function of a list can be one that gets its arguments
// from the registers of user space.
func isSyscall(function string) bool {
	_, name, ok := strings.Cut(function, "sys_")
	return ok && name != ""
}

func syscallPrefix(arch string) string {
	if arch == "arm64" {
		return "__arm64_"
	}
	return "__x64_"
}
