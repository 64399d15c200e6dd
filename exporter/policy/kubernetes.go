// SPDX-License-Identifier: Apache-2.0

package policy

import "strings"

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

// isLabelKey is the rule for the key of a label: a name, with a DNS subdomain
// and a slash before it or not. The format has keys with a source of labels
// before them, k8s:io.kubernetes.pod.namespace.
func isLabelKey(s string) bool {
	s = strings.TrimPrefix(s, "k8s:")
	if domain, name, ok := strings.Cut(s, "/"); ok {
		return isSubdomain(domain) && name != "" && isLabelValue(name)
	}
	return s != "" && isLabelValue(s)
}

// isLabelValue is the rule for the value of a label, which may be empty.
func isLabelValue(s string) bool {
	for i := range len(s) {
		outer := i == 0 || i == len(s)-1
		if c := s[i]; !isAlphanumeric(c) && (outer || c != '-' && c != '_' && c != '.') {
			return false
		}
	}
	return len(s) <= MaxLabel
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// scope decodes podSelector, containerSelector and hostSelector of a policy or
// of a selector.
func (d *decoder) scope(fields map[string]value) Scope {
	s := Scope{Pod: d.labelSelector(fields["podSelector"])}
	if container := fields["containerSelector"]; container.node != nil {
		s.Container = d.containerSelector(container)
	}
	host := fields["hostSelector"]
	switch {
	case host.node == nil:
	case d.namespaced:
		d.errorf(host, "a %s is for the pods of its namespace: remove hostSelector", kindNamespaced)
	case host.node.Kind != mapping || len(host.node.Content) > 0:
		d.errorf(host, "expected {} for the processes of the host, or null, found %s", describe(host.node))
	default:
		s.Host = true
	}
	return s
}

// labelSelector decodes a selector of pods or nodes.
func (d *decoder) labelSelector(v value) *LabelSelector {
	const keys = "the key of a label: letters, digits, '-', '_' and '.', at most 63, with a DNS subdomain " +
		"and '/' before it or not"
	const values = "the value of a label: at most 63 letters, digits, '-', '_' and '.', beginning and ending " +
		"with a letter or digit"
	return d.conditions(v,
		func(key value, name string) {
			if !isLabelKey(name) {
				d.errorf(key, "%s is not %s", quote(name), keys)
			}
		},
		func(element value, text string) {
			if !isLabelValue(text) {
				d.errorf(element, "%s is not %s", quote(text), values)
			}
		})
}

// containerSelector decodes a selector of containers, which have two labels:
// their name and the repository of their image.
func (d *decoder) containerSelector(v value) *LabelSelector {
	known := []string{"name", "repo"}
	return d.conditions(v,
		func(key value, name string) {
			if name != known[0] && name != known[1] {
				d.errorf(key, "%s", d.unknown("key", name, known))
			}
		},
		func(element value, text string) {
			if text == "" || len(text) > MaxPath || strings.ContainsAny(text, " \t\n\r\x00") {
				d.errorf(element, "%s is not the name or image of a container", quote(text))
			}
		})
}

// conditions decodes a label selector and has its keys and values checked.
func (d *decoder) conditions(v value, checkKey, checkValue func(v value, text string)) *LabelSelector {
	if v.node == nil {
		return nil
	}
	s := &LabelSelector{Pos: d.pos(v)}
	fields := d.object(v, shape{optional: []string{"matchLabels", "matchExpressions"}})
	labels := fields["matchLabels"]
	if labels.node != nil && d.is(labels, mapping) {
		for key, element := range d.pairs(labels) {
			checkKey(key, key.node.Value)
			text, ok := d.textOK(element)
			if ok {
				checkValue(element, text)
			}
			s.Requirements = append(s.Requirements, Requirement{key.node.Value, "In", []string{text}})
		}
	}
	for _, expression := range d.list(fields["matchExpressions"], MaxFilters, "expressions") {
		s.Requirements = append(s.Requirements, d.requirement(expression, checkKey, checkValue))
	}
	return s
}

func (d *decoder) requirement(v value, checkKey, checkValue func(v value, text string)) Requirement {
	var r Requirement
	fields := d.object(v, shape{required: []string{"key", "operator"}, optional: []string{"values"}})
	if name, ok := d.textOK(fields["key"]); ok {
		checkKey(fields["key"], name)
		r.Key = name
	}
	r.Operator, _ = choose(d, fields["operator"], "operator", []string{"In", "NotIn", "Exists", "DoesNotExist"})
	values := fields["values"]
	switch r.Operator {
	case "In", "NotIn":
		if !values.given() {
			d.errorf(v, "operator %s needs values", r.Operator)
		}
	case "Exists", "DoesNotExist":
		if values.given() {
			d.errorf(values, "operator %s takes no values", r.Operator)
		}
	}
	for _, element := range d.list(values, MaxValues, "values") {
		text, ok := d.textOK(element)
		if ok {
			checkValue(element, text)
		}
		r.Values = append(r.Values, text)
	}
	return r
}
