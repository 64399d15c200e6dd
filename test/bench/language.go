// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Files that the guest reads: one that the policy on files watches, one that it
// does not.
const (
	watchedFile = "/etc/bench.conf"
	otherFile   = "/tmp/bench.conf"
)

// filePolicy has the rules of application-file-system-access.
const filePolicy = `apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata:
  name: files
spec:
  kprobes:
  - call: security_file_permission
    syscall: false
    args:
    - index: 0
      type: file
    - index: 1
      type: int
    selectors:
    - matchArgs:
      - index: 0
        operator: Prefix
        values: [/etc, /boot, /lib, /lib64, /bin, /usr/lib, /usr/local/lib, /usr/local/sbin,
          /usr/local/bin, /usr/bin, /usr/sbin, /var/log, /dev/log, /root/.ssh]
      - index: 1
        operator: Equal
        values: ["2", "4"]
`

// connectPolicy counts connections that leave the networks.
const connectPolicy = `apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata:
  name: connections
spec:
  kprobes:
  - call: tcp_connect
    syscall: false
    args:
    - index: 0
      type: sock
    selectors:
    - matchArgs:
      - index: 0
        operator: NotDAddr
        values: [%s]
`

// childrenPolicy makes the agent keep how processes began.
const childrenPolicy = `apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata:
  name: children
spec:
  kprobes:
  - call: __sys_setuid
    syscall: false
    selectors:
    - matchBinaries:
      - operator: In
        values: [/usr/sbin/sshd]
        followChildren: true
`

// files measures reads of one byte under a policy on paths.
func (g *guest) files(ctx context.Context) error {
	policy, err := writeText("files", filePolicy)
	if err != nil {
		return err
	}
	if err := g.monitored(ctx, fileOther, g.readOther, 0, "fentry", "--policy", policy); err != nil {
		return err
	}
	return g.monitored(ctx, fileMatch, g.readWatched, g.events(g.readWatched), "fentry", "--policy", policy)
}

// connections measures connections over loopback.
func (g *guest) connections(ctx context.Context) error {
	for _, m := range []struct {
		operation, networks string
		events              int
	}{
		{connectOther, "127.0.0.0/8, 10.0.0.0/8", 0},
		{connectMatch, "10.0.0.0/8, 192.168.0.0/16", g.events(g.connect)},
	} {
		policy, err := writeText("connections", fmt.Sprintf(connectPolicy, m.networks))
		if err != nil {
			return err
		}
		if err := g.monitored(ctx, m.operation, g.connect, m.events, "fentry", "--policy", policy); err != nil {
			return err
		}
	}
	return nil
}

// many measures policies that share a hook and do not match.
func (g *guest) many(ctx context.Context) error {
	for _, n := range manyPolicies() {
		dir, err := os.MkdirTemp("", "many")
		if err != nil {
			return err
		}
		for i := range n {
			name := fmt.Sprintf("setuid%d", 1000+i)
			file, err := writePolicy(name, 1000+i)
			if err == nil {
				err = os.Rename(file, filepath.Join(dir, name+".yaml"))
			}
			if err != nil {
				return err
			}
		}
		if err := g.monitored(ctx, manyOperation(n), g.setuid0, 0, "fentry", "--policy-dir", dir); err != nil {
			return err
		}
	}
	return nil
}

// manyPolicies is how many policies are on one hook at a time.
func manyPolicies() []int { return []int{1, 10, 100} }

func manyOperation(n int) string {
	return fmt.Sprintf("setuid no match, %d policies", n)
}

func writeText(name, text string) (string, error) {
	file := filepath.Join(os.TempDir(), name+".yaml")
	return file, os.WriteFile(file, []byte(text), 0o644)
}

// prepareFiles makes what the workloads read.
func prepareFiles() error {
	for _, file := range []string{watchedFile, otherFile} {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(strings.Repeat("x", 64)), 0o644); err != nil {
			return err
		}
	}
	return nil
}
