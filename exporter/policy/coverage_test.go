// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tetrameter/tetrameter/exporter/policy"
)

// TestGoodIsComplete fails when a word of the language is in no good policy. The
// words are the constants of the package and what its lists return.
func TestGoodIsComplete(t *testing.T) {
	found := make(map[string]bool)
	for _, file := range corpus(t, "good") {
		p, err := policy.Parse(filepath.Base(file), read(t, file))
		if err != nil {
			t.Fatal(err)
		}
		collect(reflect.ValueOf(p), found)
	}
	want := constants(t)
	for _, section := range policy.Sections() {
		for _, typ := range policy.Types(section) {
			want = append(want, "Type "+string(typ))
		}
		for _, action := range policy.Actions(section) {
			want = append(want, "ActionKind "+string(action))
		}
	}
	if len(want) < 150 {
		t.Fatalf("only %d words: %q", len(want), want)
	}
	slices.Sort(want)
	for _, word := range slices.Compact(want) {
		if !found[word] {
			t.Errorf("%s is in no policy of testdata/good", word)
		}
	}
}

// TestGoodHasAllFields fails when a field of a policy is empty in all good ones.
func TestGoodHasAllFields(t *testing.T) {
	used, all := make(map[string]bool), make(map[string]bool)
	for _, file := range corpus(t, "good") {
		p, err := policy.Parse(filepath.Base(file), read(t, file))
		if err != nil {
			t.Fatal(err)
		}
		fields(reflect.ValueOf(p), used, all)
	}
	for name := range all {
		if !used[name] {
			t.Errorf("%s has its zero value in all policies of testdata/good", name)
		}
	}
}

// TestLimitsAreComplete fails when a limit is not in the list of them.
func TestLimitsAreComplete(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "limits.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]int)
	ast.Inspect(file, func(n ast.Node) bool {
		if name, ok := n.(*ast.Ident); ok && (strings.HasPrefix(name.Name, "Max") || strings.HasPrefix(name.Name, "Min")) {
			seen[name.Name]++
		}
		return true
	})
	for name, n := range seen {
		if n != 2 {
			t.Errorf("%s is %d times in limits.go, want its definition and its entry in Limits", name, n)
		}
	}
	if len(policy.Limits()) != len(seen) {
		t.Errorf("%d limits for %d constants", len(policy.Limits()), len(seen))
	}
}

// collect notes the named strings in a value, as "Type int".
func collect(v reflect.Value, found map[string]bool) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			collect(v.Elem(), found)
		}
	case reflect.Slice:
		for i := range v.Len() {
			collect(v.Index(i), found)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			collect(v.Field(i), found)
		}
	case reflect.String:
		found[v.Type().Name()+" "+v.String()] = true
	}
}

// fields notes the fields of the package's structs in a value and those that are
// not zero.
func fields(v reflect.Value, used, all map[string]bool) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			fields(v.Elem(), used, all)
		}
	case reflect.Slice:
		for i := range v.Len() {
			fields(v.Index(i), used, all)
		}
	case reflect.Struct:
		if !strings.HasSuffix(v.Type().PkgPath(), "/policy") {
			return
		}
		for i := range v.NumField() {
			name := v.Type().Name() + "." + v.Type().Field(i).Name
			all[name] = true
			used[name] = used[name] || !v.Field(i).IsZero()
			fields(v.Field(i), used, all)
		}
	}
}

// constants are the exported constants of the package that have a type, as
// "Operator Equal".
func constants(t *testing.T) []string {
	t.Helper()
	var words []string
	for _, name := range []string{"policy.go", "filter.go", "types.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || spec.Type == nil {
				return true
			}
			typ, ok := spec.Type.(*ast.Ident)
			for _, value := range spec.Values {
				literal, isLiteral := value.(*ast.BasicLit)
				if ok && isLiteral && literal.Kind == token.STRING {
					word, err := strconv.Unquote(literal.Value)
					if err != nil {
						t.Fatal(err)
					}
					words = append(words, typ.Name+" "+word)
				}
			}
			return true
		})
	}
	return words
}
