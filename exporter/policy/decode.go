// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// decoder walks the values of one file and collects what is wrong with them.
type decoder struct {
	file string
	errs Errors
	// more is set when there are more errors than MaxErrors.
	more bool
}

// value is a YAML value and the path to it. The zero value stands for a field
// that is missing or null; reading it gives zero values and no error.
type value struct {
	node *yaml.Node
	path string
}

// add collects an error; of more than MaxErrors it keeps the first.
func (d *decoder) add(line, column int, path, format string, args ...any) {
	if d.full() {
		d.more = true
		return
	}
	d.errs = append(d.errs, Error{Pos{d.file, line, column}, path, fmt.Sprintf(format, args...)})
}

func (d *decoder) full() bool {
	return len(d.errs) == MaxErrors
}

func (d *decoder) errorf(v value, format string, args ...any) {
	d.add(v.node.Line, v.node.Column, v.path, format, args...)
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
	// later are fields of the format that are not supported yet.
	later []string
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
		case slices.Contains(s.later, name):
			if !isZero(element.node) {
				d.errorf(key, "%s", notYet(name))
			}
		default:
			names := slices.Concat(s.required, s.optional, s.later, s.ignored)
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

// text reads a string.
func (d *decoder) text(v value) string {
	if v.node == nil {
		return ""
	}
	if v.node.Kind != scalar || v.node.Tag != "!!str" {
		hint := ""
		if v.node.Kind == scalar && v.node.Tag != "!!null" {
			hint = ": put it in quotes"
		}
		d.errorf(v, "expected a string, found %s%s", describe(v.node), hint)
		return ""
	}
	return v.node.Value
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

// integer reads a number from 0 to limit.
func (d *decoder) integer(v value, limit int) (int, bool) {
	if v.node == nil {
		return 0, false
	}
	if v.node.Kind == scalar && v.node.Tag == "!!int" {
		if i, err := strconv.ParseInt(v.node.Value, 0, 64); err == nil && 0 <= i && i <= int64(limit) {
			return int(i), true
		}
	}
	d.errorf(v, "expected an integer from 0 to %d, found %s", limit, describe(v.node))
	return 0, false
}

// choice reads one of the supported words; later are words of the format that
// are not supported yet.
func (d *decoder) choice(v value, what string, supported, later []string) (string, bool) {
	if v.node == nil {
		return "", false
	}
	if v.node.Kind != scalar || v.node.Tag == "!!null" {
		d.errorf(v, "expected %s, found %s", article(what), describe(v.node))
		return "", false
	}
	word := v.node.Value
	switch {
	case slices.Contains(supported, word):
		return word, true
	case slices.Contains(later, word):
		d.errorf(v, "%s", notYet(what+" "+word))
	default:
		d.errorf(v, "%s", d.unknown(what, word, slices.Concat(supported, later)))
	}
	return "", false
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

func notYet(what string) string {
	return what + " is part of the TracingPolicy format but not supported yet"
}

// unknown is the message for a word that is none of the expected ones. Long
// lists are left to the documentation.
func (d *decoder) unknown(what, word string, expected []string) string {
	// The search for a similar word takes long if it is made for every word of
	// a hostile file.
	if d.full() {
		return ""
	}
	text := fmt.Sprintf("unknown %s %s", what, quote(word))
	if s := suggest(word, expected); s != "" {
		return fmt.Sprintf("%s, did you mean %q?", text, s)
	}
	if len(expected) > 12 {
		return text
	}
	return text + ", expected " + alternatives(expected)
}

func alternatives(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

func article(noun string) string {
	if strings.ContainsAny(noun[:1], "aeiou") {
		return "an " + noun
	}
	return "a " + noun
}

// describe names what was found instead of what was expected.
func describe(n *yaml.Node) string {
	switch n.Kind {
	case mapping:
		return "a mapping"
	case sequence:
		return "a list"
	}
	switch n.Tag {
	case "!!null":
		return "null"
	case "!!int", "!!float":
		return "the number " + escape(n.Value)
	case "!!str":
		return "the string " + quote(n.Value)
	}
	return escape(n.Value)
}

func quote(s string) string {
	return strconv.Quote(shorten(s))
}

// escape keeps a message on one line.
func escape(s string) string {
	quoted := quote(s)
	return quoted[1 : len(quoted)-1]
}

// shorten keeps messages readable when a value is not.
func shorten(s string) string {
	const limit = 80
	if len(s) <= limit {
		return s
	}
	cut := limit
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "..."
}
