// SPDX-License-Identifier: Apache-2.0

package live

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// The programs under test, built if a flag is empty.
var (
	agentFlag    = flag.String("tetrameter", "", "agent to test, built if empty")
	triggerFlag  = flag.String("trigger", "", "program that causes events, built if empty")
	operatorFlag = flag.String("operator", "", "program that configures Prometheus from monitors, built if empty")
	helmFlag     = flag.String("helm", "../../../bin/chart/helm3", "helm, which renders the chart")
	newestFlag   = flag.String("newest", "../../../bin/prometheus/newest", "the newest Prometheus")
	binFlag      = flag.String("bin", "../../../bin/prometheus/usr/bin", "directory of prometheus, promtool and prometheus-alertmanager")
)

// root is the directory of the repository.
const root = "../../.."

// deadline is how long anything may take that a test waits for.
const deadline = time.Minute

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
	dir, err := os.MkdirTemp("", "tetrameter-live")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	if err := build(dir); err != nil {
		return 1, err
	}
	return m.Run(), nil
}

// build makes what no flag names.
func build(dir string) error {
	for _, b := range []struct {
		target  *string
		name    string
		command []string
		source  []string
	}{
		{agentFlag, "tetrameter", []string{"go", "build", "-C", root}, []string{"./exporter"}},
		{operatorFlag, "operator", []string{"go", "build", "-C", "../operator"}, []string{"."}},
		{triggerFlag, "trigger", []string{"gcc", "-static", "-O2"}, []string{root + "/test/triggers/trigger.c"}},
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
		args := append(append(b.command[1:], "-o", *b.target), b.source...)
		cmd := exec.Command(b.command[0], args...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", b.name, err, out)
		}
	}
	return nil
}

// eventually tries until there is no error, for what another process brings about.
func eventually(t *testing.T, what string, try func() error) {
	t.Helper()
	var err error
	for end := time.Now().Add(deadline); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if err = try(); err == nil {
			return
		}
	}
	t.Fatalf("%s: not within %v: %v", what, deadline, err)
}

// command runs a program that has to succeed, and returns what it printed.
func command(t *testing.T, input []byte, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stdin = bytes.NewReader(input)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s\n%s", name, args, err, out, failed(err))
	}
	return out
}

// trigger causes events and returns when they happened.
func trigger(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command(*triggerFlag, args...).CombinedOutput(); err != nil {
		t.Fatalf("trigger %q: %v\n%s", args, err, out)
	}
}

// failed is what a program that failed said.
func failed(err error) []byte {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.Stderr
	}
	return nil
}
