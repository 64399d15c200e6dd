// SPDX-License-Identifier: Apache-2.0

package node

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tetrameter/tetrameter/test/kube"
)

// agent is a running tetrameter.
type agent struct {
	t   *testing.T
	url string // of the metrics
}

// startAgent starts the node's agent, with pins that end with it, and waits until it knows
// all policies and pods. It runs until the test ends.
func startAgent(t *testing.T) *agent {
	t.Helper()
	dir := t.TempDir()
	kubeconfig := filepath.Join(dir, "kubeconfig")
	account, err := server.ServiceAccount(t.Context(), "tetrameter", "tetrameter")
	if err == nil {
		err = account.WriteKubeconfig(kubeconfig, "")
	}
	if err != nil {
		t.Fatal(err)
	}
	program, err := filepath.Abs(*agentFlag)
	if err != nil {
		t.Fatal(err)
	}
	process, err := kube.Run(dir, program, "run", "--no-standard-policies", "--attach", *attachFlag, "--bpf-fs", filepath.Join(dir, "bpf"),
		"--web.listen-address", "127.0.0.1:0", "--metrics-label-filter", "namespace,workload,pod,binary,container,workload_kind",
		"--kubernetes", "on", "--kubeconfig", kubeconfig, "--node-name", node.Name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := process.Stop(); err != nil {
			t.Error(err)
		}
		if log, err := os.ReadFile(process.Log); t.Failed() {
			t.Logf("log of the agent (%v):\n%s", err, log)
		}
	})
	a := &agent{t: t}
	serving := regexp.MustCompile(`msg="serving metrics" url=(\S+)`)
	eventually(t, func() error {
		data, err := os.ReadFile(process.Log)
		if m := serving.FindSubmatch(data); m != nil {
			a.url = string(m[1])
			return nil
		}
		return errors.Join(errors.New("the agent does not serve"), err)
	})
	eventually(t, func() error {
		if answer := a.get("/-/ready"); !strings.Contains(answer, "is ready") {
			return fmt.Errorf("the agent is not ready: %s", answer)
		}
		return nil
	})
	return a
}

// get returns the body of a page.
func (a *agent) get(path string) string {
	a.t.Helper()
	response, err := http.Get(strings.TrimSuffix(a.url, "/metrics") + path)
	if err != nil {
		a.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	return string(body)
}

// family returns the samples of a metric family, sorted.
func (a *agent) family(name string) []string {
	a.t.Helper()
	var lines []string
	for line := range strings.SplitSeq(a.get("/metrics"), "\n") {
		if strings.HasPrefix(line, name+"{") {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return lines
}

// events is the exposition of the counter.
func (a *agent) events() []string {
	a.t.Helper()
	return a.family("tetragon_policy_events_total")
}

// expect waits until the counter has these samples and no others.
func (a *agent) expect(want ...string) {
	a.t.Helper()
	slices.Sort(want)
	eventually(a.t, func() error {
		if diff := cmp.Diff(want, a.events()); diff != "" {
			return fmt.Errorf("exposition (-want +got):\n%s", diff)
		}
		return nil
	})
}

// expectEnabled waits until all hooks of a policy count.
func (a *agent) expectEnabled(policy string) {
	a.t.Helper()
	eventually(a.t, func() error {
		states := a.family("tetrameter_policy_state")
		for _, line := range states {
			if strings.Contains(line, fmt.Sprintf("policy=%q", policy)) && strings.Contains(line, `state="enabled"`) && strings.HasSuffix(line, " 1") {
				return nil
			}
		}
		return fmt.Errorf("policy %s is not enabled:\n%s", policy, strings.Join(states, "\n"))
	})
}
