// SPDX-License-Identifier: Apache-2.0

package chart_test

import (
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

const definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/"

// eventually tries until there is no error.
func eventually(t *testing.T, try func() error) {
	t.Helper()
	var err error
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if err = try(); err == nil {
			return
		}
	}
	t.Fatal(err)
}

// installMonitoring has the server know the Prometheus operator's kinds, until the
// test is over.
func installMonitoring(t *testing.T) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(*bin, "chart/monitoring/*.yaml"))
	if err != nil || len(files) != 3 {
		t.Fatalf("%d files of definitions, error %v, want 3", len(files), err)
	}
	for _, file := range files {
		data := read(t, file)
		path := definitions + decode(t, data)[0].text("metadata", "name")
		apply(t, path, data)
		t.Cleanup(func() { remove(t, path) })
	}
	for _, kind := range []string{"ServiceMonitor", "PodMonitor", "PrometheusRule"} {
		eventually(t, func() error { _, err := resource(t, "monitoring.coreos.com/v1", kind); return err })
	}
}

func apply(t *testing.T, path string, document []byte) {
	t.Helper()
	answer, err := server.Apply(t.Context(), path, document)
	if err := errors.Join(err, answer.Err()); err != nil {
		t.Fatalf("apply %s: %v", path, err)
	}
}

// remove deletes an object, and waits until it is gone.
func remove(t *testing.T, path string) {
	t.Helper()
	// The test's context has ended where this is a cleanup.
	ctx := contextOf(t)
	answer, err := server.Do(ctx, http.MethodDelete, path, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := answer.Err(); err != nil && answer.Code != http.StatusNotFound {
		t.Fatalf("delete %s: %v", path, err)
	}
	eventually(t, func() error {
		answer, err := server.Do(ctx, http.MethodGet, path, "", nil)
		if err == nil && answer.Code != http.StatusNotFound {
			err = fmt.Errorf("%s is still there: %s", path, answer.Status)
		}
		return err
	})
}

// discovered is what the server says of a kind.
type discovered struct {
	Kind, Name string
	Namespaced bool
}

// resource asks the server for a kind.
func resource(t *testing.T, version, kind string) (discovered, error) {
	t.Helper()
	var list struct{ Resources []discovered }
	if err := server.Get(t.Context(), root(version), &list); err != nil {
		return discovered{}, err
	}
	for _, r := range list.Resources {
		if r.Kind == kind && !strings.Contains(r.Name, "/") {
			return r, nil
		}
	}
	return discovered{}, fmt.Errorf("%s has no %s", version, kind)
}

func root(version string) string {
	if version == "v1" {
		return "/api/v1"
	}
	return "/apis/" + version
}

// try asks the server what it would make of a new object, and returns the message
// with which it refuses it. The server says nothing of fields that it does not know
// unless it is asked to.
func try(t *testing.T, o object) error {
	t.Helper()
	r, err := resource(t, o.text("apiVersion"), o.text("kind"))
	if err != nil {
		return err
	}
	path := root(o.text("apiVersion")) + "/" + r.Name
	if r.Namespaced {
		namespace := o.text("metadata", "namespace")
		if namespace == "" {
			return fmt.Errorf("no namespace")
		}
		// To make it again would take the labels away that another test gave it.
		if !exists(t, "/api/v1/namespaces/"+namespace)["/api/v1/namespaces/"+namespace] {
			if err := server.Namespace(t.Context(), namespace); err != nil {
				return err
			}
		}
		path = root(o.text("apiVersion")) + "/namespaces/" + namespace + "/" + r.Name
	}
	data, err := yaml.Marshal(map[string]any(o))
	if err != nil {
		return err
	}
	answer, err := server.Do(t.Context(), http.MethodPost, path+"?dryRun=All&fieldValidation=Strict", "application/yaml", data)
	return errors.Join(err, answer.Err())
}

// TestServerTakes: a real API server takes each object, with all its fields.
func TestServerTakes(t *testing.T) {
	installMonitoring(t)
	tried := map[string]bool{}
	for name, file := range valueSets(t) {
		for _, o := range render(t, "helm3", append(apis(), "--values="+file)...) {
			text := fmt.Sprint(o)
			if o.text("kind") == "GrafanaDashboard" || tried[text] {
				continue // the definition of the former is in no module; TestTemplates has what it says
			}
			tried[text] = true
			if err := try(t, o); err != nil {
				t.Errorf("%s: %s: %v", name, o.id(), err)
			}
		}
	}
}

// TestPodSecurity: the pod is admitted at the level that the documentation names,
// and at no lower one. The reasons are those that an operator would read.
func TestPodSecurity(t *testing.T) {
	daemonSet := find(t, renderAgent(t), "DaemonSet")
	for _, level := range []string{"privileged", "baseline", "restricted"} {
		namespace := "enforce-" + level
		apply(t, "/api/v1/namespaces/"+namespace, fmt.Appendf(nil,
			"{apiVersion: v1, kind: Namespace, metadata: {name: %s, labels: {pod-security.kubernetes.io/enforce: %s}}}", namespace, level))
		spec := daemonSet.at("spec", "template", "spec").(map[string]any)
		delete(spec, "serviceAccountName") // the account need not exist
		pod := object{
			"apiVersion": "v1", "kind": "Pod", "spec": spec,
			"metadata": map[string]any{"name": "agent", "namespace": namespace},
		}
		err := try(t, pod)
		if level == "privileged" {
			if err != nil {
				t.Errorf("%s: %v", level, err)
			}
			continue
		}
		if err == nil {
			t.Errorf("%s admits the pod: say so in the documentation", level)
			continue
		}
		message := strings.ReplaceAll(err.Error(), "), ", "),\n") + "\n"
		golden(t, "testdata/pod-security-"+level+".txt", []byte(message))
	}
}
