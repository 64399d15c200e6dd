// SPDX-License-Identifier: Apache-2.0

package kube_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	client "github.com/tetrameter/tetrameter/exporter/workload/kube"
	"github.com/tetrameter/tetrameter/test/kube"
)

// reportOnce: nodes that find a problem at the same time write one event, and
// raise its count when it has become old.
func reportOnce(t *testing.T, s *kube.Server, kubeconfig string) {
	putPolicy(t, s, testPolicies+"broken", 0)
	const events = "/api/v1/namespaces/test/events/"
	expectReports(t, kubeconfig, 23, client.ReportStats{Created: 1, Spared: 22})
	type event struct {
		Metadata              struct{ Name string }
		Type, Reason, Message string
		Count                 int
		InvolvedObject        struct{ Kind, Name, Namespace string }
	}
	var list struct{ Items []event }
	if err := s.Get(t.Context(), events, &list); err != nil || len(list.Items) != 1 {
		t.Fatalf("%d events, error %v", len(list.Items), err)
	}
	name := list.Items[0].Metadata.Name
	put(t, s, events+name, `{apiVersion: v1, kind: Event, metadata: {name: `+name+`}, lastTimestamp: "2020-02-02T02:02:02Z"}`)
	expectReports(t, kubeconfig, 5, client.ReportStats{Repeated: 1, Spared: 4})

	want := event{Type: "Warning", Reason: "PolicyNotInForce", Message: "no such function", Count: 2}
	want.Metadata.Name = name
	want.InvolvedObject.Kind, want.InvolvedObject.Name = "TracingPolicyNamespaced", "broken"
	want.InvolvedObject.Namespace = "test"
	expectStatus(t, s, testPolicies+"broken", `observed 1, Ready=False for 1 PolicyNotInForce "no such function"`)
	list.Items = nil
	if err := s.Get(t.Context(), events, &list); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]event{want}, list.Items); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// expectReports has clients of several nodes report the same, twice, and waits
// for what they make of it.
func expectReports(t *testing.T, kubeconfig string, nodes int, want client.ReportStats) {
	t.Helper()
	var clients []*client.Client
	for i := range nodes {
		c, v := follow(t, kubeconfig, fmt.Sprintf("worker-%d", i+10))
		v.expect(t, func() error { return equal(v.policyNames(), "[test/broken]") })
		p := v.policies[client.PolicyKey{Namespace: "test", Name: "broken"}]
		bad := []client.Verdict{{Policy: p, Ready: client.NotReady, Reason: "PolicyNotInForce", Message: "no such function"}}
		c.Judge(bad)
		c.Judge(bad)
		clients = append(clients, c)
	}
	eventually(t, func() error {
		var sum client.ReportStats
		for _, c := range clients {
			r := c.Stats().Reports
			sum.Created += r.Created
			sum.Spared += r.Spared
			sum.Repeated += r.Repeated
			sum.Dropped += r.Dropped
			sum.Pending += r.Pending
		}
		return equal(fmt.Sprintf("%+v", sum), fmt.Sprintf("%+v", want))
	})
}

