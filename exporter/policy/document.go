// SPDX-License-Identifier: Apache-2.0

package policy

import "strings"

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
	p := &Policy{Pos: d.pos(v), Enabled: true}
	d.choice(fields["apiVersion"], "apiVersion", []string{apiVersion}, nil)
	kind, _ := d.choice(fields["kind"], "kind", []string{kindCluster, kindNamespaced}, nil)
	if kind == kindNamespaced {
		// Counting on the whole node instead would be wrong silently.
		d.errorf(fields["kind"], "%s: it is about the pods of one namespace, which the agent does not know", notYet(kind))
	}
	if metadata := fields["metadata"]; metadata.node != nil {
		d.metadata(p, kind, metadata)
	}
	if spec := fields["spec"]; spec.node != nil {
		d.spec(p, spec)
	}
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
	before := len(d.errs)
	s := d.text(v)
	if len(d.errs) == before && !valid(s) {
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
			word, ok := d.choice(element, "value", []string{"true", "false"}, nil)
			p.Enabled = !ok || word == "true"
		case AnnotationSeverity:
			d.choice(element, "severity", []string{"info", "warning", "critical"}, nil)
		case AnnotationDescription:
		default:
			d.errorf(key, "%s", d.unknown("annotation", name, known))
		}
	}
}

// spec decodes the hooks of a policy. The order of the fields is that of the
// format's reference.
func (d *decoder) spec(p *Policy, v value) {
	before := len(d.errs)
	fields := d.object(v, shape{
		optional: []string{"kprobes"},
		later: []string{
			"fentries", "tracepoints", "lsmhooks", "uprobes", "usdts", "loader", "lists",
			"enforcers", "options", "podSelector", "containerSelector", "hostSelector",
			"nodeSelector", "selectorsMacros",
		},
	})
	kprobes := fields["kprobes"]
	for _, hook := range d.list(kprobes, MaxHooks, "hooks") {
		p.Hooks = append(p.Hooks, d.hook(hook))
	}
	// Somebody whose hooks are all refused knows already.
	if len(p.Hooks) == 0 && len(d.errs) == before {
		d.errorf(v, "no hooks: expected at least one in kprobes")
	}
}

// isSubdomain is the rule for a DNS-1123 subdomain, the names of most
// Kubernetes objects.
func isSubdomain(s string) bool {
	if len(s) > 253 {
		return false
	}
	for part := range strings.SplitSeq(s, ".") {
		if !isWord(part) {
			return false
		}
	}
	return true
}

// isLabel is the rule for a DNS-1123 label, the names of namespaces.
func isLabel(s string) bool {
	return len(s) <= 63 && isWord(s)
}

func isWord(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || 'z' < c) && (c < '0' || '9' < c) && c != '-' {
			return false
		}
	}
	return s != "" && s[0] != '-' && s[len(s)-1] != '-'
}
