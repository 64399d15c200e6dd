// SPDX-License-Identifier: Apache-2.0

package chart_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// groups are those of a PrometheusRule, or of a rule file.
func groups(o object) []object {
	list, ok := o.at("spec", "groups").([]any)
	if !ok {
		list, _ = o["groups"].([]any)
	}
	return objects(list)
}

func objects(list []any) []object {
	var os []object
	for _, v := range list {
		os = append(os, object(v.(map[string]any)))
	}
	return os
}

func (o object) rules() []object {
	list, _ := o["rules"].([]any)
	return objects(list)
}

// names are those of the rules of a group.
func (o object) names() []string {
	var names []string
	for _, r := range o.rules() {
		names = append(names, r.text("alert")+r.text("record"))
	}
	return names
}

// ruleFile has the groups of the chart's file.
func ruleFile(t *testing.T) []object {
	t.Helper()
	return groups(decode(t, read(t, filepath.Join(chart, "files/rules/tetrameter.yaml")))[0])
}

// TestRules: the rules are the file's, but for what the values change.
func TestRules(t *testing.T) {
	tests := []struct {
		name   string
		args   []string
		change func(r object) bool // to what is expected, false for none
		more   []string            // names of groups beyond the file's
	}{
		{"as in the file", nil, func(object) bool { return true }, nil},
		{"without one", []string{"--set=prometheusRule.disabled.TetrameterAgentDown=true"}, func(r object) bool {
			return r.text("alert") != "TetrameterAgentDown"
		}, nil},
		{"another job", []string{"--set=nameOverride=agent"}, func(r object) bool {
			r["expr"] = strings.ReplaceAll(r.text("expr"), `job="tetrameter"`, `job="agent"`)
			return true
		}, nil},
		{"a job of another name", []string{"--set=prometheusRule.job=nodes,serviceMonitor.jobLabel=team"}, func(r object) bool {
			r["expr"] = strings.ReplaceAll(r.text("expr"), `job="tetrameter"`, `job="nodes"`)
			return true
		}, nil},
		{"runbooks and labels", []string{
			"--set=prometheusRule.runbookUrl=https://wiki/{{alert}}.md", "--set=prometheusRule.alertLabels.team=security",
		}, func(r object) bool {
			if r["alert"] != nil {
				r["annotations"].(map[string]any)["runbook_url"] = "https://wiki/" + r.text("alert") + ".md"
				r["labels"].(map[string]any)["team"] = "security"
			}
			return true
		}, nil},
		{"one more", []string{"--set-json=prometheusRule.rules=[{\"record\":\"a:b:c\",\"expr\":\"1\"}]"}, func(object) bool { return true }, []string{"tetrameter.user"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := groups(find(t, renderAgent(t, append(test.args, "--set=prometheusRule.enabled=true")...), "PrometheusRule"))
			var want []object
			for _, g := range ruleFile(t) {
				g["rules"] = slices.DeleteFunc(g["rules"].([]any), func(r any) bool { return !test.change(object(r.(map[string]any))) })
				want = append(want, g)
			}
			for _, name := range test.more {
				want = append(want, got[len(got)-1])
				if got := got[len(got)-1].text("name"); got != name {
					t.Errorf("the last group is %s, want %s", got, name)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("groups (-want +got):\n%s", diff)
			}
		})
	}
}
