// SPDX-License-Identifier: Apache-2.0

package match_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cilium/ebpf/asm"
	"github.com/google/go-cmp/cmp"

	"github.com/tetrameter/tetrameter/exporter/match"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

// TestGolden shows what policies become, each alone on a function that has its
// arguments in registers.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no policies in testdata: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			p, err := policy.Parse(file, data)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, strings.TrimSuffix(file, ".yaml")+".golden", listings(t, alone(p.Hooks[0])))
		})
	}
}

// alone is the input for one hook of one policy, with slot 9.
func alone(h policy.Hook) match.Input {
	in := match.Input{
		Binaries:       map[string]uint32{},
		HostNamespaces: map[policy.Namespace]uint32{policy.Mnt: 4026531841},
	}
	declare := func(a policy.Arg, index int) match.Arg {
		declared := match.Arg{Source: match.Source{Kind: match.Register, Index: index}, Type: a.Type}
		if a.SizeArg > 0 {
			declared.Size = match.Source{Kind: match.Register, Index: a.SizeArg - 1}
		}
		return declared
	}
	rule := match.Rule{Slot: 9, Selectors: h.Selectors}
	for _, a := range h.Args {
		rule.Args = append(rule.Args, declare(a, a.Index))
	}
	if h.ReturnArg != nil {
		rule.Return = declare(*h.ReturnArg, match.ReturnRegister)
	}
	for _, s := range h.Selectors {
		for _, f := range s.Binaries {
			for _, path := range f.Paths {
				in.Binaries[path] = uint32(len(in.Binaries) + 2)
			}
		}
	}
	in.Rules = []match.Rule{rule}
	lineageInput(&in)
	return in
}

// listings are the selectors of the only rule and the code for them, for each
// half that there is.
func listings(t *testing.T, in match.Input) string {
	t.Helper()
	lines, err := match.Explain(in.Rules[0], in)
	if err != nil {
		t.Fatal(err)
	}
	text := "# " + strings.Join(lines, "\n# ") + "\n"
	for _, exit := range []bool{false, true} {
		if in.Exit = exit; exit && !match.NeedsReturn(in.Rules[0].Selectors) {
			break
		}
		ins, err := match.Compile(in)
		if err != nil {
			t.Fatal(err)
		}
		if exit {
			text += "# on return\n"
		}
		text += listing(ins)
	}
	return text
}

// listing is one instruction a line; jumps show where to.
func listing(ins asm.Instructions) string {
	var b strings.Builder
	unit := 0
	for i := range ins {
		fmt.Fprintf(&b, "%3d: %v", unit, ins[i])
		unit += int(ins[i].Size() / asm.InstructionSize)
		switch ins[i].OpCode.JumpOp() {
		case asm.InvalidJumpOp, asm.Call, asm.Exit:
		default:
			fmt.Fprintf(&b, " -> %d", unit+int(ins[i].Offset))
		}
		b.WriteString("\n")
	}
	return b.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", name, diff)
	}
}
