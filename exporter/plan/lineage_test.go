// SPDX-License-Identifier: Apache-2.0

package plan_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tetrameter/tetrameter/exporter/match"
	"github.com/tetrameter/tetrameter/exporter/plan"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

// TestLineage: a plan says what must be known of how processes began, once for the
// same list, and a report where that is kept.
func TestLineage(t *testing.T) {
	p, err := policy.Parse("p.yaml", []byte(`apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata: {name: p}
spec:
  kprobes:
  - call: sys_setuid
    selectors:
    - matchBinaries: [{operator: In, values: [/a, /b], followChildren: true}]
      matchParentBinaries: [{operator: NotIn, values: [/b, /a], followChildren: true}]
    - matchBinaries: [{operator: In, values: [/c]}]
  - call: sys_setgid
    selectors: [{matchNamespaceChanges: [{operator: In, values: [Mnt]}]}]
  - call: sys_unshare
`))
	if err != nil {
		t.Fatal(err)
	}
	built := plan.Build([]*policy.Policy{p}, full(), plan.Options{})
	key := match.PathsKey(policy.BinaryFilter{Operator: policy.In, Paths: []string{"/a", "/b"}})
	none := map[uint64][]string{}
	want := map[string]plan.Lineage{
		"kprobe:__x64_sys_setuid":  {Lists: map[uint64][]string{key: {"/b", "/a"}}},
		"kprobe:__x64_sys_setgid":  {Lists: none, Changes: true},
		"kprobe:__x64_sys_unshare": {Lists: none},
	}
	got := map[string]plan.Lineage{}
	for _, h := range built.Hooks {
		got[h.Label] = h.Lineage(h.IDs()[0])
		if diff := cmp.Diff(h.Label == "kprobe:__x64_sys_setuid", len(h.Binaries(h.IDs()[0])) == 1); diff != "" {
			t.Errorf("%s: binaries %v", h.Label, h.Binaries(h.IDs()[0]))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lineage differs (-want +got):\n%s", diff)
	}
	var text strings.Builder
	report, err := built.Report()
	if err != nil {
		t.Fatal(err)
	}
	if err := report.Write(&text); err != nil {
		t.Fatal(err)
	}
	line := "    keeps how processes began, at sched_process_fork, sched_process_exec, sched_process_free\n"
	if n := strings.Count(text.String(), line); n != 2 {
		t.Errorf("%d lines say where lineage is kept, want 2:\n%s", n, text.String())
	}
}
