// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Files that the host puts into the guest.
const (
	guestAgent    = "/bin/tetrameter"
	guestTrigger  = "/bin/trigger"
	guestOnce     = "/usr/bin/once"
	guestPolicies = "/policies"
)

// measurement is one line of the guest's report: instructions per operation.
type measurement struct {
	Operation      string
	Base, Measured []float64
}

// report is everything that the guest tells, as one line of JSON.
type report struct {
	Kernel       string
	Measurements []measurement
}

// warmUp is how often a workload runs before it is measured. The first 100 000
// calls of setuid are up to 5 % dearer: each leaves memory to be freed later,
// and it takes a while until this goes round.
const warmUp = 3

// workload is something to repeat, and whether a repetition is an event.
type workload struct {
	name  string
	n     int
	args  []string
	event bool
	// counted restricts the series that must have exactly these events.
	counted string
}

// guest is one run of the measurements.
type guest struct {
	rounds  int
	setuid0 workload
	spawn   workload
	setOnce workload
	// One byte of a file, and a connection over loopback.
	readOther, readWatched, connect workload
	base                            map[string][]float64 // by workload
	measured                        []measurement
	workloads                       map[string]string // by operation
}

func guestMain(ctx context.Context, quick bool) error {
	// Addresses that change with each exec change the number of page faults.
	if err := os.WriteFile("/proc/sys/kernel/randomize_va_space", []byte("0"), 0o644); err != nil {
		return err
	}
	if err := prepareFiles(); err != nil {
		return err
	}
	g := newGuest(quick)
	steps := []func(context.Context) error{g.baseline, g.floors, g.setuid, g.many, g.files, g.connections, g.exec, g.firstEvent, g.baseline}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return fmt.Errorf("uname: %w", err)
	}
	r := report{Kernel: unix.ByteSliceToString(name.Release[:])}
	for _, m := range g.measured {
		m.Base = g.base[g.workloads[m.Operation]]
		r.Measurements = append(r.Measurements, m)
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

func newGuest(quick bool) *guest {
	g := &guest{
		rounds:      7,
		setuid0:     workload{"setuid", 50000, []string{"setuid", "0"}, true, ""},
		spawn:       workload{"exec", 400, []string{"exec", guestTrigger}, false, ""},
		setOnce:     workload{"once", 400, []string{"exec", guestOnce}, true, ""},
		readOther:   workload{"pread", 50000, []string{"pread", otherFile}, false, `binary="` + guestTrigger},
		readWatched: workload{"pread watched", 50000, []string{"pread", watchedFile}, true, `binary="` + guestTrigger},
		connect:     workload{"connect", 2000, []string{"tcp", "127.0.0.1", "0"}, true, `binary="` + guestTrigger},
		base:        map[string][]float64{},
		workloads:   map[string]string{},
	}
	if quick {
		g.rounds = 3
		g.spawn.n, g.setOnce.n = 100, 100
	}
	return g
}

// time runs the workload once and returns instructions per repetition.
func (g *guest) time(ctx context.Context, w workload) (float64, error) {
	args := append([]string{"time", "repeat", strconv.Itoa(w.n)}, w.args...)
	out, err := exec.CommandContext(ctx, guestTrigger, args...).Output()
	if err != nil {
		return 0, fmt.Errorf("trigger %v: %w", args, err)
	}
	ns, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	if err != nil {
		return 0, fmt.Errorf("trigger %v: %w", args, err)
	}
	return ns / float64(w.n), nil
}

// sample warms up and measures.
func (g *guest) sample(ctx context.Context, w workload) ([]float64, error) {
	time.Sleep(time.Second) // what was started or ended before settles
	var samples []float64
	for round := range warmUp + g.rounds {
		v, err := g.time(ctx, w)
		if err != nil {
			return nil, err
		}
		if round >= warmUp {
			samples = append(samples, v)
		}
	}
	return samples, nil
}

// events is how many events one sample causes.
func (g *guest) events(w workload) int {
	if !w.event {
		return 0
	}
	return w.n * (warmUp + g.rounds)
}

func (g *guest) measure(ctx context.Context, operation string, w workload) error {
	fmt.Fprintln(os.Stderr, "measuring", operation)
	samples, err := g.sample(ctx, w)
	g.measured = append(g.measured, measurement{Operation: operation, Measured: samples})
	g.workloads[operation] = w.name
	return err
}

// baseline measures without any program, first and last.
func (g *guest) baseline(ctx context.Context) error {
	for _, w := range []workload{g.setuid0, g.spawn, g.setOnce, g.readOther, g.readWatched, g.connect} {
		fmt.Fprintln(os.Stderr, "measuring", w.name, "alone")
		samples, err := g.sample(ctx, w)
		if err != nil {
			return err
		}
		g.base[w.name] = append(g.base[w.name], samples...)
	}
	return nil
}

func (g *guest) floors(ctx context.Context) error {
	for _, f := range floors() {
		attached, err := attachFloor(f)
		if err != nil {
			return fmt.Errorf("%s: %w", f.operation, err)
		}
		err = g.measure(ctx, f.operation, g.setuid0)
		attached.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// setuid measures one hook attached in each way.
func (g *guest) setuid(ctx context.Context) error {
	for _, attach := range []string{"fentry", "kprobe", "tracepoint"} {
		match, other := "setuid match by "+attach, "setuid no match by "+attach
		policy := []string{"--attach", attach, "--policy"}
		file, err := writePolicy("setuid0", 0)
		if err != nil {
			return err
		}
		if err := g.monitored(ctx, match, g.setuid0, g.events(g.setuid0), attach, append(policy, file)...); err != nil {
			return err
		}
		if file, err = writePolicy("setuid12345", 12345); err != nil {
			return err
		}
		if err := g.monitored(ctx, other, g.setuid0, 0, attach, append(policy, file)...); err != nil {
			return err
		}
	}
	return nil
}

// exec measures processes that come and go while nothing matches.
func (g *guest) exec(ctx context.Context) error {
	file, err := writePolicy("setuid12345", 12345)
	if err != nil {
		return err
	}
	if err := g.monitored(ctx, execElsewhere, g.spawn, 0, "fentry", "--policy", file); err != nil {
		return err
	}
	var reference []string
	for _, name := range []string{"sudo-invocations", "privileges-raise", "monitor-kernel-modules"} {
		reference = append(reference, "--policy", filepath.Join(guestPolicies, name+".yaml"))
	}
	if err := g.monitored(ctx, execReference, g.spawn, 0, "fentry", reference...); err != nil {
		return err
	}
	if file, err = writeText("children", childrenPolicy); err != nil {
		return err
	}
	return g.monitored(ctx, execLineage, g.spawn, 0, "fentry", "--policy", file)
}

// firstEvent measures the first match of a process that was executed for it.
func (g *guest) firstEvent(ctx context.Context) error {
	file, err := writePolicy("setuid0", 0)
	if err != nil {
		return err
	}
	return g.monitored(ctx, firstEvent, g.setOnce, g.events(g.setOnce), "fentry", "--policy", file)
}

// monitored measures with an agent that has the policies, and checks that it
// attached as expected and counted every event.
func (g *guest) monitored(ctx context.Context, operation string, w workload, events int, attach string, args ...string) error {
	a, err := startAgent(ctx, guestAgent, append([]string{"--no-pin", "--no-standard-policies"}, args...)...)
	if err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	defer a.stop()
	if err := g.measure(ctx, operation, w); err != nil {
		return err
	}
	metrics, err := a.scrape(ctx)
	if err != nil {
		return err
	}
	hooks, all, err := family(metrics, "tetrameter_hook_info")
	if err != nil {
		return err
	}
	attached, _, err := family(metrics, "tetrameter_hook_info", `attach="`+attach)
	if err != nil {
		return err
	}
	if all == 0 || attached != hooks {
		return fmt.Errorf("%s: %v of %d hooks are attached by %s; the agent says:\n%s", operation, attached, all, attach, a.log)
	}
	counted, _, err := family(metrics, "tetragon_policy_events_total", w.counted)
	if err == nil && counted != float64(events) {
		err = fmt.Errorf("%s: counted %v events of %d", operation, counted, events)
	}
	return err
}

// writePolicy writes a policy that counts setuid of one user id.
func writePolicy(name string, uid int) (string, error) {
	file := filepath.Join(os.TempDir(), name+".yaml")
	return file, os.WriteFile(file, fmt.Appendf(nil, `apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata:
  name: %s
spec:
  kprobes:
  - call: __sys_setuid
    syscall: false
    args:
    - index: 0
      type: int
    selectors:
    - matchArgs:
      - index: 0
        operator: Equal
        values: ["%d"]
`, name, uid), 0o644)
}
