// SPDX-License-Identifier: Apache-2.0

package kube_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tetrameter/tetrameter/exporter/policy"
	"github.com/tetrameter/tetrameter/exporter/policy/crd"
	"github.com/tetrameter/tetrameter/exporter/workload"
	client "github.com/tetrameter/tetrameter/exporter/workload/kube"
	"github.com/tetrameter/tetrameter/test/kube"
)

// fresh starts a server without the definitions of policies, and returns the
// account of the agent on it, which may do nothing yet.
func fresh(t *testing.T) (s *kube.Server, account *kube.Client) {
	t.Helper()
	s, err := kube.Start(t.Context(), *bin, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	for _, namespace := range []string{"tetrameter", "test"} {
		if err := s.Namespace(t.Context(), namespace); err != nil {
			t.Fatal(err)
		}
	}
	account, err = s.ServiceAccount(t.Context(), "tetrameter", "tetrameter")
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, "/api/v1/nodes/"+node, `{apiVersion: v1, kind: Node, metadata: {name: `+node+`, labels: {disk: ssd}}}`)
	return s, account
}

// put makes the object at path what the document says.
func put(t *testing.T, s *kube.Server, path, document string) {
	t.Helper()
	answer, err := s.Apply(t.Context(), path, []byte(document))
	if err == nil {
		err = answer.Err()
	}
	if err != nil {
		t.Fatalf("apply %s: %v", path, err)
	}
}

func del(t *testing.T, s *kube.Server, path string) {
	t.Helper()
	options := map[string]any{"gracePeriodSeconds": 0}
	if err := s.Send(t.Context(), http.MethodDelete, path, options, nil); err != nil {
		t.Fatal(err)
	}
}

// grant gives the account the role that docs/operations.md has.
func grant(t *testing.T, s *kube.Server) {
	t.Helper()
	docs, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, role, ok := strings.Cut(string(docs), "```yaml\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\n")
	role, _, closed := strings.Cut(role, "```\n")
	if !ok || !closed {
		t.Fatal("docs/operations.md has no ClusterRole")
	}
	const rbac = "/apis/rbac.authorization.k8s.io/v1/"
	put(t, s, rbac+"clusterroles/tetrameter", "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\n"+role)
	put(t, s, rbac+"clusterrolebindings/tetrameter", `{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding,
		metadata: {name: tetrameter}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: tetrameter},
		subjects: [{kind: ServiceAccount, namespace: tetrameter, name: tetrameter}]}`)
}

// define installs the definitions of policies.
func define(t *testing.T, s *kube.Server) {
	t.Helper()
	files, err := crd.Files()
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		plural := strings.TrimSuffix(strings.TrimPrefix(file.Name, "cilium.io_"), ".yaml")
		put(t, s, definitions+plural+".cilium.io", string(file.Data))
	}
}

const (
	clusterPolicies = "/apis/cilium.io/v1alpha1/tracingpolicies/"
	testPolicies    = "/apis/cilium.io/v1alpha1/namespaces/test/tracingpoliciesnamespaced/"
)

// putPolicy applies a policy about a user id.
func putPolicy(t *testing.T, s *kube.Server, path string, uid int) {
	t.Helper()
	name, kind := path[strings.LastIndexByte(path, '/')+1:], "TracingPolicy"
	if strings.Contains(path, "namespaced") {
		kind = "TracingPolicyNamespaced"
	}
	eventually(t, func() error { // a definition takes a moment
		answer, err := s.Apply(t.Context(), path, fmt.Appendf(nil, `{apiVersion: cilium.io/v1alpha1, kind: %s, metadata: {name: %s},
			spec: {kprobes: [{call: __sys_setuid, syscall: false, args: [{index: 0, type: int}],
			selectors: [{matchArgs: [{index: 0, operator: Equal, values: ["%d"]}]}]}]}}`, kind, name, uid))
		if err == nil {
			err = answer.Err()
		}
		return err
	})
}

// putPod creates a pod on a node.
func putPod(ctx context.Context, s *kube.Server, name, node, label string) error {
	answer, err := s.Apply(ctx, "/api/v1/namespaces/test/pods/"+name, fmt.Appendf(nil, `{apiVersion: v1, kind: Pod,
		metadata: {name: %s, labels: {org: %s}},
		spec: {nodeName: %s, containers: [{name: main, image: "busybox:1.36", env: [{name: FILL, value: %s}]}]}}`,
		name, label, node, strings.Repeat("x", 1000)))
	if err == nil {
		err = answer.Err()
	}
	return err
}

func mustPutPod(t *testing.T, s *kube.Server, name, node, label string) {
	t.Helper()
	if err := putPod(t.Context(), s, name, node, label); err != nil {
		t.Fatal(err)
	}
}

func sorted(list []string) string {
	slices.Sort(list)
	return fmt.Sprint(list)
}

