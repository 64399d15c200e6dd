// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"unsafe"

	"github.com/tetrameter/tetrameter/exporter/match"
	"github.com/tetrameter/tetrameter/exporter/match/reference"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

// Compiled selectors decide on strings, socket addresses and sets of capabilities
// in this process's memory as the reference evaluator does.
func TestDifferentialMemory(t *testing.T) {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	k := open(t)
	caller := self(t, k)
	matched, cases := 0, *casesFlag/2
	for range cases {
		hook, event := inMemory(rng)
		caller.Lists, caller.Objects = event.Lists, event.Objects
		rule := match.Rule{Slot: 1, Selectors: hook.Selectors, Args: inRegisters(hook.Args), Data: inRegisters(hook.Data)}
		body, err := match.Compile(match.Input{Rules: []match.Rule{rule}, HostNamespaces: caller.Host, Lists: event.Lists})
		if err != nil {
			t.Fatal(err)
		}
		prog := loadTwin(t, k, body)
		for range 20 {
			caller.Args = slices.Clone(event.Args)
			vary(rng, hook, &caller)
			ctx, kept := place(hook, caller)
			before := total(t, k, 1)
			runTwin(t, prog, ctx)
			runtime.KeepAlive(kept)
			want := uint64(0)
			if reference.Match(hook, caller) {
				want, matched = 1, matched+1
			}
			if got := total(t, k, 1) - before; got != want {
				t.Fatalf("event %+v counted %d times, want %d; %+v", caller, got, want, hook)
			}
		}
		prog.Close()
	}
	if matched < cases || matched > cases*19 {
		t.Errorf("%d of %d events matched: the cases are too much alike", matched, 20*cases)
	}
}

// inMemory draws a hook all of whose values a process can make.
func inMemory(rng *rand.Rand) (policy.Hook, reference.Event) {
	for {
		hook, event := reference.Random(rng, reference.Integers|reference.Texts|reference.Sockets|reference.Credentials|reference.Expressions)
		objects := 0
		good := !slices.ContainsFunc(hook.Args, func(a policy.Arg) bool {
			o, isObject := event.Objects[event.Args[a.Index]]
			if isObject {
				objects++
			}
			return isObject && memory(o) == nil
		})
		if good && objects > 0 && len(hook.Selectors) > 0 {
			return hook, event
		}
	}
}

// memory is what an object looks like to the kernel, nil for those which only
// the kernel has.
func memory(o reference.Object) []byte {
	switch o.Type {
	case "string", "filename", "data_loc", "char_buf", "char_iovec":
		return append([]byte(o.Text), 0)
	case "sockaddr":
		return sockaddr(o)
	case "kernel_cap_t", "cap_permitted", "cap_effective", "cap_inheritable":
		return binary.LittleEndian.AppendUint64(nil, o.Capabilities)
	}
	return nil
}

// sockaddr is a struct sockaddr_in or sockaddr_in6.
func sockaddr(o reference.Object) []byte {
	b := binary.LittleEndian.AppendUint16(nil, uint16(o.Family))
	b = binary.BigEndian.AppendUint16(b, uint16(o.SourcePort))
	switch {
	case o.Family == 2 && o.Source.Is4():
		b = append(b, o.Source.AsSlice()...)
	case o.Family == 10 && o.Source.Is6():
		b = append(append(b, 0, 0, 0, 0), o.Source.AsSlice()...)
	case o.Source.IsValid() || o.Family == 2 || o.Family == 10:
		return nil
	}
	return append(b, make([]byte, 32)...)
}

// vary gives the values of an event others, near to what filters look for.
func vary(rng *rand.Rand, hook policy.Hook, e *reference.Event) {
	objects := map[uint64]reference.Object{}
	for address, o := range e.Objects {
		objects[address] = o
	}
	e.Objects = objects
	for _, s := range hook.Selectors {
		for _, f := range s.Args {
			if f.Operator == policy.CelExpr || rng.IntN(3) == 0 {
				continue
			}
			address := e.Args[hook.Args[f.Arg].Index]
			o, ok := objects[address]
			switch {
			case ok && len(f.Strings) > 0:
				text := f.Strings[rng.IntN(len(f.Strings))]
				o.Text = []string{text, text + "b", "a" + text, text[:len(text)/2], o.Text}[rng.IntN(5)]
				objects[address] = o
			case !ok && len(f.Values) > 0:
				e.Args[hook.Args[f.Arg].Index] = f.Values[0].Min + rng.Uint64N(3) - 1
			}
		}
	}
	for address, o := range objects {
		o.Text = o.Text[:min(len(o.Text), 4096)] // what filters see
		objects[address] = o
	}
	for _, a := range hook.Args {
		// Beyond a buffer is what happens to be there.
		if o, ok := objects[e.Args[a.Index]]; ok && a.SizeArg > 0 {
			size := &e.Args[a.SizeArg-1]
			*size = *size>>32<<32 | min(*size&0xffff_ffff, uint64(len(o.Text)))
		}
	}
}

// place puts the objects of an event into memory and returns the registers with
// their addresses, and what must stay.
func place(hook policy.Hook, e reference.Event) (args []uint64, kept [][]byte) {
	args = slices.Clone(e.Args)
	for _, a := range hook.Args {
		o, ok := e.Objects[e.Args[a.Index]]
		if !ok {
			continue
		}
		b := memory(o)
		if o.Type == "char_iovec" {
			kept = append(kept, b)
			b = binary.LittleEndian.AppendUint64(nil, uint64(uintptr(unsafe.Pointer(&b[0]))))
			b = binary.LittleEndian.AppendUint64(b, uint64(len(o.Text)))
		}
		kept = append(kept, b)
		args[a.Index] = uint64(uintptr(unsafe.Pointer(&b[0])))
	}
	return args, kept
}
