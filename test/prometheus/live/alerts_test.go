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

// raised selects the alerts about the events of these tests.
func raised() map[string]string { return map[string]string{"policy": "privileges-raise"} }

// An administrator hears of events and of an agent that is down, by the whole way from
// the kernel to a webhook, and in time. Of a restart there is nothing to hear.
func TestAlerts(t *testing.T) {
	told := &webhook{}
	a := startAgent(t)
	s := startServer(t, a, serverOptions{rules: hurriedRules(t), alertmanager: startAlertmanager(t, told)})
	s.wait("rules are evaluated", `policy:tetrameter_policy_hook_events:increase10m{policy="privileges-raise"}`)
	checkEvent(t, s, told)
	checkOutage(t, a, s, told)
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

// checkEvent causes the first events of a policy.
func checkEvent(t *testing.T, s *server, told *webhook) {
	t.Helper()
	if early := told.received("firing", "TetrameterPolicyEvent", raised()); len(early) > 0 {
		t.Errorf("alert without an event: %v", early)
	}
	event := time.Now()
	trigger(t, "repeat", "23", "setuid", "1")
	got := told.wait(t, "firing", "TetrameterPolicyEvent", raised())
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
	s.checkTimely(got, event, 0)
	s.checkTimely(told.wait(t, "firing", "TetrameterPolicyFirstEvent", raised()), event, 0)
	// It was remembered within five minutes, which is news no longer after ten.
	s.checkTimely(told.wait(t, "resolved", "TetrameterPolicyEvent", raised()), event, 15*time.Minute)
}

// checkOutage has events happen while the agent is down.
func checkOutage(t *testing.T, a *agent, s *server, told *webhook) {
	t.Helper()
	killed := time.Now()
	a.end(syscall.SIGKILL)
	trigger(t, "repeat", "23", "setuid", "1") // nobody is there
	const half = 5 * time.Minute              // of the scrapes of ten minutes
	down := told.wait(t, "firing", "TetrameterAgentDown", map[string]string{"instance": a.address})
	if node := down.Labels["node"]; node != "node-1" {
		t.Errorf("TetrameterAgentDown is of node %q, want node-1", node)
	}
	s.checkTimely(down, killed, half)
	before := len(told.received("firing", "TetrameterPolicyEvent", raised()))
	a.restart()
	restarted := time.Now()
	s.checkTimely(told.wait(t, "resolved", "TetrameterAgentDown", map[string]string{"instance": a.address}), restarted, half)
	eventually(t, "what happened without the agent is told of", func() error {
		list := told.received("firing", "TetrameterPolicyEvent", raised())
		if len(list) == before {
			return fmt.Errorf("%d notifications, as before", before)
		}
		s.checkTimely(list[before], restarted, 0)
		return nil
	})
}

// checkBurst causes many events after a time with few.
func checkBurst(t *testing.T, s *server, told *webhook) {
	t.Helper()
	s.wait("an hour has passed", `policy:tetrameter_policy_hook_events:increase10m{policy="sudo-invocations"} offset `+(time.Hour/hurry).String())
	trigger(t, "at", "/usr/bin/sudo", "repeat", "230", "exec", "/usr/bin/sudo")
	last := time.Now()
	got := told.wait(t, "firing", "TetrameterPolicyEventBurst", map[string]string{"policy": "sudo-invocations"})
	s.checkTimely(got, last, 0)
	if got.Labels["severity"] != "info" {
		t.Errorf("severity of a burst of sudo-invocations: %q, want that of the policy, info", got.Labels["severity"])
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
