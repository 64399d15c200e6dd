// SPDX-License-Identifier: Apache-2.0

package match

import (
	"fmt"
	"strings"

	"github.com/cilium/ebpf/asm"

	"github.com/tetrameter/tetrameter/exporter/policy"
)

// scope is the condition that a policy, or a selector, is for the workload of
// the current process. Which workloads that are is known outside of the code: a
// bit for each of them, which changes as pods come and go.
type scope struct {
	number uint32
	text   string
}

func (s scope) rank() rank     { return rankScope }
func (s scope) String() string { return s.text }

func (s scope) compile(c *code, failed label) {
	inside := ask(c, "in_scope", int32(s.number))
	c.jumpIf(asm.JEq, inside, 0, failed)
}

// scope makes the condition of a scope, whose number must be known.
func (b builder) scope(s policy.Scoped) (condition, error) {
	if s.Everything() {
		return decided{true, "any process"}, nil
	}
	number, ok := b.in.Scopes[s.Key()]
	if !ok {
		return nil, ErrNoScope
	}
	return scope{number, "process of " + scopeText(s)}, nil
}

// workload makes the condition of an entry of matchWorkloads. A policy that is
// confined to a namespace stays so.
func (b builder) workload(f policy.WorkloadFilter) (condition, error) {
	c, err := b.scope(policy.Scoped{Namespace: b.rule.Scope.Namespace, Scope: f.Scope})
	if err != nil {
		return nil, fmt.Errorf("%v: matchWorkloads: %w", f.Pos, err)
	}
	return c, nil
}

// scopeText is how a person would write a scope.
func scopeText(s policy.Scoped) string {
	var parts []string
	if s.Namespace != "" {
		parts = append(parts, "namespace "+s.Namespace)
	}
	for _, selector := range []struct {
		of     string
		labels *policy.LabelSelector
	}{{"pods", s.Pod}, {"containers", s.Container}} {
		if selector.labels != nil {
			parts = append(parts, selector.of+" "+labelText(*selector.labels))
		}
	}
	if s.Host {
		parts = append(parts, "host")
	}
	return "(" + strings.Join(parts, ", ") + ")"
}

func labelText(s policy.LabelSelector) string {
	var words []string
	for _, r := range s.Requirements {
		word := r.Key
		switch r.Operator {
		case "In":
			word += " " + relation(policy.In, quoted(r.Values))
		case "NotIn":
			word += " " + relation(policy.NotIn, quoted(r.Values))
		case "DoesNotExist":
			word = "without " + word
		}
		words = append(words, word)
	}
	if len(words) == 0 {
		return "all"
	}
	return strings.Join(words, " && ")
}
