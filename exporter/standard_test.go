// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/tetrameter/tetrameter/policies"
)

func TestSwitches(t *testing.T) {
	tests := []struct {
		name string
		opts standardOptions
		want map[string]bool
		err  string
	}{
		{"none", standardOptions{}, map[string]bool{}, ""},
		{
			"on and off",
			standardOptions{enable: []string{"namespace-entry"}, disable: []string{"sudo-invocations", "process-tracing"}},
			map[string]bool{"namespace-entry": true, "sudo-invocations": false, "process-tracing": false},
			"",
		},
		{"unknown", standardOptions{disable: []string{"sudo"}}, nil, `no standard policy "sudo", want one of bpf-program-load, capability-changes,`},
		{"no pattern", standardOptions{disable: []string{"*"}}, nil, `no standard policy "*"`},
		{"both", standardOptions{enable: []string{"sudo-invocations"}, disable: []string{"sudo-invocations"}}, nil, `both name "sudo-invocations"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := test.opts.switches(policies.Standard())
			if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Fatalf("error %v, want %q", err, test.err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("switches (-want +got):\n%s", diff)
			}
		})
	}
}

// TestSwitchedPolicies: a switch is for the policy that ships with the agent, and
// not for a file of the operator that takes its place.
func TestSwitchedPolicies(t *testing.T) {
	off := strings.Replace(document("off", "1"), "{name: off}", `{name: off, annotations: {tetrameter.io/enabled: "false"}}`, 1)
	b := newBench(t, fstest.MapFS{
		"on.yaml": {Data: []byte(document("on", "1"))}, "off.yaml": {Data: []byte(off)}, "as-is.yaml": {Data: []byte(document("as-is", "1"))},
	})
	b.set.switches = map[string]bool{"on": false, "off": true}
	enabled := func() map[string]bool {
		got := map[string]bool{}
		for _, p := range b.set.load() {
			got[p.Name] = p.Enabled
		}
		return got
	}
	if diff := cmp.Diff(map[string]bool{"on": false, "off": true, "as-is": true}, enabled()); diff != "" {
		t.Errorf("enabled (-want +got):\n%s", diff)
	}
	b.write("on.yaml", document("on", "2"))
	if diff := cmp.Diff(map[string]bool{"on": true, "off": true, "as-is": true}, enabled()); diff != "" {
		t.Errorf("enabled with a file (-want +got):\n%s", diff)
	}
}
