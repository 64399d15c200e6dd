// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/tetrameter/tetrameter/exporter/collector"
	"github.com/tetrameter/tetrameter/exporter/policy"
	"github.com/tetrameter/tetrameter/exporter/workload/kube"
)

// object is a custom resource as an API server gives it.
func object(namespace, name, message string) kube.Policy {
	kind, in := "TracingPolicy", ""
	if namespace != "" {
		kind, in = "TracingPolicyNamespaced", fmt.Sprintf(`"namespace":%q,`, namespace)
	}
	return kube.Policy{Namespace: namespace, Name: name, UID: "u", Generation: 1, Data: fmt.Appendf(nil,
		`{"kind":%q,"apiVersion":"cilium.io/v1alpha1","metadata":{%s"name":%q,"creationTimestamp":null},`+
			`"spec":{"kprobes":[{"call":"sys_setuid","syscall":true,"message":"version %s"}]}}`, kind, in, name, message)}
}

// broken is a custom resource with an operator that does not exist.
func broken(namespace, name string) kube.Policy {
	p := object(namespace, name, "x")
	p.Data = []byte(strings.Replace(string(p.Data), `"syscall":true`, `"selectors":[{"matchPIDs":[{"operator":"Im","values":[1]}]}]`, 1))
	return p
}

// TestObjects: custom resources come, change and go; one that breaks keeps
// counting as it did; the operator's files take precedence, and standard policies
// give way.
func TestObjects(t *testing.T) {
	b := newBench(t, fstest.MapFS{"s.yaml": {Data: []byte(document("s", "0"))}})
	b.write("a.yaml", document("a", "1"))
	b.want(0, "a: 1", "s: 0")
	b.set.replaceObjects([]kube.Policy{object("", "b", "1"), object("team", "b", "2"), object("", "s", "3")})
	b.want(0, "a: 1", "b: 1", "b: 2", "s: 3")
	b.set.setObject(object("", "a", "object"))
	b.want(1, "a: 1", "b: 1", "b: 2", "s: 3")
	b.wantLog("policy a is already defined in " + b.dir)
	b.set.setObject(object("", "b", "4"))
	b.set.setObject(broken("team", "b"))
	b.want(2, "a: 1", "b: 2", "b: 4", "s: 3")
	b.wantLog(`kubernetes:tracingpolicynamespaced/team/b:1:`)
	b.remove("a.yaml")
	b.want(2, "a: object", "b: 2", "b: 4", "s: 3")
	b.set.deleteObject(kube.PolicyKey{Namespace: "team", Name: "b"})
	b.set.deleteObject(kube.PolicyKey{Name: "s"})
	b.set.deleteObject(kube.PolicyKey{Name: "never"})
	b.want(2, "a: object", "b: 4", "s: 0")
	b.set.replaceObjects(nil)
	b.want(2, "s: 0")
}

// TestObjectsAreNotExpanded: the environment of the agent is none of the
// business of those who may apply policies.
func TestObjectsAreNotExpanded(t *testing.T) {
	b := newBench(t, nil)
	b.set.variables = newVariables([]string{"SECRET=s"}, nil)
	b.set.setObject(object("", "p", "${SECRET}"))
	b.write("q.yaml", document("q", "${SECRET}"))
	b.want(0, "p: ${SECRET}", "q: s")
}

