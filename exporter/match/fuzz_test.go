// SPDX-License-Identifier: Apache-2.0

package match_test

import (
	"encoding/binary"
	"math/rand/v2"
	"strings"
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
		f := policy.ArgFilter{
			Operator: reference.Operators()[int(op)%len(reference.Operators())],
			Values:   []policy.Range{{Min: extended(arg.Type, low), Max: extended(arg.Type, high)}},
		}
		h.world.event.Args[0] = value
		h.only(t, rng, arg, f)
	})
}

// FuzzText does the same for a string and a list, of which each word is a value.
func FuzzText(f *testing.F) {
	f.Add(uint64(1), uint8(0), "/etc/passwd", "/etc/passwd /etc/shadow")
	f.Add(uint64(2), uint8(2), "/etc/passwd", "/etc /usr /etc/")
	f.Add(uint64(3), uint8(4), "/lib/a.so", ".so .ko a.so so")
	f.Fuzz(func(t *testing.T, seed uint64, op uint8, text, list string) {
		if len(text) > 4096 {
			return // the input is none
		}
		operators := []policy.Operator{
			policy.Equal, policy.NotEqual, policy.Prefix, policy.NotPrefix, policy.Postfix, policy.NotPostfix,
		}
		rng := rand.New(rand.NewPCG(seed, 1))
		h := random(rng, reference.Integers)
		h.world.event.Args[0] = 0x1000
		h.world.event.Objects = map[uint64]reference.Object{0x1000: {Type: "string", Text: text}}
		h.only(t, rng, policy.Arg{Type: "string"}, policy.ArgFilter{
			Operator: operators[int(op)%len(operators)], Strings: strings.Split(list, " "),
		})
	})
}

// only checks a hook with one policy that has one filter, on the first register.
func (h *hook) only(t *testing.T, rng *rand.Rand, arg policy.Arg, f policy.ArgFilter) {
	t.Helper()
	binary.LittleEndian.PutUint64(h.world.memo[:], h.world.event.Args[0])
	spec := policy.Hook{Args: []policy.Arg{arg}, Selectors: []policy.Selector{{Args: []policy.ArgFilter{f}}}}
	rule := h.rule(rng, spec)
	rule.Slot = 1
	h.in.Guard, h.in.Rules, h.result, h.runs = nil, []match.Rule{rule}, map[uint32]int{}, 1
	if reference.Match(spec, h.world.event) {
		h.result[1] = 1
	}
	if err := h.check(); err != nil {
		t.Error(err)
	}
}
