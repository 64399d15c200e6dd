// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// allPinned says whether what counts now outlives the agent.
func (a *agent) allPinned() bool {
	a.t.Helper()
	for _, line := range a.family("tetrameter_hook_info") {
		if strings.Contains(line, `pinned="false"`) && !strings.Contains(line, `attach="unsupported"`) {
			return false
		}
	}
	return true
}

// Agents come and go while events happen; every event is counted once. Where
// the kernel cannot pin, the gap is exposed instead.
func TestKillAndRestartUnderLoad(t *testing.T) {
	const restarts, events = 3, 1000
	a := startAgent(t, reference()...)
	pinned := a.allPinned()
	for range restarts {
		before := sum(t, a.events())
		load := startWaiting(t, "repeat", fmt.Sprint(events), "pause", "1000", "setuid", "1")
		load.goOn(t)
		a.eventually("more events", func() bool { return sum(t, a.events()) > before })
		before = sum(t, a.events())
		a.kill()
		a.start()
		if got := sum(t, a.events()); got < before {
			t.Errorf("the counter went down from %d to %d", before, got)
		}
		load.finish(t)
	}
	if !pinned {
		if gap := a.family("tetrameter_hook_gap_seconds"); !strings.Contains(strings.Join(gap, "\n"), setuid) ||
			sum(t, a.events()) > restarts*events || strings.HasSuffix(gap[0], " 0") {
			t.Errorf("gap %v and events %v of a kernel that cannot pin", gap, a.events())
		}
		return
	}
	want := []string{event(*triggerFlag, setuid, privileges, restarts*events)}
	if diff := cmp.Diff(want, a.events()); diff != "" {
		t.Errorf("exposition (-want +got):\n%s", diff)
	}
}

// Nobody runs while the events happen.
func TestCountingWithoutAgent(t *testing.T) {
	a := startAgent(t, reference()...)
	if !a.allPinned() {
		return // TestKillAndRestartUnderLoad checks what such a kernel exposes
	}
	trigger(t, *triggerFlag, "repeat", "10", "setuid", "1")
	a.kill()
	trigger(t, *triggerFlag, "repeat", "13", "setuid", "1")
	a.start()
	want := []string{event(*triggerFlag, setuid, privileges, 23)}
	if diff := cmp.Diff(want, a.events()); diff != "" {
		t.Errorf("exposition (-want +got):\n%s", diff)
	}
}

// A policy that is gone after the restart stops counting, and its last value
// is exposed once more.
func TestRestartWithoutPolicy(t *testing.T) {
	oncePerKernel(t)
	a := startAgent(t, reference()...)
	trigger(t, *triggerFlag, "repeat", "23", "setuid", "1")
	want := a.events()
	a.kill()
	a.args = a.args[:2] // sudo-invocations only
	a.start()
	trigger(t, *triggerFlag, "repeat", "23", "setuid", "1")
	if diff := cmp.Diff(want, a.events()); diff != "" {
		t.Errorf("exposition after the policy went (-want +got):\n%s", diff)
	}
	a.eventually("the series disappears", func() bool { return len(a.events()) == 0 })
}

func TestSecondAgentIsRefused(t *testing.T) {
	oncePerKernel(t)
	a := startAgent(t, reference()...)
	out, err := exec.Command(*agentFlag, "run", "--web.listen-address", "127.0.0.1:0", "--bpf-fs", a.bpffs).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "another tetrameter uses these pins") {
		t.Errorf("second agent: %v\n%s", err, out)
	}
}

func TestPortInUse(t *testing.T) {
	onAnyKernel(t)
	a := startAgent(t, reference()...)
	address := strings.TrimSuffix(strings.TrimPrefix(a.url, "http://"), "/metrics")
	out, err := exec.Command(*agentFlag, "run", "--web.listen-address", address, "--no-pin").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "Tetragon") {
		t.Errorf("agent on a used port: %v\n%s", err, out)
	}
}

// Without pins nothing counts after the agent.
func TestNoPin(t *testing.T) {
	oncePerKernel(t)
	a := startAgent(t, append(reference(), "--no-pin")...)
	trigger(t, *triggerFlag, "repeat", "23", "setuid", "1")
	want := []string{event(*triggerFlag, setuid, privileges, 23)}
	if diff := cmp.Diff(want, a.events()); diff != "" {
		t.Errorf("exposition (-want +got):\n%s", diff)
	}
	a.kill()
	a.start()
	if got := a.events(); len(got) != 0 {
		t.Errorf("counts outlived the agent: %v", got)
	}
}
