// SPDX-License-Identifier: Apache-2.0

package live

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// An administrator hears of events and of an agent that is down, by the whole way from
// the kernel to a webhook. Of a restart there is nothing to hear.
func TestAlerts(t *testing.T) {
	told := &webhook{}
	a := startAgent(t)
	s := startServer(t, a, serverOptions{rules: hurriedRules(t), alertmanager: startAlertmanager(t, told)})
	s.wait("rules are evaluated", `policy:tetrameter_policy_hook_events:increase10m{policy="privileges-raise"}`)
	of := map[string]string{"policy": "privileges-raise"}
	if early := told.received("firing", "TetrameterPolicyEvent", of); len(early) > 0 {
		t.Errorf("alert without an event: %v", early)
	}

	trigger(t, "repeat", "23", "setuid", "1")
	got := told.wait(t, "firing", "TetrameterPolicyEvent", of)
	want := map[string]string{
		"alertname": "TetrameterPolicyEvent", "category": "runtime-security", "policy": "privileges-raise", "severity": "warning",
		"prometheus": "monitoring/test", "prometheus_replica": "prometheus-test-0",
	}
	if diff := cmp.Diff(want, got.Labels); diff != "" {
		t.Errorf("labels of TetrameterPolicyEvent (-want +got):\n%s", diff)
	}
	if text := got.Annotations["description"]; !strings.HasPrefix(text, "Policy privileges-raise counted an event of the host, the last one at 20") {
		t.Errorf("description of TetrameterPolicyEvent: %q", text)
	}
	if page := got.Annotations["runbook_url"]; !strings.HasSuffix(page, "/docs/runbooks/TetrameterPolicyEvent.md") {
		t.Errorf("runbook of TetrameterPolicyEvent: %q", page)
	}
	told.wait(t, "firing", "TetrameterPolicyFirstEvent", of)
	told.wait(t, "resolved", "TetrameterPolicyEvent", of)

	a.end(syscall.SIGKILL)
	trigger(t, "repeat", "23", "setuid", "1") // nobody is there
	down := told.wait(t, "firing", "TetrameterAgentDown", map[string]string{"instance": a.address})
	if node := down.Labels["node"]; node != "node-1" {
		t.Errorf("TetrameterAgentDown is of node %q, want node-1", node)
	}
	before := len(told.received("firing", "TetrameterPolicyEvent", of))
	a.restart()
	told.wait(t, "resolved", "TetrameterAgentDown", map[string]string{"instance": a.address})
	eventually(t, "what happened without the agent is told of", func() error {
		if n := len(told.received("firing", "TetrameterPolicyEvent", of)); n == before {
			return fmt.Errorf("%d notifications, as before", n)
		}
		return nil
	})
	// The rules take ten of their minutes to forget an event.
	eventually(t, "all is quiet", func() error {
		firing, err := s.ask(`ALERTS{policy="privileges-raise", alertname!="TetrameterPolicyEventBurst"}`, time.Now())
		if err == nil && len(firing) > 0 {
			err = fmt.Errorf("firing: %v", firing)
		}
		return err
	})
	checkRestart(t, a, s, told)
	checkBurst(t, s, told)
}

// checkBurst causes many events after a time with few.
func checkBurst(t *testing.T, s *server, told *webhook) {
	t.Helper()
	s.wait("an hour has passed", `policy:tetrameter_policy_hook_events:increase10m{policy="sudo-invocations"} offset `+(time.Hour/hurry).String())
	trigger(t, "at", "/usr/bin/sudo", "repeat", "230", "exec", "/usr/bin/sudo")
	got := told.wait(t, "firing", "TetrameterPolicyEventBurst", map[string]string{"policy": "sudo-invocations"})
	if got.Labels["severity"] != "info" {
		t.Errorf("severity of a burst of sudo-invocations: %q, want that of the policy, info", got.Labels["severity"])
	}
}

// checkRestart ends and starts the agent: that is no event, and resets no counter.
func checkRestart(t *testing.T, a *agent, s *server, told *webhook) {
	t.Helper()
	of := map[string]string{"policy": "privileges-raise"}
	firing := func() (n int) {
		for _, alert := range []string{"TetrameterPolicyEvent", "TetrameterPolicyFirstEvent"} {
			n += len(told.received("firing", alert, of))
		}
		return n + len(told.received("firing", "TetrameterEventsLost", nil)) + len(told.received("firing", "TetrameterAgentDown", nil))
	}
	before := firing()
	for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		const started = `process_start_time_seconds{job="` + job + `"}`
		old, err := s.value(started)
		if err != nil {
			t.Fatal(err)
		}
		a.end(signal)
		a.restart()
		s.wait("a scrape of the new agent", fmt.Sprintf("%s > %f", started, old))
	}
	// An alert would have come within an evaluation after the scrape.
	at := time.Now().Add(3 * time.Second)
	s.wait("evaluations after that", fmt.Sprintf(`timestamp(policy:tetrameter_policy_hook_events:increase10m{policy="privileges-raise"}) > %d`, at.Unix()))
	if after := firing(); after != before {
		t.Errorf("%d alerts after restarts, %d before: %v", after, before, told.alerts)
	}
	trigger(t, "repeat", "23", "setuid", "1")
	s.wait("the sum of all events", `sum(tetragon_policy_events_total{policy="privileges-raise", binary=~".*/trigger"}) == 3 * 23`)
	for _, r := range s.wait("resets", `resets({__name__=~"tetragon_policy_events_total|tetrameter_policy_hook_events_total"}[5m])`) {
		if r.Value != 0 {
			t.Errorf("%v resets of %v, want none", r.Value, r.Metric)
		}
	}
}

// Debian's promtool accepts the rules that the chart has, and those of these tests.
func TestRulesAreValid(t *testing.T) {
	hurried := filepath.Join(t.TempDir(), "rules.yml")
	if err := os.WriteFile(hurried, hurriedRules(t), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string]string{"chart": filepath.Join(root, "chart/files/rules/tetrameter.yaml"), "hurried": hurried} {
		cmd := exec.Command(filepath.Join(*binFlag, "promtool"), "check", "rules", "--lint=all", "--lint-fatal", file)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("rules of %s: %v\n%s", name, err, out)
		}
	}
}
