// SPDX-License-Identifier: Apache-2.0

package kube_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tetrameter/tetrameter/test/kube"
)

var (
	bin    = flag.String("bin", "../../bin/kube", "directory of etcd and kube-apiserver")
	update = flag.Bool("update", false, "write the golden files instead of comparing with them")
)

// server is one for all tests, which use different names.
var server *kube.Server

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "tetrameter-kube")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	begin := time.Now()
	if server, err = kube.Start(context.Background(), *bin, dir); err != nil {
		return 1, err
	}
	var version struct{ GitVersion string }
	if err := server.Get(context.Background(), "/version", &version); err != nil {
		return 1, errors.Join(err, server.Stop())
	}
	fmt.Printf("kube-apiserver %s was ready after %v\n", version.GitVersion, time.Since(begin).Round(time.Millisecond))
	code = m.Run()
	return code, server.Stop()
}

// TestAccounts: a service account may do what RBAC grants it and nothing else.
func TestAccounts(t *testing.T) {
	ctx := t.Context()
	if err := server.Namespace(ctx, "accounts"); err != nil {
		t.Fatal(err)
	}
	account, err := server.ServiceAccount(ctx, "accounts", "reader")
	if err != nil {
		t.Fatal(err)
	}
	for path, document := range map[string]string{
		"clusterroles/pod-reader": `{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole,
			metadata: {name: pod-reader}, rules: [{apiGroups: [""], resources: [pods], verbs: [list]}]}`,
		"clusterrolebindings/pod-reader": `{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding,
			metadata: {name: pod-reader}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: pod-reader},
			subjects: [{kind: ServiceAccount, namespace: accounts, name: reader}]}`,
	} {
		apply(t, "/apis/rbac.authorization.k8s.io/v1/"+path, document)
	}
	// The authorizer reads roles by a watch.
	eventually(t, func() error {
		return account.Get(ctx, "/api/v1/pods", &struct{}{})
	})
	err = account.Get(ctx, "/api/v1/secrets", &struct{}{})
	want := `get /api/v1/secrets: secrets is forbidden: User "system:serviceaccount:accounts:reader" cannot list ` +
		`resource "secrets" in API group "" at the cluster scope`
	if err == nil || err.Error() != want {
		t.Errorf("error %v\nwant  %s", err, want)
	}
}

// TestRestart: the server comes back with what it had, and with it the clients.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	s, err := kube.Start(t.Context(), *bin, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := s.Namespace(t.Context(), "kept"); err != nil {
		t.Fatal(err)
	}
	before := kubeconfig(t, s.Client)
	type object struct{ Metadata struct{ UID string } }
	var first, second object
	if err := s.Get(t.Context(), "/api/v1/namespaces/kept", &first); err != nil {
		t.Fatal(err)
	}
	if err := s.StopAPI(); err != nil {
		t.Fatal(err)
	}
	if err := s.Get(t.Context(), "/api/v1/namespaces/kept", &second); err == nil ||
		!strings.Contains(err.Error(), "connection refused") {
		t.Errorf("error %v while the server is down, want that the connection is refused", err)
	}
	if err := s.StartAPI(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Get(t.Context(), "/api/v1/namespaces/kept", &second); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, second); diff != "" || first.Metadata.UID == "" {
		t.Errorf("the namespace changed (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(before, kubeconfig(t, s.Client)); diff != "" {
		t.Errorf("the kubeconfig changed (-before +after):\n%s", diff)
	}
}

// TestStartFails: what keeps a server from starting is in the error.
func TestStartFails(t *testing.T) {
	_, err := kube.Start(t.Context(), t.TempDir(), t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "start etcd: ") {
		t.Errorf("error %v, want that etcd cannot be started", err)
	}
}

func kubeconfig(t *testing.T, c *kube.Client) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if err := c.WriteKubeconfig(file, ""); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// apply makes the object at path what the document says.
func apply(t *testing.T, path, document string) {
	t.Helper()
	answer, err := server.Apply(t.Context(), path, []byte(document))
	if err == nil {
		err = answer.Err()
	}
	if err != nil {
		t.Fatalf("apply %s: %v", path, err)
	}
}

// deadline is how long anything may take that a test waits for.
const deadline = 5 * time.Minute

// eventually tries until there is no error.
func eventually(t *testing.T, try func() error) {
	t.Helper()
	var err error
	for end := time.Now().Add(deadline); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if err = try(); err == nil {
			return
		}
	}
	t.Fatalf("not within %v: %v", deadline, err)
}

// remove deletes an object, also when the test is over.
func remove(t *testing.T, path string) {
	t.Helper()
	if err := server.Send(context.Background(), http.MethodDelete, path, struct{}{}, nil); err != nil {
		t.Error(err)
	}
}
