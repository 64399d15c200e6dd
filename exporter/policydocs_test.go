// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/tetrameter/tetrameter/exporter/match"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

var update = flag.Bool("update", false, "write docs/policy.md instead of comparing with it")

func TestDocs(t *testing.T) {
	var b bytes.Buffer
	if err := writePolicyDocs(&b); err != nil {
		t.Fatal(err)
	}
	const file = "../docs/policy.md"
	if *update {
		if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("%s is not current (-file +generated):\n%s", file, diff)
	}
	if strings.Contains(b.String(), "<no value>") || strings.Contains(b.String(), "|  |\n") {
		t.Error("a row of a table lacks its meaning")
	}
}

// TestDocsHaveAllFields: each field that a valid policy has is explained.
func TestDocsHaveAllFields(t *testing.T) {
	var b bytes.Buffer
	if err := writePolicyDocs(&b); err != nil {
		t.Fatal(err)
	}
	// Each is a word in code, perhaps behind others and dots.
	words := map[string]bool{}
	for i, part := range strings.Split(strings.ReplaceAll(b.String(), "```", ""), "`") {
		if i%2 == 1 {
			for word := range strings.FieldsFuncSeq(part, func(r rune) bool { return r == '.' || r == ':' }) {
				words[word] = true
			}
		}
	}
	files, err := filepath.Glob("policy/testdata/good/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	// What Kubernetes explains: the envelope and its selectors of labels.
	known := []string{"apiVersion", "spec", "key", "matchLabels", "matchExpressions", "validated"}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var document yaml.Node
		if err := yaml.Unmarshal(data, &document); err != nil {
			t.Fatal(err)
		}
		for _, field := range fieldsOf(&document) {
			if !words[field] && !slices.Contains(known, field) {
				t.Errorf("%s: field %s is not in docs/policy.md", file, field)
				words[field] = true // once is enough
			}
		}
	}
}

// fieldsOf returns the keys of all mappings but those with keys of the author's.
func fieldsOf(n *yaml.Node) []string {
	var fields []string
	if n.Kind != yaml.MappingNode {
		for _, inner := range n.Content {
			fields = append(fields, fieldsOf(inner)...)
		}
		return fields
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i].Value, n.Content[i+1]
		switch key {
		case "metadata", "status", "matchLabels":
			continue
		case "selectorsMacros":
			value = &yaml.Node{Kind: yaml.SequenceNode, Content: value.Content}
		}
		fields = append(append(fields, key), fieldsOf(value)...)
	}
	return fields
}

// TestDocsUnsupported compares what docs/policy.md says is not supported yet with
// what is refused.
func TestDocsUnsupported(t *testing.T) {
	refused := map[string]bool{}
	for _, typ := range policy.Types(policy.Kprobes) {
		for _, operator := range policy.Operators(typ) {
			f := policy.ArgFilter{Operator: operator, Values: []policy.Range{{Min: 1, Max: 1}}, Strings: []string{"/a"}}
			f.Expr = &policy.Expr{Op: "==", Args: []*policy.Expr{{Op: "const"}, {Op: "const"}}}
			if unsupportedFilter(t, typ, policy.Selector{Args: []policy.ArgFilter{f}}) {
				refused[string(operator)] = true
			}
		}
	}
	for word, selector := range map[string]policy.Selector{
		"matchBinaries":          {Binaries: []policy.BinaryFilter{{Operator: policy.Prefix, Paths: []string{"/"}}}},
		"matchParentBinaries":    {ParentBinaries: []policy.BinaryFilter{{Operator: policy.NotPostfix, Paths: []string{"/"}}}},
		"matchPIDs":              {PIDs: []policy.PIDFilter{{Operator: policy.In, FollowForks: true, Namespace: true}}},
		"matchNamespaces":        {Namespaces: []policy.NamespaceFilter{{Operator: policy.In, Namespace: policy.Net}}},
		"matchNamespaceChanges":  {NamespaceChanges: []policy.NamespaceChangeFilter{{Operator: policy.In}}},
		"matchCapabilities":      {Capabilities: []policy.CapabilityFilter{{Operator: policy.In, Set: policy.Effective}}},
		"matchCapabilityChanges": {CapabilityChanges: []policy.CapabilityFilter{{Operator: policy.In, Set: policy.Effective}}},
		"followChildren":         {Binaries: []policy.BinaryFilter{{Operator: policy.In, FollowChildren: true}}},
	} {
		refused[word] = refused[word] || unsupportedFilter(t, "int", selector)
	}
	documented := map[string]bool{}
	for _, r := range unsupported() {
		for _, word := range r.Words {
			documented[word] = true
		}
	}
	for word := range refused {
		if refused[word] != documented[word] {
			t.Errorf("%s: refused %t, but documented as such %t", word, refused[word], documented[word])
		}
	}
}

// unsupportedFilter says whether nothing can be compiled for a selector on an
// argument of a type.
func unsupportedFilter(t *testing.T, typ policy.Type, s policy.Selector) bool {
	t.Helper()
	arg := match.Arg{Source: match.Source{Kind: match.Register}, Type: typ}
	in := match.Input{Rules: []match.Rule{{Args: []match.Arg{arg}, Selectors: []policy.Selector{s}}}}
	in.Changes, in.Descents = map[uint32]uint32{0: 1}, map[uint64]uint32{}
	for _, f := range s.Binaries {
		in.Descents[match.PathsKey(f)] = 1
	}
	_, err := match.Compile(in)
	if err != nil && !errors.Is(err, match.ErrUnsupported) {
		t.Errorf("%s: %v", typ, err)
	}
	return err != nil
}

// TestMeanings: every word in a table has its meaning.
func TestMeanings(t *testing.T) {
	for _, rows := range []any{specRows(), hookRows(), argumentRows(), selectorRows(), listRows(), optionRows(), actionRows(), operatorRows()} {
		for i, list := 0, reflect.ValueOf(rows); i < list.Len(); i++ {
			if row := list.Index(i); row.FieldByName("Meaning").IsZero() {
				t.Errorf("%v has no meaning", row.FieldByName("Name"))
			}
		}
	}
	if rows, meanings := len(operatorRows()), len(operatorMeanings()); rows != meanings {
		t.Errorf("%d operators and %d meanings", rows, meanings)
	}
}
