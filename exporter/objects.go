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

// verdicts returns what became of the custom resources.
func (s *policySet) verdicts() []kube.Verdict {
	s.mu.Lock()
	defer s.mu.Unlock()
	states := map[policyKey]collector.PolicyState{}
	for _, state := range s.states {
		states[policyKey{state.Namespace, state.Policy}] = state
	}
	var verdicts []kube.Verdict
	for path, object := range maps.All(s.objects) {
		f := s.known[path]
		if f == nil || f.data != string(object.Data) {
			continue // the agent has not looked at it yet
		}
		v := verdict(f, states[policyKey{object.Namespace, object.Name}])
		v.Policy = object
		verdicts = append(verdicts, v)
	}
	return verdicts
}

// verdict judges a custom resource by how it was read, and by the state of the
// policy of its name.
func verdict(f *policyFile, state collector.PolicyState) kube.Verdict {
	switch {
	case f.err != nil:
		return kube.Verdict{Ready: kube.NotReady, Reason: "PolicyNotInForce", Message: f.err.Error()}
	case f.rival != "":
		return kube.Verdict{Ready: kube.NotReady, Reason: "PolicyNotInForce", Message: "a policy of the same name is in force: " + f.rival}
	}
	switch state.State {
	case collector.Error, collector.PartiallyEnabled:
		if state.Reason != "" {
			return kube.Verdict{Ready: kube.NotReady, Reason: "PolicyNotInForce", Message: state.Reason}
		}
		return kube.Verdict{Ready: kube.Ready, Reason: "Counting", Message: "hooks that may be absent are"}
	case collector.Enabled:
		return kube.Verdict{Ready: kube.Ready, Reason: "Counting"}
	case collector.MonitorOnly:
		return kube.Verdict{Ready: kube.Ready, Reason: "MonitorOnly", Message: state.Reason}
	case collector.Disabled:
		return kube.Verdict{Ready: kube.NoOpinion, Reason: "Disabled"}
	}
	return kube.Verdict{Ready: kube.NoOpinion, Reason: "NotForThisNode", Message: state.Reason}
}
