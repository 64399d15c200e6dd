// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"fmt"

	"github.com/tetrameter/tetrameter/exporter/policy"
)

func ExampleParse() {
	const document = `
apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata:
  name: root-logins
spec:
  kprobes:
  - call: sys_setuid
    args:
    - {index: 0, type: int}
    selectors:
    - matchArgs:
      - {index: 0, operator: Equal, values: ["0"]}
`
	p, err := policy.Parse("root-logins.yaml", []byte(document))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, hook := range p.Hooks {
		fmt.Println(p.Name, hook.Pos, hook.Call, hook.Syscall, hook.Selectors[0].Args[0].Operator)
	}
	// Output: root-logins root-logins.yaml:8:5 sys_setuid true Equal
}

func ExampleParse_errors() {
	const document = `
apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata:
  name: root-logins
spec:
  kprobes:
  - call: sys_setuid
    selectors:
    - matchArg:
      - {index: 0, operator: Equal, values: ["0"]}
    - matchPIDs:
      - {operator: Prefix, values: [1]}
`
	_, err := policy.Parse("root-logins.yaml", []byte(document))
	fmt.Println(err)
	// Output:
	// root-logins.yaml:10:7: spec.kprobes[0].selectors[0].matchArg: unknown field "matchArg", did you mean "matchArgs"?
	// root-logins.yaml:13:20: spec.kprobes[0].selectors[1].matchPIDs[0].operator: operator Prefix is not available here, expected In or NotIn
}
