// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"maps"
	"slices"

	"gopkg.in/yaml.v3"
)

// macro is an entry of spec.selectorsMacros: filters and actions which selectors
// take over. They are decoded where they are used, because what they mean depends
// on the arguments of the hook.
type macro struct {
	key    value
	fields map[string]value
	size   int // number of YAML values
	used   bool
}

// selectorFields are the fields of a selector that a macro can have too.
func selectorFields() []string {
	return []string{
		"label", "matchArgs", "matchData", "matchReturnArgs", "matchPIDs", "matchBinaries",
		"matchParentBinaries", "matchNamespaces", "matchNamespaceChanges", "matchCapabilities",
		"matchCapabilityChanges", "matchWorkloads", "matchActions", "matchReturnActions",
	}
}

// defineMacros reads spec.selectorsMacros.
func (d *decoder) defineMacros(v value) {
	d.macros = make(map[string]*macro)
	if v.node == nil || !d.is(v, mapping) {
		return
	}
	if n := len(v.node.Content) / 2; n > MaxMacros {
		d.errorf(v, "%d macros, at most %d are supported", n, MaxMacros)
		return
	}
	for key, element := range d.pairs(v) {
		fields := d.object(element, shape{optional: append(selectorFields(), "macros")})
		if nested := fields["macros"]; nested.given() {
			d.errorf(nested, "a macro cannot use macros")
		}
		delete(fields, "macros")
		d.macros[key.node.Value] = &macro{key: key, fields: fields, size: size(element.node)}
	}
}

// expand adds the fields of the macros that a selector names.
func (d *decoder) expand(fields map[string]value) {
	origin := make(map[string]string)
	for name, field := range fields {
		if field.given() {
			origin[name] = "the selector"
		}
	}
	for _, element := range d.list(fields["macros"], MaxMacros, "macros") {
		name, ok := d.textOK(element)
		if !ok {
			continue
		}
		m := d.macros[name]
		if m == nil {
			d.errorf(element, "%s", d.unknown("macro", name, slices.Sorted(maps.Keys(d.macros))))
			continue
		}
		m.used = true
		if d.nodesLeft -= m.size; d.nodesLeft < 0 {
			d.errorf(element, "more than %d values in the file, macros expanded", MaxNodes)
			return
		}
		for _, field := range selectorFields() {
			value := m.fields[field]
			if !value.given() {
				continue
			}
			if other, ok := origin[field]; ok {
				d.errorf(element, "macro %s has %s, which %s has too", quote(name), field, other)
				continue
			}
			origin[field], fields[field] = "macro "+quote(name), value
		}
	}
}

// unusedMacros tells of those which were not decoded at all.
func (d *decoder) unusedMacros() {
	for _, name := range slices.Sorted(maps.Keys(d.macros)) {
		if m := d.macros[name]; !m.used {
			d.note(m.key, "no effect: no selector uses the macro, and its filters were not checked")
		}
	}
}

// size is the number of values in a tree of them.
func size(n *yaml.Node) int {
	total := 1
	for _, inner := range n.Content {
		total += size(inner)
	}
	return total
}
