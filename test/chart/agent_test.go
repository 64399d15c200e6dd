// SPDX-License-Identifier: Apache-2.0

package chart_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// agentContainer is the agent's container in a manifest.
func agentContainer(t *testing.T, list []object) object {
	t.Helper()
	containers, _ := find(t, list, "DaemonSet").at("spec", "template", "spec", "containers").([]any)
	if len(containers) == 0 {
		t.Fatal("no containers")
	}
	return object(containers[0].(map[string]any))
}

func agentArgs(t *testing.T, list []object) []string {
	t.Helper()
	var args []string
	for _, arg := range agentContainer(t, list)["args"].([]any) {
		args = append(args, arg.(string))
	}
	return args
}

// TestFlags: the agent has each flag that the chart passes to it.
func TestFlags(t *testing.T) {
	_, help, err := program(t, "tetrameter", "run", "--help")
	if err != nil {
		t.Fatalf("%v\n%s", err, help)
	}
	flags := map[string]bool{}
	for _, flag := range regexp.MustCompile(`--(\[no-\])?[a-z][a-z.-]*`).FindAllString(help, -1) {
		flags[strings.Replace(flag, "[no-]", "", 1)] = true
		flags[strings.Replace(flag, "[no-]", "no-", 1)] = true
	}
	for name, file := range valueSets(t) {
		for _, arg := range agentArgs(t, renderAgent(t, "--values="+file)) {
			flag, _, _ := strings.Cut(arg, "=")
			if arg != "run" && !flags[flag] {
				t.Errorf("%s: the agent has no flag %s:\n%s", name, flag, help)
			}
		}
	}
}

// TestPolicyFiles: the agent takes the policies that the chart makes, with the
// values that the chart gives it.
func TestPolicyFiles(t *testing.T) {
	list := renderAgent(t, "--values="+chart+"/ci/policies-values.yaml")
	dir := t.TempDir()
	args := []string{"check"}
	for _, arg := range agentArgs(t, list) {
		if strings.HasPrefix(arg, "--set=") {
			args = append(args, arg)
		}
	}
	files := find(t, list, "ConfigMap").at("data").(map[string]any)
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text.(string)), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, file)
	}
	if len(files) < 5 {
		t.Errorf("%d policies", len(files))
	}
	must(t, "tetrameter", args...)
}

// documented returns the YAML block of docs/operations.md that has a text.
func documented(t *testing.T, text string) object {
	t.Helper()
	for _, block := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(read(t, "../../docs/operations.md"), -1) {
		if strings.Contains(string(block[1]), text) {
			var o map[string]any
			if err := yaml.Unmarshal(block[1], &o); err != nil {
				t.Fatal(err)
			}
			return o
		}
	}
	t.Fatalf("docs/operations.md has no YAML with %q", text)
	return nil
}

// TestDocumentedRole: the role is the documented one, or less where the values say.
func TestDocumentedRole(t *testing.T) {
	want := documented(t, "kind: ClusterRole").at("rules").([]any)
	resources := func(r any) any { return object(r.(map[string]any)).at("resources").([]any)[0] }
	tests := []struct {
		value, resource string
	}{{"", ""}, {"--set=rbac.nodes=false", "nodes"}, {"--set=rbac.events=false", "events"}, {"--set=rbac.status=false", "tracingpolicies/status"}}
	for _, test := range tests {
		want := slices.DeleteFunc(slices.Clone(want), func(r any) bool { return resources(r) == test.resource })
		var args []string
		if test.value != "" {
			args = append(args, test.value)
		}
		if diff := cmp.Diff(want, find(t, renderAgent(t, args...), "ClusterRole").at("rules")); diff != "" {
			t.Errorf("rules with %s (-documented +chart):\n%s", test.value, diff)
		}
	}
}

// TestDocumentedMounts: the pod has the mounts that docs/operations.md says.
func TestDocumentedMounts(t *testing.T) {
	mounts := func(container object) map[string]any {
		paths := map[string]any{}
		for _, m := range objects(container.at("volumeMounts").([]any)) {
			paths[m.text("mountPath")] = m["readOnly"] == true
		}
		return paths
	}
	container := object(documented(t, "volumeMounts:").at("containers").([]any)[0].(map[string]any))
	if diff := cmp.Diff(mounts(container), mounts(agentContainer(t, renderAgent(t)))); diff != "" {
		t.Errorf("mounts, whether read only (-documented +chart):\n%s", diff)
	}
}
