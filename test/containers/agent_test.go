// SPDX-License-Identifier: Apache-2.0

package containers

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// agent is a running tetrameter on a node of its own.
type agent struct {
	t     *testing.T
	node  string
	relay *relay
	bpffs string
	args  []string
	cmd   *exec.Cmd
	log   *logBuffer
	url   string
	// What the agent is to know: pods, and containers with a name.
	pods, containers int
	ledger           *ledger // gets each exposition, if there is one
}

// logBuffer keeps what the agent prints while it still prints.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// startAgent makes a node and starts its agent, with pins of its own, until the
// test ends.
func startAgent(t *testing.T, args ...string) *agent {
	t.Helper()
	dir := t.TempDir()
	a := &agent{t: t, node: nodeName(t), relay: newRelay(t), bpffs: filepath.Join(dir, "bpf")}
	makeNode(t, a.node, nil)
	kubeconfig := filepath.Join(dir, "kubeconfig")
	if err := server.WriteKubeconfig(kubeconfig, relayHost); err != nil {
		t.Fatal(err)
	}
	a.args = append([]string{
		"run", "--no-standard-policies", "--web.listen-address", "127.0.0.1:0", "--attach", *attachFlag,
		"--bpf-fs", a.bpffs, "--kubernetes", "on", "--kubeconfig", kubeconfig, "--node-name", a.node,
	}, args...)
	t.Cleanup(func() {
		a.kill()
		if out, err := exec.Command(*agentFlag, "cleanup", "--bpf-fs", a.bpffs).CombinedOutput(); err != nil {
			t.Errorf("cleanup: %v\n%s", err, out)
		}
		if err := unix.Unmount(a.bpffs, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.ENOENT) {
			t.Errorf("unmount %s: %v", a.bpffs, err)
		}
		if t.Failed() {
			t.Logf("agent log:\n%s", a.log)
		}
	})
	a.start()
	a.waitReady()
	return a
}

// nodeName is valid as a name of Kubernetes.
func nodeName(t *testing.T) string {
	return strings.ToLower(regexp.MustCompile(`[^A-Za-z0-9]+`).ReplaceAllString(t.Name(), "-"))
}

// start runs the agent and waits until it serves.
func (a *agent) start() {
	a.t.Helper()
	a.log = &logBuffer{}
	a.cmd = exec.Command(*agentFlag, a.args...)
	a.cmd.Stderr = a.log
	if err := a.cmd.Start(); err != nil {
		a.t.Fatal(err)
	}
	serving := regexp.MustCompile(`msg="serving metrics" url=(\S+)`)
	a.eventually(func() error {
		m := serving.FindStringSubmatch(a.log.String())
		if m == nil {
			return errors.New("the agent does not serve")
		}
		a.url = m[1]
		return nil
	})
}

// waitReady waits until the agent says that it knows all policies and pods.
func (a *agent) waitReady() {
	a.t.Helper()
	a.eventually(func() error {
		if answer := a.get("/-/ready"); !strings.Contains(answer, "is ready") {
			return fmt.Errorf("not ready: %s", answer)
		}
		return nil
	})
}

// kill ends the agent as a crash does.
func (a *agent) kill() {
	if a.cmd != nil && a.cmd.ProcessState == nil {
		_ = a.cmd.Process.Kill()
		_ = a.cmd.Wait() // killed
	}
}

// eventually is the function of that name, with the agent's log.
func (a *agent) eventually(try func() error) {
	a.t.Helper()
	eventually(a.t, try)
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
	metrics := a.get("/metrics")
	if a.ledger != nil {
		a.ledger.scrape(samples(metrics, eventsFamily))
	}
	return samples(metrics, name)
}

const eventsFamily = "tetragon_policy_events_total"

// samples are those of a family, sorted.
func samples(metrics, family string) []string {
	var lines []string
	for line := range strings.SplitSeq(metrics, "\n") {
		if strings.HasPrefix(line, family+"{") || strings.HasPrefix(line, family+" ") {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return lines
}

// events is the exposition of the counter.
func (a *agent) events() []string {
	a.t.Helper()
	return a.family(eventsFamily)
}

// value is the sum of the samples whose lines contain all parts.
func (a *agent) value(family string, parts ...string) float64 {
	a.t.Helper()
	return sum(a.t, a.family(family), parts...)
}

// sum adds up the samples of lines that contain all parts.
func sum(t *testing.T, lines []string, parts ...string) float64 {
	t.Helper()
	total := 0.0
	for _, line := range lines {
		if slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(line, p) }) {
			continue
		}
		v, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
		if err != nil {
			t.Fatal(err)
		}
		total += v
	}
	return total
}

// waitState waits until a policy is in a state.
func (a *agent) waitState(policy, state string) {
	a.t.Helper()
	a.eventually(func() error {
		lines := a.family("tetrameter_policy_state")
		if sum(a.t, lines, fmt.Sprintf("policy=%q", policy), fmt.Sprintf("state=%q", state)) < 1 {
			return fmt.Errorf("policy %s is not %s: %s", policy, state, strings.Join(lines, "\n"))
		}
		return nil
	})
}

// waitKnown waits until the agent knows the pods that were run for it.
func (a *agent) waitKnown() {
	a.t.Helper()
	a.eventually(func() error {
		pods, containers := a.value("tetrameter_pods"), a.value("tetrameter_containers")
		if pods != float64(a.pods) || containers != float64(a.containers) {
			return fmt.Errorf("%v pods and %v containers are known, want %d and %d", pods, containers, a.pods, a.containers)
		}
		return nil
	})
}

// residentBytes is the memory of the agent.
func (a *agent) residentBytes() float64 {
	a.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", a.cmd.Process.Pid))
	if err != nil {
		a.t.Fatal(err)
	}
	m := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(status)
	if m == nil {
		a.t.Fatalf("no VmRSS in\n%s", status)
	}
	kilobytes, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		a.t.Fatal(err)
	}
	return kilobytes * 1024
}

// event is the sample that n events in a bare pod make.
func event(binary, hook, policy string, p *pod, n int) string {
	return fmt.Sprintf("tetragon_policy_events_total{binary=%q,hook=%q,namespace=%q,pod=%q,policy=%q,workload=%q} %d",
		binary, hook, p.namespace, p.name, policy, p.name, n)
}