// writeStatus: of nodes that agree one writes the condition, and one that does not
// agree changes it, until it does.
func writeStatus(t *testing.T, s *kube.Server, kubeconfig string) {
	putPolicy(t, s, clusterPolicies+"stated", 0)
	nodes := make([]*judge, 23)
	for i := range nodes {
		nodes[i] = &judge{}
		nodes[i].client, nodes[i].view = follow(t, kubeconfig, fmt.Sprintf("worker-%d", i))
	}
	judgeAll(t, nodes, 1)
	expectStatus(t, s, clusterPolicies+"stated", `observed 1, Ready=True for 1 Counting ""`)
	expectWrites(t, nodes, 1)
	// Conditions of others stay.
	put(t, s, clusterPolicies+"stated/status", `{apiVersion: cilium.io/v1alpha1, kind: TracingPolicy, metadata: {name: stated},
		status: {conditions: [{type: Tested, status: "True", reason: Other, message: "", lastTransitionTime: "2020-02-02T02:02:02Z"}]}}`)

	nodes[3].says(client.NotReady)
	expectStatus(t, s, clusterPolicies+"stated", `observed 1 by worker-3, Ready=False for 1 PolicyNotInForce "no such function", Tested`)
	nodes[5].says(client.NotReady)
	nodes[3].says(client.Ready)
	expectStatus(t, s, clusterPolicies+"stated", `observed 1 by worker-5, Ready=False for 1 PolicyNotInForce "no such function", Tested`)
	expectWrites(t, nodes, 4) // worker-3 took it back first
	nodes[5].says(client.NoOpinion)
	expectStatus(t, s, clusterPolicies+"stated", `observed 1, Ready=True for 1 Counting "", Tested`)

	putPolicy(t, s, clusterPolicies+"stated", 1000)
	judgeAll(t, nodes, 2)
	expectStatus(t, s, clusterPolicies+"stated", `observed 2, Ready=True for 2 Counting "", Tested`)
	expectWrites(t, nodes, 7)
	del(t, s, clusterPolicies+"stated")
}

// judge is a node with an opinion of the policy stated.
type judge struct {
	client *client.Client
	view   *view
}

// says has the node judge the policy as it knows it.
func (j *judge) says(ready client.Readiness) {
	v := client.Verdict{Ready: ready, Reason: "Counting"}
	switch ready {
	case client.NotReady:
		v.Reason, v.Message = "PolicyNotInForce", "no such function"
	case client.NoOpinion:
		v.Reason = "Disabled"
	}
	j.view.locked(func() { v.Policy = j.view.policies[client.PolicyKey{Name: "stated"}] })
	j.client.Judge([]client.Verdict{v})
}

// judgeAll has all nodes count a generation of the policy once they know it.
func judgeAll(t *testing.T, nodes []*judge, generation int64) {
	t.Helper()
	for _, n := range nodes {
		n.view.expect(t, func() error {
			return equal(fmt.Sprint(n.view.policies[client.PolicyKey{Name: "stated"}].Generation), fmt.Sprint(generation))
		})
		n.says(client.Ready)
	}
}

// expectStatus waits for a status. Who wrote it is said only where want does.
func expectStatus(t *testing.T, s *kube.Server, path, want string) {
	t.Helper()
	eventually(t, func() error {
		var o struct {
			Status struct {
				ObservedGeneration int64
				ReportedBy         string
				Conditions         []struct {
					Type, Status, Reason, Message string
					ObservedGeneration            int64
				}
			}
		}
		if err := s.Get(t.Context(), path, &o); err != nil {
			return err
		}
		got := fmt.Sprintf("observed %d", o.Status.ObservedGeneration)
		if strings.Contains(want, " by ") {
			got += " by " + o.Status.ReportedBy
		}
		for _, c := range o.Status.Conditions {
			if c.Type != "Ready" {
				got += ", " + c.Type
				continue
			}
			got += fmt.Sprintf(", %s=%s for %d %s %q", c.Type, c.Status, c.ObservedGeneration, c.Reason, c.Message)
		}
		return equal(got, want)
	})
}

// expectWrites waits until all nodes together wrote as often, and checks that no
// request failed but for others being faster.
func expectWrites(t *testing.T, nodes []*judge, want uint64) {
	t.Helper()
	eventually(t, func() error {
		var sum client.StatusStats
		for _, n := range nodes {
			w := n.client.Stats().Statuses
			sum.Written += w.Written
			sum.Conflicts += w.Conflicts
			sum.Dropped += w.Dropped
		}
		if sum.Written != want || sum.Dropped != 0 || sum.Conflicts > uint64(len(nodes)) {
			return fmt.Errorf("%+v, want %d written", sum, want)
		}
		return nil
	})
}
