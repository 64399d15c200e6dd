// SPDX-License-Identifier: Apache-2.0

// Package rules_test proves what docs/alerting.md promises of the chart's rule
// file: each file of testdata is the scenarios of one alert, which Debian's
// promtool plays. What promtool cannot play, groups with an interval of their
// own and a Prometheus that was down, is played to the newest Prometheus' rule
// manager. The routes of the documentation are tried with amtool.
package rules_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

const (
	root     = "../../.."
	ruleFile = root + "/chart/files/rules/tetrameter.yaml"
	binaries = root + "/bin/prometheus/usr/bin/"
)

// run returns what one of Debian's programs prints, and whether it succeeds.
func run(t *testing.T, program string, args ...string) (string, error) {
	t.Helper()
	if _, err := os.Stat(binaries + program); err != nil {
		t.Fatalf("%v: `make bin/prometheus/usr/bin/prometheus` unpacks it", err)
	}
	out, err := exec.Command(binaries+program, args...).CombinedOutput()
	return string(out), err
}

// TestCheckRules: the oldest Prometheus that is supported takes the rules.
func TestCheckRules(t *testing.T) {
	if out, err := run(t, "promtool", "check", "rules", "--lint=all", "--lint-fatal", ruleFile); err != nil {
		t.Errorf("%v:\n%s", err, out)
	}
}

// scenarios lists the files of scenarios, by the alert they are about.
func scenarios(t *testing.T) map[string][]string {
	t.Helper()
	names, err := filepath.Glob("testdata/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]string{}
	for _, name := range names {
		alert, _, _ := strings.Cut(strings.TrimSuffix(filepath.Base(name), ".yaml"), "-")
		files[alert] = append(files[alert], name)
	}
	return files
}

// TestScenarios: every alert fires when it must, and is silent when it must.
func TestScenarios(t *testing.T) {
	for alert, names := range scenarios(t) {
		for _, name := range names {
			t.Run(strings.TrimSuffix(filepath.Base(name), ".yaml"), func(t *testing.T) {
				t.Parallel()
				if !slices.ContainsFunc(readRules(t).alerts(), func(r map[string]any) bool { return r["alert"] == alert }) {
					t.Errorf("there is no alert %s", alert)
				}
				if out, err := run(t, "promtool", "test", "rules", name); err != nil {
					t.Errorf("%v:\n%s", err, out)
				}
			})
		}
	}
}

// ruleGroups is a rule file of which everything is kept.
type ruleGroups struct {
	Groups []struct {
		Name     string
		Interval string `yaml:",omitempty"`
		Rules    []map[string]any
	}
}

func readRules(t *testing.T) ruleGroups {
	t.Helper()
	data, err := os.ReadFile(ruleFile)
	if err != nil {
		t.Fatal(err)
	}
	var f ruleGroups
	if err := yaml.Unmarshal(data, &f); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f ruleGroups) alerts() []map[string]any {
	var list []map[string]any
	for _, group := range f.Groups {
		for _, r := range group.Rules {
			if r["alert"] != nil {
				list = append(list, r)
			}
		}
	}
	return list
}

// TestScenariosNotice: a scenario that passes whatever the rule is proves
// nothing. Without the rule, and without its patience, one must fail.
func TestScenariosNotice(t *testing.T) {
	files := scenarios(t)
	for i, r := range readRules(t).alerts() {
		alert := r["alert"].(string)
		mutants := map[string]func(map[string]any){
			"never fires": func(r map[string]any) { r["expr"] = "vector(0) > 1" },
		}
		if r["for"] != nil {
			mutants["does not wait"] = func(r map[string]any) { delete(r, "for") }
		}
		for what, mutate := range mutants {
			t.Run(fmt.Sprintf("%s/%d %s", alert, i, what), func(t *testing.T) {
				t.Parallel()
				f := readRules(t)
				mutate(f.alerts()[i])
				if !anyFails(t, f.only(alert), files[alert]) {
					t.Errorf("no scenario notices that %s %s", alert, what)
				}
			})
		}
	}
}

// only leaves out the other alerts, which take time.
func (f ruleGroups) only(alert string) ruleGroups {
	for i := range f.Groups {
		f.Groups[i].Rules = slices.DeleteFunc(f.Groups[i].Rules, func(r map[string]any) bool {
			return r["alert"] != nil && r["alert"] != alert
		})
	}
	return f
}

// anyFails plays the scenarios to other rules.
func anyFails(t *testing.T, f ruleGroups, names []string) bool {
	t.Helper()
	data, err := yaml.Marshal(map[string]any{"groups": f.Groups})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "rules.yaml"), data)
	for _, name := range names {
		scenario, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		copied := filepath.Join(dir, filepath.Base(name))
		changed := strings.Replace(string(scenario), "../"+ruleFile, "rules.yaml", 1)
		if changed == string(scenario) {
			t.Fatalf("%s: does not name %s", name, ruleFile)
		}
		write(t, copied, []byte(changed))
		if out, err := run(t, "promtool", "test", "rules", copied); err != nil {
			if !strings.Contains(out, "got:") {
				t.Fatalf("%v, not by a wrong result:\n%s", err, out)
			}
			return true
		}
	}
	return false
}

func write(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
