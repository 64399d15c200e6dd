// SPDX-License-Identifier: Apache-2.0

package plan_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"

	"github.com/tetrameter/tetrameter/exporter/plan"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

// sock is a struct sock with one member that connecting has set already and one
// that it has not.
func sock() *btf.Struct {
	short := &btf.Int{Name: "unsigned short", Size: 2}
	common := &btf.Struct{Name: "sock_common", Size: 16, Members: []btf.Member{
		{Name: "skc_dport", Type: short, Offset: 8 * 12},
		{Name: "skc_num", Type: short, Offset: 8 * 14},
	}}
	return &btf.Struct{Name: "sock", Size: 16, Members: []btf.Member{{Name: "__sk_common", Type: common}}}
}

// The tracepoint that stands for tcp_connect comes before the socket has all it
// has there.
func TestUnsetMembers(t *testing.T) {
	for member, want := range map[string]string{
		"skc_dport": "",
		"skc_num":   "skc_num is not set yet at sock/inet_sock_set_state",
	} {
		p := parseSpec(t, "a", fmt.Sprintf(`  kprobes:
  - call: tcp_connect
    syscall: false
    args: [{index: 0, type: uint16, btfType: sock, resolve: __sk_common.%s}]
    selectors: [{matchArgs: [{index: 0, operator: Equal, values: ["80"]}]}]
`, member))
		h := plan.Build([]*policy.Policy{p}, onlyTracepoints(), plan.Options{}).Hooks[0]
		got := ""
		if len(h.Attaches) == 0 {
			got = h.Rejected[2].Reason
		}
		if (got == "") != (want == "") || !strings.HasSuffix(got, want) {
			t.Errorf("%s: %q, want %q", member, got, want)
		}
	}
}
