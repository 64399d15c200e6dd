// SPDX-License-Identifier: Apache-2.0

package workload_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tetrameter/tetrameter/exporter/workload"
)

// fold is a reading of the counters.
func (k *world) fold(w *workload.Workloads) {
	k.t.Helper()
	refresh(k.t, w)
	counted := map[uint64]bool{}
	for id := range k.series {
		counted[id] = true
	}
	if err := w.FoldHost(counted); err != nil {
		k.t.Fatal(err)
	}
	w.MarkRead()
}

// TestHostCgroupsComeAndGo: sessions and units that are gone leave one cgroup with
// their counts, those that are left and pods keep theirs.
func TestHostCgroupsComeAndGo(t *testing.T) {
	k := newWorld(t)
	w := k.start()
	w.SetPod(web(1, "main"))
	pod := k.mkdir(containerPath(1, "main"))
	service := k.mkdir("system.slice/sshd.service")
	k.series[pod], k.series[service], k.series[k.id("/")] = 5, 7, 11
	k.series[0] = 13 // of a time without cgroups in the keys
	for session := range 1000 {
		path := fmt.Sprintf("user.slice/session-%d.scope", session)
		k.series[k.mkdir(path)] += 23
		k.rmdir(path)
		if session%10 == 0 {
			k.now = k.now.Add(time.Minute)
			k.fold(w)
		}
		if got := len(k.series); got > 64+30 {
			t.Fatalf("%d cgroups have series after %d sessions", got, session+1)
		}
	}
	want := map[workload.Labels]int{
		{}: 7 + 11 + 13 + 23*1000,
		{Namespace: "shop", Pod: "web-1", Workload: "web"}: 5,
	}
	if diff := cmp.Diff(want, k.exposed(w)); diff != "" {
		t.Errorf("exposed (-want +got):\n%s", diff)
	}
	if k.series[pod] != 5 || k.series[service] != 7 || k.series[k.id("/")] != 11 {
		t.Errorf("a cgroup that exists lost counts: %v", k.series)
	}
}

// TestHostIsNotJudgedTooEarly: nothing is joined for few cgroups, at the first
// look, within a minute, or if only part of the hierarchy can be seen.
func TestHostIsNotJudgedTooEarly(t *testing.T) {
	sessions := func(k *world, n int) {
		for session := range n {
			path := fmt.Sprintf("session-%d.scope", session)
			k.series[k.mkdir(path)] = 1
			k.rmdir(path)
		}
	}
	tests := []struct {
		name     string
		sessions int
		looks    int
		interval time.Duration
		part     bool
		left     int
	}{
		{"few", 63, 5, time.Minute, false, 63},
		{"one look", 100, 1, time.Minute, false, 100},
		{"often", 100, 5, time.Second, false, 100},
		{"part of the hierarchy", 100, 5, time.Minute, true, 100},
		{"two looks", 100, 2, time.Minute, false, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			k := newWorld(t)
			w := k.start(func(o *workload.Options) {
				if test.part {
					o.RootID++
				}
			})
			sessions(k, test.sessions)
			for range test.looks {
				k.now = k.now.Add(test.interval)
				k.fold(w)
			}
			if got := len(k.series); got != test.left {
				t.Errorf("%d cgroups have series, want %d", got, test.left)
			}
		})
	}
}
