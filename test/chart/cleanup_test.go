// SPDX-License-Identifier: Apache-2.0

package chart_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestCleanup: on request, and not otherwise, a container before the agent's removes
// what was pinned where agents pin, and the agent pins nothing more.
func TestCleanup(t *testing.T) {
	before := func(args ...string) []object {
		containers, _ := find(t, renderAgent(t, args...), "DaemonSet").at("spec", "template", "spec", "initContainers").([]any)
		return objects(containers)
	}
	if list := before(); len(list) != 0 || slices.Contains(agentArgs(t, renderAgent(t)), "--no-pin") {
		t.Errorf("cleanup by default: %v", list)
	}
	list := before("--set=cleanup=true")
	if len(list) != 1 {
		t.Fatalf("%d init containers, want 1", len(list))
	}
	// What is pinned may as well be files: they are removed all the same.
	bpffs := t.TempDir()
	pin := filepath.Join(bpffs, "tetrameter/v1/hooks/one/link")
	if err := os.MkdirAll(filepath.Dir(pin), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(pin, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"--bpf-fs=" + bpffs}
	for _, arg := range list[0].at("args").([]any) {
		args = append(args, arg.(string))
	}
	slices.Reverse(args) // the command, then its flags
	must(t, "tetrameter", args...)
	if _, err := os.Stat(filepath.Join(bpffs, "tetrameter")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("tetrameter %q leaves pins: %v", args, err)
	}
	_, help, _ := program(t, "tetrameter", "cleanup", "--help")
	mount := objects(list[0].at("volumeMounts").([]any))[0]
	if path := mount.text("mountPath"); !strings.Contains(help, `--bpf-fs="`+path+`"`) || mount["readOnly"] == true {
		t.Errorf("cleanup is for another file system than the one that can be written to at %s:\n%s", path, help)
	}
	for _, extra := range []string{"", "--no-pin"} {
		got := agentArgs(t, renderAgent(t, "--set=cleanup=true", "--set=extraArgs={"+extra+"}"))
		if n := strings.Count(strings.Join(got, " "), "--no-pin"); n != 1 {
			t.Errorf("%d flags --no-pin, want 1 in %q", n, got)
		}
	}
}
