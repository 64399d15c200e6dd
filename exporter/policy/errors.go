// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"slices"
	"strings"
)

// Error is one problem of a policy file.
type Error struct {
	Pos Pos
	// Path is the field, such as "spec.kprobes[0].call"; empty when the problem
	// is not one of a field.
	Path string
	// Text says what is wrong and what was expected.
	Text string
}

// Error is "file:line:column: path: text" on one line.
func (e Error) Error() string {
	if e.Path == "" {
		return e.Pos.String() + ": " + e.Text
	}
	return e.Pos.String() + ": " + e.Path + ": " + e.Text
}

// Errors are all the problems of a policy file in the order of their
// positions. Parse returns its errors as this type.
type Errors []Error

// Error is one line for each problem.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i := range e {
		lines[i] = e[i].Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives the single problems to errors.As and errors.Is.
func (e Errors) Unwrap() []error {
	single := make([]error, len(e))
	for i := range e {
		single[i] = e[i]
	}
	return single
}

func (e Errors) sort() {
	slices.SortStableFunc(e, func(a, b Error) int {
		return cmp.Or(a.Pos.compare(b.Pos), cmp.Compare(a.Path, b.Path))
	})
}

// compare orders positions of one file.
func (p Pos) compare(other Pos) int {
	return cmp.Or(cmp.Compare(p.Line, other.Line), cmp.Compare(p.Column, other.Column))
}
