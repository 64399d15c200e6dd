// SPDX-License-Identifier: Apache-2.0

package main

import (
	"maps"
	"strings"

	"github.com/tetrameter/tetrameter/exporter/collector"
	"github.com/tetrameter/tetrameter/exporter/policy"
	"github.com/tetrameter/tetrameter/exporter/workload/kube"
)

// objectPrefix begins the names of policies that are custom resources, which
// are read like files.
const objectPrefix = "kubernetes:"

// objectPath names a custom resource as kubectl does.
func objectPath(k kube.PolicyKey) string {
	if k.Namespace == "" {
		return objectPrefix + "tracingpolicy/" + k.Name
	}
	return objectPrefix + "tracingpolicynamespaced/" + k.Namespace + "/" + k.Name
}

func isObject(path string) bool { return strings.HasPrefix(path, objectPrefix) }

// setObjects changes which custom resources there are.
func (s *policySet) setObjects(change func(objects map[string]kube.Policy)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.objects == nil {
		s.objects = map[string]kube.Policy{}
	}
	change(s.objects)
}

func (s *policySet) setObject(p kube.Policy) {
	s.setObjects(func(objects map[string]kube.Policy) { objects[objectPath(p.Key())] = p })
}

func (s *policySet) deleteObject(k kube.PolicyKey) {
	s.setObjects(func(objects map[string]kube.Policy) { delete(objects, objectPath(k)) })
}

func (s *policySet) replaceObjects(list []kube.Policy) {
	s.setObjects(func(objects map[string]kube.Policy) {
		clear(objects)
		for _, p := range list {
			objects[objectPath(p.Key())] = p
		}
	})
}

// loadObjects parses the custom resources. Their text is not expanded: who may
// apply a policy need not know the environment of the agent.
func (s *policySet) loadObjects(before map[string]*policyFile) {
	for path, object := range s.objects {
		s.add(path, object.Data, nil, policy.Parse, before)
	}
}

// problem is why a custom resource is not in force as it says.
type problem struct {
	object kube.Policy
	reason string
}

// problems returns the custom resources that are not in force, or not all of
// them. states are those of the policies in force.
func (s *policySet) problems() []problem {
	s.mu.Lock()
	defer s.mu.Unlock()
	reasons := map[policyKey]string{}
	for _, state := range s.states {
		if state.Reason != "" && (state.State == collector.Error || state.State == collector.PartiallyEnabled) {
			reasons[policyKey{state.Namespace, state.Policy}] = state.Reason
		}
	}
	var problems []problem
	for path, object := range maps.All(s.objects) {
		f := s.known[path]
		switch {
		case f == nil:
		case f.err != nil:
			problems = append(problems, problem{object, f.err.Error()})
		case f.rival != "":
			problems = append(problems, problem{object, "a policy of the same name is in force: " + f.rival})
		default:
			if reason := reasons[policyKey{object.Namespace, object.Name}]; reason != "" {
				problems = append(problems, problem{object, reason})
			}
		}
	}
	return problems
}
