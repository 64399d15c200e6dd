// SPDX-License-Identifier: Apache-2.0

package match_test

import (
	"flag"
	"fmt"
	"maps"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/cilium/ebpf/asm"
	"github.com/google/go-cmp/cmp"

	"github.com/tetrameter/tetrameter/exporter/match"
	"github.com/tetrameter/tetrameter/exporter/match/reference"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

var (
	update = flag.Bool("update", false, "write the golden files instead of comparing with them")
	seed   = flag.Uint64("seed", 0, "seed of the random cases, 0 for a new one")
)

// cases is how many random hooks a run compares.
const cases = 100_000

// binaries gives ids to the reference's paths, some of them beyond an int32.
func binaries() map[string]uint32 {
	ids := map[string]uint32{}
	for i, path := range reference.Binaries() {
		ids[path] = 0x8000_0000*uint32(i%2) + uint32(i) + 2
	}
	return ids
}

// hook is one random attach point: an event, and the rules to compile for it.
type hook struct {
	in    match.Input
	event reference.Event
	word  uint64 // of user memory, wherever
	want  map[uint32]int
}

// random makes a hook of one to three policies that declare the same event's
// arguments, each its own way.
func random(rng *rand.Rand) hook {
	h := hook{want: map[uint32]int{}, word: rng.Uint64() & rng.Uint64()}
	passes := true
	for i := range 1 + rng.IntN(3) {
		selectors, args, event := reference.Random(rng)
		if i == 0 {
			h.event = event // the others' values are near to events of their own
		}
		rule := match.Rule{Slot: rng.Uint32() >> 12, Selectors: selectors}
		for _, a := range args {
			rule.Types = append(rule.Types, a.Type)
			rule.Args = append(rule.Args, source(rng, a, h.event))
		}
		h.in.Rules = append(h.in.Rules, rule)
		if i == 0 && rng.IntN(3) == 0 {
			h.in.Guard, passes = h.guard(rng)
		}
		if passes && reference.Match(selectors, args, h.event) {
			h.want[rule.Slot]++
		}
	}
	h.in.Binaries, h.in.HostNamespaces = binaries(), h.event.Host
	return h
}

// source is mostly the argument's register. A constant is as package plan
// writes it.
func source(rng *rand.Rand, a policy.Arg, e reference.Event) match.Source {
	if rng.IntN(4) > 0 {
		return match.Source{Kind: match.Register, Index: a.Index}
	}
	return match.Source{Kind: match.Constant, Value: extended(a.Type, e.Args[a.Index])}
}

// extended is what the low bits mean as 64-bit two's complement.
func extended(t policy.Type, low uint64) uint64 {
	n := reference.Number(t, low)
	if n.Sign() < 0 {
		n.Add(n, new(big.Int).Lsh(big.NewInt(1), 64))
	}
	return n.Uint64()
}

func (h hook) guard(rng *rand.Rand) (*match.Guard, bool) {
	g := &match.Guard{Arg: rng.IntN(len(h.event.Args)), Dereference: rng.IntN(2) == 0, Mask: 1 << rng.IntN(64)}
	g.Mask |= 1 << rng.IntN(64)
	value := h.event.Args[g.Arg]
	if g.Dereference {
		value ^= h.word
	}
	return g, value&g.Mask != 0
}

// check compiles and executes the hook.
func (h hook) check(rng *rand.Rand) error {
	ins, err := match.Compile(h.in)
	if err != nil {
		return err
	}
	if err := reachable(ins); err != nil {
		return fmt.Errorf("%w in\n%v", err, ins)
	}
	m := machine{event: h.event, binaries: binaries(), garbage: rng}
	m.userWord = func(address uint64) uint64 { return address ^ h.word }
	if err := m.run(ins); err != nil {
		return fmt.Errorf("%w in\n%v", err, ins)
	}
	if maps.Equal(h.want, m.counted) {
		return nil
	}
	return fmt.Errorf("counts differ (-want +got):\n%s%+v\n%v", cmp.Diff(h.want, m.counted), h, ins)
}

// at maps places in eight byte units, which jumps count in, to instructions.
func at(ins asm.Instructions) map[int]int {
	places, unit := map[int]int{}, 0
	for i := range ins {
		places[unit] = i
		unit += int(ins[i].Size() / asm.InstructionSize)
	}
	return places
}

// reachable returns an error for an instruction that nothing reaches, which
// the kernel's verifier refuses.
func reachable(ins asm.Instructions) error {
	live := make([]bool, len(ins)+1)
	live[0] = true
	places, unit := at(ins), 0
	for i := range ins {
		if !live[i] {
			return fmt.Errorf("nothing reaches %v at %d", ins[i], unit)
		}
		unit += int(ins[i].Size() / asm.InstructionSize)
		op := ins[i].OpCode.JumpOp()
		if op != asm.InvalidJumpOp && op != asm.Call && op != asm.Exit {
			target, ok := places[unit+int(ins[i].Offset)]
			if !ok {
				return fmt.Errorf("%v at %d jumps into nothing", ins[i], unit)
			}
			live[target] = true
		}
		live[i+1] = live[i+1] || op != asm.Exit && op != asm.Ja
	}
	if live[len(ins)] {
		return fmt.Errorf("the code has no end")
	}
	return nil
}

// TestDifferential compares compiled code with the reference on random hooks:
// each policy that matches is counted once, no other is.
func TestDifferential(t *testing.T) {
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	t.Logf("seed %d: repeat with -seed", *seed)
	rng := rand.New(rand.NewPCG(*seed, 0))
	rules, matches := 0, 0
	for range cases {
		h := random(rng)
		if err := h.check(rng); err != nil {
			t.Fatal(err)
		}
		rules += len(h.in.Rules)
		for _, n := range h.want {
			matches += n
		}
	}
	t.Logf("%d of %d rules matched", matches, rules)
	if matches < rules/4 || matches > rules*3/4 {
		t.Errorf("%d of %d rules matched: want both matches and misses to be common", matches, rules)
	}
}
