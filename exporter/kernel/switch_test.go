// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tetrameter/tetrameter/exporter/match"
	"github.com/tetrameter/tetrameter/exporter/plan"
)

// rawHook is pgidHook attached to the raw tracepoint of all system calls.
func rawHook(policies ...string) plan.Hook {
	rules := map[string]match.Rule{}
	for _, name := range policies {
		rules[name] = equal(argument(1), unix.SYS_GETPGID)
	}
	h := pgidHook(rules)
	p := h.Attaches[0].Points[0]
	p.Target, p.Syscall, p.Parameters = "sys_enter", false, 2
	h.Attaches = []plan.Attach{{Kind: plan.RawTracepoint, Points: []plan.Point{p}}}
	return h
}

// hammer causes events until it is stopped, which returns how many.
func hammer(t *testing.T) (stop func() uint64) {
	t.Helper()
	var done atomic.Bool
	n := make(chan uint64)
	go func() {
		var calls uint64
		for ; !done.Load(); calls++ {
			if _, err := unix.Getpgid(0); err != nil {
				t.Error(err)
			}
		}
		n <- calls
	}()
	return func() uint64 {
		done.Store(true)
		return <-n
	}
}

// An event is counted once while a hook goes from one way to attach to another,
// or it is a loss.
func TestSwitchKind(t *testing.T) {
	k := open(t)
	tracepoint := pgidHook(map[string]match.Rule{"a": {}})
	apply(t, k, tracepoint)
	stop := hammer(t)
	for range 5 {
		apply(t, k, rawHook("a"))
		apply(t, k, tracepoint)
	}
	calls := stop()
	losses, err := k.readLosses()
	if err != nil {
		t.Fatal(err)
	}
	// An event between the two attach points of a switch can be seen by both.
	const switches = 10
	got, lost := counts(t, k, pgidID("a")), losses["no_matcher"]
	if got > calls+switches || got+lost+switches < calls {
		t.Errorf("counted %d of %d events and lost %d", got, calls, lost)
	}
}

// A new agent that attaches otherwise ends what an earlier one pinned, and keeps
// the counts.
func TestSwitchPinned(t *testing.T) {
	bpffs := mountBPF(t)
	agent := func() *Kernel {
		k, err := Open(Options{BPFFS: bpffs, MaxSeries: 64, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
		if err != nil {
			t.Fatal(err)
		}
		k.useBTF()
		return k
	}
	hooks := []plan.Hook{rawHook("a"), rawHook("a")}
	if pinsPerfEvents(t) {
		hooks = append([]plan.Hook{pgidHook(map[string]match.Rule{"a": {}})}, hooks...)
	}
	for i, h := range hooks {
		k := agent()
		if s := apply(t, k, h)["a"]; !s.Pinned {
			t.Errorf("%+v, want it pinned", s)
		}
		getpgid(t, 23)
		if got := counts(t, k, pgidID("a")); got != uint64(46*i+23) {
			t.Errorf("agent %d: counted %d, want %d", i, got, 46*i+23)
		}
		if err := k.Close(); err != nil {
			t.Fatal(err)
		}
		names := readNames(t, filepath.Join(k.pins.hooks(), pinName(h.Key())))
		if len(names) != 1 || names[0] != pointName(h.Attaches[0].Kind, h.Attaches[0].Points[0]) {
			t.Errorf("agent %d: pinned are %v", i, names)
		}
		getpgid(t, 23)
	}
}

// pinsPerfEvents says whether the links of tracepoints can be pinned, as they can
// since Linux 5.15.
func pinsPerfEvents(t *testing.T) bool {
	t.Helper()
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		t.Fatal(err)
	}
	var major, minor int
	if _, err := fmt.Sscanf(unix.ByteSliceToString(name.Release[:]), "%d.%d", &major, &minor); err != nil {
		t.Fatal(err)
	}
	return major > 5 || major == 5 && minor >= 15
}

func readNames(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// Names of pins are short, have no dots, and differ.
func TestPinNames(t *testing.T) {
	seen := map[string]string{}
	for _, name := range []string{
		"__x64_sys_setuid", "foo.isra.0", "foo,isra,0", "uprobe:/a/b.c", "uprobe:/a/b/c",
		strings.Repeat("x", 255), strings.Repeat("x", 256),
	} {
		got := pinName(name)
		if len(got) > 230 || strings.ContainsAny(got, "./") {
			t.Errorf("%.40s becomes %q", name, got)
		}
		if other, taken := seen[got]; taken {
			t.Errorf("%.40s and %.40s become the same", name, other)
		}
		seen[got] = name
	}
	point := plan.Point{Target: "/bin/a", User: plan.UserPoint{Offset: 16}}
	exit, second := point, point
	exit.Exit, second.Part = true, 1
	if a, b, c := pointName(plan.Uprobe, point), pointName(plan.Uprobe, exit), pointName(plan.Uprobe, second); a == b || a == c || b == c {
		t.Errorf("points become %s, %s and %s", a, b, c)
	}
}
