// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/tetrameter/tetrameter/bpf"
	"github.com/tetrameter/tetrameter/exporter/match"
	"github.com/tetrameter/tetrameter/exporter/match/reference"
	"github.com/tetrameter/tetrameter/exporter/plan"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

var (
	seedFlag  = flag.Uint64("seed", 0, "seed of random cases, 0 for a new one")
	casesFlag = flag.Int("cases", 300, "random policies that are compared with the reference evaluator")
)

// open returns a Kernel that leaves nothing behind.
func open(t *testing.T) *Kernel {
	t.Helper()
	k, err := Open(Options{
		NoPin: true, MaxSeries: 64, MaxSeriesPerCgroup: 64, Retention: time.Minute,
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	})
	k.useBTF()
	return k
}

// twin is the raw tracepoint object, whose programs a test can run.
func twin() template {
	return templateOf(plan.RawTracepoint)
}

func loadTwin(t *testing.T, k *Kernel, body asm.Instructions) *ebpf.Program {
	t.Helper()
	prog, err := k.loadProgram(twin(), twin().match, plan.Point{Parameters: 6}, body, nil)
	var verifier *ebpf.VerifierError
	if errors.As(err, &verifier) {
		t.Fatalf("%+v\n%v", verifier, body)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { prog.Close() })
	return prog
}

// runTwin runs a program on an event with args, as this process.
func runTwin(t *testing.T, prog *ebpf.Program, args []uint64) {
	t.Helper()
	var ctx [12]uint64 // as many as a raw tracepoint may have
	copy(ctx[:], args)
	if _, err := prog.Run(&ebpf.RunOptions{Context: ctx}); err != nil {
		t.Fatal(err)
	}
}

func total(t *testing.T, k *Kernel, slot uint32) (n uint64) {
	t.Helper()
	var perCPU []bpf.TotalValue
	if err := k.maps.byName[bpf.RawTPMapTotals].Lookup(slot, &perCPU); err != nil {
		t.Fatal(err)
	}
	for _, v := range perCPU {
		n += v.Count
	}
	return n
}

