// SPDX-License-Identifier: Apache-2.0

package containers

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/tetrameter/tetrameter/test/kube"
)

// The programs under test. In a virtual machine they are files of its image;
// elsewhere TestMain builds them.
var (
	agentFlag   = flag.String("tetrameter", "", "agent to test, built if empty")
	triggerFlag = flag.String("trigger", "", "program that causes events, built if empty")
	firstFlag   = flag.String("first", "", "program that begins with an event, built if empty")
	policyFlag  = flag.String("policies", "../../policies/application", "directory of the policies for applications")
	binFlag     = flag.String("bin", "../../bin/kube", "directory of etcd and kube-apiserver")
	configFlag  = flag.String("kubeconfig", "", "API server to use, started if empty")
	attachFlag  = flag.String("attach", "auto", "way to attach that the agent may use")
	racesFlag   = flag.Int("races", 200, "containers that begin with an event")
	podsFlag    = flag.Int("pods", 500, "pods that come and go at once")
	cyclesFlag  = flag.Int("cycles", 20, "how often they do")
)

// deadline is how long anything may take that a test waits for. Emulated
// machines are slow.
const deadline = 5 * time.Minute

// server is who administers the cluster.
var server *kube.Client

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "tetrameter-containers")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	if err := build(dir); err != nil {
		return 1, err
	}
	if *configFlag != "" {
		if server, err = kube.Connect(*configFlag); err != nil {
			return 1, err
		}
	} else {
		started, err := kube.Start(context.Background(), *binFlag, dir)
		if err != nil {
			return 1, err
		}
		defer started.Stop()
		server = started.Client
	}
	if err := defineResources(context.Background()); err != nil {
		return 1, err
	}
	return m.Run(), nil
}

// build makes what no flag names.
func build(dir string) error {
	for _, b := range []struct {
		target *string
		name   string
		args   []string
		source string
	}{
		{agentFlag, "tetrameter", []string{"go", "build", "-o"}, "../../exporter"},
		{triggerFlag, "trigger", []string{"gcc", "-static", "-O2", "-o"}, "../triggers/trigger.c"},
		{firstFlag, "first", []string{"gcc", "-static", "-nostdlib", "-o"}, "../triggers/first.c"},
	} {
		if *b.target != "" {
			absolute, err := filepath.Abs(*b.target) // as the label has it
			if err != nil {
				return err
			}
			*b.target = absolute
			continue
		}
		*b.target = filepath.Join(dir, b.name)
		cmd := exec.Command(b.args[0], append(b.args[1:], *b.target, b.source)...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", b.name, err, out)
		}
	}
	return nil
}

// command runs a program that has to succeed, and returns what it printed.
func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// eventually tries until there is no error, for what another process brings about.
func eventually(t *testing.T, try func() error) {
	t.Helper()
	var err error
	for end := time.Now().Add(deadline); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if err = try(); err == nil {
			return
		}
	}
	t.Fatalf("not within %v: %v", deadline, err)
}
