// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf/asm"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/tetrameter/tetrameter/bpf"
	"github.com/tetrameter/tetrameter/exporter/match"
	"github.com/tetrameter/tetrameter/exporter/plan"
)

// Go and C give the same id to a path, in whichever order they meet it.
func TestInternAgrees(t *testing.T) {
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	body, err := match.Compile(match.Input{Rules: []match.Rule{{Slot: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, goFirst := range []bool{true, false} {
		k := open(t)
		prog := loadTwin(t, k, body)
		if !goFirst {
			runTwin(t, prog, nil)
		}
		id, err := k.names.intern(exe)
		if err != nil {
			t.Fatal(err)
		}
		runTwin(t, prog, nil)
		n, err := k.reader.readAll(k.maps.byName[bpf.RawTPMapSeries])
		if err != nil || n != 1 || k.reader.keys[0].Binary != id {
			t.Errorf("%d series, binary %d, %v; want one with %d", n, k.reader.keys[0].Binary, err, id)
		}
		if path, err := k.names.path(id); path != exe || err != nil {
			t.Errorf("path of %d is %q (%v), want %q", id, path, err, exe)
		}
	}
}

func TestInternLengths(t *testing.T) {
	k := open(t)
	ids := map[uint32]string{}
	for _, n := range []int{1, 2, 123, 124, 125, 247, 248, 249, 372, 4095} {
		path := "/" + strings.Repeat("x", n-1)
		id, err := k.names.intern(path)
		if err != nil {
			t.Fatal(err)
		}
		if other, taken := ids[id]; taken {
			t.Errorf("paths of %d and %d bytes have the same id", n, len(other))
		}
		ids[id] = path
		if got, err := k.names.path(id); got != path || err != nil {
			t.Errorf("%d bytes: got %d back (%v)", n, len(got), err)
		}
	}
}

func TestNamesFull(t *testing.T) {
	k := open(t)
	var err error
	for i := 0; err == nil && i < 1<<14; i++ {
		_, err = k.names.intern(fmt.Sprint("/", i))
	}
	if !errors.Is(err, ErrNamesFull) {
		t.Fatalf("error %v, want ErrNamesFull", err)
	}
	// A program that meets a new path counts it without a name.
	body, err := match.Compile(match.Input{Rules: []match.Rule{{Slot: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	runTwin(t, loadTwin(t, k, body), nil)
	n, err := k.reader.readAll(k.maps.byName[bpf.RawTPMapSeries])
	if err != nil || n != 1 || k.reader.keys[0].Binary != bpf.NameOther {
		t.Errorf("%d series (%v), want one of binary ~other", n, err)
	}
	losses, err := k.readLosses()
	if err != nil || losses["names_full"] != 1 {
		t.Errorf("losses %v (%v), want one names_full", losses, err)
	}
}

func TestSlots(t *testing.T) {
	k := open(t)
	a, b := plan.ID{Policy: "a", Hook: "h"}, plan.ID{Namespace: "n", Policy: "a", Hook: "h"}
	first := assignAll(t, k.slots, a, b)
	if first[a] == 0 || first[b] == 0 || first[a] == first[b] {
		t.Errorf("slots %v, want two that are not 0", first)
	}
	again, err := openSlots(k.maps, 0) // as the next agent does
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, assignAll(t, again, b, a)); diff != "" {
		t.Errorf("slots after a restart (-want +got):\n%s", diff)
	}
	if _, err := again.assign(plan.ID{Policy: strings.Repeat("x", 300)}); err == nil {
		t.Error("a name that does not fit got a slot")
	}
	again.size = 3
	if _, err := again.assign(plan.ID{Policy: "c"}); !errors.Is(err, ErrNoSlot) {
		t.Errorf("error %v, want ErrNoSlot", err)
	}
}

func assignAll(t *testing.T, s *slots, ids ...plan.ID) map[plan.ID]uint32 {
	t.Helper()
	assigned := map[plan.ID]uint32{}
	for _, id := range ids {
		index, err := s.assign(id)
		if err != nil {
			t.Fatal(err)
		}
		assigned[id] = index
	}
	return assigned
}

// A counter whose policy is gone is read twice more, after the last program
// that could change it has ended, and then it goes.
func TestRetirement(t *testing.T) {
	k := open(t)
	id := plan.ID{Policy: "a", Hook: "h"}
	if _, err := k.slots.assign(id); err != nil {
		t.Fatal(err)
	}
	k.slots.retireOthers(plan.Plan{}, nil)
	now := k.slots.byID[id].retired
	k.slots.markRead(now.Add(settle / 2))
	if gone := k.slots.expired(now.Add(settle)); len(gone) != 0 {
		t.Error("expired although programs may still have counted after the read")
	}
	for reads := range Servings {
		if gone := k.slots.expired(now.Add(settle)); len(gone) != 0 {
			t.Errorf("expired after %d reads of the last value", reads)
		}
		k.slots.markRead(now.Add(settle + time.Millisecond))
	}
	if gone := k.slots.expired(now.Add(settle)); len(gone) != 1 {
		t.Error("not expired after the last value was read")
	}
	if _, err := k.slots.assign(id); err != nil {
		t.Fatal(err)
	}
	if gone := k.slots.expired(now.Add(2 * k.opts.Retention)); len(gone) != 0 {
		t.Error("expired although its policy is back")
	}
}

func TestSplice(t *testing.T) {
	program := asm.Instructions{
		asm.Call.Label("evaluate").WithSymbol("entry"),
		asm.Return(),
		asm.Call.Label("unused").WithSymbol("evaluate"),
		asm.Return(),
		asm.Return().WithSymbol("unused"),
		asm.Return().WithSymbol("count"),
	}
	got, err := splice(program, asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Call.Label("count"), asm.Return()})
	if err != nil {
		t.Fatal(err)
	}
	var symbols []string
	for _, ins := range got {
		if ins.Symbol() != "" {
			symbols = append(symbols, ins.Symbol())
		}
	}
	if diff := cmp.Diff([]string{"entry", "evaluate", "count"}, symbols); diff != "" {
		t.Errorf("functions (-want +got):\n%s", diff)
	}
	if _, err := splice(program[:2], program[:1]); err == nil {
		t.Error("spliced into a program without evaluate")
	}
	if _, err := splice(program, asm.Instructions{asm.Call.Label("count")}); err == nil {
		t.Error("spliced a body whose first instruction has metadata of its own")
	}
}

func TestParseNamespace(t *testing.T) {
	for link, want := range map[string]uint32{"mnt:[4026531840]": 4026531840, "net:[1]": 1} {
		if got, err := parseNamespace(link); got != want || err != nil {
			t.Errorf("%s: %d, %v", link, got, err)
		}
	}
	for _, link := range []string{"", "mnt:[]", "mnt:[-1]", "mnt:[4294967296]", "4026531840"} {
		if got, err := parseNamespace(link); err == nil {
			t.Errorf("%q: got %d without an error", link, got)
		}
	}
}

func TestClock(t *testing.T) {
	k := open(t)
	if !k.clock.wall(0).IsZero() {
		t.Error("never is a time")
	}
	if err := k.clock.adjust(k.readClock); err != nil {
		t.Fatal(err)
	}
	now, err := k.readClock()
	if err != nil {
		t.Fatal(err)
	}
	if d := time.Since(k.clock.wall(now.jiffies)); d < 0 || d > time.Second {
		t.Errorf("now was %v ago", d)
	}
	before := k.clock.wall(1e9)
	time.Sleep(measuring)
	if err := k.clock.adjust(k.readClock); err != nil {
		t.Fatal(err)
	}
	if after := k.clock.wall(1e9); after != before {
		t.Errorf("a timestamp moved by %v", after.Sub(before))
	}
	k.clock.offset += time.Hour
	if err := k.clock.adjust(k.readClock); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(k.clock.wallOf(monotonic())); d.Abs() > time.Second {
		t.Errorf("now is %v off after a step", d)
	}
}

func TestTick(t *testing.T) {
	for _, hz := range frequencies() {
		n := uint64(hz / 10)
		for _, jiffies := range []uint64{n - 1, n, n + 1} {
			if got := tickOf(jiffies, 100*time.Millisecond); got != time.Second/time.Duration(hz) {
				t.Errorf("%d jiffies in 100 ms: tick %v, want that of %d Hz", jiffies, got, hz)
			}
		}
	}
}

// Cleanup removes links before what they need, and what is of other layouts.
func TestCleanup(t *testing.T) {
	bpffs := mountBPF(t)
	if err := Cleanup(bpffs); err != nil {
		t.Errorf("nothing to clean: %v", err)
	}
	k, err := Open(Options{BPFFS: bpffs, MaxSeries: 4, MaxSeriesPerCgroup: 4})
	if err != nil {
		t.Fatal(err)
	}
	if err := Cleanup(bpffs); !errors.Is(err, ErrRunning) {
		t.Errorf("cleanup beside an agent: %v, want ErrRunning", err)
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(bpffs, "tetrameter", "v0"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Cleanup(bpffs); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(bpffs, "tetrameter")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("pins were left behind (%v)", err)
	}
}

// mountBPF returns a BPF file system of the test's own.
func mountBPF(t *testing.T) string {
	t.Helper()
	bpffs := t.TempDir()
	if err := mountOnce("bpf", bpffs, unix.BPF_FS_MAGIC); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(bpffs, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return bpffs
}
