// SPDX-License-Identifier: Apache-2.0

package containers

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRestartWithoutServer: an agent is killed while the API server is away. What
// was counted goes on being counted, for the pods that it was counted for and with
// their labels.
func TestRestartWithoutServer(t *testing.T) {
	a := startAgent(t)
	apply(t, "", "kept", counting("", "kept", "podSelector: {matchLabels: {keep: counting}},"))
	a.waitState("kept", "enabled")
	root := newRoot(t)
	kept := runPod(t, a, root, podSpec{namespace: "restart", name: "kept", labels: m{"keep": "counting"}})
	other := runPod(t, a, root, podSpec{namespace: "restart", name: "other"})
	step := func(n string) {
		t.Helper()
		kept.containers[0].do(events(n)...)
		other.containers[0].do(events(n)...)
	}
	step("5")
	a.relay.down()
	step("7") // the agent has nobody to ask
	a.compare(event("/trigger", setuid, "kept", kept, 12))
	a.kill()
	step("11") // no agent
	a.start()
	step("13") // the new agent has nobody to ask
	a.compare(event("/trigger", setuid, "kept", kept, 36))
	if answer := a.get("/-/ready"); strings.Contains(answer, "is ready") {
		t.Error("the agent is ready though it does not know what to count")
	}
	a.relay.up()
	a.waitReady()
	step("17")
	a.compare(event("/trigger", setuid, "kept", kept, 53))
}

// TestRestartUnderLoad: agents are killed and started while containers make events.
func TestRestartUnderLoad(t *testing.T) {
	const restarts, each = 3, 2000
	a := startAgent(t)
	apply(t, "", "load", counting("", "load", "podSelector: {matchLabels: {load: heavy}},"))
	a.waitState("load", "enabled")
	root := newRoot(t)
	p := runPod(t, a, root, podSpec{namespace: "restart", name: "busy", labels: m{"load": "heavy"}})
	for range restarts {
		before := sum(t, a.events())
		load := p.container("main", root, "", "/trigger", "repeat", fmt.Sprint(each), "pause", "500", "setuid", fmt.Sprint(user))
		done := make(chan bool)
		go func() {
			defer close(done)
			load.run()
		}()
		a.eventually(func() error {
			if sum(t, a.events()) <= before {
				return fmt.Errorf("no more than %v events", before)
			}
			return nil
		})
		a.kill()
		a.start()
		a.waitReady()
		if now := sum(t, a.events()); now <= before {
			t.Errorf("%v events before the restart, %v after", before, now)
		}
		<-done
	}
	a.compare(event("/trigger", setuid, "load", p, restarts*each))
}

// TestNoDefinitions: an agent that is started before the definitions of policies
// are installed has nothing to count, and counts once they are and there is one.
func TestNoDefinitions(t *testing.T) {
	undefineResources(t)
	a := startAgent(t)
	want := []string{
		`tetrameter_kubernetes_watch_state{resource="nodes",state="synced"} 1`,
		`tetrameter_kubernetes_watch_state{resource="pods",state="synced"} 1`,
		`tetrameter_kubernetes_watch_state{resource="tracingpolicies",state="absent"} 1`,
		`tetrameter_kubernetes_watch_state{resource="tracingpoliciesnamespaced",state="absent"} 1`,
	}
	var got []string
	for _, line := range a.family("tetrameter_kubernetes_watch_state") {
		if strings.HasSuffix(line, " 1") {
			got = append(got, line)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("watches (-want +got):\n%s", diff)
	}
	if err := defineResources(t.Context()); err != nil {
		t.Fatal(err)
	}
	apply(t, "", "first", counting("", "first", "podSelector: {},"))
	a.waitState("first", "enabled")
	p := runPod(t, a, newRoot(t), podSpec{namespace: "restart", name: "app"})
	p.containers[0].do(events("23")...)
	a.compare(event("/trigger", setuid, "first", p, 23))
}

// TestBadPolicy: a custom resource that cannot be loaded is said to be bad, in the
// metrics and as an event, and the others count.
func TestBadPolicy(t *testing.T) {
	a := startAgent(t)
	apply(t, "", "good", counting("", "good", "podSelector: {},"))
	a.waitState("good", "enabled")
	path := apply(t, "", "bad", strings.Replace(counting("", "bad", ""), "__sys_setuid", "no_such_function", 1))
	a.waitState("bad", "error")
	var bad struct{ Metadata struct{ UID string } }
	if err := server.Get(t.Context(), path, &bad); err != nil {
		t.Fatal(err)
	}
	a.eventually(func() error {
		var list struct {
			Items []struct{ Reason, Type, Message string }
		}
		query := "/api/v1/namespaces/default/events?fieldSelector=involvedObject.uid%3D" + bad.Metadata.UID
		if err := server.Get(t.Context(), query, &list); err != nil {
			return err
		}
		if len(list.Items) != 1 || list.Items[0].Type != "Warning" || !strings.Contains(list.Items[0].Message, "no_such_function") {
			return fmt.Errorf("events %+v, want one that names the function", list.Items)
		}
		return nil
	})
	expectReady(a, path, "False")
	expectReady(a, strings.TrimSuffix(path, "bad")+"good", "True")
	p := runPod(t, a, newRoot(t), podSpec{namespace: "restart", name: "app"})
	p.containers[0].do(events("23")...)
	a.compare(event("/trigger", setuid, "good", p, 23))
}

// expectReady waits until a policy has this condition.
func expectReady(a *agent, path, want string) {
	a.t.Helper()
	a.eventually(func() error {
		var policy struct {
			Status struct {
				Conditions []struct{ Type, Status, Message string }
			}
		}
		if err := server.Get(a.t.Context(), path, &policy); err != nil {
			return err
		}
		c := policy.Status.Conditions
		if len(c) != 1 || c[0].Type != "Ready" || c[0].Status != want {
			return fmt.Errorf("conditions %+v of %s, want Ready=%s", c, path, want)
		}
		return nil
	})
}
