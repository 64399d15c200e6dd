// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"slices"

	"github.com/tetrameter/tetrameter/exporter/policy"
)

// Keys that select pods by namespace as if that were a label. It cannot be
// overruled by a label of the pod.
const (
	namespaceLabel       = "io.kubernetes.pod.namespace"
	ciliumNamespaceLabel = "k8s:" + namespaceLabel
)

// selectsHost says whether processes outside of pods are in scope. They are in
// none with a namespace, and otherwise left out by any selector of pods or
// containers, {} included, unless there is a hostSelector.
func selectsHost(s policy.Scoped) bool {
	return s.Namespace == "" && (s.Host || s.Everything())
}

// selectsPods says whether the scope is about pods at all: hostSelector alone
// is not.
func selectsPods(s policy.Scoped) bool {
	return s.Namespace != "" || s.Pod != nil || s.Container != nil || !s.Host
}

// selectsAnyPod says whether every pod is in scope, so that also one is of which
// nothing is known.
func selectsAnyPod(s policy.Scoped) bool {
	return selectsPods(s) && s.Namespace == "" && unconditional(s.Pod) && unconditional(s.Container)
}

func unconditional(s *policy.LabelSelector) bool {
	return s == nil || len(s.Requirements) == 0
}

// selectsContainer says whether a container of a pod is in scope.
func selectsContainer(s policy.Scoped, p *Pod, c Container) bool {
	return selectsNamespaceAndLabels(s, p) && matches(s.Container, func(key string) (string, bool) {
		switch key {
		case "name":
			return c.Name, true
		case "repo":
			return repository(c.Image), true
		}
		return "", false
	})
}

// selectsPod says whether those processes of a pod are in scope whose container
// is not known: if each container of its specification is. So there is nothing
// to find out about a pod with one container, and a process of any pod is
// counted rather too late than wrongly.
func selectsPod(s policy.Scoped, p *Pod) bool {
	if !selectsNamespaceAndLabels(s, p) {
		return false
	}
	if unconditional(s.Container) {
		return true
	}
	return len(p.Containers) > 0 && !slices.ContainsFunc(p.Containers, func(c Container) bool {
		return !selectsContainer(s, p, c)
	})
}

func selectsNamespaceAndLabels(s policy.Scoped, p *Pod) bool {
	if !selectsPods(s) || s.Namespace != "" && s.Namespace != p.Namespace {
		return false
	}
	return matches(s.Pod, func(key string) (string, bool) {
		if key == namespaceLabel || key == ciliumNamespaceLabel {
			return p.Namespace, true
		}
		value, ok := p.Labels[key]
		return value, ok
	})
}

// matches has the semantics of Kubernetes: all conditions hold, and NotIn holds
// for a label that is not there. A nil selector asks for nothing.
func matches(s *policy.LabelSelector, label func(key string) (string, bool)) bool {
	return s == nil || !slices.ContainsFunc(s.Requirements, func(r policy.Requirement) bool {
		value, ok := label(r.Key)
		switch r.Operator {
		case "In":
			return !ok || !slices.Contains(r.Values, value)
		case "NotIn":
			return ok && slices.Contains(r.Values, value)
		case "Exists":
			return !ok
		case "DoesNotExist":
			return ok
		}
		return true // policy lets no other through: rather none than all
	})
}
