// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"log/slog"
	"testing"

	"github.com/tetrameter/tetrameter/exporter/plan"
)

// TestPartialPlan: until all policies are known, an agent changes nothing that
// one before it left counting, attaches what is new, and then does both.
func TestPartialPlan(t *testing.T) {
	bpffs := mountBPF(t)
	agent := func() *Kernel {
		k, err := Open(Options{BPFFS: bpffs, MaxSeries: 64, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
		if err != nil {
			t.Fatal(err)
		}
		k.useBTF()
		return k
	}
	first := agent()
	apply(t, first, rawHook("a"))
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}

	k := agent()
	defer func() {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	}()
	// The new agent knows policy b of the same hook, and nothing of a yet.
	hooks, err := k.Apply(plan.Plan{Hooks: []plan.Hook{rawHook("b")}, Partial: true})
	if err != nil || len(hooks) != 1 || hooks[0].Attach != "" || hooks[0].Reason == "" {
		t.Fatalf("%+v, %v; want b to wait", hooks, err)
	}
	hooks, err = k.Apply(plan.Plan{Hooks: []plan.Hook{rawHook("a")}, Partial: true})
	if err != nil || len(hooks) != 1 || hooks[0].Attach != string(plan.RawTracepoint) || !hooks[0].Pinned {
		t.Fatalf("%+v, %v; want a as it was", hooks, err)
	}
	if _, err := k.Apply(plan.Plan{Partial: true}); err != nil {
		t.Fatal(err)
	}
	getpgid(t, 23)
	if got := counts(t, k, pgidID("a")); got != 23 {
		t.Errorf("counted %d for a policy that is not known yet, want 23", got)
	}
	apply(t, k, rawHook("a", "b"))
	getpgid(t, 23)
	if a, b := counts(t, k, pgidID("a")), counts(t, k, pgidID("b")); a != 46 || b != 23 {
		t.Errorf("counted %d and %d when all are known, want 46 and 23", a, b)
	}
	if _, err := k.Apply(plan.Plan{}); err != nil {
		t.Fatal(err)
	}
	if names := readNames(t, k.pins.hooks()); len(names) > 0 {
		t.Errorf("pinned are %v after the policies were gone", names)
	}
}
