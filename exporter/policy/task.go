// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"path"
	"slices"
	"strconv"
	"strings"
)

// inOperators are those for sets of values.
func inOperators() []Operator {
	return []Operator{In, NotIn}
}

// pidFilter decodes an entry of matchPIDs.
func (d *decoder) pidFilter(v value) PIDFilter {
	f := PIDFilter{Pos: d.pos(v)}
	fields := d.object(v, shape{
		required: []string{"operator", "values"},
		optional: []string{"followForks", "isNamespacePID"},
	})
	f.Operator = d.operator(fields["operator"], inOperators())
	f.FollowForks = d.boolean(fields["followForks"], false)
	f.Namespace = d.boolean(fields["isNamespacePID"], false)
	for _, element := range d.values(fields["values"]) {
		text, ok := d.scalar(element)
		if !ok {
			continue
		}
		pid, err := strconv.ParseUint(text, 0, 32)
		if err != nil {
			d.errorf(element, "%s is not the number of a process: expected 0 to %d", quote(text), uint32(1<<32-1))
		}
		f.Values = append(f.Values, uint32(pid))
	}
	return f
}

// binaryFilter decodes an entry of matchBinaries or matchParentBinaries.
func (d *decoder) binaryFilter(v value) BinaryFilter {
	f := BinaryFilter{Pos: d.pos(v)}
	fields := d.object(v, shape{
		required: []string{"operator", "values"},
		optional: []string{"followChildren"},
	})
	f.Operator = d.operator(fields["operator"], BinaryOperators())
	f.FollowChildren = d.boolean(fields["followChildren"], false)
	if o := f.Operator; f.FollowChildren && o != "" && o != In && o != NotIn {
		d.errorf(fields["followChildren"], "followChildren is not available for operator %s, expected In or NotIn", o)
	}
	for _, element := range d.values(fields["values"]) {
		f.Paths = append(f.Paths, d.binary(element, f.Operator))
	}
	return f
}

// binary reads the path of an executable, or the part of it that the operator
// compares.
func (d *decoder) binary(v value, o Operator) string {
	name, ok := d.textOK(v)
	if !ok {
		return ""
	}
	if strings.Contains(name, "\x00") {
		d.errorf(v, "path %s has a zero byte", quote(name))
		return name
	}
	whole, limit := false, MaxAffix
	switch o.Positive() {
	case Prefix, Postfix:
	default:
		whole, limit = true, MaxPath
	}
	switch {
	case o.Positive() != Postfix && !strings.HasPrefix(name, "/"):
		d.errorf(v, "%s is not an absolute path", quote(name))
	case name == "":
		d.errorf(v, "the string is empty, which every path ends with")
	case len(name) > limit:
		d.errorf(v, "path of %d bytes, at most %d are supported", len(name), limit)
	case whole && path.Clean(name) != name:
		d.errorf(v, "%s can never match: the resolved path would be %s", quote(name), quote(path.Clean(name)))
	}
	return d.keep(v, name)
}

// capabilityFilter decodes an entry of matchCapabilities or
// matchCapabilityChanges.
func (d *decoder) capabilityFilter(v value) CapabilityFilter {
	f := CapabilityFilter{Pos: d.pos(v), Set: Effective}
	fields := d.object(v, shape{
		required: []string{"operator", "values"},
		optional: []string{"type", "isNamespaceCapability"},
	})
	f.Operator = d.operator(fields["operator"], inOperators())
	if set, ok := choose(d, fields["type"], "type", CapabilitySets()); ok {
		f.Set = set
	}
	f.Namespace = d.boolean(fields["isNamespaceCapability"], false)
	names := Capabilities()
	for _, element := range d.values(fields["values"]) {
		text, ok := d.textOK(element)
		name := strings.ToUpper(strings.TrimSpace(text))
		bit := slices.Index(names, name)
		switch {
		case !ok:
		case bit >= 0:
			f.Mask |= 1 << bit
		case slices.Contains(names, "CAP_"+name):
			d.errorf(element, "unknown capability %s, did you mean %q?", quote(text), "CAP_"+name)
		default:
			d.errorf(element, "%s", d.unknown("capability", text, names))
		}
	}
	return f
}

// hostNamespace stands for the namespace of the host's first process.
const hostNamespace = "host_ns"

// namespaceFilter decodes an entry of matchNamespaces.
func (d *decoder) namespaceFilter(v value) NamespaceFilter {
	f := NamespaceFilter{Pos: d.pos(v)}
	fields := d.object(v, shape{required: []string{"namespace", "operator", "values"}})
	f.Namespace, _ = choose(d, fields["namespace"], "namespace", Namespaces())
	f.Operator = d.operator(fields["operator"], inOperators())
	for _, element := range d.values(fields["values"]) {
		text, ok := d.scalar(element)
		if !ok {
			continue
		}
		if text == hostNamespace {
			f.Host = true
			continue
		}
		inode, err := strconv.ParseUint(text, 0, 32)
		if err != nil || inode == 0 {
			d.errorf(element, "%s is neither the inode number of a namespace (1 to %d) nor %s",
				quote(text), uint32(1<<32-1), hostNamespace)
			continue
		}
		f.Inodes = append(f.Inodes, uint32(inode))
	}
	return f
}

// namespaceChangeFilter decodes an entry of matchNamespaceChanges.
func (d *decoder) namespaceChangeFilter(v value) NamespaceChangeFilter {
	f := NamespaceChangeFilter{Pos: d.pos(v)}
	fields := d.object(v, shape{required: []string{"operator", "values"}})
	f.Operator = d.operator(fields["operator"], inOperators())
	for _, element := range d.values(fields["values"]) {
		n, _ := choose(d, element, "namespace", Namespaces())
		f.Namespaces = append(f.Namespaces, n)
	}
	return f
}
