// SPDX-License-Identifier: Apache-2.0

package plan_test

import (
	"flag"
	"io/fs"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tetrameter/tetrameter/exporter/plan"
	"github.com/tetrameter/tetrameter/exporter/policy"
	"github.com/tetrameter/tetrameter/policies"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

// TestStandard shows what the shipped policies attach to on three kernels.
func TestStandard(t *testing.T) {
	kernels := map[string]fakeKernel{
		"full": full(), "only-kprobes": onlyKprobes(), "only-tracepoints": onlyTracepoints(),
	}
	for name, kernel := range kernels {
		t.Run(name, func(t *testing.T) {
			p := plan.Build(standard(t), kernel, plan.Options{})
			for _, h := range p.Hooks {
				if len(h.Attaches) == 0 {
					t.Errorf("%s does not attach", h.Label)
				}
			}
			golden(t, "testdata/"+name+".golden", render(p))
		})
	}
}

func standard(t *testing.T) []*policy.Policy {
	t.Helper()
	files, err := fs.Glob(policies.Standard(), "*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var parsed []*policy.Policy
	for _, file := range files {
		data, err := fs.ReadFile(policies.Standard(), file)
		if err != nil {
			t.Fatal(err)
		}
		p, err := policy.Parse(file, data)
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, p)
	}
	return parsed
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
