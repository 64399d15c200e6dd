// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"math/rand/v2"
	"testing"

	"github.com/tetrameter/tetrameter/exporter/match"
	"github.com/tetrameter/tetrameter/exporter/match/reference"
)

// FuzzLoad: what compiles loads. A selector that the verifier refuses is a fault of
// the compiler.
func FuzzLoad(f *testing.F) {
	for seed := range uint64(5) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		k := open(t)
		if err := k.openLineage(); err != nil {
			t.Fatal(err)
		}
		hook, event := reference.Random(rand.New(rand.NewPCG(seed, 0)), reference.Everything)
		binaries, err := k.names.internAll(reference.Binaries())
		if err != nil {
			t.Fatal(err)
		}
		rule := match.Rule{Slot: 1, Selectors: hook.Selectors, Args: inRegisters(hook.Args), Data: inRegisters(hook.Data)}
		if hook.ReturnArg != nil {
			rule.Return = match.Arg{Source: match.Source{Kind: match.Register, Index: match.ReturnRegister}, Type: hook.ReturnArg.Type}
		}
		in := match.Input{
			Rules: []match.Rule{rule}, Binaries: binaries, HostNamespaces: k.hostNS, Lists: event.Lists,
			Descents: map[uint64]uint32{}, Changes: map[uint32]uint32{1: 0},
		}
		for _, s := range hook.Selectors {
			for _, b := range append(s.Binaries, s.ParentBinaries...) {
				in.Descents[match.PathsKey(b)] = 7
			}
		}
		body, err := match.Compile(in)
		if err != nil {
			t.Fatal(err)
		}
		loadTwin(t, k, body)
	})
}
