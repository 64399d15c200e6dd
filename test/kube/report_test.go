// SPDX-License-Identifier: Apache-2.0

package kube_test

import (
	"fmt"
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

	want := event{Type: "Warning", Reason: "PolicyNotLoaded", Message: "no such function", Count: 2}
	want.Metadata.Name = name
	want.InvolvedObject.Kind, want.InvolvedObject.Name = "TracingPolicyNamespaced", "broken"
	want.InvolvedObject.Namespace = "test"
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
		c.Report(client.Problem{Policy: p, Reason: "PolicyNotLoaded", Message: "no such function"})
		c.Report(client.Problem{Policy: p, Reason: "PolicyNotLoaded", Message: "no such function"})
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
