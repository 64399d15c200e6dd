// SPDX-License-Identifier: Apache-2.0

package workload_test

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tetrameter/tetrameter/exporter/policy"
	"github.com/tetrameter/tetrameter/exporter/workload"
)

// TestNumbersExhausted: a pod for which there is no number counts as unknown,
// which is told, and gets the first that is free.
func TestNumbersExhausted(t *testing.T) {
	k := newWorld(t)
	var log strings.Builder
	w := k.start(func(o *workload.Options) {
		o.Numbers = 5
		o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	})
	setScopes(t, w, podScope("app", "web"))
	w.SetPod(web(1, "main"))
	w.SetPod(web(2, "main"))
	k.mkdir(containerPath(1, "main")) // takes the third and last
	refresh(t, w)
	w.SetPod(web(3, "main"))
	w.SetPod(web(3, "main"))
	k.mkdir(containerPath(2, "main"))
	k.mkdir(containerPath(3, "main"))
	if err := w.Refresh(); !errors.Is(err, workload.ErrNoNumber) {
		t.Errorf("error %v, want %v", err, workload.ErrNoNumber)
	}
	if n := strings.Count(log.String(), workload.ErrNoNumber.Error()); n == 0 || w.Stats().UnnumberedPods != 1 {
		t.Errorf("%d lines in the log, stats %+v", n, w.Stats())
	}
	for path, want := range map[string]bool{
		containerPath(1, "main"): true,
		containerPath(2, "main"): true, // as part of its pod
		containerPath(3, "main"): false,
	} {
		if k.selected(path, 0) != want {
			t.Errorf("%s: in scope: %t, want %t", path, !want, want)
		}
	}
	if got := w.Labels(k.id(containerPath(3, "main"))); got != labels(web(3), "main") {
		t.Errorf("labels %+v", got)
	}
	w.DeletePod(uid(1))
	k.rmdir(podPath(1))
	for range 5 {
		if err := w.Refresh(); err != nil && !errors.Is(err, workload.ErrNoNumber) {
			t.Fatal(err)
		}
		w.MarkRead()
	}
	if !k.selected(containerPath(3, "main"), 0) || w.Stats().UnnumberedPods != 0 {
		t.Errorf("not in scope although numbers are free: %+v", w.Stats())
	}
}

// TestMapsFull: what does not fit is reported and tried again.
func TestMapsFull(t *testing.T) {
	k := newWorld(t)
	k.blind = true
	k.mkdir(containerPath(1, "main"))
	k.mkdir(containerPath(2, "main"))
	k.blind = false
	k.room = 2
	w := workload.New(k, workload.Options{CgroupRoot: k.root})
	if err := w.Start(); !errors.Is(err, errFull) {
		t.Errorf("start: %v, want %v", err, errFull)
	}
	setScopes(t, w, podScope("app", "web"))
	w.Replace([]workload.Pod{web(1, "main"), web(2, "main"), web(3, "main")})
	if err := w.Refresh(); !errors.Is(err, errFull) {
		t.Errorf("refresh: %v, want %v", err, errFull)
	}
	if w.Stats().Errors == 0 {
		t.Error("no errors in the stats")
	}
	k.room = 100
	refresh(t, w)
	for n := range 2 {
		if !k.selected(containerPath(n+1, "main"), 0) {
			t.Errorf("container of pod %d is not in scope", n+1)
		}
	}
	k.mkdir(containerPath(3, "main"))
	if !k.selected(containerPath(3, "main"), 0) {
		t.Error("a new pod is not in scope")
	}
}

// TestKernelFails: whatever call fails, the next Refresh makes up for it.
func TestKernelFails(t *testing.T) {
	for _, method := range []string{
		"Cgroups", "SetCgroup", "DeleteCgroup", "SetPod", "DeletePod", "SetScopes", "Merge", "Forget",
	} {
		t.Run(method, func(t *testing.T) {
			k := newWorld(t)
			w := k.start()
			setScopes(t, w, podScope("app", "web"))
			w.SetPod(web(1, "main"))
			w.SetPod(web(3, "main"))
			for _, path := range []string{containerPath(1, "a"), containerPath(1, "b"), containerPath(3, "main")} {
				k.series[k.mkdir(path)] = 23
				refresh(t, w)
				k.rmdir(path)
			}
			k.rmdir(podPath(3))
			k.mkdir(containerPath(2, "main"))
			refresh(t, w)
			w.MarkRead()
			w.MarkRead()

			broken := fmt.Errorf("%s is broken", method)
			k.fail[method] = broken
			w.SetPod(web(2, "main"))
			w.DeletePod(uid(3))
			for range 3 {
				if err := w.Refresh(); !errors.Is(err, broken) {
					t.Errorf("error %v, want %v", err, broken)
				}
			}
			delete(k.fail, method)
			refresh(t, w)
			refresh(t, w)
			if !k.selected(containerPath(2, "main"), 0) {
				t.Error("the new pod is not in scope")
			}
			if _, ok := k.pods[uid(3)]; ok || len(k.series) != 1 || len(k.cgroups) != 4 {
				t.Errorf("left: pods %v, series %v, cgroups %v", k.pods, k.series, k.cgroups)
			}
		})
	}
}

