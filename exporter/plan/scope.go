// SPDX-License-Identifier: Apache-2.0

package plan

import "github.com/tetrameter/tetrameter/exporter/policy"

// scopeOf is the scope of a whole policy.
func scopeOf(p *policy.Policy) policy.Scoped {
	return policy.Scoped{Namespace: p.Namespace, Scope: p.Scope}
}

// Scopes returns the scopes of enabled policies and of their selectors that
// leave out some process. Several may be equal.
func Scopes(policies []*policy.Policy) []policy.Scoped {
	var scopes []policy.Scoped
	add := func(s policy.Scoped) {
		if !s.Everything() {
			scopes = append(scopes, s)
		}
	}
	for _, p := range policies {
		if !p.Enabled {
			continue
		}
		add(scopeOf(p))
		for _, h := range p.Hooks {
			for _, s := range selectorScopes(h.Selectors) {
				add(policy.Scoped{Namespace: p.Namespace, Scope: s})
			}
		}
	}
	return scopes
}

func selectorScopes(selectors []policy.Selector) []policy.Scope {
	var scopes []policy.Scope
	for _, s := range selectors {
		for _, f := range s.Workloads {
			scopes = append(scopes, f.Scope)
		}
	}
	return scopes
}
