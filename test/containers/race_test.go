// SPDX-License-Identifier: Apache-2.0

package containers

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tetrameter/tetrameter/test/kube"
)

// sandboxTime is what passes between the time that the kubelet hears of a pod and
// the first container's first instruction. A kubelet takes longer: it mounts volumes,
// and has the runtime make a sandbox, with its network, and pull images.
const sandboxTime = 100 * time.Millisecond

// watchPods tells of new pods of a node when a kubelet hears of them, which is
// when the agent does.
func watchPods(t *testing.T, node string) <-chan string {
	t.Helper()
	names := make(chan string)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() {
		ended <- server.Watch(ctx, "/api/v1/pods", "fieldSelector=spec.nodeName%3D"+node, func(e kube.Event) bool {
			var object struct{ Metadata struct{ Name string } }
			if err := json.Unmarshal(e.Object, &object); err == nil && e.Type == "ADDED" {
				select {
				case names <- object.Metadata.Name:
				case <-ctx.Done():
				}
			}
			return true
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return names
}

// heard waits until the kubelet would hear of the pod.
func heard(t *testing.T, names <-chan string, p *pod) {
	t.Helper()
	select {
	case name := <-names:
		if name != p.name {
			t.Fatalf("heard of pod %s, want %s", name, p.name)
		}
	case <-time.After(deadline):
		t.Fatalf("did not hear of pod %s", p.name)
	}
}

// TestFirstInstruction: a container that begins with an event is counted, each of
// many, though its pod is only a moment older. The pod's cgroup is made at once when
// the pod is heard of, the container a little later. On a machine that has no CPU for
// the agent meanwhile, a kubelet would have none either, so such a container waits.
func TestFirstInstruction(t *testing.T) {
	a := startAgent(t)
	apply(t, "", "race", counting("", "race", "podSelector: {matchLabels: {race: run}},"))
	a.waitState("race", "enabled")
	names := watchPods(t, a.node)
	root := newRoot(t)
	var pods []*pod
	var want []string
	waited := 0
	for i := range *racesFlag {
		s := podSpec{namespace: "race", name: fmt.Sprintf("racer-%03d", i), labels: m{"race": "run"}}
		s.driver = []driver{cgroupfs, systemd}[i%2]
		s.class = []class{bestEffort, burstable, guaranteed}[i%3]
		p := createPod(t, a.node, s)
		pods = append(pods, p)
		heard(t, names, p)
		p.makeCgroup()
		time.Sleep(sandboxTime)
		if a.value("tetrameter_pods") <= float64(i) {
			waited++
			a.pods = i + 1
			a.waitKnown()
		}
		p.container("main", root, "", "/first").run()
		want = append(want, event("/first", setuid, "race", p, 1))
	}
	if diff := cmp.Diff(want, a.events()); diff != "" {
		t.Errorf("exposition (-want +got):\n%s", diff)
	}
	late, seconds := a.value("tetrameter_late_scopings_total", `of="pod"`), a.value("tetrameter_late_scoping_seconds_total", `of="pod"`)
	t.Logf("%d containers, %d of which had to wait for the agent: %.0f counted; it heard of %.0f pods after a container, in the mean %.1f ms",
		*racesFlag, waited, sum(t, a.events()), late, 1000*seconds/max(late, 1))
	for _, p := range pods {
		p.delete()
	}
}

// TestNoHeadStart: a container that starts in the very moment in which its pod can
// be heard of. Whatever is not counted then was late, and is said to be.
func TestNoHeadStart(t *testing.T) {
	a := startAgent(t)
	apply(t, "", "race", counting("", "race", "podSelector: {matchLabels: {race: run}},"))
	a.waitState("race", "enabled")
	names := watchPods(t, a.node)
	root := newRoot(t)
	starts := *racesFlag / 4
	var pods []*pod
	for i := range starts {
		p := createPod(t, a.node, podSpec{namespace: "race", name: fmt.Sprintf("sprinter-%03d", i), labels: m{"race": "run"}})
		pods = append(pods, p)
		c := p.container("main", root, "", "/first")
		heard(t, names, p)
		c.run()
	}
	a.pods = starts
	a.waitKnown()
	counted, late := sum(t, a.events()), a.value("tetrameter_late_scopings_total", `of="pod"`)
	if counted > float64(starts) || counted+late < float64(starts) {
		t.Errorf("%d containers: %v counted and %v late", starts, counted, late)
	}
	t.Logf("%d containers without a head start: %.0f counted, %.0f pods late", starts, counted, late)
	for _, p := range pods {
		p.delete()
	}
}

// TestLateServer: while the API server does not tell of a pod, nobody can know that
// a policy is for it. What is missed shows, and ends when the server tells.
func TestLateServer(t *testing.T) {
	a := startAgent(t)
	apply(t, "", "race", counting("", "race", "podSelector: {matchLabels: {race: run}},"))
	a.waitState("race", "enabled")
	root := newRoot(t)
	release := a.relay.hold()
	p := createPod(t, a.node, podSpec{namespace: "race", name: "straggler", labels: m{"race": "run"}})
	t.Cleanup(p.delete)
	c := p.container("main", root, "", shell()...)
	c.start()
	c.do(events("23")...)
	c.do("/first")
	began := time.Now()
	time.Sleep(time.Second)
	if got := a.events(); len(got) != 0 {
		t.Errorf("counted before anybody could know: %v", got)
	}
	a.eventually(func() error {
		if got := a.value("tetrameter_pods_unknown"); got != 1 {
			return fmt.Errorf("%v unknown pods, want 1", got)
		}
		return nil
	})
	held := time.Since(began)
	release()
	a.pods = 1
	a.waitKnown()
	c.do(events("23")...)
	want := []string{event("/trigger", setuid, "race", p, 23)}
	if diff := cmp.Diff(want, a.events()); diff != "" {
		t.Errorf("exposition (-want +got):\n%s", diff)
	}
	late, seconds := a.value("tetrameter_late_scopings_total"), a.value("tetrameter_late_scoping_seconds_total")
	if late != 1 || seconds < held.Seconds() {
		t.Errorf("%v late for %v s, want 1 for more than %v", late, seconds, held)
	}
}
