// SPDX-License-Identifier: Apache-2.0

package chart_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tetrameter/tetrameter/test/chart/values"
)

// TestGenerated: the files that are made from others are current.
func TestGenerated(t *testing.T) {
	data := read(t, chart+"/values.yaml")
	schema, err := values.Schema(data)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, chart+"/values.schema.json", schema)
	readme, err := values.Readme(string(read(t, chart+"/README.md.gotmpl")), data)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, chart+"/README.md", readme)
	for _, file := range policyFiles(t, "application") {
		golden(t, filepath.Join(chart, "files/policies", filepath.Base(file)), read(t, file))
	}
}

// policyFiles are the policies of the agent in a directory.
func policyFiles(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob("../../policies/" + dir + "/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d policies, error %v", len(files), err)
	}
	return files
}

// TestStandardPolicies: by default values.yaml says of each standard policy what
// the policy says, and the chart leaves it to the agent.
func TestStandardPolicies(t *testing.T) {
	want := map[string]any{}
	var toggle []string
	for _, file := range policyFiles(t, "standard") {
		p := decode(t, read(t, file))[0]
		name := p.text("metadata", "name")
		on := p.at("metadata", "annotations").(map[string]any)["tetrameter.io/enabled"] == "true"
		want[name] = on
		toggle = append(toggle, "--set=standardPolicies.policies."+name+"="+map[bool]string{true: "false", false: "true"}[on])
	}
	defaults := decode(t, read(t, chart+"/values.yaml"))[0]
	if diff := cmp.Diff(want, defaults.at("standardPolicies", "policies")); diff != "" {
		t.Errorf("standardPolicies.policies (-want +got):\n%s", diff)
	}
	for _, arg := range agentArgs(t, renderAgent(t)) {
		if strings.Contains(arg, "able-policy") {
			t.Errorf("%s by default", arg)
		}
	}
	got := map[string]any{}
	for _, arg := range agentArgs(t, renderAgent(t, toggle...)) {
		if name, ok := strings.CutPrefix(arg, "--disable-policy="); ok {
			got[name] = true
		} else if name, ok := strings.CutPrefix(arg, "--enable-policy="); ok {
			got[name] = false
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("switched to the contrary, those that were on (-want +got):\n%s", diff)
	}
}
