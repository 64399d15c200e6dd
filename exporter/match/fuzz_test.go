// SPDX-License-Identifier: Apache-2.0

package match_test

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/tetrameter/tetrameter/exporter/match"
	"github.com/tetrameter/tetrameter/exporter/match/reference"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

// FuzzCompile lets the fuzzer choose one comparison and its operand, around
// which a seed draws a hook, and compares compiled code with the reference.
func FuzzCompile(f *testing.F) {
	for i := range uint64(7) {
		f.Add(i, uint8(i), uint8(3*i), uint64(1)<<63-i, uint64(1)<<31+i, -i)
	}
	f.Fuzz(func(t *testing.T, seed uint64, op, typ uint8, low, high, value uint64) {
		rng := rand.New(rand.NewPCG(seed, 1))
		h := random(rng, reference.Integers)
		arg := policy.Arg{Type: reference.Types()[int(typ)%len(reference.Types())]}
		s := policy.Selector{Args: []policy.ArgFilter{{
			Operator: reference.Operators()[int(op)%len(reference.Operators())],
			Values:   []policy.Range{{Min: extended(arg.Type, low), Max: extended(arg.Type, high)}},
		}}}
		h.world.event.Args[0] = value
		binary.LittleEndian.PutUint64(h.world.memo[:], value)
		spec := policy.Hook{Args: []policy.Arg{arg}, Selectors: []policy.Selector{s}}
		rule := h.rule(rng, spec)
		rule.Slot = 1
		h.in.Guard, h.in.Rules, h.result = nil, []match.Rule{rule}, map[uint32]int{}
		if reference.Match(spec, h.world.event) {
			h.result[1] = 1
		}
		if err := h.check(); err != nil {
			t.Error(err)
		}
	})
}
