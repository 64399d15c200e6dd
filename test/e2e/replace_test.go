// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// nestPolicy counts the calls of a function of a program.
func nestPolicy(name, program string) string {
	return fmt.Sprintf(`apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata: {name: %s}
spec:
  uprobes:
  - path: %s
    symbols: [trigger_nest]
    args: [{index: 0, type: int}]
    selectors: [{matchArgs: [{index: 0, operator: Equal, values: ["1"]}]}]
`, name, program)
}

// A program that is replaced, as by an update, is another file of the same path:
// it is counted from the next change of policies or start of the agent on.
func TestReplacedProgram(t *testing.T) {
	program := filepath.Join(t.TempDir(), "trigger")
	replaced := func() {
		if err := os.Rename(copyTrigger(t, program+".new"), program); err != nil {
			t.Fatal(err)
		}
	}
	replaced()
	policies, hook := t.TempDir(), "uprobe:"+program+"/trigger_nest"
	writePolicy(t, policies, "a.yaml", nestPolicy("a", program))
	a := startAgent(t, "--policy-dir", policies)
	trigger(t, program, "repeat", "23", "nest", "1")

	replaced()
	writePolicy(t, policies, "b.yaml", nestPolicy("b", program))
	a.eventually("b counts", func() bool {
		return sum(t, a.family("tetrameter_hook_info"), `policy="b"`, `attach="uprobe"`) == 1
	})
	trigger(t, program, "repeat", "23", "nest", "1")

	a.kill()
	replaced()
	a.start()
	trigger(t, program, "repeat", "23", "nest", "1")
	want := []string{event(program, hook, "a", 69), event(program, hook, "b", 46)}
	if diff := cmp.Diff(want, a.events()); diff != "" {
		t.Errorf("exposition (-want +got):\n%s", diff)
	}
}
