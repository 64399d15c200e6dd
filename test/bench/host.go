// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// guestTimeout limits the measurements in the virtual machine.
const guestTimeout = 20 * time.Minute

// results are everything that was measured.
type results struct {
	guestKernel, hostKernel string
	cpus                    int
	rows                    []row
}

// host is the side that builds and starts everything.
type host struct {
	options
	root string // of the module
	dir  string // for what is built
}

func hostMain(ctx context.Context, o options) error {
	mod, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return fmt.Errorf("find the module: %w", err)
	}
	h := host{options: o, root: filepath.Dir(strings.TrimSpace(string(mod)))}
	if h.dir, err = os.MkdirTemp("", "tetrameter-bench"); err != nil {
		return err
	}
	defer os.RemoveAll(h.dir)
	if err := h.build(ctx); err != nil {
		return err
	}
	r, err := h.measure(ctx)
	if err != nil {
		return err
	}
	fmt.Println()
	r.describe(os.Stdout)
	writeTable(os.Stdout, r.rows)
	if o.out == "" {
		return nil
	}
	var document bytes.Buffer
	if err := writeDocument(&document, r); err != nil {
		return err
	}
	return os.WriteFile(o.out, document.Bytes(), 0o644)
}

func (h host) measure(ctx context.Context) (results, error) {
	guest, err := h.guest(ctx)
	if err != nil {
		return results{}, err
	}
	r := results{guestKernel: guest.Kernel, cpus: runtime.NumCPU()}
	if r.rows, err = guestRows(guest); err != nil {
		return results{}, err
	}
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return results{}, fmt.Errorf("uname: %w", err)
	}
	r.hostKernel = unix.ByteSliceToString(name.Release[:])
	for _, measure := range []func(context.Context) ([]row, error){h.memory, h.scrapes} {
		rows, err := measure(ctx)
		if err != nil {
			return results{}, err
		}
		r.rows = append(r.rows, rows...)
	}
	return r, nil
}

// build makes the programs. Those for the guest must be static.
func (h host) build(ctx context.Context) error {
	for _, args := range [][]string{
		{"go", "build", "-trimpath", "-ldflags", "-s -w", "-o", h.path("tetrameter"), "./exporter"},
		{"go", "build", "-o", h.path("bench"), "./test/bench"},
		{"go", "build", "-o", h.path("vm"), "./test/vm"},
		{"gcc", "-static", "-O2", "-o", h.path("trigger"), "test/triggers/trigger.c"},
		{"gcc", "-static", "-O2", "-o", h.path("once"), "test/bench/once.c"},
	} {
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		cmd.Dir = h.root
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, out)
		}
	}
	return nil
}

func (h host) path(name string) string { return filepath.Join(h.dir, name) }

// guest runs this program in a virtual machine and returns its report.
func (h host) guest(ctx context.Context) (report, error) {
	files := []string{
		h.path("tetrameter") + ":" + guestAgent,
		h.path("trigger") + ":" + guestTrigger,
		h.path("once") + ":" + guestOnce,
		filepath.Join(h.root, "policies", "standard") + ":" + guestPolicies,
	}
	args := []string{
		"run", "-icount", "-kernel", h.kernel, "-timeout", guestTimeout.String(),
		"-files", strings.Join(files, ","), "--", h.path("bench"), "guest",
	}
	if h.quick {
		args = append(args, "-quick")
	}
	cmd := exec.CommandContext(ctx, h.path("vm"), args...)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	var out bytes.Buffer
	cmd.Stdout = io.MultiWriter(&out, os.Stderr)
	if err := cmd.Run(); err != nil {
		return report{}, fmt.Errorf("run in the virtual machine: %w", err)
	}
	return parseReport(out.Bytes())
}

// parseReport finds the report among what else the guest printed.
func parseReport(out []byte) (report, error) {
	var found []report
	for line := range bytes.Lines(out) {
		var r report
		if bytes.HasPrefix(line, []byte("{")) && json.Unmarshal(line, &r) == nil {
			found = append(found, r)
		}
	}
	if len(found) != 1 {
		return report{}, errors.New("one kernel must report once: -kernel has to name one")
	}
	return found[0], nil
}
