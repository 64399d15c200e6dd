// SPDX-License-Identifier: Apache-2.0

package workload_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tetrameter/tetrameter/exporter/policy"
	"github.com/tetrameter/tetrameter/exporter/workload"
)

// life is a machine on which pods come and go in a random order, and the
// events that it counts.
type life struct {
	*world
	*rand.Rand
	w       *workload.Workloads
	paths   []string // cgroups that exist
	listed  map[int]bool
	counted map[int]int // events by pod, since its series is there
	read    map[int]int // of those, what was exposed last
}

func (l *life) in(pod int) func(path string) bool {
	return func(path string) bool { return strings.HasPrefix(path, podPath(pod)) }
}

// step does one thing.
func (l *life) step() {
	pod := l.IntN(4)
	switch l.IntN(8) {
	case 0:
		l.w.SetPod(web(pod, "main", "proxy?"))
		l.listed[pod] = true
	case 1:
		l.w.SetPod(web(pod, "main", "proxy"))
		l.listed[pod] = true
	case 2:
		l.w.DeletePod(uid(pod))
		delete(l.listed, pod)
	case 3, 4:
		path := containerPath(pod, []string{"main", "proxy", "sandbox"}[l.IntN(3)]) + []string{"", "/nested"}[l.IntN(2)]
		for ; path != filepath.Dir(podPath(pod)); path = filepath.Dir(path) {
			l.mkdir(path)
			if !slices.Contains(l.paths, path) {
				l.paths = append(l.paths, path)
			}
		}
	case 5:
		if len(l.paths) > 0 {
			path := l.paths[l.IntN(len(l.paths))]
			l.rmdir(path)
			l.paths = slices.DeleteFunc(l.paths, func(p string) bool { return p == path || strings.HasPrefix(p, path+"/") })
		}
	default:
		for _, path := range l.paths {
			if l.in(pod)(path) && l.IntN(2) == 0 {
				l.series[l.id(path)] += 23
				l.counted[pod] += 23
			}
		}
	}
}

// scrape compares what is exposed with what was counted. Only the series of a
// pod that has ended may be missing, if its last value was exposed before.
func (l *life) scrape(t *testing.T) {
	refresh(t, l.w)
	exposed := l.exposed(l.w)
	l.w.MarkRead()
	for pod := range 4 {
		name := workload.Labels{Namespace: "shop", Pod: fmt.Sprint("web-", pod), Workload: "web"}
		named, isNamed := exposed[name]
		unnamed, isUnnamed := exposed[workload.Labels{Namespace: workload.Unknown, Pod: uid(pod), Workload: workload.Unknown}]
		switch got := named + unnamed; {
		case isNamed && isUnnamed:
			t.Errorf("pod %d has two series", pod)
		case isNamed || isUnnamed:
			if got != l.counted[pod] {
				t.Errorf("pod %d has %d events, want %d", pod, got, l.counted[pod])
			}
			l.read[pod] = got
		case l.counted[pod] == 0:
		case l.listed[pod] || slices.ContainsFunc(l.paths, l.in(pod)):
			t.Errorf("the series of pod %d is gone, the pod is not", pod)
		case l.read[pod] != l.counted[pod]:
			t.Errorf("the series of pod %d is gone at %d, exposed was %d", pod, l.counted[pod], l.read[pod])
		default:
			l.counted[pod], l.read[pod] = 0, 0
		}
	}
}

// TestSeriesAlways tries many orders of what can happen: no count is lost, none
// goes down, and who is listed is in scope.
func TestSeriesAlways(t *testing.T) {
	for seed := range uint64(23) {
		k := newWorld(t)
		l := &life{
			world: k, Rand: rand.New(rand.NewPCG(seed, 0)), w: k.start(),
			listed: map[int]bool{}, counted: map[int]int{}, read: map[int]int{},
		}
		setScopes(t, l.w, podScope("app", "web"))
		for range 200 {
			l.step()
			for pod := range l.listed {
				for _, path := range l.paths {
					if l.in(pod)(path) && !k.selected(path, 0) {
						t.Errorf("%s is not in scope", path)
					}
				}
			}
			if l.IntN(3) == 0 {
				l.scrape(t)
			}
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		}
	}
}

// TestConcurrent: all methods may be called at any time. The race detector
// judges; what is left must be what one goroutine leaves.
func TestConcurrent(t *testing.T) {
	k := newWorld(t)
	w := k.start()
	for n := range 5 {
		k.mkdir(containerPath(n, "main"))
	}
	scope := podScope("app", "web")
	var group sync.WaitGroup
	for n := range 5 {
		id := k.id(containerPath(n, "main"))
		for _, f := range []func(){
			func() { w.SetPod(web(n, "main?")) },
			func() { w.SetPod(web(n, "main")) },
			func() { w.DeletePod(uid(n + 5)) },
			func() { w.Labels(id) },
			func() { w.Stats(); w.Expired() },
			func() { _ = w.Refresh(); w.MarkRead() },
			func() { _ = w.SetScopes(map[string]uint32{scope.Key(): 0}, []policy.Scoped{scope}) },
		} {
			group.Go(func() {
				for range 23 {
					f()
				}
			})
		}
	}
	group.Wait()
	for n := range 5 {
		w.SetPod(web(n, "main"))
	}
	refresh(t, w)
	want := workload.Stats{Pods: 5, Containers: 5, Cgroups: 10, LatePods: 5}
	if diff := cmp.Diff(want, w.Stats()); diff != "" {
		t.Errorf("stats (-want +got):\n%s", diff)
	}
	if len(k.pods) != 5 {
		t.Errorf("pods in the kernel: %v", k.pods)
	}
}

// BenchmarkPods has a machine of 1000 pods with three cgroups each.
func BenchmarkPods(b *testing.B) {
	k := &world{
		root: b.TempDir(), cgroups: map[uint64]workload.Cgroup{}, pods: map[string]uint32{},
		scopes: map[uint32]workload.Bits{}, room: 1 << 20,
	}
	var pods []workload.Pod
	for n := range 1000 {
		pods = append(pods, web(n, "main"))
		if err := os.MkdirAll(filepath.Join(k.root, containerPath(n, "main")), 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.Mkdir(filepath.Join(k.root, containerPath(n, "sandbox")), 0o755); err != nil {
			b.Fatal(err)
		}
	}
	w := workload.New(k, workload.Options{CgroupRoot: k.root})
	if err := w.Start(); err != nil {
		b.Fatal(err)
	}
	scope := podScope("app", "web")
	if err := w.SetScopes(map[string]uint32{scope.Key(): 0}, []policy.Scoped{scope}); err != nil {
		b.Fatal(err)
	}
	w.Replace(pods)
	ids := slices.Collect(maps.Keys(k.cgroups))
	b.Run("SetPod", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			p := pods[i%len(pods)]
			p.Labels = map[string]string{"app": []string{"web", "db"}[i/len(pods)%2]}
			w.SetPod(p)
			k.calls = nil
		}
	})
	b.Run("Refresh", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := w.Refresh(); err != nil {
				b.Fatal(err)
			}
			k.calls = nil
		}
	})
	b.Run("Labels", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			w.Labels(ids[i%len(ids)])
		}
	})
}
