// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"strings"
)

// Scoped is a scope together with the namespace it is confined to.
type Scoped struct {
	Namespace string // of a TracingPolicyNamespaced, empty for all
	Scope
}

// Everything says whether no process is left out.
func (s Scoped) Everything() bool {
	return s.Namespace == "" && s.Scope.Everything()
}

// Key is a canonical text: scopes with equal keys select the same processes,
// wherever they were written.
func (s Scoped) Key() string {
	var b strings.Builder
	fmt.Fprintf(&b, "namespace=%q host=%t", s.Namespace, s.Host)
	for _, part := range []struct {
		name     string
		selector *LabelSelector
	}{{"pod", s.Pod}, {"container", s.Container}} {
		if part.selector != nil {
			fmt.Fprintf(&b, " %s=%s", part.name, part.selector.key())
		}
	}
	return b.String()
}

func (s LabelSelector) key() string {
	var conditions []string
	for _, r := range s.Requirements {
		values := slices.Clone(r.Values)
		slices.Sort(values)
		conditions = append(conditions, fmt.Sprintf("%q %s %q", r.Key, r.Operator, slices.Compact(values)))
	}
	slices.Sort(conditions)
	return fmt.Sprint(slices.Compact(conditions))
}
