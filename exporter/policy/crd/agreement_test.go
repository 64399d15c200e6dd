// SPDX-License-Identifier: Apache-2.0

package crd_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/tetrameter/tetrameter/exporter/policy"
	"github.com/tetrameter/tetrameter/exporter/policy/crd"
)

// document is a good policy that a test changes at one place at a time.
type document struct {
	file string
	root map[string]any
}

func good(t *testing.T) []document {
	t.Helper()
	files, err := filepath.Glob("../testdata/good/*.yaml")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files, error %v", len(files), err)
	}
	var documents []document
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		d := document{file: filepath.Base(file)}
		if err := yaml.Unmarshal(data, &d.root); err == nil && d.root["spec"] != nil {
			documents = append(documents, d)
		}
	}
	return documents
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// place is a value in a document and what the schema says about it.
type place struct {
	path   string // of the schema: spec.kprobes[].call
	schema crd.Schema
	value  any
	set    func(v any)
}

// places visits the values that the schema knows.
func places(p place, visit func(place)) {
	visit(p)
	switch v := p.value.(type) {
	case map[string]any:
		for _, f := range p.schema.Properties {
			if inner, ok := v[f.Name]; ok {
				places(place{p.path + "." + f.Name, f.Schema, inner, func(x any) { v[f.Name] = x }}, visit)
			}
		}
		if p.schema.AdditionalProperties == nil {
			return
		}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			places(place{p.path + "{}", *p.schema.AdditionalProperties, v[key], func(x any) { v[key] = x }}, visit)
		}
	case []any:
		for i, inner := range v {
			if p.schema.Items != nil {
				places(place{p.path + "[]", *p.schema.Items, inner, func(x any) { v[i] = x }}, visit)
			}
		}
	}
}

// TestSchemaIsNotStricter breaks good policies in every way that the schema
// knows of, at every place that it knows of: the decoder refuses all of them. So
// what the decoder takes, the schema takes.
func TestSchemaIsNotStricter(t *testing.T) {
	seen := make(map[string]bool)
	for _, d := range good(t) {
		root := place{"spec", crd.Spec(false), d.root["spec"], func(v any) { d.root["spec"] = v }}
		places(root, func(p place) {
			// What no selector uses is not decoded.
			if d.file == "notes.yaml" && strings.HasPrefix(p.path, "spec.selectorsMacros") {
				return
			}
			for what, broken := range violations(p) {
				if key := p.path + ": " + what; !seen[key] {
					seen[key] = true
					p.set(broken)
					if _, err := policy.Parse(d.file, encode(t, d.root)); err == nil {
						t.Errorf("%s: %s is refused by the schema and not by the decoder", d.file, key)
					}
				}
			}
			p.set(p.value)
		})
	}
	if len(seen) < 1000 {
		t.Errorf("only %d ways to break a policy", len(seen))
	}
}

// violations are values that the schema refuses in a place.
func violations(p place) map[string]any {
	s, broken := p.schema, make(map[string]any)
	for name, v := range map[string]any{"number": 1.5, "text": "text", "list": []any{"text"}, "object": map[string]any{}, "boolean": true} {
		if !slices.Contains(takes(s), name) {
			broken["a "+name] = v
		}
	}
	if s.Minimum != nil {
		broken["too small"], broken["too large"] = *s.Minimum-1, *s.Maximum+1
	}
	if s.MinLength != nil {
		broken["too short"] = ""
	}
	if s.MaxLength != nil {
		broken["too long"] = strings.Repeat("a", int(*s.MaxLength)+1)
	}
	if s.Enum != nil {
		broken["another word"] = "nonsense"
	}
	switch v := p.value.(type) {
	case map[string]any:
		if s.Properties != nil {
			broken["unknown field"] = with(v, "nonsense", 1)
		}
		for _, name := range s.Required {
			broken["without "+name] = with(v, name, nil)
		}
		if s.MaxProperties != nil {
			many := maps.Clone(v)
			for i := range *s.MaxProperties + 1 {
				many["key"+strconv.FormatInt(i, 10)] = map[string]any{}
			}
			broken["too many"] = many
		}
	case []any:
		if s.MinItems != nil {
			broken["none"] = []any{}
		}
		if len(v) > 0 {
			broken["too many"] = slices.Repeat(v[:1], int(*s.MaxItems)+1)
		}
	}
	return broken
}

// with returns a copy of an object with another field, or without one.
func with(object map[string]any, name string, v any) map[string]any {
	object = maps.Clone(object)
	object[name] = v
	if v == nil {
		delete(object, name)
	}
	return object
}

// takes are the kinds of values that have the type of a schema.
func takes(s crd.Schema) []string {
	switch {
	case s.IntOrString:
		return []string{"text", "number", "boolean"} // a file may leave out the quotes
	case s.Type == "array":
		if s.Items.Validations == nil && s.Items.Properties != nil && s.Items.Properties[0].Name == "podSelector" {
			return []string{"list", "object"} // a file may leave out the list around one
		}
		return []string{"list"}
	case s.Enum != nil && s.Enum[0] != "":
		return []string{"text"}
	}
	return []string{map[string]string{"string": "text", "integer": "number"}[s.Type], s.Type}
}

// TestSchemaHasNoOtherWords puts each word that the schema allows in a place
// there: the decoder knows it, though another part of the policy may not fit.
func TestSchemaHasNoOtherWords(t *testing.T) {
	seen := make(map[string]bool)
	for _, d := range good(t) {
		root := place{"spec", crd.Spec(false), d.root["spec"], func(v any) { d.root["spec"] = v }}
		places(root, func(p place) {
			for _, word := range p.schema.Enum {
				key := fmt.Sprintf("%s: %q", p.path, word)
				if seen[key] {
					continue
				}
				seen[key] = true
				p.set(word)
				_, err := policy.Parse(d.file, encode(t, d.root))
				if text := refusal(err, p.path[strings.LastIndex(p.path, ".")+1:]); text != "" {
					t.Errorf("%s: %s is allowed by the schema: %s", d.file, key, text)
				}
			}
			p.set(p.value)
		})
	}
	if len(seen) < 1000 {
		t.Errorf("only %d words in their places", len(seen))
	}
}

// refusal is the error that a word of the field is not one of the language, or not
// in this section. A macro may be for another section than the policy's.
func refusal(err error, field string) string {
	var all policy.Errors
	errors.As(err, &all)
	for _, e := range all {
		last, _, _ := strings.Cut(e.Path[strings.LastIndex(e.Path, ".")+1:], "[")
		here := last == strings.TrimSuffix(field, "[]")
		if here && (strings.HasPrefix(e.Text, "unknown") || strings.Contains(e.Text, "is not available in") &&
			!strings.Contains(e.Path, "selectorsMacros") || strings.Contains(e.Text, "is not available here")) {
			return e.Error()
		}
	}
	return ""
}
