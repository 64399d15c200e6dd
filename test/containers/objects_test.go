// SPDX-License-Identifier: Apache-2.0

package containers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tetrameter/tetrameter/exporter/policy/crd"
)

// m is an object of JSON.
type m map[string]any

const definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/"

// resources are the paths of policies, by the name of their definition's file.
func resources() map[string]string {
	return map[string]string{
		"tracingpolicies":           "/apis/cilium.io/v1alpha1/tracingpolicies",
		"tracingpoliciesnamespaced": "/apis/cilium.io/v1alpha1/tracingpoliciesnamespaced",
	}
}

// defineResources installs the definitions and waits until they are served.
func defineResources(ctx context.Context) error {
	files, err := crd.Files()
	if err != nil {
		return err
	}
	for _, f := range files {
		plural := strings.TrimPrefix(strings.TrimSuffix(f.Name, ".yaml"), "cilium.io_")
		answer, err := server.Apply(ctx, definitions+plural+".cilium.io", f.Data)
		if err := errors.Join(err, answer.Err()); err != nil {
			return fmt.Errorf("define %s: %w", plural, err)
		}
	}
	for _, path := range resources() {
		var err error
		for end := time.Now().Add(deadline); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
			if err = server.Get(ctx, path, &m{}); err == nil {
				break
			}
		}
		if err != nil {
			return fmt.Errorf("%s is not served: %w", path, err)
		}
	}
	return nil
}

// undefineResources removes the definitions, and with them all policies.
func undefineResources(t *testing.T) {
	t.Helper()
	for plural, path := range resources() {
		remove(t, definitions+plural+".cilium.io")
		eventually(t, func() error {
			if err := server.Get(t.Context(), path, &m{}); err == nil {
				return fmt.Errorf("%s is still served", path)
			}
			return nil
		})
	}
}

// makeNode makes a node until the test ends.
func makeNode(t *testing.T, name string, labels m) {
	t.Helper()
	send(t, http.MethodPost, "/api/v1/nodes", m{"metadata": m{"name": name, "labels": labels}}, nil)
	t.Cleanup(func() { remove(t, "/api/v1/nodes/"+name) })
}

// send has the server accept an object.
func send(t *testing.T, method, path string, object, answer any) {
	t.Helper()
	if err := server.Send(t.Context(), method, path, object, answer); err != nil {
		t.Fatal(err)
	}
}

// patch merges something into an object.
func patch(t *testing.T, path, change string) {
	t.Helper()
	answer, err := server.Do(t.Context(), http.MethodPatch, path, "application/merge-patch+json", []byte(change))
	if err := errors.Join(err, answer.Err()); err != nil {
		t.Fatalf("patch %s: %v", path, err)
	}
}

// remove deletes an object, also when the test has ended.
func remove(t *testing.T, path string) {
	t.Helper()
	if err := server.Send(context.Background(), http.MethodDelete, path, m{"gracePeriodSeconds": 0}, nil); err != nil {
		t.Error(err)
	}
}

// apply makes a policy what the document says, until the test ends. It is cluster
// wide if the namespace is empty.
func apply(t *testing.T, namespace, name, document string) (path string) {
	t.Helper()
	path = "/apis/cilium.io/v1alpha1/tracingpolicies/" + name
	if namespace != "" {
		path = "/apis/cilium.io/v1alpha1/namespaces/" + namespace + "/tracingpoliciesnamespaced/" + name
	}
	answer, err := server.Apply(t.Context(), path, []byte(document))
	if err := errors.Join(err, answer.Err()); err != nil {
		t.Fatalf("apply %s: %v", path, err)
	}
	t.Cleanup(func() {
		answer, err := server.Do(context.Background(), http.MethodDelete, path, "", nil)
		if err == nil && answer.Code != http.StatusNotFound {
			err = answer.Err()
		}
		if err != nil {
			t.Errorf("delete %s: %v", path, err)
		}
	})
	return path
}

// user is what the test's own policies count: setuid to this number, which
// nobody else calls.
const user = 4242

const setuid = "kprobe:__sys_setuid"

// counting is a policy that counts setuid to user in a scope, which is YAML of a
// specification in one line.
func counting(namespace, name, scope string) string {
	kind, in := "TracingPolicy", ""
	if namespace != "" {
		kind, in = "TracingPolicyNamespaced", ", namespace: "+namespace
	}
	return fmt.Sprintf(`{apiVersion: cilium.io/v1alpha1, kind: %s, metadata: {name: %s%s}, spec: {%s
  kprobes: [{call: __sys_setuid, syscall: false, args: [{index: 0, type: int}],
    selectors: [{matchArgs: [{index: 0, operator: Equal, values: ["%d"]}]}]}]}}
`, kind, name, in, scope, user)
}