// TestStartFails: an agent that cannot read what there is does not give numbers
// that may be in use.
func TestStartFails(t *testing.T) {
	for _, method := range []string{"Pods", "Cgroups", "Scopes"} {
		k := newWorld(t)
		k.pods[uid(1)] = 2
		k.fail[method] = errFull
		if err := workload.New(k, workload.Options{CgroupRoot: k.root}).Start(); !errors.Is(err, errFull) {
			t.Errorf("%s: %v, want %v", method, err, errFull)
		}
	}
}

// TestRootAppears: what cannot be looked through at the start is so later.
func TestRootAppears(t *testing.T) {
	k := newWorld(t)
	k.root += "/cgroup"
	w := workload.New(k, workload.Options{CgroupRoot: k.root})
	if err := w.Start(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v, want %v", err, fs.ErrNotExist)
	}
	if err := os.Mkdir(k.root, 0o755); err != nil {
		t.Fatal(err)
	}
	k.blind = true
	k.mkdir(containerPath(1, "main"))
	refresh(t, w)
	if len(k.cgroups) != 2 {
		t.Errorf("entered: %v", k.cgroups)
	}
}

// TestManyScopes: there may be more than 128, and as they come and go all
// bitmaps are written before SetScopes returns.
func TestManyScopes(t *testing.T) {
	k := newWorld(t)
	w := k.start()
	w.SetPod(web(1, "main"))
	k.mkdir(containerPath(1, "main"))
	refresh(t, w)
	var scopes []policy.Scoped
	want := map[uint32]bool{}
	for i := range uint32(300) {
		value := fmt.Sprint("other-", i)
		if want[i] = i%7 == 3; want[i] {
			value = "web"
		}
		// Equal selectors would be one scope.
		s := podScope("app", value)
		s.Container = &policy.LabelSelector{Requirements: []policy.Requirement{
			{Key: "name", Operator: "NotIn", Values: []string{fmt.Sprint(i)}},
		}}
		scopes = append(scopes, s)
	}
	check := func() {
		t.Helper()
		got := map[uint32]bool{}
		for i := range uint32(300) {
			got[i] = k.selected(containerPath(1, "main"), i)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("in scope (-want +got):\n%s", diff)
		}
	}
	setScopes(t, w, scopes...)
	check()
	for i := range uint32(300) {
		want[i] = want[i] && i < 150
	}
	setScopes(t, w, scopes[:150]...)
	check()
}

// TestBadScopes: an error leaves the scopes in force as they were.
func TestBadScopes(t *testing.T) {
	k := newWorld(t)
	w := k.start()
	setScopes(t, w, podScope("app", "web"))
	w.SetPod(web(1, "main"))
	k.mkdir(podPath(1))
	a, b := podScope("app", "a"), podScope("app", "b")
	for _, test := range []struct {
		numbers map[string]uint32
		want    string
	}{
		{map[string]uint32{a.Key(): 0}, `scope ` + b.Key() + ` has no number`},
		{map[string]uint32{a.Key(): 0, b.Key(): 1024}, `scope ` + b.Key() + `: number 1024, the last is 1023`},
		{map[string]uint32{a.Key(): 0, b.Key(): 0}, `scopes ` + a.Key() + ` and ` + b.Key() + ` have the same number 0`},
	} {
		err := w.SetScopes(test.numbers, []policy.Scoped{a, b})
		if err == nil || err.Error() != test.want {
			t.Errorf("error %v, want %s", err, test.want)
		}
		if !k.selected(podPath(1), 0) {
			t.Error("no longer in scope")
		}
	}
	if err := w.SetScopes(nil, []policy.Scoped{{}}); err != nil {
		t.Errorf("a scope that selects everything needs no number: %v", err)
	}
	k.fail["SetScopes"] = errFull
	if err := w.SetScopes(map[string]uint32{a.Key(): 1023}, []policy.Scoped{a, {}}); err != nil {
		t.Errorf("no bitmap changes: %v", err)
	}
	web := podScope("app", "web")
	if err := w.SetScopes(map[string]uint32{web.Key(): 1023}, []policy.Scoped{web}); !errors.Is(err, errFull) {
		t.Errorf("error %v, want %v", err, errFull)
	}
}