// TestFollow: what happens on the server reaches the handler, with exactly the
// documented role, also what is installed after the client started.
func TestFollow(t *testing.T) {
	s, account := fresh(t)
	_, kubeconfig := connect(t, account)
	c, v := follow(t, kubeconfig, node)
	expectStates(t, c, client.WatchForbidden, client.WatchForbidden, client.WatchForbidden, client.WatchForbidden)
	for _, e := range c.Stats().Errors {
		if e.Code != "403" || e.Count == 0 {
			t.Errorf("unexpected error %+v", e)
		}
	}
	grant(t, s)
	expectStates(t, c, client.WatchSynced, client.WatchSynced, client.WatchAbsent, client.WatchAbsent)
	define(t, s)
	expectStates(t, c, client.WatchSynced, client.WatchSynced, client.WatchSynced, client.WatchSynced)
	t.Run("pods", func(t *testing.T) { followPods(t, s, v) })
	t.Run("policies", func(t *testing.T) { followPolicies(t, s, v) })
	t.Run("node", func(t *testing.T) { followNode(t, s, v) })
	t.Run("reports", func(t *testing.T) { reportOnce(t, s, kubeconfig) })
	t.Run("statuses", func(t *testing.T) { writeStatus(t, s, kubeconfig) })

	v.expect(t, func() error { return equal(v.policyNames(), "[test/broken]") })
	del(t, s, definitions+"tracingpoliciesnamespaced.cilium.io")
	v.expect(t, func() error { return equal(v.policyNames(), "[]") })
	expectStates(t, c, client.WatchSynced, client.WatchSynced, client.WatchSynced, client.WatchAbsent)
}

func followPods(t *testing.T, s *kube.Server, v *view) {
	mustPutPod(t, s, "xwing", node, "alliance")
	mustPutPod(t, s, "elsewhere", "worker-2", "alliance")
	put(t, s, "/api/v1/namespaces/test/pods/xwing/status", `{apiVersion: v1, kind: Pod, metadata: {name: xwing}, status: {
		phase: Running, containerStatuses: [{name: main, image: x, imageID: x, ready: true, restartCount: 0,
		containerID: "containerd://0123", state: {running: {}}}]}}`)
	var object struct{ Metadata struct{ UID string } }
	if err := s.Get(t.Context(), "/api/v1/namespaces/test/pods/xwing", &object); err != nil {
		t.Fatal(err)
	}
	want := map[string]workload.Pod{object.Metadata.UID: {
		UID: object.Metadata.UID, Namespace: "test", Name: "xwing", Workload: "xwing", Kind: "Pod",
		Labels:     map[string]string{"org": "alliance"},
		Containers: []workload.Container{{Name: "main", Image: "busybox:1.36", ID: "0123"}},
	}}
	v.expect(t, func() error {
		if diff := cmp.Diff(want, v.pods); diff != "" {
			return fmt.Errorf("pods (-want +got):\n%s", diff)
		}
		return nil
	})
	put(t, s, "/api/v1/namespaces/test/pods/xwing/status", `{apiVersion: v1, kind: Pod, metadata: {name: xwing}, status: {
		phase: Succeeded, containerStatuses: [{name: main, image: x, imageID: x, ready: false, restartCount: 0,
		containerID: "containerd://0123", state: {terminated: {exitCode: 0}}}]}}`)
	v.expect(t, func() error { return equal(v.names(), "[]") })
	mustPutPod(t, s, "ywing", node, "alliance")
	v.expect(t, func() error { return equal(v.names(), "[ywing]") })
	del(t, s, "/api/v1/namespaces/test/pods/ywing")
	v.expect(t, func() error { return equal(v.names(), "[]") })
}

func followPolicies(t *testing.T, s *kube.Server, v *view) {
	begin := time.Now()
	putPolicy(t, s, clusterPolicies+"setuid", 0)
	putPolicy(t, s, testPolicies+"setuid", 0)
	v.expect(t, func() error { return equal(v.policyNames(), "[/setuid test/setuid]") })
	t.Logf("two policies were there after %v", time.Since(begin))
	v.locked(func() {
		for key, p := range v.policies {
			parsed, err := policy.Parse(key.Name, p.Data)
			if err != nil || parsed.Namespace != key.Namespace || parsed.Name != key.Name {
				t.Errorf("%+v: %v\n%s", key, err, p.Data)
			}
		}
		v.changed = nil
	})
	// What is not a change of the policy is not told, so what follows it comes first.
	put(t, s, clusterPolicies+"setuid/status", `{apiVersion: cilium.io/v1alpha1, kind: TracingPolicy,
		metadata: {name: setuid}, status: {conditions: [{type: Ready, status: "True", reason: Loaded, message: "",
		lastTransitionTime: "2020-02-02T02:02:02Z"}]}}`)
	putPolicy(t, s, clusterPolicies+"setuid", 1000)
	changed := client.PolicyKey{Name: "setuid"}
	v.expect(t, func() error {
		if p := v.policies[changed]; p.Generation != 2 || !strings.Contains(string(p.Data), "1000") {
			return fmt.Errorf("generation %d of %s", p.Generation, p.Data)
		}
		return equal(sorted(v.changed), "[setuid]")
	})
	del(t, s, testPolicies+"setuid")
	v.expect(t, func() error { return equal(v.policyNames(), "[/setuid]") })
	del(t, s, clusterPolicies+"setuid")
	v.expect(t, func() error { return equal(v.policyNames(), "[]") })
}

