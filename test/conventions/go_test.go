// SPDX-License-Identifier: Apache-2.0

package conventions_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"testing"
)

const (
	goFileLines     = 400
	goFunctionLines = 60
)

// parse reads one Go file of the repository.
func parse(t *testing.T, name string) (*token.FileSet, *ast.File) {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path(name), nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	return set, file
}

// generated tells whether the file says that a program wrote it.
func generated(t *testing.T, name string) bool {
	t.Helper()
	_, file := parse(t, name)
	return ast.IsGenerated(file)
}

// TestPackageComments: a package says in one place what it promises and what
// its neighbours do; two places would drift apart.
func TestPackageComments(t *testing.T) {
	comments := make(map[string]int)
	for _, name := range withSuffix(files(t), ".go") {
		_, file := parse(t, name)
		folder := filepath.ToSlash(filepath.Dir(name))
		comments[folder] += 0
		if file.Doc != nil {
			comments[folder]++
		}
	}
	for folder, n := range comments {
		if n != 1 {
			t.Errorf("%s: %d files have a package comment, want 1", folder, n)
		}
	}
}

// TestGoSizes: a file is one subject and a function fits on a screen.
func TestGoSizes(t *testing.T) {
	for _, name := range withSuffix(files(t), ".go") {
		set, file := parse(t, name)
		if ast.IsGenerated(file) {
			continue
		}
		if n := len(lines(t, name)); n > goFileLines {
			t.Errorf("%s: %d lines, more than %d; split it by subject", name, n, goFileLines)
		}
		for _, declaration := range file.Decls {
			function, ok := declaration.(*ast.FuncDecl)
			if !ok || function.Body == nil {
				continue
			}
			first := set.Position(function.Body.Lbrace).Line
			if n := set.Position(function.Body.Rbrace).Line - first - 1; n > goFunctionLines {
				t.Errorf("%s:%d: %s has %d lines, more than %d", name, first, function.Name.Name, n, goFunctionLines)
			}
		}
	}
}
