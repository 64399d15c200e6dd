// SPDX-License-Identifier: Apache-2.0

package kube_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tetrameter/tetrameter/test/kube"
)

// TestDefaults: the server fills in what the format says, and drops nulls where
// there is something to fill in.
func TestDefaults(t *testing.T) {
	installCRDs(t)
	object, err := try(t, []byte(`
apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata: {name: defaults}
spec:
  podSelector: null
  kprobes:
  - call: sys_setuid
    return: null
    args: [{index: 0, type: int}]
    selectors:
    - matchCapabilities: [{operator: In, values: [CAP_BPF]}]
      matchPIDs: [{operator: NotIn, values: [1]}]
`))
	if err != nil {
		t.Fatal(err)
	}
	var got struct{ Spec json.RawMessage }
	if err := json.Unmarshal(object, &got); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/defaults.json", []byte(indent(t, got.Spec)+"\n"))
}

// TestPruned: a client that is not strict loses unknown fields, but does not turn
// a selector of some hosts into one of all.
func TestPruned(t *testing.T) {
	installCRDs(t)
	document := []byte(`{apiVersion: cilium.io/v1alpha1, kind: TracingPolicy, metadata: {name: pruned},
		spec: {kprobes: [{call: sys_setuid, sycsall: true}], hostSelector: {matchLabels: {node: a}}}}`)
	answer, err := server.Do(t.Context(), http.MethodPost, policies+"?dryRun=All&fieldValidation=Ignore", "application/yaml", document)
	if err != nil {
		t.Fatal(err)
	}
	want := `TracingPolicy.cilium.io "pruned" is invalid: spec.hostSelector: Too many: 1: must have at most 0 items`
	if got := answer.Err(); got == nil || got.Error() != want {
		t.Errorf("error %v\nwant  %s", got, want)
	}
}

// create makes a policy that the test removes.
func create(t *testing.T, document string) (path string) {
	t.Helper()
	var object struct{ Metadata struct{ Name string } }
	answer, err := server.Do(t.Context(), http.MethodPost, policies+"?fieldValidation=Strict", "application/yaml", []byte(document))
	if err == nil {
		err = answer.Err()
	}
	if err == nil {
		err = json.Unmarshal(answer.Body, &object)
	}
	if err != nil {
		t.Fatal(err)
	}
	path = policies + "/" + object.Metadata.Name
	t.Cleanup(func() { remove(t, path) })
	return path
}

// status is what programs may write about a policy.
const status = `
status:
  observedGeneration: 1
  conditions:
  - {type: Ready, status: "False", reason: HookMissing, message: on 3 of 5000 nodes, observedGeneration: 1,
     lastTransitionTime: "2026-01-02T03:04:05Z"}
`

// TestStatus: the status is written apart from the policy, and changes neither it
// nor its generation.
func TestStatus(t *testing.T) {
	installCRDs(t)
	path := create(t, `{apiVersion: cilium.io/v1alpha1, kind: TracingPolicy, metadata: {name: status},
		spec: {kprobes: [{call: sys_setuid}]}, status: {observedGeneration: 7}}`)
	type object struct {
		Metadata struct{ Generation int64 }
		Spec     map[string]any
		Status   map[string]any
	}
	var before, after object
	if err := server.Get(t.Context(), path, &before); err != nil {
		t.Fatal(err)
	}
	if before.Status != nil {
		t.Errorf("the policy was created with status %v", before.Status)
	}
	head := "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {name: status}\n"
	apply(t, path+"/status", head+"spec: {kprobes: [{call: sys_other}]}"+status)
	if err := server.Get(t.Context(), path, &after); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before.Spec, after.Spec); diff != "" || before.Metadata != after.Metadata {
		t.Errorf("generation %d became %d, spec (-before +after):\n%s", before.Metadata.Generation, after.Metadata.Generation, diff)
	}
	if after.Status["observedGeneration"] != 1.0 {
		t.Errorf("status %v", after.Status)
	}
	answer, err := server.Apply(t.Context(), path+"/status", []byte(head+strings.Replace(status, `"False"`, "Perhaps", 1)))
	if err != nil {
		t.Fatal(err)
	}
	want := `status.conditions[0].status: Unsupported value: "Perhaps": supported values: "True", "False", "Unknown"`
	if got := answer.Err(); got == nil || !strings.HasSuffix(got.Error(), want) {
		t.Errorf("error %v\nwant  %s", got, want)
	}
}

// TestColumns: what kubectl get prints.
func TestColumns(t *testing.T) {
	installCRDs(t)
	path := create(t, `{apiVersion: cilium.io/v1alpha1, kind: TracingPolicy, spec: {kprobes: [{call: sys_setuid}]},
		metadata: {name: columns, annotations: {tetrameter.io/severity: warning, tetrameter.io/enabled: "false"}}}`)
	apply(t, path+"/status", "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {name: columns}\n"+status)
	table := printed(t, server.Client, path)
	want := []string{"Name=columns", "Severity=warning", "Enabled=false", "Ready=False", "Age", "Reason=HookMissing (wide)"}
	if diff := cmp.Diff(want, table); diff != "" {
		t.Errorf("columns (-want +got):\n%s", diff)
	}
}

// printed returns the row of an object by the table API, without its age.
func printed(t *testing.T, c *kube.Client, path string) []string {
	t.Helper()
	var table struct {
		ColumnDefinitions []struct {
			Name     string
			Priority int
		}
		Rows []struct{ Cells []any }
	}
	if err := c.GetTable(t.Context(), path, &table); err != nil {
		t.Fatal(err)
	}
	if len(table.Rows) != 1 {
		t.Fatalf("%d rows", len(table.Rows))
	}
	var row []string
	for i, column := range table.ColumnDefinitions {
		text := column.Name
		if cell, ok := table.Rows[0].Cells[i].(string); ok && text != "Age" {
			text += "=" + cell
		}
		if column.Priority > 0 {
			text += " (wide)"
		}
		row = append(row, text)
	}
	return row
}

// TestNames: what can be typed at kubectl.
func TestNames(t *testing.T) {
	installCRDs(t)
	var list struct {
		Resources []struct {
			Name       string
			Namespaced bool
			ShortNames []string
			Categories []string
		}
	}
	if err := server.Get(t.Context(), "/apis/cilium.io/v1alpha1", &list); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, r := range list.Resources {
		scope := "cluster"
		if r.Namespaced {
			scope = "namespaced"
		}
		got[r.Name] = strings.TrimSpace(scope + " " + strings.Join(append(r.ShortNames, r.Categories...), " "))
	}
	want := map[string]string{
		"tracingpolicies":                  "cluster tgtp tetrameter tetragon",
		"tracingpolicies/status":           "cluster",
		"tracingpoliciesnamespaced":        "namespaced tgtpn tetrameter tetragon",
		"tracingpoliciesnamespaced/status": "namespaced",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("resources (-want +got):\n%s", diff)
	}
}
