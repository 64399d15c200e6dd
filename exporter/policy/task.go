// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"path"
	"slices"
	"strconv"
	"strings"
)

// binaryFilter decodes an entry of matchBinaries.
func (d *decoder) binaryFilter(v value) BinaryFilter {
	f := BinaryFilter{Pos: d.pos(v)}
	fields := d.object(v, shape{
		required: []string{"operator", "values"},
		later:    []string{"followChildren"},
	})
	f.Operator = d.operator(fields["operator"], []Operator{In, NotIn}, laterBinaryOperators())
	for _, element := range d.values(fields["values"]) {
		before := len(d.errs)
		name := d.text(element)
		switch {
		case len(d.errs) > before:
		case !strings.HasPrefix(name, "/"):
			d.errorf(element, "%s is not an absolute path", quote(name))
		case len(name) > MaxPath:
			d.errorf(element, "path of %d bytes, at most %d are supported", len(name), MaxPath)
		case strings.Contains(name, "\x00"):
			d.errorf(element, "path %s has a zero byte", quote(name))
		case path.Clean(name) != name:
			d.errorf(element, "%s can never match: the resolved path would be %s", quote(name), quote(path.Clean(name)))
		}
		f.Paths = append(f.Paths, name)
	}
	return f
}

// capabilityFilter decodes an entry of matchCapabilities.
func (d *decoder) capabilityFilter(v value) CapabilityFilter {
	f := CapabilityFilter{Pos: d.pos(v), Set: Effective}
	fields := d.object(v, shape{
		required: []string{"operator", "values"},
		optional: []string{"type"},
		later:    []string{"isNamespaceCapability"},
	})
	f.Operator = d.operator(fields["operator"], []Operator{In, NotIn}, nil)
	if word, ok := d.choice(fields["type"], "type", capabilitySets(), nil); ok {
		f.Set = CapabilitySet(word)
	}
	names := capabilities()
	for _, element := range d.values(fields["values"]) {
		before := len(d.errs)
		name := strings.ToUpper(strings.TrimSpace(d.text(element)))
		bit := slices.Index(names, name)
		switch {
		case len(d.errs) > before:
		case bit >= 0:
			f.Mask |= 1 << bit
		case slices.Contains(names, "CAP_"+name):
			d.errorf(element, "unknown capability %s, did you mean %q?", quote(element.node.Value), "CAP_"+name)
		default:
			d.errorf(element, "%s", d.unknown("capability", element.node.Value, names))
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
	word, _ := d.choice(fields["namespace"], "namespace", namespaces(), nil)
	f.Namespace = Namespace(word)
	f.Operator = d.operator(fields["operator"], []Operator{In, NotIn}, nil)
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
