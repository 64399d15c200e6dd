// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/tetrameter/tetrameter/bpf"
	"github.com/tetrameter/tetrameter/exporter/collector"
)

var update = flag.Bool("update", false, "write the table of alerts into docs/alerting.md")

const root = "../../"

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(root + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// decode reads the rule file as Prometheus does, without unknown fields.
func decode(t *testing.T, o Options) []rule {
	t.Helper()
	data, err := File(o)
	if err != nil {
		t.Fatal(err)
	}
	var f file
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	if err := decoder.Decode(&f); err != nil {
		t.Fatal(err)
	}
	var list []rule
	for _, g := range f.Groups {
		list = append(list, g.Rules...)
	}
	return list
}

func alerts(t *testing.T) []rule {
	t.Helper()
	return slices.DeleteFunc(decode(t, Options{}), func(r rule) bool { return r.Alert == "" })
}

// TestChart: the chart installs what the command prints.
func TestChart(t *testing.T) {
	data, err := File(Options{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(read(t, "chart/files/rules/tetrameter.yaml"), string(data)); diff != "" {
		t.Errorf("the chart's copy is not current, `go generate ./exporter` writes it (-chart +now):\n%s", diff)
	}
	for range 10 {
		if again, err := File(Options{}); err != nil || !bytes.Equal(again, data) {
			t.Fatalf("the same options gave other bytes (%v)", err)
		}
	}
}

// TestOptions: all rules are about the job, whatever its name.
func TestOptions(t *testing.T) {
	job := `team "a"\b`
	for _, r := range decode(t, Options{Job: job, RunbookURL: "https://example.com/"}) {
		if strings.Contains(r.Expr, "$job") || strings.Contains(r.Expr, `job="tetrameter"`) {
			t.Errorf("%s%s is about another job:\n%s", r.Record, r.Alert, r.Expr)
		}
		selectors := regexp.MustCompile(`\b(tetrameter|tetragon|process|up)\w*\{`).FindAllStringIndex(r.Expr, -1)
		for _, at := range selectors {
			if rest := r.Expr[at[1]:]; !strings.HasPrefix(rest, `job="team \"a\"\\b"`) {
				t.Errorf("%s%s does not begin with the job: %s", r.Record, r.Alert, rest)
			}
		}
		if want := "https://example.com/" + r.Alert + ".md"; r.Alert != "" && r.Annotations["runbook_url"] != want {
			t.Errorf("%s: runbook_url %s, want %s", r.Alert, r.Annotations["runbook_url"], want)
		}
	}
}

// TestAlerts: whoever is woken learns what, how bad, and what to do.
func TestAlerts(t *testing.T) {
	summaries := map[string]string{}
	for _, r := range alerts(t) {
		if s := r.Labels["severity"]; !slices.Contains([]string{"critical", "warning", "info", ofPolicy}, s) {
			t.Errorf("%s: severity %q", r.Alert, s)
		}
		if c := r.Labels["category"]; c != categorySecurity && c != categoryAgent {
			t.Errorf("%s: category %q", r.Alert, c)
		}
		summary := r.Annotations["summary"]
		if !regexp.MustCompile(`^[A-Z][^{}]*\.$`).MatchString(summary) {
			t.Errorf("%s: the summary %q is not a sentence that is the same for all instances", r.Alert, summary)
		}
		if before, ok := summaries[r.Alert]; ok && before != summary {
			t.Errorf("%s: two summaries, %q and %q", r.Alert, before, summary)
		}
		summaries[r.Alert] = summary
		if !regexp.MustCompile(`^[A-Z].*\{\{.*\.$`).MatchString(r.Annotations["description"]) {
			t.Errorf("%s: the description %q does not name the instance", r.Alert, r.Annotations["description"])
		}
	}
}

// TestRunbooks: there is one for each alert and none for others, and what they
// name exists.
func TestRunbooks(t *testing.T) {
	files, err := filepath.Glob(root + "docs/runbooks/*.md")
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, name := range files {
		have = append(have, strings.TrimSuffix(filepath.Base(name), ".md"))
	}
	want := map[string]bool{}
	for _, r := range alerts(t) {
		want[r.Alert] = true
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), have); diff != "" {
		t.Errorf("runbooks (-alerts +files):\n%s", diff)
	}
	sections := []string{"## Meaning", "## Impact", "## Diagnosis", "## Mitigation"}
	for _, name := range have {
		text := read(t, "docs/runbooks/"+name+".md")
		if !strings.HasPrefix(text, "# "+name+"\n") {
			t.Errorf("%s: does not begin with its name", name)
		}
		if diff := cmp.Diff(sections, regexp.MustCompile(`(?m)^## .*$`).FindAllString(text, -1)); diff != "" {
			t.Errorf("%s: sections (-want +got):\n%s", name, diff)
		}
		if !strings.Contains(text, "False positives") || !strings.Contains(text, "```") {
			t.Errorf("%s: no false positives, or nothing to run", name)
		}
		if before, _, asks := strings.Cut(text, "curl "); asks && !strings.Contains(before, "port-forward") {
			t.Errorf("%s: by default nodes do not listen for their agents: a port must be forwarded first", name)
		}
		metricsExist(t, name, text)
	}
}

// metricsExist reports names of metrics that neither agents nor rules have.
func metricsExist(t *testing.T, where, text string) {
	t.Helper()
	known := map[string]bool{"tetrameter_pod": true, "tetrameter_build_info": true}
	for _, m := range collector.Metrics() {
		known[m.Name] = true
	}
	for _, r := range decode(t, Options{}) {
		known[r.Record] = true
	}
	for _, name := range regexp.MustCompile(`\b((workload|policy):)?(tetrameter|tetragon)_\w+(:\w+)?`).FindAllString(text, -1) {
		if !known[name] {
			t.Errorf("%s: there is no %s", where, name)
		}
	}
}

// TestLossReasons: the losses whose events were counted anyway are reasons that
// exist; all others are events lost.
func TestLossReasons(t *testing.T) {
	reasons := bpf.LossReasons()
	for _, reason := range strings.Split(countedAnyway, "|") {
		if !slices.Contains(reasons, reason) {
			t.Errorf("no loss has the reason %s, they are %q", reason, reasons)
		}
	}
}

// TestAlertTable: docs/alerting.md has all alerts. -update writes the table.
func TestAlertTable(t *testing.T) {
	const begin, end = "<!-- alerts -->\n", "<!-- end of alerts -->"
	text := read(t, "docs/alerting.md")
	metricsExist(t, "docs/alerting.md", text)
	before, rest, ok := strings.Cut(text, begin)
	old, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("docs/alerting.md: no %q", begin)
	}
	table := alertTable(alerts(t))
	if *update {
		if err := os.WriteFile(root+"docs/alerting.md", []byte(before+begin+table+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(table, old); diff != "" {
		t.Errorf("docs/alerting.md is not current, -update writes it (-want +got):\n%s", diff)
	}
}

func alertTable(list []rule) string {
	text := &strings.Builder{}
	text.WriteString("| alert | severity | category | waits | summary |\n|---|---|---|---|---|\n")
	var rows []string
	for _, r := range list {
		severity, hold := r.Labels["severity"], r.For
		if severity == ofPolicy {
			severity = "the policy's"
		}
		if hold == "" {
			hold = "no"
		}
		rows = append(rows, fmt.Sprintf("| [%s](runbooks/%s.md) | %s | %s | %s | %s |\n",
			r.Alert, r.Alert, severity, r.Labels["category"], hold, r.Annotations["summary"]))
	}
	return text.String() + strings.Join(slices.Compact(rows), "")
}
