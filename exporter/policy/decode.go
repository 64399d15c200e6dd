// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// decoder walks the values of one file and collects what is wrong with them.
type decoder struct {
	file string
	data []byte // the content of the file
	errs Errors
	// more is set when there are more errors than MaxErrors.
	more  bool
	notes []Note
	// lists and macros are what hooks refer to by name; enforcer says whether
	// the policy has one.
	lists    map[string]*List
	macros   map[string]*macro
	enforcer bool
	// namespaced is set for a TracingPolicyNamespaced.
	namespaced bool
	// textLeft and nodesLeft are what strings and macros may still take.
	textLeft, nodesLeft int
	// exprs is the number of expressions.
	exprs int
}

// value is a YAML value and the path to it. The zero value stands for a field
// that is missing or null; reading it gives zero values and no error.
type value struct {
	node *yaml.Node
	path string
}

// given says whether the field has a value other than its zero value, which is
// what an API server fills in.
func (v value) given() bool {
	return v.node != nil && !isZero(v.node)
}

// add collects an error; of more than MaxErrors it keeps the first. A macro is
// decoded wherever it is used, but what is wrong with it is told once.
func (d *decoder) add(line, column int, path, format string, args ...any) {
	e := Error{Pos{d.file, line, column}, path, fmt.Sprintf(format, args...)}
	switch {
	case slices.Contains(d.errs, e):
	case d.full():
		d.more = true
	default:
		d.errs = append(d.errs, e)
	}
}

func (d *decoder) full() bool {
	return len(d.errs) == MaxErrors
}

func (d *decoder) errorf(v value, format string, args ...any) {
	d.add(v.node.Line, v.node.Column, v.path, format, args...)
}

// note records a part that is valid and has no effect.
func (d *decoder) note(v value, format string, args ...any) {
	n := Note{d.pos(v), v.path, fmt.Sprintf(format, args...)}
	if !slices.Contains(d.notes, n) {
		d.notes = append(d.notes, n)
	}
}

func (d *decoder) pos(v value) Pos {
	return Pos{d.file, v.node.Line, v.node.Column}
}

// The kinds of YAML values that a field can have.
const (
	mapping  = yaml.MappingNode
	sequence = yaml.SequenceNode
	scalar   = yaml.ScalarNode
)

// pairs iterates over the keys of a mapping in their order, with the same path
// for the key and its value; of anything else over nothing.
func (d *decoder) pairs(v value) iter.Seq2[value, value] {
	return func(yield func(key, element value) bool) {
		if v.node == nil || v.node.Kind != mapping {
			return
		}
		for i := 0; i+1 < len(v.node.Content); i += 2 {
			key, element := v.node.Content[i], v.node.Content[i+1]
			path := fieldPath(v.path, key.Value)
			if !yield(value{key, path}, value{element, path}) {
				return
			}
		}
	}
}

// shape lists the fields of a mapping.
type shape struct {
	required, optional []string
	// ignored are accepted with any value: they do not change what is counted.
	ignored []string
}

// object returns the fields of a mapping that are required or optional.
// A field which is null is left out, as if it were not there.
func (d *decoder) object(v value, s shape) map[string]value {
	if !d.is(v, mapping) {
		return nil
	}
	fields := make(map[string]value)
	nulls := make(map[string]bool)
	for key, element := range d.pairs(v) {
		name, null := key.node.Value, element.node.Tag == "!!null"
		required := slices.Contains(s.required, name)
		switch {
		case required && null:
			nulls[name] = true
			d.errorf(element, "value is missing")
		case required || slices.Contains(s.optional, name):
			if !null {
				fields[name] = element
			}
		case slices.Contains(s.ignored, name):
		default:
			names := slices.Concat(s.required, s.optional, s.ignored)
			d.errorf(key, "%s", d.unknown("field", name, names))
		}
	}
	for _, name := range s.required {
		if _, ok := fields[name]; !ok && !nulls[name] {
			d.errorf(v, "field %q is missing", name)
		}
	}
	return fields
}

// list returns the elements of a list of at most limit elements.
func (d *decoder) list(v value, limit int, what string) []value {
	if v.node == nil || !d.is(v, sequence) {
		return nil
	}
	if n := len(v.node.Content); n > limit {
		d.errorf(v, "%d %s, at most %d are supported", n, what, limit)
	}
	var elements []value
	for i, node := range v.node.Content[:min(limit, len(v.node.Content))] {
		elements = append(elements, value{node, elementPath(v.path, i)})
	}
	return elements
}

