// SPDX-License-Identifier: Apache-2.0

package crd_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/tetrameter/tetrameter/exporter/policy"
	"github.com/tetrameter/tetrameter/exporter/policy/crd"
)

// TestFiles compares the definitions with those that are shipped.
func TestFiles(t *testing.T) {
	files, err := crd.Files()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		want, err := os.ReadFile(filepath.Join("../../../chart/files/crds", f.Name))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(f.Data)); diff != "" {
			t.Errorf("%s is not current, see make generate (-file +generated):\n%s", f.Name, diff)
		}
	}
}

// TestSize: what `kubectl apply` keeps of an object in an annotation has to fit
// there, and all annotations of an object into 256 KiB.
func TestSize(t *testing.T) {
	files, err := crd.Files()
	if err != nil || len(files) != 2 {
		t.Fatalf("%d files, error %v", len(files), err)
	}
	for _, f := range files {
		if n := len(toJSON(t, f.Data)); n > 200<<10 {
			t.Errorf("%s: %d bytes as JSON", f.Name, n)
		}
	}
}

// TestDescriptions: kubectl explain has something to say about every field.
func TestDescriptions(t *testing.T) {
	for name, s := range fields(crd.Spec(true)) {
		for _, one := range s {
			if one.Description == "" {
				t.Errorf("field %s has no description", name)
				break
			}
		}
	}
}

// fields returns the schemas of all fields by their name.
func fields(s crd.Schema) map[string][]crd.Schema {
	found := make(map[string][]crd.Schema)
	var walk func(s crd.Schema)
	walk = func(s crd.Schema) {
		for _, f := range s.Properties {
			found[f.Name] = append(found[f.Name], f.Schema)
			walk(f.Schema)
		}
		for _, inner := range []*crd.Schema{s.Items, s.AdditionalProperties} {
			if inner != nil {
				walk(*inner)
			}
		}
	}
	walk(s)
	return found
}

// TestFieldNames: the schema has the fields that the decoder knows.
func TestFieldNames(t *testing.T) {
	want := decoded(t)
	for _, section := range policy.Sections() {
		want[string(section)] = true
		for _, action := range policy.Actions(section) {
			for _, name := range policy.Parameters(action) {
				want[name] = true
			}
		}
	}
	got := slices.Sorted(maps.Keys(fields(crd.Spec(false))))
	if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), got); diff != "" || len(got) < 80 {
		t.Errorf("%d fields (-decoder +schema):\n%s", len(got), diff)
	}
}

// decoded are the names in the decoder's shapes of objects: the strings in
// literals of type shape and in the functions that return parts of them.
func decoded(t *testing.T) map[string]bool {
	t.Helper()
	names := make(map[string]bool)
	collect := func(n ast.Node) {
		ast.Inspect(n, func(n ast.Node) bool {
			if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
				name, err := strconv.Unquote(literal.Value)
				if err != nil {
					t.Fatal(err)
				}
				names[name] = true
			}
			return true
		})
	}
	files, err := filepath.Glob("../*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, name := range files {
		// The envelope is the API server's.
		if strings.HasSuffix(name, "_test.go") || filepath.Base(name) == "document.go" {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CompositeLit:
				if typ, ok := n.Type.(*ast.Ident); ok && typ.Name == "shape" {
					collect(n)
				}
			case *ast.FuncDecl:
				if slices.Contains([]string{"hookShape", "selectorFields", "shape"}, n.Name.Name) {
					collect(n.Body)
				}
			}
			return true
		})
	}
	return names
}

func toJSON(t *testing.T, data []byte) []byte {
	t.Helper()
	var document any
	if err := yaml.Unmarshal(data, &document); err != nil {
		t.Fatal(err)
	}
	return encode(t, document)
}
