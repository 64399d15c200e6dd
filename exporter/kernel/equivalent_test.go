// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/tetrameter/tetrameter/exporter/plan"
)

// standIns plans policies with nothing but tracepoints.
func standIns(t *testing.T, k *Kernel, specs map[string]string) {
	t.Helper()
	p := planOf(t, k, specs)
	for i := range p.Hooks {
		h := &p.Hooks[i]
		var ways []plan.Attach
		for _, a := range h.Attaches {
			if a.Kind == plan.Tracepoint {
				ways = append(ways, a)
			}
		}
		if h.Attaches = ways; len(ways) == 0 {
			t.Errorf("%s has no tracepoints: %v", h.Label, h.Rejected)
		}
	}
	attached(t, k, p)
}

// Tracepoints see the connections that tcp_connect makes, with their addresses: to
// one that nothing else on this machine connects to meanwhile.
func TestConnect(t *testing.T) {
	k := open(t)
	filter := func(operator, value string) string {
		return `{index: 0, operator: ` + operator + `, values: ["` + value + `"]}`
	}
	policy := func(filters string) string {
		return `  kprobes:
  - call: tcp_connect
    syscall: false
    args: [{index: 0, type: sock}]
    selectors: [{matchArgs: [` + filters + `]}]
`
	}
	const address = "127.23.29.31"
	listener, err := net.Listen("tcp4", address+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	standIns(t, k, map[string]string{
		"address": policy(filter("DAddr", "127.23.29.0/24")), "port": policy(filter("DPort", port)),
		"other": policy(filter("DPort", port) + ", " + filter("NotDAddr", address)),
	})
	for range 7 {
		conn, err := net.Dial("tcp4", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
	want(t, k, "address", "kprobe:tcp_connect", 7)
	want(t, k, "port", "kprobe:tcp_connect", 7)
	want(t, k, "other", "kprobe:tcp_connect", 0)
}

// Tracepoints see which files are read, written and executed.
func TestFiles(t *testing.T) {
	k := open(t)
	dir := t.TempDir()
	name := filepath.Join(dir, "file")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	permission := func(mask string) string {
		return `  kprobes:
  - call: security_file_permission
    syscall: false
    args: [{index: 0, type: file}, {index: 1, type: int}]
    selectors: [{matchArgs: [{index: 0, operator: Equal, values: ["` + name + `"]}, {index: 1, operator: Equal, values: ["` + mask + `"]}]}]
`
	}
	standIns(t, k, map[string]string{
		"write": permission("2"), "read": permission("4"),
		"truncate": `  kprobes:
  - call: security_path_truncate
    syscall: false
    args: [{index: 0, type: path}]
    selectors: [{matchArgs: [{index: 0, operator: Prefix, values: ["` + dir + `"]}]}]
`,
		"exec": `  lsmhooks:
  - hook: bprm_check
    args: [{index: 0, type: linux_binprm}]
    selectors: [{matchArgs: [{index: 0, operator: Postfix, values: ["` + filepath.Base(exe) + `"]}]}]
`,
	})
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for range 5 {
		if _, err := file.WriteString("x"); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(name, 1); err != nil {
			t.Fatal(err)
		}
		if err := exec.Command("/proc/self/exe", "-test.run", "^$").Run(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := file.ReadAt(make([]byte, 1), 0); err != nil {
		t.Fatal(err)
	}
	want(t, k, "write", "kprobe:security_file_permission", 5)
	want(t, k, "read", "kprobe:security_file_permission", 1)
	want(t, k, "truncate", "kprobe:security_path_truncate", 5)
	want(t, k, "exec", "lsm:bprm_check", 5)
}

// This machine's types lead to members that filters name.
func TestResolveHere(t *testing.T) {
	k := open(t)
	standIns(t, k, map[string]string{"comm": `  kprobes:
  - call: sys_getpgid
    data:
    - {index: 0, type: string, source: current_task, resolve: comm}
    - {index: 0, type: int, source: current_task, resolve: real_parent.tgid}
    selectors: [{matchData: [{args: [0], operator: Prefix, values: ["kernel.test"]}, {args: [1], operator: GreaterThan, values: ["0"]}]}]
`})
	getpgid(t, 23)
	want(t, k, "comm", "kprobe:__"+syscallPrefix()+"_sys_getpgid", 23)
}
