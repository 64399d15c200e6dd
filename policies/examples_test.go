// SPDX-License-Identifier: Apache-2.0

package policies_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/tetrameter/tetrameter/exporter/policy"
)

func examples(t *testing.T) []*policy.Policy {
	t.Helper()
	files, err := filepath.Glob("examples/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	var parsed []*policy.Policy
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		p, err := policy.Parse(file, data)
		if err != nil {
			t.Fatalf("unexpected error:\n%v", err)
		}
		parsed = append(parsed, p)
	}
	return parsed
}

// TestExamples: an example can be used as it is, by the name of its file, and
// says what it counts.
func TestExamples(t *testing.T) {
	for _, p := range examples(t) {
		if p.Name+".yaml" != filepath.Base(p.Pos.File) || !p.Enabled || len(p.Hooks) == 0 {
			t.Errorf("%s: name %q, enabled %t, %d hooks", p.Pos.File, p.Name, p.Enabled, len(p.Hooks))
		}
		if !strings.HasPrefix(p.Annotations[policy.AnnotationDescription], "Counts ") {
			t.Errorf("%s: the description does not begin with what it counts", p.Pos.File)
		}
		for _, note := range p.Ignored {
			t.Errorf("%v: %s", note.Pos, note.Text)
		}
	}
}

// TestExamplesAreComplete: for each word of the language somebody can look up how
// it is used.
func TestExamplesAreComplete(t *testing.T) {
	used := map[string]bool{}
	for _, p := range examples(t) {
		use(reflect.ValueOf(*p), used)
	}
	var want []string
	for _, section := range policy.Sections() {
		want = append(want, "section "+string(section))
		for _, typ := range policy.Types(section) {
			for _, operator := range policy.Operators(typ) {
				want = append(want, "operator "+string(operator))
			}
		}
	}
	for _, operator := range policy.BinaryOperators() {
		want = append(want, "operator "+string(operator))
	}
	for field := range reflect.TypeFor[policy.Selector]().Fields() {
		want = append(want, "field Selector."+field.Name)
	}
	want = append(want, "field Policy.Lists", "field Policy.Scope", "field Policy.Node", "field Policy.Options", "field Tracepoint.Raw")
	for _, word := range want {
		if !used[word] {
			t.Errorf("no example has %s", word)
			used[word] = true // once is enough
		}
	}
}

// use notes the sections, operators and fields that a value has.
func use(v reflect.Value, used map[string]bool) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			use(v.Elem(), used)
		}
	case reflect.Slice:
		for i := range v.Len() {
			use(v.Index(i), used)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			field := v.Type().Name() + "." + v.Type().Field(i).Name
			used["field "+field] = used["field "+field] || !v.Field(i).IsZero()
			use(v.Field(i), used)
		}
	case reflect.String:
		used[strings.ToLower(v.Type().Name())+" "+v.String()] = true
	}
}
