// SPDX-License-Identifier: Apache-2.0

package live

import (
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"
)

// ofRestart are the alerts that a restart may give, each by the policy that it is about:
// the programs that an agent loads are programs loaded.
func ofRestart() map[string]string {
	return map[string]string{"TetrameterPolicyEvent": "bpf-program-load"}
}

// checkRestart ends and starts the agent. It resets no counter, and nothing else than what
// is named above is to be heard of it.
func checkRestart(t *testing.T, a *agent, s *server, told *webhook) {
	t.Helper()
	began := time.Now()
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
	for _, n := range told.since(began) {
		alert, policy := n.Labels["alertname"], n.Labels["policy"]
		if ofRestart()[alert] == policy && policy != "" && n.Labels["severity"] == "info" {
			t.Logf("of restarts: %s of %s with severity %s", alert, policy, n.Labels["severity"])
			continue
		}
		if told.before(n, began) {
			t.Logf("told of again: %s of %s", alert, policy)
			continue
		}
		if programs := s.othersEvents(n, began); len(programs) > 0 {
			t.Logf("at the time of restarts: %s of %s, by %q", alert, policy, programs)
			continue
		}
		t.Errorf("of restarts: %v", n)
	}
	trigger(t, "repeat", "23", "setuid", "1")
	s.wait("the sum of all events", `sum(tetragon_policy_events_total{policy="privileges-raise", binary=~".*/trigger"}) == 3 * 23`)
	for _, r := range s.wait("resets", `resets({__name__=~"tetragon_policy_events_total|tetrameter_policy_hook_events_total"}[5m])`) {
		if r.Value != 0 {
			t.Errorf("%v resets of %v, want none", r.Value, r.Metric)
		}
	}
}

// before says whether an alert about the state of a policy was told of before a time: the
// kernel lacks its hooks, whichever agent says so. It is told of again when no agent has
// said so for five minutes, which are seconds here.
func (w *webhook) before(n notification, t time.Time) bool {
	about := []string{"TetrameterPolicyNotLoaded", "TetrameterPolicyDegraded"}
	alert := n.Labels["alertname"]
	return slices.Contains(about, alert) && w.received("firing", alert, n.Labels)[0].at.Before(t)
}

// othersEvents are the programs, neither the agent nor the one of this test, that gave the
// policy of an alert events since shortly before a time: other things happen on a machine
// too, and are told of. For alerts that are not about events there are none.
func (s *server) othersEvents(n notification, since time.Time) []string {
	s.t.Helper()
	about := []string{"TetrameterPolicyEvent", "TetrameterPolicyFirstEvent", "TetrameterPolicyEventBurst", "TetrameterKernelModuleLoaded"}
	if !slices.Contains(about, n.Labels["alertname"]) {
		return nil
	}
	events := fmt.Sprintf(`tetragon_policy_events_total{policy=%q, binary!=%q, binary!=%q}[1m]`, n.Labels["policy"], *agentFlag, *triggerFlag)
	now := `sum by (binary) (last_over_time(` + events + `))`
	before := `sum by (binary) (last_over_time(` + events + ` @ ` + timestamp(since.Add(-margin)) + `))`
	grown, err := s.ask(now+` unless `+now+` == `+before, time.Now())
	if err != nil {
		s.t.Fatal(err)
	}
	var programs []string
	for _, sample := range grown {
		programs = append(programs, string(sample.Metric["binary"]))
	}
	return programs
}