// Every program of every object passes the verifier, also where the kernel has
// other reasons to refuse it.
func TestObjectsLoad(t *testing.T) {
	k := open(t)
	body, err := match.Compile(match.Input{Rules: []match.Rule{{Slot: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	facts := k.Facts()
	for _, kind := range plan.Kinds() {
		tmpl := templateOf(kind)
		for name, target := range map[string]string{
			tmpl.attach: "__sys_setuid", tmpl.match: "__sys_setuid", tmpl.matchSyscalls: "__" + syscallPrefix() + "_sys_setuid",
		} {
			insns := body
			if name == tmpl.attach {
				insns = nil
			}
			var matcher *ebpf.Map
			if name == tmpl.attach {
				if matcher, err = ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.ProgramArray, KeySize: 4, ValueSize: 4, MaxEntries: 1}); err != nil {
					t.Fatal(err)
				}
				defer matcher.Close()
			}
			prog, err := k.loadProgram(tmpl, name, plan.Point{Target: target, Parameters: 1}, insns, matcher)
			if err == nil {
				prog.Close()
				continue
			}
			var verifier *ebpf.VerifierError
			if errors.As(err, &verifier) && len(verifier.Log) > 0 || facts.Attachable(kind) == nil {
				t.Errorf("%s: %+v", name, err)
			}
		}
	}
}

func syscallPrefix() string {
	if (&Facts{}).Arch() == "arm64" {
		return "arm64"
	}
	return "x64"
}

// eventsPerCase makes the default number of cases a hundred thousand comparisons.
const eventsPerCase = 334

// Compiled selectors decide in the kernel as the reference evaluator does.
func TestDifferential(t *testing.T) {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	k := open(t)
	caller := self(t, k)
	matched := 0
	for range *casesFlag {
		hook, event := reference.Random(rng, reference.Integers|reference.Caller)
		hook.Selectors = aboutSelf(hook.Selectors, caller)
		rule := match.Rule{Slot: 1, Selectors: hook.Selectors, Args: inRegisters(hook.Args), Data: inRegisters(hook.Data)}
		binaries, err := k.names.internAll(append(reference.Binaries(), caller.Binary))
		if err != nil {
			t.Fatal(err)
		}
		caller.Lists = event.Lists
		body, err := match.Compile(match.Input{
			Rules: []match.Rule{rule}, Binaries: binaries, HostNamespaces: caller.Host, Lists: event.Lists,
		})
		if err != nil {
			t.Fatal(err)
		}
		prog := loadTwin(t, k, body)
		for range eventsPerCase {
			_, e := reference.Random(rng, reference.Integers)
			caller.Args = e.Args
			before := total(t, k, 1)
			runTwin(t, prog, e.Args)
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
	if all := eventsPerCase * *casesFlag; matched < all/20 || matched > all/20*19 {
		t.Errorf("%d of %d events matched: the cases are too much alike", matched, all)
	}
}

// inRegisters are declared arguments that a raw tracepoint has.
func inRegisters(declared []policy.Arg) []match.Arg {
	var args []match.Arg
	for _, a := range declared {
		arg := match.Arg{Source: match.Source{Kind: match.Register, Index: a.Index}, Type: a.Type}
		if a.SizeArg > 0 {
			arg.Size = match.Source{Kind: match.Register, Index: a.SizeArg - 1}
		}
		args = append(args, arg)
	}
	return args
}

// self is this process as a hook sees it.
func self(t *testing.T, k *Kernel) reference.Event {
	t.Helper()
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	status, err := os.ReadFile("/proc/thread-self/status")
	if err != nil {
		t.Fatal(err)
	}
	e := reference.Event{
		Binary: exe, Host: k.hostNS,
		Capabilities: map[policy.CapabilitySet]uint64{}, Namespaces: map[policy.Namespace]uint32{},
	}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		set := map[string]policy.CapabilitySet{"CapInh": policy.Inheritable, "CapPrm": policy.Permitted, "CapEff": policy.Effective}[name]
		if set == "" {
			continue
		}
		if e.Capabilities[set], err = strconv.ParseUint(strings.TrimSpace(value), 16, 64); err != nil {
			t.Fatal(err)
		}
	}
	for ns, file := range namespaceFiles() {
		if e.Namespaces[ns], err = readNamespace("/proc/self/ns/" + file); err != nil {
			t.Fatal(err)
		}
	}
	return e
}

// aboutSelf changes filters on the caller so that both outcomes occur.
func aboutSelf(selectors []policy.Selector, caller reference.Event) []policy.Selector {
	for _, s := range selectors {
		for i := range s.Binaries {
			for j, path := range s.Binaries[i].Paths {
				if path == reference.Binaries()[0] {
					s.Binaries[i].Paths[j] = caller.Binary
				}
			}
		}
		for i := range s.Namespaces {
			f := &s.Namespaces[i]
			if _, known := caller.Host[f.Namespace]; f.Host && !known {
				f.Host = false
				f.Inodes = append(f.Inodes, caller.Namespaces[f.Namespace])
			}
		}
	}
	return selectors
}

// The attached half jumps to the matcher, and an empty matcher is a loss.
func TestTailCall(t *testing.T) {
	k := open(t)
	matcher, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.ProgramArray, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer matcher.Close()
	attached, err := k.loadProgram(twin(), twin().attach, plan.Point{}, nil, matcher)
	if err != nil {
		t.Fatalf("%+v", err)
	}
	defer attached.Close()
	runTwin(t, attached, nil)
	for slot := uint32(1); slot <= 2; slot++ {
		body, err := match.Compile(match.Input{Rules: []match.Rule{{Slot: slot}}})
		if err != nil {
			t.Fatal(err)
		}
		if err := matcher.Put(uint32(0), loadTwin(t, k, body)); err != nil {
			t.Fatal(err)
		}
		for range 23 {
			runTwin(t, attached, nil)
		}
	}
	losses, err := k.readLosses()
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(total(t, k, 1), total(t, k, 2), losses["no_matcher"])
	if got != "23 23 1" {
		t.Errorf("totals and losses are %s, want 23 23 1", got)
	}
}

// A slot outside of totals is a loss, not a silence.
func TestBadSlot(t *testing.T) {
	k := open(t)
	body, err := match.Compile(match.Input{Rules: []match.Rule{{Slot: 1 << 20}}})
	if err != nil {
		t.Fatal(err)
	}
	runTwin(t, loadTwin(t, k, body), nil)
	losses, err := k.readLosses()
	if err != nil || losses["bad_slot"] != 1 {
		t.Errorf("losses %v (%v), want one bad_slot", losses, err)
	}
}
