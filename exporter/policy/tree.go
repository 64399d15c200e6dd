// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"strconv"

	"gopkg.in/yaml.v3"
)

// tree copies the values of a document with every alias replaced by what it
// refers to, within MaxNodes and MaxDepth: a few lines of nested aliases can
// stand for more values than fit into memory, or for an infinite number.
type tree struct {
	d      *decoder
	left   int
	widths []int
	// broken is set when a limit was passed; the copy is incomplete then.
	broken bool
}

func (t *tree) build(n *yaml.Node, path string, depth int) *yaml.Node {
	for hops := 0; n.Kind == yaml.AliasNode && hops < MaxDepth; hops++ {
		n = n.Alias
	}
	c := t.copy(n)
	switch t.left--; {
	case t.broken:
		return c
	case t.left < 0:
		t.broken = true
		t.d.add(c.Line, c.Column, path, "more than %d values in the file, aliases expanded", MaxNodes)
		return c
	case depth > MaxDepth:
		t.broken = true
		t.d.add(c.Line, c.Column, path, "values nested deeper than %d levels, aliases expanded", MaxDepth)
		return c
	}
	if n.Style&yaml.TaggedStyle != 0 && n.Tag != "!!str" {
		t.d.add(c.Line, c.Column, path, "YAML tag %s is not supported: remove it", quote(n.Tag))
	}
	switch n.Kind {
	case yaml.MappingNode:
		t.mapping(c, n, path, depth)
	case yaml.SequenceNode:
		for i, item := range n.Content {
			if t.broken {
				break
			}
			c.Content = append(c.Content, t.build(item, elementPath(path, i), depth+1))
		}
	}
	return c
}

// mapping copies the pairs of n to c. Of a repeated key the first stays.
func (t *tree) mapping(c, n *yaml.Node, path string, depth int) {
	seen := make(map[string]int, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content) && !t.broken; i += 2 {
		key := t.build(n.Content[i], path, depth+1)
		if key.Kind != yaml.ScalarNode || key.Tag == "!!null" {
			t.d.add(key.Line, key.Column, path, "expected a string as key, found %s", describe(key))
			continue
		}
		if key.Tag == "!!merge" {
			t.d.add(key.Line, key.Column, path, `merge keys ("<<") are not supported: repeat the fields`)
			continue
		}
		inner := fieldPath(path, key.Value)
		if line, ok := seen[key.Value]; ok {
			t.d.add(key.Line, key.Column, inner, "duplicate key, first given in line %d", line)
			continue
		}
		seen[key.Value] = key.Line
		c.Content = append(c.Content, key, t.build(n.Content[i+1], inner, depth+1))
	}
}

// copy copies a value without what it contains, its position moved into the
// file: the library puts values that are left out after the end of a line.
func (t *tree) copy(n *yaml.Node) *yaml.Node {
	line := min(max(n.Line, 1), len(t.widths))
	column := min(max(n.Column, 1), t.widths[line-1]+1)
	return &yaml.Node{Kind: n.Kind, Tag: n.Tag, Value: n.Value, Line: line, Column: column}
}

func elementPath(path string, index int) string {
	return path + "[" + strconv.Itoa(index) + "]"
}

// fieldPath is path extended by a key, quoted where it is no plain field name.
func fieldPath(path, key string) string {
	for i := range len(key) {
		c := key[i]
		if (c < 'a' || 'z' < c) && (c < 'A' || 'Z' < c) && (c < '0' || '9' < c) || i > 40 {
			return path + "[" + quote(key) + "]"
		}
	}
	if path == "" || key == "" {
		return path + key
	}
	return path + "." + key
}
