// SPDX-License-Identifier: Apache-2.0

package node

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// empire selects the pods that most tests count.
const empire = "{matchLabels: {org: empire}}"

// event is the sample of n events.
func event(policy, pod, container, workload, kind string, n int) string {
	return fmt.Sprintf("tetragon_policy_events_total{binary=%q,container=%q,hook=%q,namespace=%q,pod=%q,policy=%q,workload=%q,workload_kind=%q} %d",
		"/entry", container, "kprobe:__sys_setuid", "test", pod, policy, workload, kind, n)
}

// TestDeployment: a pod has its labels, and is in the scope of a policy, from the
// first instruction of its container to the last scrape after its end.
func TestDeployment(t *testing.T) {
	a := startAgent(t)
	count(t, a, "empire", empire)
	createWorkload(t, "apps/v1", "Deployment", "xwing", template("xwing", "alliance", podSpec("")))
	remove := createWorkload(t, "apps/v1", "Deployment", "tiefighter", template("tiefighter", "empire", podSpec("")))
	running(t, "xwing", 0)
	name := running(t, "tiefighter", 0).Metadata.Name
	a.expect(event("empire", name, "engine", "tiefighter", "Deployment", 23))
	restart(t, "tiefighter", 0)
	last := event("empire", name, "engine", "tiefighter", "Deployment", 46)
	a.expect(last)

	remove()
	gone(t, "tiefighter")
	for range 2 {
		if got := a.events(); len(got) != 1 || got[0] != last {
			t.Errorf("after the end of the pod %q, want %q", got, last)
		}
	}
	a.expect()
}

// TestWorkloads: what the controllers of Kubernetes call pods and their owners, for
// each quality of service, which has cgroups at other places.
func TestWorkloads(t *testing.T) {
	const limits = `, resources: {limits: {cpu: 100m, memory: 32Mi}}`
	guaranteed := fmt.Sprintf("{hostNetwork: true, terminationGracePeriodSeconds: 0, containers: [%s]}", engine("engine", limits))
	sidecar := fmt.Sprintf(", initContainers: [%s]", engine("sidecar", ", restartPolicy: Always, resources: {requests: {cpu: 1m}}"))
	a := startAgent(t)
	count(t, a, "empire", empire)
	var want []string
	for _, w := range []struct{ apiVersion, kind, name, spec string }{
		// First, because it waits for the minute to end.
		{"batch/v1", "CronJob", "patrol", "schedule: '* * * * *', concurrencyPolicy: Forbid, jobTemplate: {spec: {" +
			template("patrol", "empire", podSpec(", restartPolicy: Never")) + "}}"},
		{"batch/v1", "Job", "raid", template("raid", "empire", podSpec(", restartPolicy: Never"))},
		{"apps/v1", "StatefulSet", "destroyer", "serviceName: destroyer, " + template("destroyer", "empire", guaranteed)},
		{"apps/v1", "DaemonSet", "droid", template("droid", "empire", podSpec(sidecar))},
	} {
		createWorkload(t, w.apiVersion, w.kind, w.name, w.spec)
	}
	for app, kind := range map[string]string{"raid": "Job", "destroyer": "StatefulSet", "droid": "DaemonSet", "patrol": "CronJob"} {
		p := running(t, app, 0)
		want = append(want, event("empire", p.Metadata.Name, "engine", app, kind, 23))
		if app == "droid" {
			want = append(want, event("empire", p.Metadata.Name, "sidecar", app, kind, 23))
		}
	}
	a.expect(want...)
}

// TestFirstInstructions: pods that a node is given at once. None begins before the
// agent knows it.
func TestFirstInstructions(t *testing.T) {
	const replicas = 20
	a := startAgent(t)
	count(t, a, "empire", empire)
	createWorkload(t, "apps/v1", "Deployment", "squadron",
		fmt.Sprintf("replicas: %d, %s", replicas, template("squadron", "empire", podSpec(""))))
	var want []string
	eventually(t, func() error {
		want = nil
		for _, p := range pods(t, "squadron") {
			if p.running() {
				want = append(want, event("empire", p.Metadata.Name, "engine", "squadron", "Deployment", 23))
			}
		}
		if len(want) != replicas {
			return fmt.Errorf("%d pods run, want %d", len(want), replicas)
		}
		return nil
	})
	a.expect(want...)
	late := []string{`tetrameter_late_scopings_total{of="container"} 0`, `tetrameter_late_scopings_total{of="pod"} 0`}
	if diff := cmp.Diff(late, a.family("tetrameter_late_scopings_total")); diff != "" {
		t.Errorf("late (-want +got):\n%s", diff)
	}
}

// TestRunningPod: a pod that is older than the agent.
func TestRunningPod(t *testing.T) {
	createWorkload(t, "apps/v1", "Deployment", "deathstar", template("deathstar", "empire", podSpec("")))
	name := running(t, "deathstar", 0).Metadata.Name
	a := startAgent(t)
	count(t, a, "empire", empire)
	restart(t, "deathstar", 0)
	a.expect(event("empire", name, "engine", "deathstar", "Deployment", 23))
}

// TestStaticPod: the kubelet names the cgroup of a static pod by the hash of its
// manifest, and the object that mirrors the pod has another uid.
func TestStaticPod(t *testing.T) {
	a := startAgent(t)
	count(t, a, "everybody", "{}")
	manifest := fmt.Sprintf("apiVersion: v1\nkind: Pod\nmetadata: {name: beacon, namespace: test, labels: {app: beacon}}\nspec: %s\n", podSpec(""))
	if err := node.AddStaticPod("beacon.yaml", []byte(manifest)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := node.RemoveStaticPod("beacon.yaml"); err != nil {
			t.Error(err)
		}
	})
	name := "beacon-" + node.Name
	a.expect(event("everybody", name, "engine", name, "Pod", 23))

	// The labels are the mirror's, which the kubelet makes after the pod's cgroup: the
	// policy counts for certain once the agent knows them.
	count(t, a, "beacons", "{matchLabels: {app: beacon}}")
	restart(t, "beacon", 0)
	a.expect(event("everybody", name, "engine", name, "Pod", 46), event("beacons", name, "engine", name, "Pod", 23))
}
