// SPDX-License-Identifier: Apache-2.0

package rules_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
)

// blocks returns the code of a language in a document.
func blocks(t *testing.T, name, language string) []string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, "docs", name))
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, found := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(string(data), -1) {
		list = append(list, found[1])
	}
	if len(list) == 0 {
		t.Fatalf("%s: no code of %s", name, language)
	}
	return list
}

// beginning returns the block that begins so.
func beginning(t *testing.T, list []string, with string) string {
	t.Helper()
	for _, block := range list {
		if strings.HasPrefix(block, with) {
			return block
		}
	}
	t.Fatalf("no code begins with %q", with)
	return ""
}

// TestRunbookQueries: whoever copies a query from a runbook at night gets an
// answer.
func TestRunbookQueries(t *testing.T) {
	files, err := filepath.Glob(root + "/docs/runbooks/*.md")
	if err != nil || len(files) == 0 {
		t.Fatal("no runbooks", err)
	}
	for _, name := range files {
		for _, query := range blocks(t, "runbooks/"+filepath.Base(name), "promql") {
			if _, err := parser.NewParser(parser.Options{}).ParseExpr(query); err != nil {
				t.Errorf("%s: %v:\n%s", filepath.Base(name), err, query)
			}
		}
	}
}

// TestExampleAlert: the example for a policy of one's own is a rule.
func TestExampleAlert(t *testing.T) {
	example := beginning(t, blocks(t, "alerting.md", "yaml"), "- alert:")
	file := filepath.Join(t.TempDir(), "rules.yaml")
	write(t, file, []byte("groups:\n- name: example\n  rules:\n"+regexp.MustCompile(`(?m)^`).ReplaceAllString(strings.TrimSpace(example), "  ")+"\n"))
	if out, err := run(t, "promtool", "check", "rules", "--lint=all", "--lint-fatal", file); err != nil {
		t.Errorf("%v:\n%s", err, out)
	}
}

// TestRoutes: every alert reaches whom the documentation says.
func TestRoutes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "alertmanager.yml")
	write(t, file, []byte(beginning(t, blocks(t, "alerting.md", "yaml"), "# alertmanager.yml")))
	if out, err := run(t, "amtool", "check-config", file); err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	receivers := map[string]map[string]string{
		"runtime-security": {"critical": "security-pager", "warning": "security-chat", "info": "archive"},
		"agent-health":     {"critical": "platform-pager", "warning": "platform-chat", "info": "platform-chat"},
	}
	route := func(receiver string, labels ...string) {
		args := append([]string{"config", "routes", "test", "--config.file=" + file, "--verify.receivers=" + receiver}, labels...)
		if out, err := run(t, "amtool", args...); err != nil {
			t.Errorf("%s do not reach %s: %v:\n%s", labels, receiver, err, out)
		}
	}
	for _, r := range readRules(t).alerts() {
		labels := r["labels"].(map[string]any)
		category := labels["category"].(string)
		for severity, receiver := range receivers[category] {
			if s := labels["severity"]; s == severity || s == "{{ $labels.severity }}" {
				route(receiver, "alertname="+r["alert"].(string), "category="+category, "severity="+severity)
			}
		}
		if receivers[category] == nil {
			t.Errorf("%s: category %s", r["alert"], category)
		}
	}
	route("default", "alertname=KubeletDown", "severity=critical")
}
