// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"strings"
)

const (
	apiVersion     = "cilium.io/v1alpha1"
	kindCluster    = "TracingPolicy"
	kindNamespaced = "TracingPolicyNamespaced"
)

// document decodes the root of a custom resource.
func (d *decoder) document(v value) *Policy {
	fields := d.object(v, shape{
		required: []string{"apiVersion", "kind", "metadata", "spec"},
		ignored:  []string{"status"},
	})
	if fields == nil {
		return nil
	}
	p := &Policy{Pos: d.pos(v), Severity: Warning, Enabled: true}
	choose(d, fields["apiVersion"], "apiVersion", []string{apiVersion})
	kind, _ := choose(d, fields["kind"], "kind", []string{kindCluster, kindNamespaced})
	d.namespaced = kind == kindNamespaced
	if metadata := fields["metadata"]; metadata.node != nil {
		d.metadata(p, kind, metadata)
	}
	if spec := fields["spec"]; spec.node != nil {
		d.spec(p, spec)
	}
	slices.SortStableFunc(d.notes, func(a, b Note) int { return a.Pos.compare(b.Pos) })
	p.Ignored = d.notes
	return p
}

// metadata decodes the fields of ObjectMeta that mean something in a file.
// Those which an API server fills in are accepted, so that the output of
// kubectl get is a valid policy.
func (d *decoder) metadata(p *Policy, kind string, v value) {
	fields := d.object(v, shape{
		required: []string{"name"},
		optional: []string{"namespace", "labels", "annotations"},
		ignored: []string{
			"creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "finalizers",
			"generateName", "generation", "managedFields", "ownerReferences", "resourceVersion", "selfLink", "uid",
		},
	})
	if name := fields["name"]; name.node != nil {
		p.Name = d.name(name, isSubdomain, "a DNS-1123 subdomain: at most 253 lower-case letters, "+
			"digits, '-' and '.', each part beginning and ending with a letter or digit")
	}
	namespace, given := fields["namespace"]
	switch {
	case kind == kindNamespaced && !given:
		p.Namespace = "default"
	case kind == kindNamespaced:
		p.Namespace = d.name(namespace, isLabel, "a DNS-1123 label: at most 63 lower-case letters, "+
			"digits and '-', beginning and ending with a letter or digit")
	case kind == kindCluster && given:
		d.errorf(namespace, "a %s has no namespace: remove it or use kind %s", kindCluster, kindNamespaced)
	}
	d.strings(fields["labels"])
	p.Annotations = d.strings(fields["annotations"])
	d.annotations(p, fields["annotations"])
}

// name reads a string that valid accepts.
func (d *decoder) name(v value, valid func(string) bool, expected string) string {
	s, ok := d.textOK(v)
	if ok && !valid(s) {
		d.errorf(v, "%s is not %s", quote(s), expected)
	}
	return s
}

// strings reads a mapping from strings to strings.
func (d *decoder) strings(v value) map[string]string {
	if v.node == nil || !d.is(v, mapping) {
		return nil
	}
	m := make(map[string]string)
	for key, element := range d.pairs(v) {
		m[key.node.Value] = d.text(element)
	}
	return m
}

// annotations checks those of our domain and applies them.
func (d *decoder) annotations(p *Policy, v value) {
	known := []string{AnnotationEnabled, AnnotationDescription, AnnotationSeverity}
	for key, element := range d.pairs(v) {
		name := key.node.Value
		if !strings.HasPrefix(name, AnnotationDomain) || element.node.Tag != "!!str" {
			continue
		}
		switch name {
		case AnnotationEnabled:
			word, ok := choose(d, element, "value", []string{"true", "false"})
			p.Enabled = !ok || word == "true"
		case AnnotationSeverity:
			if severity, ok := choose(d, element, "severity", []Severity{Info, Warning, Critical}); ok {
				p.Severity = severity
			}
		case AnnotationDescription:
		default:
			d.errorf(key, "%s", d.unknown("annotation", name, known))
		}
	}
}