func followNode(t *testing.T, s *kube.Server, v *view) {
	v.expect(t, func() error { return equal(v.labels["disk"], "ssd") })
	put(t, s, "/api/v1/nodes/"+node, `{apiVersion: v1, kind: Node, metadata: {name: `+node+`, labels: {disk: hdd}}}`)
	v.expect(t, func() error { return equal(v.labels["disk"], "hdd") })
}

// TestOtherNodes: pods of other nodes cost nothing, before and while the client
// watches.
func TestOtherNodes(t *testing.T) {
	s, account := fresh(t)
	grant(t, s)
	define(t, s)
	crowd(t, s, 0, 2500)
	mustPutPod(t, s, "xwing", node, "alliance")
	connection, kubeconfig := connect(t, account)
	c, v := follow(t, kubeconfig, node)
	v.expect(t, func() error { return equal(v.names(), "[xwing]") })
	expectStates(t, c, client.WatchSynced, client.WatchSynced, client.WatchSynced, client.WatchSynced)
	before := connection.received.Load()
	crowd(t, s, 2500, 5000)
	mustPutPod(t, s, "ywing", node, "alliance")
	v.expect(t, func() error { return equal(v.names(), "[xwing ywing]") })
	after := connection.received.Load()
	v.locked(func() {
		if v.told != 2 {
			t.Errorf("told of %d pods, want 2", v.told)
		}
	})
	// A pod has more than 1 kB here, and the start takes a TLS handshake.
	t.Logf("%d bytes received to start, %d for ywing while 2500 others were created", before, after-before)
	if after > 50_000 {
		t.Errorf("%d bytes received for 2 pods among 5000", after)
	}
}

// crowd creates pods on other nodes.
func crowd(t *testing.T, s *kube.Server, from, to int) {
	t.Helper()
	var group sync.WaitGroup
	const writers = 8
	for w := range writers {
		group.Go(func() {
			for i := from + w; i < to; i += writers {
				if err := putPod(t.Context(), s, fmt.Sprintf("pod-%d", i), fmt.Sprintf("other-%d", i%50), "crowd"); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
}

// TestServerRestart: while the server is away everything known stays; what was
// changed and deleted before the client was back is told then.
func TestServerRestart(t *testing.T) {
	s, account := fresh(t)
	grant(t, s)
	define(t, s)
	for _, name := range []string{"kept", "deleted", "changed"} {
		mustPutPod(t, s, name, node, "before")
		putPolicy(t, s, clusterPolicies+name, 0)
		putPolicy(t, s, testPolicies+name, 0)
	}
	connection, kubeconfig := connect(t, account)
	c, v := follow(t, kubeconfig, node)
	v.expect(t, func() error { return equal(v.names(), "[changed deleted kept]") })
	const all = "[/changed /deleted /kept test/changed test/deleted test/kept]"
	v.expect(t, func() error { return equal(v.policyNames(), all) })

	connection.cut() // the server would wait for the end of its watches
	if err := s.StopAPI(); err != nil {
		t.Fatal(err)
	}
	expectStates(t, c, client.WatchFailing, client.WatchFailing, client.WatchFailing, client.WatchFailing)
	v.expect(t, func() error { return equal(v.names()+v.policyNames(), "[changed deleted kept]"+all) })
	if err := s.StartAPI(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustPutPod(t, s, "changed", node, "after")
	mustPutPod(t, s, "created", node, "after")
	del(t, s, "/api/v1/namespaces/test/pods/deleted")
	for _, path := range []string{clusterPolicies, testPolicies} {
		putPolicy(t, s, path+"changed", 1000)
		putPolicy(t, s, path+"created", 0)
		del(t, s, path+"deleted")
	}
	connection.restore(t)

	begin := time.Now()
	v.expect(t, func() error { return equal(v.names(), "[changed created kept]") })
	v.expect(t, func() error {
		return equal(v.policyNames(), "[/changed /created /kept test/changed test/created test/kept]")
	})
	t.Logf("all was told %v after the server was back", time.Since(begin))
	v.locked(func() {
		for _, p := range v.pods {
			if after := p.Labels["org"] == "after"; after != (p.Name != "kept") {
				t.Errorf("pod %s has labels %v", p.Name, p.Labels)
			}
		}
		for key, p := range v.policies {
			if after := strings.Contains(string(p.Data), "1000"); after != (key.Name == "changed") {
				t.Errorf("policy %+v: %s", key, p.Data)
			}
		}
	})
	expectStates(t, c, client.WatchSynced, client.WatchSynced, client.WatchSynced, client.WatchSynced)
}
