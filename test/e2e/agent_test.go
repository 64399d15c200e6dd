// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The programs under test. In a virtual machine they are files of its image;
// elsewhere TestMain builds them.
var (
	agentFlag   = flag.String("tetrameter", "", "agent to test, built if empty")
	triggerFlag = flag.String("trigger", "", "program that causes events, built if empty")
	policyFlag  = flag.String("policies", "../../policies/standard", "directory of the standard policies")
	attachFlag  = flag.String("attach", "auto", "way to attach that the agent may use")
	reloadFlag  = flag.Int("reloads", 50, "how often policies are exchanged under load")
	moduleFlag  = flag.String("module", "", "kernel module that can be inserted, if the kernel takes any")
)

// deadline is how long anything may take that a test waits for. Emulated
// machines are slow.
const deadline = 5 * time.Minute

func TestMain(m *testing.M) {
	flag.Parse()
	dir, err := os.MkdirTemp("", "tetrameter-e2e")
	if err == nil {
		err = build(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// build makes what no flag names.
func build(dir string) error {
	for _, b := range []struct {
		target *string
		name   string
		args   []string
	}{
		{agentFlag, "tetrameter", []string{"go", "build", "-o"}},
		{triggerFlag, "trigger", []string{"gcc", "-static", "-O2", "-o"}},
	} {
		if *b.target != "" {
			continue
		}
		*b.target = filepath.Join(dir, b.name)
		source := "../../exporter"
		if b.name == "trigger" {
			source = "../triggers/trigger.c"
		}
		cmd := exec.Command(b.args[0], append(b.args[1:], *b.target, source)...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", b.name, err, out)
		}
	}
	return nil
}

// agent is a running tetrameter.
type agent struct {
	t     *testing.T
	bpffs string
	args  []string
	cmd   *exec.Cmd
	log   *logBuffer
	url   string
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

// reference are the policies whose lines the reference system has too.
func reference() []string {
	var args []string
	for _, name := range []string{"sudo-invocations", "privileges-raise", "monitor-kernel-modules"} {
		args = append(args, "--policy", filepath.Join(*policyFlag, name+".yaml"))
	}
	return args
}

// startAgent starts an agent with pins of its own, which end with the test.
func startAgent(t *testing.T, args ...string) *agent {
	t.Helper()
	a := &agent{t: t, bpffs: filepath.Join(t.TempDir(), "bpf"), args: args}
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
	return a
}

// start runs the agent and waits until it serves.
func (a *agent) start() {
	a.t.Helper()
	args := append([]string{
		"run", "--no-standard-policies", "--web.listen-address", "127.0.0.1:0",
		"--bpf-fs", a.bpffs, "--attach", *attachFlag,
	}, a.args...)
	a.log = &logBuffer{}
	a.cmd = exec.Command(*agentFlag, args...)
	a.cmd.Stderr = a.log
	if err := a.cmd.Start(); err != nil {
		a.t.Fatal(err)
	}
	serving := regexp.MustCompile(`msg="serving metrics" url=(\S+)`)
	a.eventually("serving", func() bool {
		m := serving.FindStringSubmatch(a.log.String())
		if m != nil {
			a.url = m[1]
		}
		return m != nil
	})
}

// kill ends the agent as a crash does.
func (a *agent) kill() {
	if a.cmd.ProcessState == nil {
		a.cmd.Process.Signal(syscall.SIGKILL)
		a.cmd.Wait()
	}
}

// eventually polls for what another process brings about.
func (a *agent) eventually(what string, done func() bool) {
	a.t.Helper()
	for end := time.Now().Add(deadline); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			a.t.Fatalf("waited in vain: %s\nagent log:\n%s", what, a.log)
		}
	}
}

// get returns the body of a page.
func (a *agent) get(path string) string {
	a.t.Helper()
	resp, err := http.Get(strings.TrimSuffix(a.url, "/metrics") + path)
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	return string(body)
}

// family returns the samples of a metric family, sorted.
func (a *agent) family(name string) []string {
	a.t.Helper()
	var lines []string
	for _, line := range strings.Split(a.get("/metrics"), "\n") {
		if strings.HasPrefix(line, name+"{") || strings.HasPrefix(line, name+" ") {
			lines = append(lines, line)
		}
	}
	sort.Strings(lines)
	return lines
}

// events is the whole exposition of the counter.
func (a *agent) events() []string {
	a.t.Helper()
	return a.family("tetragon_policy_events_total")
}

// sum adds up the samples of lines that contain all parts.
func sum(t *testing.T, lines []string, parts ...string) int {
	t.Helper()
	total := 0
next:
	for _, line := range lines {
		for _, p := range parts {
			if !strings.Contains(line, p) {
				continue next
			}
		}
		v, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
		if err != nil {
			t.Fatal(err)
		}
		total += int(v)
	}
	return total
}

// event is the sample that n events of a host process make.
func event(binary, hook, policy string, n int) string {
	return fmt.Sprintf("tetragon_policy_events_total{binary=%q,hook=%q,namespace=\"\",pod=\"\",policy=%q,workload=\"\"} %d",
		binary, hook, policy, n)
}

// trigger causes events and returns when they happened.
func trigger(t *testing.T, program string, args ...string) {
	t.Helper()
	if out, err := exec.Command(program, args...).CombinedOutput(); err != nil {
		t.Fatalf("trigger %v: %v\n%s", args, err, out)
	}
}

// waiting is a trigger that is running already.
type waiting struct {
	cmd *exec.Cmd
	in  io.WriteCloser
}

// startWaiting starts a trigger that acts only on goOn.
func startWaiting(t *testing.T, args ...string) *waiting {
	t.Helper()
	return startProgram(t, *triggerFlag, append([]string{"wait"}, args...)...)
}

// startProgram starts a program and returns when it has printed a line.
func startProgram(t *testing.T, program string, args ...string) *waiting {
	t.Helper()
	w := &waiting{cmd: exec.Command(program, args...)}
	var err error
	if w.in, err = w.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *waiting) goOn(t *testing.T) {
	t.Helper()
	if _, err := io.WriteString(w.in, "go\n"); err != nil {
		t.Fatal(err)
	}
}

func (w *waiting) finish(t *testing.T) {
	t.Helper()
	if err := w.cmd.Wait(); err != nil {
		t.Fatal(err)
	}
}

// copyTrigger puts the trigger at another path.
func copyTrigger(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(*triggerFlag)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o755)
	}
	if err == nil {
		err = os.WriteFile(path, data, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}
