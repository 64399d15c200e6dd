// SPDX-License-Identifier: Apache-2.0

package match_test

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
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

// hook is one random attach point: a world with an event, and the rules to
// compile for it.
type hook struct {
	in     match.Input
	world  world
	runs   int
	result map[uint32]int // of all runs
}

// random makes a hook of one to three policies with the same declarations, each
// of which has its own way to the values.
func random(rng *rand.Rand, features reference.Features) hook {
	spec, event := reference.Random(rng, features)
	h := hook{world: newWorld(event, rng), runs: 1 + rng.IntN(4)/3, result: map[uint32]int{}}
	h.world.unnamed = rng.IntN(4) == 0
	h.world.binaries = binaries()
	word := rng.Uint64() & rng.Uint64()
	h.world.userWord = func(address uint64) uint64 { return address ^ word }
	h.in = match.Input{Binaries: binaries(), HostNamespaces: event.Host, Lists: event.Lists}
	passes := true
	if rng.IntN(8) == 0 {
		h.in.Guard, passes = h.guard(rng)
	}
	slots := []uint32{rng.Uint32() >> 8, rng.Uint32() >> 8}
	var parts []policy.Hook
	for i := 0; i == 0 || i < len(spec.Selectors) && i < 3; i++ {
		part := spec
		part.Selectors = split(spec.Selectors, i)
		rule := h.rule(rng, part)
		rule.Slot = slots[rng.IntN(2)]
		h.in.Rules, parts = append(h.in.Rules, rule), append(parts, part)
	}
	lineageInput(&h.in)
	h.world.descents, h.world.changes = h.in.Descents, h.in.Changes
	if passes {
		h.expect(parts)
	}
	return h
}

// expect fills in what the policies count, by the reference.
func (h hook) expect(parts []policy.Hook) {
	seen := map[uint32]reference.Privileges{}
	for range h.runs {
		for i, part := range parts {
			e, slot := h.world.event, h.in.Rules[i].Slot
			if before, ok := seen[slot]; ok {
				e.Before = before
			}
			if reference.Match(part, e) {
				h.result[slot]++
			}
			seen[slot] = reference.See(part, e)
		}
	}
}

// split gives policy i the selectors from i on.
func split(selectors []policy.Selector, i int) []policy.Selector { return selectors[i:] }

// binaries gives ids to the reference's paths, some of them beyond an int32.
func binaries() map[string]uint32 {
	ids := map[string]uint32{}
	for i, path := range reference.Binaries() {
		ids[path] = 0x8000_0000*uint32(i%2) + uint32(i) + 2
	}
	return ids
}

func (h hook) guard(rng *rand.Rand) (*match.Guard, bool) {
	g := &match.Guard{Arg: rng.IntN(len(h.world.event.Args)), Dereference: rng.IntN(2) == 0, Mask: 1 << rng.IntN(64)}
	g.Mask |= 1 << rng.IntN(64)
	value := h.world.event.Args[g.Arg]
	if g.Dereference {
		value = h.world.userWord(value)
	}
	return g, value&g.Mask != 0
}

// rule is a policy's, with sources for what it declares.
func (h *hook) rule(rng *rand.Rand, spec policy.Hook) match.Rule {
	rule := match.Rule{Selectors: spec.Selectors}
	declare := func(a policy.Arg, index int, register uint64) match.Arg {
		declared := match.Arg{Source: h.source(rng, a.Type, index, register), Type: a.Type}
		if a.SizeArg > 0 {
			declared.Size = match.Source{Kind: match.Register, Index: a.SizeArg - 1}
		}
		return declared
	}
	for _, a := range spec.Args {
		rule.Args = append(rule.Args, declare(a, a.Index, h.world.event.Args[a.Index]))
	}
	for _, a := range spec.Data {
		rule.Data = append(rule.Data, declare(a, a.Index, h.world.event.Args[a.Index]))
	}
	if spec.ReturnArg != nil {
		rule.Return = declare(*spec.ReturnArg, match.ReturnRegister, h.world.event.Return)
	}
	return rule
}

// check compiles and executes the hook.
func (h hook) check() error {
	entry, err := match.Compile(h.in)
	if err != nil {
		return fmt.Errorf("%w\n%+v", err, h.in)
	}
	in := h.in
	in.Exit = true
	exit, err := match.Compile(in)
	if err != nil {
		return err
	}
	m := machine{world: h.world}
	for range h.runs {
		for _, ins := range []asm.Instructions{entry, exit} {
			if err := reachable(ins); err != nil {
				return fmt.Errorf("%w in\n%s", err, short(ins))
			}
			if err := m.run(ins); err != nil {
				return fmt.Errorf("%w in\n%s%+v", err, short(ins), h.in.Rules)
			}
			m.exit = !m.exit
		}
	}
	if maps.Equal(h.result, m.counted) {
		return nil
	}
	return fmt.Errorf("counts differ (-want +got):\n%s%+v\n%+v\n%s%s",
		cmp.Diff(h.result, m.counted), h.in, h.world.event, short(entry), short(exit))
}

// short is a listing that fits on a few screens.
func short(ins asm.Instructions) string {
	const enough = 10_000
	text := listing(ins)
	if len(text) > enough {
		text = text[:enough] + "...\n"
	}
	return text
}

// unitsOf gives the index of the instruction at each place, in the eight byte
// units that jumps count in, and -1 within one.
func unitsOf(ins asm.Instructions) []int {
	units := make([]int, 0, 2*len(ins))
	for i := range ins {
		units = append(units, i)
		if ins[i].Size() > asm.InstructionSize {
			units = append(units, -1)
		}
	}
	return units
}

// reachable returns an error for an instruction that nothing reaches, which
// the kernel's verifier refuses.
func reachable(ins asm.Instructions) error {
	live := make([]bool, len(ins)+1)
	live[0] = true
	units := unitsOf(ins)
	for unit, i := range units {
		if i < 0 {
			continue
		}
		if !live[i] {
			return fmt.Errorf("nothing reaches %v at %d", ins[i], unit)
		}
		op := ins[i].OpCode.JumpOp()
		if op != asm.InvalidJumpOp && op != asm.Call && op != asm.Exit {
			target := unit + 1 + int(ins[i].Offset)
			if target >= len(units) || units[target] < 0 {
				return fmt.Errorf("%v at %d jumps into nothing", ins[i], unit)
			}
			live[units[target]] = true
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
	shards := runtime.GOMAXPROCS(0)
	for shard := range shards {
		t.Run(fmt.Sprint(shard), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(*seed, uint64(shard)))
			rules, matches := 0, 0
			for range cases / shards {
				h := random(rng, reference.Everything)
				if err := h.check(); err != nil {
					t.Fatal(err)
				}
				rules += len(h.in.Rules) * h.runs
				for _, n := range h.result {
					matches += n
				}
			}
			t.Logf("%d of %d rules matched", matches, rules)
			if matches < rules/4 || matches > rules*3/4 {
				t.Errorf("%d of %d rules matched: want both matches and misses to be common", matches, rules)
			}
		})
	}
}
