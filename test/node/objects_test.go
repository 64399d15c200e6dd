// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tetrameter/tetrameter/exporter/policy/crd"
	"github.com/tetrameter/tetrameter/test/kube"
)

// install applies what a cluster needs before the agent is installed.
func install(ctx context.Context) error {
	files, err := crd.Files()
	if err != nil {
		return err
	}
	for _, f := range files {
		plural := strings.TrimPrefix(strings.TrimSuffix(f.Name, ".yaml"), "cilium.io_")
		path := "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/" + plural + ".cilium.io"
		if err := apply(ctx, path, string(f.Data)); err != nil {
			return err
		}
	}
	docs, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		return err
	}
	const head = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\n"
	_, role, ok := strings.Cut(string(docs), "```yaml\n"+head)
	role, _, closed := strings.Cut(role, "```\n")
	if !ok || !closed {
		return errors.New("docs/operations.md has no ClusterRole")
	}
	const rbac = "/apis/rbac.authorization.k8s.io/v1/"
	return errors.Join(
		server.Namespace(ctx, "tetrameter"), server.Namespace(ctx, "test"),
		apply(ctx, rbac+"clusterroles/tetrameter", head+role),
		apply(ctx, rbac+"clusterrolebindings/tetrameter", `{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding,
			metadata: {name: tetrameter}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: tetrameter},
			subjects: [{kind: ServiceAccount, namespace: tetrameter, name: tetrameter}]}`),
	)
}

func apply(ctx context.Context, path, document string) error {
	answer, err := server.Apply(ctx, path, []byte(document))
	if err := errors.Join(err, answer.Err()); err != nil {
		return fmt.Errorf("apply %s: %w", path, err)
	}
	return nil
}

// create applies an object until the test ends, or until the returned function is
// called, if that is before.
func create(t *testing.T, path, document string) (remove func()) {
	t.Helper()
	// The definitions of policies may not be served yet.
	eventually(t, func() error { return apply(t.Context(), path, document) })
	remove = func() {
		answer, err := server.Do(context.Background(), http.MethodDelete, path+"?propagationPolicy=Background", "", nil)
		if err == nil && answer.Code != http.StatusNotFound {
			err = answer.Err()
		}
		if err != nil {
			t.Errorf("delete %s: %v", path, err)
		}
	}
	t.Cleanup(remove)
	return remove
}

// count applies a policy that counts the calls of setuid that containers make, in
// pods that a selector, in YAML, selects.
func count(t *testing.T, a *agent, name, podSelector string) {
	t.Helper()
	create(t, "/apis/cilium.io/v1alpha1/tracingpolicies/"+name, fmt.Sprintf(`
apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata: {name: %s}
spec:
  podSelector: %s
  kprobes:
  - call: __sys_setuid
    syscall: false
    args: [{index: 0, type: int}]
    selectors:
    - matchArgs: [{index: 0, operator: Equal, values: ["23230"]}]
`, name, podSelector))
	a.expectEnabled(name)
}

// engine is a container, in YAML, that causes 23 events with its first instructions
// and then waits. More is added to it as fields.
func engine(name, more string) string {
	return fmt.Sprintf("{name: %s, image: %s, args: [\"23\"]%s}", name, kube.NodeImage, more)
}

// podSpec is that of a pod with one container, in YAML. More is added to it as fields.
func podSpec(more string) string {
	return fmt.Sprintf("{hostNetwork: true, terminationGracePeriodSeconds: 0, containers: [%s]%s}", engine("engine", ""), more)
}

// template is what pods are made of: labels app and org, and a specification.
func template(app, org, spec string) string {
	return fmt.Sprintf("template: {metadata: {labels: {app: %s, org: %s}}, spec: %s}", app, org, spec)
}

// createWorkload creates an object that makes pods. The specification is in YAML,
// the name is also that of their label app.
func createWorkload(t *testing.T, apiVersion, kind, name, spec string) (remove func()) {
	t.Helper()
	if strings.HasPrefix(apiVersion, "apps/") { // the others find their pods themselves
		spec = fmt.Sprintf("selector: {matchLabels: {app: %s}}, %s", name, spec)
	}
	return create(t, fmt.Sprintf("/apis/%s/namespaces/test/%ss/%s", apiVersion, strings.ToLower(kind), name),
		fmt.Sprintf("{apiVersion: %s, kind: %s, metadata: {name: %s}, spec: {%s}}", apiVersion, kind, name, spec))
}

// pod is what a test asks the API server about a pod.
type pod struct {
	Metadata struct{ Name string }
	Status   struct {
		ContainerStatuses []struct {
			ContainerID  string
			RestartCount int
			State        map[string]struct{ Message string } // by running, waiting or terminated
		}
	}
}

// running says whether the containers run, of which there is one.
func (p pod) running() bool {
	if len(p.Status.ContainerStatuses) == 0 {
		return false
	}
	_, ok := p.Status.ContainerStatuses[0].State["running"]
	return ok
}

// restart kills the container of the only pod with the label, which had been
// restarted so often, and waits until it runs again.
func restart(t *testing.T, app string, restarts int) {
	t.Helper()
	p := running(t, app, restarts)
	_, id, _ := strings.Cut(p.Status.ContainerStatuses[0].ContainerID, "://")
	if err := node.KillContainer(id); err != nil {
		t.Fatal(err)
	}
	running(t, app, restarts+1)
}

// pods are those of the namespace with the label.
func pods(t *testing.T, app string) []pod {
	t.Helper()
	var list struct{ Items []pod }
	if err := server.Get(t.Context(), "/api/v1/namespaces/test/pods?labelSelector=app%3D"+app, &list); err != nil {
		t.Fatal(err)
	}
	return list.Items
}

// running waits until there is one pod with the label, and its container runs and
// was restarted so often.
func running(t *testing.T, app string, restarts int) (p pod) {
	t.Helper()
	eventually(t, func() error {
		list := pods(t, app)
		if len(list) != 1 {
			return fmt.Errorf("%d pods of %s", len(list), app)
		}
		p = list[0]
		s := p.Status.ContainerStatuses
		if len(s) != 1 || s[0].RestartCount != restarts {
			return fmt.Errorf("pod %s was not restarted %d times: %+v", p.Metadata.Name, restarts, s)
		}
		if !p.running() {
			return fmt.Errorf("pod %s does not run: %+v", p.Metadata.Name, s)
		}
		return nil
	})
	return p
}

// gone waits until there is no pod with the label.
func gone(t *testing.T, app string) {
	t.Helper()
	eventually(t, func() error {
		if n := len(pods(t, app)); n > 0 {
			return fmt.Errorf("%d pods of %s", n, app)
		}
		return nil
	})
}

// eventually tries until there is no error, for what other processes bring about.
func eventually(t *testing.T, try func() error) {
	t.Helper()
	var err error
	for end := time.Now().Add(deadline); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if err = try(); err == nil {
			return
		}
	}
	t.Fatalf("not within %v: %v", deadline, err)
}
