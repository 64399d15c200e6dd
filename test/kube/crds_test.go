// SPDX-License-Identifier: Apache-2.0

package kube_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tetrameter/tetrameter/exporter/policy"
)

const (
	definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/"
	policies    = "/apis/cilium.io/v1alpha1/tracingpolicies"
	namespaced  = "/apis/cilium.io/v1alpha1/namespaces/default/tracingpoliciesnamespaced"
)

// condition is part of the status of most objects.
type condition struct {
	Type, Status, Reason, Message string
}

// installCRDs applies the generated files and waits until they are served.
func installCRDs(t *testing.T) {
	t.Helper()
	files, err := filepath.Glob("../../chart/files/crds/*.yaml")
	if err != nil || len(files) != 2 {
		t.Fatalf("files %q, error %v: want two", files, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		plural, _ := strings.CutPrefix(strings.TrimSuffix(filepath.Base(file), ".yaml"), "cilium.io_")
		path := definitions + plural + ".cilium.io"
		apply(t, path, string(data))
		eventually(t, func() error {
			var d struct {
				Status struct{ Conditions []condition }
			}
			if err := server.Get(t.Context(), path, &d); err != nil {
				return err
			}
			for _, c := range d.Status.Conditions {
				if c.Type == "NonStructuralSchema" {
					t.Fatalf("%s: %s", file, c.Message)
				}
				if c.Type == "Established" && c.Status == "True" {
					return nil
				}
			}
			return fmt.Errorf("not established: %+v", d.Status.Conditions)
		})
	}
	// Established is said a moment before it is true of this server.
	eventually(t, func() error { return server.Get(t.Context(), policies, &struct{}{}) })
	eventually(t, func() error { return server.Get(t.Context(), namespaced, &struct{}{}) })
}

// try asks the server what it would make of a document: the object with its
// defaults, or the message with which it refuses it.
func try(t *testing.T, document []byte) (object []byte, err error) {
	t.Helper()
	path := policies
	if regexp.MustCompile(`(?m)^"?kind"?: TracingPolicyNamespaced`).Match(document) {
		path = namespaced
		if ns := regexp.MustCompile(`(?m)^  namespace: (\S+)$`).FindSubmatch(document); ns != nil {
			path = strings.Replace(path, "default", string(ns[1]), 1)
			if err := server.Namespace(t.Context(), string(ns[1])); err != nil {
				return nil, err
			}
		}
	}
	answer, err := server.Do(t.Context(), http.MethodPost, path+"?dryRun=All&fieldValidation=Strict", "application/yaml", document)
	if err != nil {
		t.Fatal(err)
	}
	return answer.Body, answer.Err()
}

// TestShippedPolicies: the policies of this repository are what the server takes,
// and mean the same when they come back.
func TestShippedPolicies(t *testing.T) {
	installCRDs(t)
	files, err := filepath.Glob("../../policies/*/*.yaml")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d files, error %v", len(files), err)
	}
	variable := regexp.MustCompile(`\$\{[A-Z_]+\}`)
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		data = variable.ReplaceAll(data, []byte("10.0.0.0/8"))
		object, err := try(t, data)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		equalPolicies(t, file, data, object)
	}
}

// equalPolicies compares what the agent reads from a file and from the server.
func equalPolicies(t *testing.T, name string, file, object []byte) {
	t.Helper()
	want, err := policy.Parse(name, file)
	if err != nil {
		t.Errorf("the file: %v", err)
		return
	}
	got, err := policy.Parse(name, object)
	if err != nil {
		t.Errorf("the object of %s: %v", name, err)
		return
	}
	// Where something was written is not part of it.
	positions := cmp.Options{
		cmpopts.IgnoreTypes(policy.Pos{}), cmpopts.IgnoreFields(policy.Policy{}, "Ignored"), cmpopts.EquateEmpty(),
		cmpopts.EquateComparable(netip.Prefix{}),
	}
	if diff := cmp.Diff(want, got, positions); diff != "" {
		t.Errorf("%s means something else as an object (-file +object):\n%s", name, diff)
	}
}

// TestCorpus compares what the server says about the files that package policy is
// tested with. The good ones which it refuses are spelt as only files can be; the
// bad ones which it takes are for the agent to refuse.
func TestCorpus(t *testing.T) {
	installCRDs(t)
	for _, kind := range []string{"good", "bad"} {
		files, err := filepath.Glob("../../exporter/policy/testdata/" + kind + "/*.yaml")
		if err != nil || len(files) < 20 {
			t.Fatalf("%d files, error %v", len(files), err)
		}
		var verdicts bytes.Buffer
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			object, err := try(t, data)
			switch {
			case err != nil:
				fmt.Fprintf(&verdicts, "%s\n", filepath.Base(file))
				for _, reason := range reasons(err) {
					fmt.Fprintf(&verdicts, "\t%s\n", reason)
				}
			case kind == "good":
				equalPolicies(t, file, data, object)
			default:
				fmt.Fprintf(&verdicts, "%s\n\ttaken\n", filepath.Base(file))
			}
		}
		golden(t, "testdata/"+kind+".txt", verdicts.Bytes())
	}
}

// reasons splits a message into one line for each reason.
func reasons(err error) []string {
	text := regexp.MustCompile(`^.* is invalid: `).ReplaceAllString(err.Error(), "")
	text = strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")
	text = regexp.MustCompile(`, (spec[.:\[]|metadata\.|<nil>: )`).ReplaceAllString(text, "\n$1")
	text = regexp.MustCompile(`, (unknown field)`).ReplaceAllString(text, "\n$1")
	text = regexp.MustCompile(` \([0-9a-f]{40,} \.\.\.\)`).ReplaceAllString(text, "")
	// The words are those of the schema.
	text = regexp.MustCompile(`(supported values: "[^"]*", "[^"]*", "[^"]*"), [^\n]*`).ReplaceAllString(text, "$1, ...")
	lines := strings.Split(strings.TrimSpace(text), "\n")
	// Of a value that may be of two types there are three more, without a path.
	lines = slices.DeleteFunc(lines, func(line string) bool { return strings.HasPrefix(line, "<nil>: ") })
	if !strings.HasPrefix(text, "the object provided") {
		slices.Sort(lines) // the server goes through maps
	}
	return lines
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", file, diff)
	}
}

// indent makes JSON readable.
func indent(t *testing.T, data []byte) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Indent(&b, data, "", "  "); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
