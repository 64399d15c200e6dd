// SPDX-License-Identifier: Apache-2.0

package containers

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// compare compares the whole exposition with what it should be.
func (a *agent) compare(want ...string) {
	a.t.Helper()
	slices.Sort(want)
	if diff := cmp.Diff(want, a.events(), cmpopts.EquateEmpty()); diff != "" {
		a.t.Errorf("exposition (-want +got):\n%s", diff)
	}
}

// onHost causes n events in no pod.
func onHost(t *testing.T, n string, options ...string) {
	t.Helper()
	command(t, *triggerFlag, append(options, events(n)[1:]...)...)
}

// hostEvent is the sample that n events of the host make.
func hostEvent(policy string, n int) string {
	return event(*triggerFlag, setuid, policy, &pod{}, n)
}

// runPod creates a pod and starts its sandbox, and the containers that are
// described, which causes no events yet.
func runPod(t *testing.T, a *agent, root string, s podSpec) *pod {
	t.Helper()
	p := createPod(t, a.node, s)
	t.Cleanup(p.delete)
	p.makeCgroup()
	p.container("", root, "", shell()...).start()
	for _, c := range s.containers {
		p.container(c["name"].(string), root, "", shell()...).start()
	}
	p.report()
	a.pods++
	a.containers += len(s.containers)
	a.waitKnown()
	return p
}

// TestContainerSelector: containers of one pod are told apart by name and by image,
// and what is in neither policy's scope is not counted.
func TestContainerSelector(t *testing.T) {
	a := startAgent(t, "--metrics-label-filter", "namespace,workload,pod,binary,container")
	for name, scope := range map[string]string{
		"by-name":  "containerSelector: {matchLabels: {name: web}},",
		"by-image": "containerSelector: {matchExpressions: [{key: repo, operator: In, values: [example.org/proxy]}]},",
		"neither":  "containerSelector: {matchLabels: {name: absent}},",
	} {
		apply(t, "", name, counting("", name, scope))
		a.waitState(name, "enabled")
	}
	p := runPod(t, a, newRoot(t), podSpec{namespace: "scopes", name: "two", containers: []m{
		{"name": "web", "image": "docker.io/library/nginx:1.27"},
		{"name": "proxy", "image": "example.org/proxy@sha256:" + newID()},
	}})
	for i, n := range []string{"5", "7", "11"} { // the sandbox is first
		p.containers[i].exec(events(n)...)
	}
	sample := func(container, policy string, n int) string {
		return fmt.Sprintf("tetragon_policy_events_total{binary=%q,container=%q,hook=%q,namespace=%q,pod=%q,policy=%q,workload=%q} %d",
			"/trigger", container, setuid, "scopes", "two", policy, "two", n)
	}
	a.compare(sample("web", "by-name", 7), sample("proxy", "by-image", 11))
}

// TestLabelChange: a pod that is given the label, or loses it, while it runs.
func TestLabelChange(t *testing.T) {
	a := startAgent(t)
	apply(t, "", "labels", counting("", "labels", "podSelector: {matchLabels: {watched: yes-please}},"))
	a.waitState("labels", "enabled")
	p := runPod(t, a, newRoot(t), podSpec{namespace: "scopes", name: "chameleon"})
	total := 0
	for i, step := range []struct {
		label   string
		counted bool
	}{{"yes-please", true}, {"no", false}, {"yes-please", true}} {
		p.label("watched", step.label)
		// Changes come in order: who knows of a later pod knows the label.
		later := createPod(t, a.node, podSpec{namespace: "scopes", name: fmt.Sprint("later-", i)})
		t.Cleanup(later.delete)
		a.pods++
		a.waitKnown()
		p.containers[0].do(events("5")...)
		if step.counted {
			total += 5
		}
	}
	a.compare(event("/trigger", setuid, "labels", p, total))
}

// TestNamespacedPolicies: policies with one name in two namespaces count each
// their own pods; with the label for it their series are told apart.
func TestNamespacedPolicies(t *testing.T) {
	a := startAgent(t, "--metrics-label-filter", "namespace,workload,pod,binary,policy_namespace")
	root := newRoot(t)
	var want []string
	for i, namespace := range []string{"east", "west"} {
		p := runPod(t, a, root, podSpec{namespace: namespace, name: "app"})
		apply(t, namespace, "same", counting(namespace, "same", ""))
		n := []int{5, 7}[i]
		want = append(want, fmt.Sprintf("tetragon_policy_events_total{binary=%q,hook=%q,namespace=%q,pod=%q,policy=%q,policy_namespace=%q,workload=%q} %d",
			"/trigger", setuid, namespace, "app", "same", namespace, "app", n))
		a.eventually(func() error {
			if v := a.value("tetrameter_policy_state", fmt.Sprintf("policy_namespace=%q", namespace), `state="enabled"`); v != 1 {
				return fmt.Errorf("policy in %s is not enabled", namespace)
			}
			return nil
		})
		p.containers[0].do(events(fmt.Sprint(n))...)
	}
	other := runPod(t, a, root, podSpec{namespace: "scopes", name: "elsewhere"})
	other.containers[0].do(events("11")...)
	onHost(t, "13")
	a.compare(want...)
}