// each decodes the elements of a list.
func each[T any](elements []value, decode func(value) T) []T {
	var decoded []T
	for _, element := range elements {
		decoded = append(decoded, decode(element))
	}
	return decoded
}

// text reads a string.
func (d *decoder) text(v value) string {
	s, _ := d.textOK(v)
	return s
}

// textOK also says whether there is one.
func (d *decoder) textOK(v value) (string, bool) {
	if v.node == nil {
		return "", false
	}
	if v.node.Kind != scalar || v.node.Tag != "!!str" {
		hint := ""
		if v.node.Kind == scalar && v.node.Tag != "!!null" {
			hint = ": put it in quotes"
		}
		d.errorf(v, "expected a string, found %s%s", describe(v.node), hint)
		return "", false
	}
	return v.node.Value, true
}

// scalar reads a value that is a string in the format, but which may be
// written without quotes when it looks like a number.
func (d *decoder) scalar(v value) (string, bool) {
	if !d.is(v, scalar) {
		return "", false
	}
	return v.node.Value, true
}

// boolean reads true or false; otherwise is the value of a missing field.
func (d *decoder) boolean(v value, otherwise bool) bool {
	if v.node == nil {
		return otherwise
	}
	if v.node.Kind != scalar || v.node.Tag != "!!bool" {
		d.errorf(v, "expected true or false, found %s", describe(v.node))
		return otherwise
	}
	return strings.EqualFold(v.node.Value, "true")
}

// integer reads a number from low to high; a missing one is 0 and not ok.
func (d *decoder) integer(v value, low, high int64) (int64, bool) {
	if v.node == nil {
		return 0, false
	}
	if v.node.Kind == scalar && v.node.Tag == "!!int" {
		if i, err := strconv.ParseInt(v.node.Value, 0, 64); err == nil && low <= i && i <= high {
			return i, true
		}
	}
	d.errorf(v, "expected an integer from %d to %d, found %s", low, high, describe(v.node))
	return 0, false
}

// index reads a position from 0 to high.
func (d *decoder) index(v value, high int) (int, bool) {
	i, ok := d.integer(v, 0, int64(high))
	return int(i), ok
}

// address reads an address or offset, which may be in quotes.
func (d *decoder) address(v value) uint64 {
	if v.node == nil {
		return 0
	}
	if v.node.Kind == scalar {
		if a, err := strconv.ParseUint(v.node.Value, 0, 64); err == nil {
			return a
		}
	}
	d.errorf(v, "expected an address, decimal or hexadecimal with 0x, found %s", describe(v.node))
	return 0
}

// choose reads one of the words.
func choose[T ~string](d *decoder, v value, what string, words []T) (T, bool) {
	if v.node == nil {
		return "", false
	}
	if v.node.Kind != scalar || v.node.Tag == "!!null" {
		d.errorf(v, "expected %s, found %s", article(what), describe(v.node))
		return "", false
	}
	word := T(v.node.Value)
	if !slices.Contains(words, word) {
		d.errorf(v, "%s", d.unknown(what, v.node.Value, texts(words)))
		return "", false
	}
	return word, true
}

// texts are the words as strings.
func texts[T ~string](words []T) []string {
	s := make([]string, len(words))
	for i, word := range words {
		s[i] = string(word)
	}
	return s
}

// is reports an error when v is not of the kind, or null.
func (d *decoder) is(v value, kind yaml.Kind) bool {
	if v.node.Kind == kind && v.node.Tag != "!!null" {
		return true
	}
	expected := "a single value"
	switch kind {
	case mapping:
		expected = "a mapping"
	case sequence:
		expected = "a list"
	}
	d.errorf(v, "expected %s, found %s", expected, describe(v.node))
	return false
}

// isZero says whether a field has the value it would have if it were missing.
// The empty mapping does not count: an empty selector selects everything.
func isZero(n *yaml.Node) bool {
	switch n.Kind {
	case sequence:
		return len(n.Content) == 0
	case scalar:
		switch n.Tag {
		case "!!null":
			return true
		case "!!str":
			return n.Value == ""
		case "!!int":
			return n.Value == "0"
		case "!!bool":
			return strings.EqualFold(n.Value, "false")
		}
	}
	return false
}