// TestVerdicts: whoever applied a policy is told what became of it.
func TestVerdicts(t *testing.T) {
	b := newBench(t, nil)
	b.write("a.yaml", document("a", "1"))
	b.set.replaceObjects([]kube.Policy{
		object("", "a", "1"), object("", "fine", "1"), object("team", "fails.at.hook", "1"), broken("team", "bad"), object("", "skipped", "1"),
		object("", "off", "1"), object("", "part", "1"), object("", "kills", "1"),
	})
	b.load()
	b.set.setStates([]collector.PolicyState{
		{Policy: "a", State: collector.Enabled},
		{Policy: "fine", State: collector.Enabled},
		{Policy: "fails.at.hook", Namespace: "team", State: collector.Error, Reason: "no such function"},
		{Policy: "skipped", State: collector.Skipped, Reason: "other node"},
		{Policy: "off", State: collector.Disabled},
		{Policy: "part", State: collector.PartiallyEnabled},
		{Policy: "kills", State: collector.MonitorOnly, Reason: "Sigkill"},
	})
	got := map[string]kube.Verdict{}
	for _, v := range b.set.verdicts() {
		v.Message, _, _ = strings.Cut(v.Message, ":1:")
		key := v.Policy.Namespace + "/" + v.Policy.Name
		v.Policy = kube.Policy{}
		got[key] = v
	}
	const not = "PolicyNotInForce"
	want := map[string]kube.Verdict{
		"/a":                 {Ready: kube.NotReady, Reason: not, Message: "a policy of the same name is in force: " + b.dir + "/a.yaml"},
		"/fine":              {Ready: kube.Ready, Reason: "Counting"},
		"/part":              {Ready: kube.Ready, Reason: "Counting", Message: "hooks that may be absent are"},
		"/kills":             {Ready: kube.Ready, Reason: "MonitorOnly", Message: "Sigkill"},
		"team/fails.at.hook": {Ready: kube.NotReady, Reason: not, Message: "no such function"},
		"team/bad":           {Ready: kube.NotReady, Reason: not, Message: "kubernetes:tracingpolicynamespaced/team/bad"},
	}
	want["/off"] = kube.Verdict{Ready: kube.NoOpinion, Reason: "Disabled"}
	want["/skipped"] = kube.Verdict{Ready: kube.NoOpinion, Reason: "NotForThisNode", Message: "other node"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("verdicts (-want +got):\n%s", diff)
	}
	b.set.setObject(object("", "fine", "2")) // which the agent has yet to look at
	for _, v := range b.set.verdicts() {
		if v.Policy.Name == "fine" {
			t.Errorf("a version that was not loaded is said to be %+v", v)
		}
	}
	var bad collector.PolicyState
	for _, s := range b.set.States() {
		if s.State == collector.LoadError {
			bad = s
		}
	}
	if bad.Policy != "bad" || bad.Namespace != "team" || !strings.Contains(bad.Reason, `"Im"`) {
		t.Errorf("state of the bad policy is %+v", bad)
	}
}

func TestForNode(t *testing.T) {
	selector := &policy.LabelSelector{
		Pos:          policy.Pos{File: "gpu.yaml", Line: 4, Column: 3},
		Requirements: []policy.Requirement{{Key: "gpu", Operator: "In", Values: []string{"yes"}}},
	}
	policies := []*policy.Policy{{Name: "all"}, {Name: "gpu", Node: selector}}
	other, unknown := "gpu.yaml:4:3: nodeSelector does not select this node", "gpu.yaml:4:3: nodeSelector waits for the labels of this node"
	tests := []struct {
		name   string
		node   node
		reason string // why the policy is not for the node
	}{
		{"not told yet", node{}, unknown},
		{"never told", node{told: true}, ""},
		{"none", node{told: true, labels: map[string]string{}}, other},
		{"other", node{told: true, labels: map[string]string{"gpu": "no"}}, other},
		{"same", node{told: true, labels: map[string]string{"gpu": "yes", "zone": "a"}}, ""},
	}
	for _, test := range tests {
		here, skipped, waiting := forNode(policies, test.node)
		if len(here)+len(skipped) != 2 || waiting == test.node.told {
			t.Errorf("%s: %d policies are for the node and %v are not, waiting %v", test.name, len(here), skipped, waiting)
		}
		if reason := skipped[policyKey{"", "gpu"}]; reason != test.reason {
			t.Errorf("%s: skipped because %q, want %q", test.name, reason, test.reason)
		}
	}
}