// TestHostAndPods: hostSelector takes in the host, a selector of pods leaves it
// out, and none takes in both.
func TestHostAndPods(t *testing.T) {
	a := startAgent(t)
	for name, scope := range map[string]string{
		"everything": "",
		"host":       "hostSelector: {},",
		"pods":       "podSelector: {},",
		"both":       "hostSelector: {}, podSelector: {matchLabels: {tier: front}},",
	} {
		apply(t, "", name, counting("", name, scope))
		a.waitState(name, "enabled")
	}
	root := newRoot(t)
	front := runPod(t, a, root, podSpec{namespace: "scopes", name: "front", labels: m{"tier": "front"}, class: guaranteed, driver: systemd})
	back := runPod(t, a, root, podSpec{namespace: "scopes", name: "back", class: bestEffort, driver: systemd})
	front.containers[0].do(events("5")...)
	back.containers[0].do(events("7")...)
	onHost(t, "11")
	sample := func(policy string, p *pod, n int) string { return event("/trigger", setuid, policy, p, n) }
	a.compare(
		sample("everything", front, 5), sample("everything", back, 7), hostEvent("everything", 11),
		hostEvent("host", 11),
		sample("pods", front, 5), sample("pods", back, 7),
		sample("both", front, 5), hostEvent("both", 11),
	)
}

// TestNodeSelector: a policy is for the node as long as its labels say so.
func TestNodeSelector(t *testing.T) {
	a := startAgent(t)
	apply(t, "", "gpu-nodes", counting("", "gpu-nodes", "nodeSelector: {matchLabels: {gpu: present}},"))
	a.waitState("gpu-nodes", "skipped")
	onHost(t, "5")
	patch(t, "/api/v1/nodes/"+a.node, `{"metadata": {"labels": {"gpu": "present"}}}`)
	a.waitState("gpu-nodes", "enabled")
	onHost(t, "7")
	patch(t, "/api/v1/nodes/"+a.node, `{"metadata": {"labels": {"gpu": null}}}`)
	a.waitState("gpu-nodes", "skipped")
	onHost(t, "11")
	a.compare(hostEvent("gpu-nodes", 7))
}

// TestNodeSelectorAtStart: an agent that hears of a policy before it hears of its
// node does not count for other nodes meanwhile.
func TestNodeSelectorAtStart(t *testing.T) {
	a := startAgent(t)
	apply(t, "", "gpu-nodes", counting("", "gpu-nodes", "nodeSelector: {matchLabels: {gpu: present}},"))
	a.waitState("gpu-nodes", "skipped")
	done := make(chan bool)
	go func() {
		defer close(done)
		onHost(t, "2000", "pause", "500")
	}()
	for range 3 {
		a.kill()
		a.start()
		a.waitReady()
	}
	<-done
	a.compare()
}

// TestMatchWorkloads: a selector of a policy can be for other pods than another.
func TestMatchWorkloads(t *testing.T) {
	a := startAgent(t)
	apply(t, "", "tiers", fmt.Sprintf(`{apiVersion: cilium.io/v1alpha1, kind: TracingPolicy, metadata: {name: tiers}, spec: {
  kprobes: [{call: __sys_setuid, syscall: false, args: [{index: 0, type: int}], selectors: [
    {matchWorkloads: [{podSelector: {matchLabels: {tier: front}}}], matchArgs: [{index: 0, operator: Equal, values: ["%d"]}]},
    {matchWorkloads: [{podSelector: {matchLabels: {tier: back}}}], matchArgs: [{index: 0, operator: Equal, values: ["4343"]}]}]}]}}
`, user))
	a.waitState("tiers", "enabled")
	root := newRoot(t)
	front := runPod(t, a, root, podSpec{namespace: "scopes", name: "front", labels: m{"tier": "front"}})
	back := runPod(t, a, root, podSpec{namespace: "scopes", name: "back", labels: m{"tier": "back"}})
	for _, p := range []*pod{front, back} {
		p.containers[0].do(events("5")...)
		p.containers[0].do("/trigger", "repeat", "7", "setuid", "4343")
	}
	onHost(t, "11")
	a.compare(event("/trigger", setuid, "tiers", front, 5), event("/trigger", setuid, "tiers", back, 7))
}

// TestManyScopes: more policies with scopes of their own than the reference
// system has bits for.
func TestManyScopes(t *testing.T) {
	const scopes = 150
	a := startAgent(t)
	for i := range scopes {
		name := fmt.Sprintf("scope-%03d", i)
		apply(t, "", name, counting("", name, fmt.Sprintf("podSelector: {matchLabels: {number: n%d}},", i)))
	}
	a.eventually(func() error {
		if n := a.value("tetrameter_policy_state", `state="enabled"`); n != scopes {
			return fmt.Errorf("%v policies are enabled, want %d", n, scopes)
		}
		return nil
	})
	root := newRoot(t)
	var want []string
	for _, i := range []int{0, 63, 64, 127, 128, 149} {
		p := runPod(t, a, root, podSpec{namespace: "scopes", name: fmt.Sprint("pod-", i), labels: m{"number": fmt.Sprint("n", i)}})
		p.containers[0].do(events("5")...)
		want = append(want, event("/trigger", setuid, fmt.Sprintf("scope-%03d", i), p, 5))
	}
	a.compare(want...)
	onHost(t, "1")
	a.compare(want...)
}
