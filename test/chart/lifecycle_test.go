// SPDX-License-Identifier: Apache-2.0

package chart_test

import (
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// contextOf is the test's context, without its end in cleanups.
func contextOf(t *testing.T) context.Context { return context.WithoutCancel(t.Context()) }

// plurals are the names of the kinds of policies.
func plurals() []string { return []string{"tracingpolicies", "tracingpoliciesnamespaced"} }

// cleanDefinitions removes those of policies, now and after the test.
func cleanDefinitions(t *testing.T) {
	t.Helper()
	clean := func() {
		for _, name := range plurals() {
			remove(t, definitions+name+".cilium.io")
		}
	}
	clean()
	t.Cleanup(clean)
}

// uninstall is also for cleanups.
func uninstall(t *testing.T, version, release string) {
	t.Helper()
	args := []string{"uninstall", release, "--namespace=" + release, "--kubeconfig=" + config}
	if out, err := exec.CommandContext(contextOf(t), filepath.Join(*bin, "chart", version), args...).CombinedOutput(); err != nil {
		t.Errorf("uninstall %s: %v\n%s", release, err, out)
	}
}

// exists says whether the server has what is at each path.
func exists(t *testing.T, paths ...string) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for _, path := range paths {
		answer, err := server.Do(t.Context(), http.MethodGet, path, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		if answer.Code != http.StatusOK && answer.Code != http.StatusNotFound {
			t.Fatalf("%s: %v", path, answer.Err())
		}
		found[path] = answer.Code == http.StatusOK
	}
	return found
}

// where are paths of objects of a release, by what has them made.
func where(release string) (always, monitoring, definition []string) {
	in := func(api, namespace, resource string) string {
		return fmt.Sprintf("%s/namespaces/%s/%s/", api, namespace, resource) + release
	}
	always = []string{
		in("/apis/apps/v1", release, "daemonsets"), in("/api/v1", release, "serviceaccounts"),
		"/apis/rbac.authorization.k8s.io/v1/clusterroles/" + release + ":" + release,
		"/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/" + release + ":" + release,
	}
	monitoring = []string{
		in("/apis/monitoring.coreos.com/v1", release, "servicemonitors"),
		in("/apis/monitoring.coreos.com/v1", release, "prometheusrules"),
	}
	for _, name := range plurals() {
		definition = append(definition, definitions+name+".cilium.io")
	}
	return always, monitoring, definition
}

// wantObjects compares which objects a release has.
func wantObjects(t *testing.T, release string, wantAlways, wantMonitoring, wantDefinition bool) {
	t.Helper()
	always, monitoring, definition := where(release)
	want := map[string]bool{}
	for _, path := range always {
		want[path] = wantAlways
	}
	for _, path := range monitoring {
		want[path] = wantMonitoring
	}
	for _, path := range definition {
		want[path] = wantDefinition
	}
	var all []string
	for path := range want {
		all = append(all, path)
	}
	// A definition goes when the server has seen to its objects.
	eventually(t, func() error {
		if diff := cmp.Diff(want, exists(t, all...)); diff != "" {
			return fmt.Errorf("objects (-want +got):\n%s", diff)
		}
		return nil
	})
}

// TestLifecycle: install, upgrade to everything and back, uninstall. What is over is
// gone, but for the definitions, with which policies would go.
func TestLifecycle(t *testing.T) {
	installMonitoring(t)
	for _, version := range versions() {
		t.Run(version, func(t *testing.T) {
			cleanDefinitions(t)
			release := "life-" + version
			named := "--set=fullnameOverride=" + release
			notes := helm(t, version, "install", release, chart, "--namespace="+release, "--create-namespace", named)
			wantObjects(t, release, true, false, true)
			for _, part := range []string{"curl -s http://localhost:2112/metrics", "daemonset/" + release} {
				if !strings.Contains(string(notes), part) {
					t.Errorf("the notes do not say %q:\n%s", part, notes)
				}
			}
			all := "--values=" + chart + "/ci/all-values.yaml"
			helm(t, version, "upgrade", release, chart, "--namespace="+release, named, all,
				"--set=nameOverride=,serviceAccount.name=", // labels of selectors are for ever
				"--set=namespaceOverride=,serviceMonitor.namespace=,prometheusRule.namespace=,crds.keep=true",
				"--set=dashboards.grafanaOperator.enabled=false", "--set=dashboards.namespace=", "--set-json=extraManifests=[]")
			wantObjects(t, release, true, true, true)
			wantSize(t, release, 2)
			helm(t, version, "upgrade", release, chart, "--namespace="+release, named)
			wantObjects(t, release, true, false, true)
			uninstall(t, version, release)
			wantObjects(t, release, false, false, true)
			// Those that were kept are the release's when it comes back.
			helm(t, version, "install", release, chart, "--namespace="+release, named, "--set=crds.keep=false")
			if manifest := helm(t, version, "get", "manifest", release, "--namespace="+release); strings.Count(string(manifest), "kind: CustomResourceDefinition") != 2 {
				t.Error("the release that came back does not have its definitions")
			}
			uninstall(t, version, release)
			wantObjects(t, release, false, false, false)
		})
	}
}

// wantSize checks that what helm keeps of a release has room in a Secret, which may
// have 1 MiB, with as much to come.
func wantSize(t *testing.T, release string, version int) {
	t.Helper()
	path := fmt.Sprintf("/api/v1/namespaces/%s/secrets/sh.helm.release.v1.%[1]s.v%d", release, version)
	var secret struct{ Data map[string][]byte }
	if err := server.Get(t.Context(), path, &secret); err != nil {
		t.Fatal(err)
	}
	if size, most := len(secret.Data["release"]), 512<<10; size == 0 || size > most {
		t.Errorf("the release has %d bytes, want at most %d", size, most)
	}
	t.Logf("the release has %d bytes", len(secret.Data["release"]))
}

// TestForeignDefinitions: definitions of others, here the ones that Tetragon's
// operator makes, are neither taken over nor changed nor removed. Nor are those of
// another release.
func TestForeignDefinitions(t *testing.T) {
	for _, version := range versions() {
		t.Run(version, func(t *testing.T) {
			cleanDefinitions(t)
			foreign := definitions + "tracingpolicies.cilium.io"
			apply(t, foreign, read(t, "testdata/foreign-definition.yaml"))
			before := resourceVersion(t, foreign)
			first, second := "first-"+version, "second-"+version
			for _, release := range []string{first, second} {
				helm(t, version, "install", release, chart, "--namespace="+release, "--create-namespace")
			}
			helm(t, version, "upgrade", first, chart, "--namespace="+first)
			for release, want := range map[string]int{first: 1, second: 0} {
				manifest := helm(t, version, "get", "manifest", release, "--namespace="+release)
				if got := strings.Count(string(manifest), "kind: CustomResourceDefinition"); got != want {
					t.Errorf("release %s has %d definitions, want %d", release, got, want)
				}
			}
			// Who says true is told whose it is.
			_, log, err := program(t, filepath.Join("chart", version), "upgrade", second, chart, "--namespace="+second, "--set=crds.install=true", "--kubeconfig="+config)
			if err == nil || !strings.Contains(log, `"tracingpolicies.cilium.io"`) || !strings.Contains(log, "invalid ownership metadata") {
				t.Errorf("error %v: %s", err, log)
			}
			uninstall(t, version, second)
			uninstall(t, version, first)
			if after := resourceVersion(t, foreign); after != before {
				t.Errorf("the definition was changed: version %s before, %s after", before, after)
			}
		})
	}
}

func resourceVersion(t *testing.T, path string) string {
	t.Helper()
	var o object
	if err := server.Get(t.Context(), path, &o); err != nil {
		t.Fatal(err)
	}
	// Conditions are written by the server.
	return fmt.Sprint(o.at("metadata", "generation"), o.at("metadata", "labels"), o.at("metadata", "annotations"))
}
