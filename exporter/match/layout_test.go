// SPDX-License-Identifier: Apache-2.0

package match_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/cilium/ebpf/asm"
	"github.com/google/go-cmp/cmp"

	"github.com/tetrameter/tetrameter/exporter/match"
	"github.com/tetrameter/tetrameter/exporter/match/reference"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

// many is a hook of n policies with five selectors each, of which the last one
// of policy i matches when argument 0 is i and argument 1 begins with "match".
func many(n, paths int) match.Input {
	var in match.Input
	for i := range n {
		rule := on(uint32(i), register(), "uint64")
		rule.Args = append(rule.Args, match.Arg{Source: match.Source{Kind: match.Register, Index: 1}, Type: "string"})
		for range 4 {
			rule.Selectors = append(rule.Selectors, filter(policy.Equal, 1<<40+uint64(i), 1<<41, 1<<42))
		}
		last := filter(policy.Equal, uint64(i))
		f := policy.ArgFilter{Arg: 1, Operator: policy.Prefix, Strings: []string{"match"}}
		for p := range paths {
			f.Strings = append(f.Strings, fmt.Sprintf("/usr/lib/%d/%d/a/path/that/is/not/the/shortest/of/all", i, p))
		}
		last.Args = append(last.Args, f)
		rule.Selectors = append(rule.Selectors, last)
		in.Rules = append(in.Rules, rule)
	}
	return in
}

// TestManyPolicies: jumps over more than they can span are taken on on the way,
// and cost does not grow with the values of lists.
func TestManyPolicies(t *testing.T) {
	for _, size := range []struct{ policies, paths int }{{100, 4}, {1, 1200}, {3, 800}, {1000, 1}} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			ins, err := match.Compile(many(size.policies, size.paths))
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d instructions", len(ins))
			for _, i := range []int{0, size.policies / 2, size.policies - 1, size.policies} {
				e := reference.Event{
					Args:    []uint64{uint64(i), 0x1000, 0, 0, 0, 0},
					Objects: map[uint64]reference.Object{0x1000: {Type: "string", Text: "matches"}},
				}
				m := machine{world: newWorld(e, rand.New(rand.NewPCG(1, 1)))}
				execute(t, &m, ins)
				want := map[uint32]int{uint32(i): 1}
				if i == size.policies {
					want = map[uint32]int{}
				}
				if diff := cmp.Diff(want, m.counted); diff != "" {
					t.Errorf("counts for %d differ (-want +got):\n%s", i, diff)
				}
			}
		})
	}
}

// TestTooLong: what does not fit is refused, with the limit.
func TestTooLong(t *testing.T) {
	_, err := match.Compile(many(2000, 4))
	if !errors.Is(err, match.ErrTooLong) {
		t.Fatalf("error %v, want %v", err, match.ErrTooLong)
	}
	want := "too many instructions: 448003, at most 200000 are possible"
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("error differs (-want +got):\n%s", diff)
	}
}

// TestMerges: where ways meet, registers have the same on each for all that the
// verifier knows, so it looks at what follows once.
func TestMerges(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 2000 {
		h := random(rng, reference.Everything&^reference.Expressions)
		ins, err := match.Compile(h.in)
		if err != nil {
			t.Fatal(err)
		}
		live, ways := liveness(ins)
		for i := range ins {
			if live[i]&^(1<<asm.R6) != 0 && ways[i] > 1 {
				t.Fatalf("registers %b are in use where ways meet, at %d of\n%s", live[i], i, short(ins))
			}
		}
	}
}

// liveness gives, for each instruction, the registers that are read later, and
// how many ways lead to it.
func liveness(ins asm.Instructions) (live []uint, ways []int) {
	live, ways = make([]uint, len(ins)+1), make([]int, len(ins)+1)
	units := unitsOf(ins)
	for unit := len(units) - 1; unit >= 0; unit-- {
		i := units[unit]
		if i < 0 {
			continue
		}
		op := ins[i].OpCode
		if jump := op.JumpOp(); jump != asm.Exit && jump != asm.Ja {
			live[i] |= live[i+1]
			ways[i+1]++
		}
		if jump := op.JumpOp(); jump != asm.InvalidJumpOp && jump != asm.Call && jump != asm.Exit {
			target := units[unit+1+int(ins[i].Offset)]
			live[i] |= live[target]
			ways[target]++
		}
		live[i] = live[i]&^written(ins[i]) | read(ins[i])
	}
	return live, ways
}

func written(ins asm.Instruction) uint {
	switch class := ins.OpCode.Class(); {
	case ins.OpCode.JumpOp() == asm.Call:
		return 0b111111
	case class == asm.ALU64Class || class == asm.LdXClass || class == asm.LdClass:
		return 1 << ins.Dst
	}
	return 0
}

func read(ins asm.Instruction) uint {
	op, registers := ins.OpCode, uint(0)
	switch class := op.Class(); {
	case op.JumpOp() == asm.Call:
		return 1<<(functions()[ins.Reference()].parameters+2) - 2
	case op.JumpOp() == asm.Exit || op.JumpOp() == asm.Ja || class == asm.LdClass:
		return 0
	case class == asm.LdXClass || class == asm.StXClass || op.Source() == asm.RegSource:
		registers = 1 << ins.Src
	}
	if op.Class() != asm.LdXClass && op.ALUOp() != asm.Mov {
		registers |= 1 << ins.Dst
	}
	return registers &^ (1 << asm.R10)
}
