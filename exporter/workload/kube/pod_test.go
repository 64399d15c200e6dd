// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/tetrameter/tetrameter/exporter/workload"
)

var update = flag.Bool("update", false, "write the golden files")

func readPod(t testing.TB, name string) *corev1.Pod {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "pods", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var p corev1.Pod
	if err := json.Unmarshal(data, &p); err != nil {
		t.Fatal(err)
	}
	return &p
}

// TestTrimPod: what is kept of pods as an API server has them.
func TestTrimPod(t *testing.T) {
	files, err := filepath.Glob("testdata/pods/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no pods: %v", err)
	}
	type kept struct {
		File  string
		Pod   workload.Pod
		Ended time.Time
	}
	var got []kept
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		p := trimPod(readPod(t, name))
		got = append(got, kept{name, p.Pod, p.ended.UTC()})
	}
	text, err := json.MarshalIndent(got, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, '\n')
	const golden = "testdata/pods.golden"
	if *update {
		if err := os.WriteFile(golden, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(text)); diff != "" {
		t.Errorf("trimmed pods (-want +got):\n%s", diff)
	}
}

// calls is a Handler that writes down how it is called.
type calls []string

func (c *calls) add(format string, args ...any) { *c = append(*c, fmt.Sprintf(format, args...)) }

func (c *calls) SetPod(p workload.Pod) { c.add("SetPod %s", p.Name) }
func (c *calls) DeletePod(uid string)  { c.add("DeletePod %s", uid) }
func (c *calls) ReplacePods(pods []workload.Pod) {
	names := []string{}
	for _, p := range pods {
		names = append(names, p.Name)
	}
	c.add("ReplacePods %s", names)
}

func (c *calls) SetPolicy(p Policy)          { c.add("SetPolicy %s/%s %s", p.Namespace, p.Name, p.Data) }
func (c *calls) DeletePolicy(k PolicyKey)    { c.add("DeletePolicy %s/%s", k.Namespace, k.Name) }
func (c *calls) SetNode(l map[string]string) { c.add("SetNode %v", l) }
func (c *calls) ReplacePolicies(list []Policy) {
	names := []string{}
	for _, p := range list {
		names = append(names, p.Namespace+"/"+p.Name)
	}
	c.add("ReplacePolicies %s", names)
}

// TestEndedPods: a pod that has ended for good is deleted, after its last state
// was told; lists have those that ended just now.
func TestEndedPods(t *testing.T) {
	var got calls
	sink := podSink(&got)
	running, old := trimPod(readPod(t, "bare")), trimPod(readPod(t, "job"))
	fresh := *trimPod(readPod(t, "cronjob"))
	fresh.ended = time.Now().Add(-endedFor / 2)
	sink.replace([]*pod{running, old, &fresh})
	sink.set(running)
	sink.set(old)
	sink.remove(running)
	want := calls{
		"ReplacePods [xwing backup-29393280-kt9wd]",
		"SetPod xwing",
		"SetPod migrate-r8x2m",
		"DeletePod a0000000-0000-4000-8000-000000000003",
		"DeletePod a0000000-0000-4000-8000-000000000006",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

// BenchmarkTrimPod measures what remains in memory of a pod of three containers,
// labels and an init container.
func BenchmarkTrimPod(b *testing.B) {
	data, err := readPod(b, "deployment").Marshal()
	if err != nil {
		b.Fatal(err)
	}
	kept := make([]*pod, 0, b.N)
	before := heap()
	for b.Loop() {
		var p corev1.Pod
		if err := p.Unmarshal(data); err != nil {
			b.Fatal(err)
		}
		kept = append(kept, trimPod(&p))
	}
	b.ReportMetric(float64(heap()-before)/float64(len(kept)), "bytes/pod")
	b.ReportMetric(float64(len(data)), "protobuf-bytes/pod")
	runtime.KeepAlive(kept)
}

// heap is what is in use after a collection.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
