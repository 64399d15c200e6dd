// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
)

// patience is how long the policies of one kind wait, at the start, for those of
// the other. Policies that come one kind after the other would make an agent that
// adopts the counters of its predecessor retire those of the second kind.
const patience = 10 * time.Second

// policySet puts the policies of both kinds together. Only the goroutine of
// Client.Run uses it.
type policySet struct {
	handler  Handler
	statuses *statusWriter
	known    map[string]policies // by resource; without those that have not answered yet
	absent   map[string]int      // by resource: how many times in a row the server knew none
	told     bool                // the handler was told of all
}

type policies map[PolicyKey]Policy

func newPolicySet(h Handler, w *statusWriter) *policySet {
	return &policySet{handler: h, statuses: w, known: map[string]policies{}, absent: map[string]int{}}
}

// sink takes the policies of one resource. later has a function called after a
// time, in its turn.
func (s *policySet) sink(resource string, later func(time.Duration, func())) sink[*policyObject] {
	answer := func(p policies) {
		if len(s.known) == 0 {
			later(patience, s.tellFirst)
		}
		s.replace(resource, p)
	}
	return sink[*policyObject]{
		object: &policyObject{},
		trim:   func(o runtime.Object) *policyObject { return o.(*policyObject) },
		set: func(o *policyObject) {
			s.statuses.see(o)
			s.set(resource, o.policy)
		},
		remove: func(o *policyObject) {
			s.statuses.forget(o.policy.UID)
			s.remove(resource, o.policy.Key())
		},
		replace: func(list []*policyObject) {
			s.absent[resource] = 0
			s.statuses.seeAll(resource, list)
			p := policies{}
			for _, o := range list {
				p[o.policy.Key()] = o.policy
			}
			answer(p)
		},
		unavailable: func(err error) {
			if s.lost(resource, err) {
				answer(policies{})
			}
		},
		// Every node of a cluster without the definitions asks for them for ever: on
		// 5 000 nodes this makes 130 requests a second, where leases make 500.
		backoff: &wait.Backoff{Duration: time.Second, Factor: 2, Jitter: 0.5, Steps: 10, Cap: time.Minute},
	}
}

// lost decides whether there are no policies where the server refuses the
// resource. What is known stays if it is forbidden. A resource that does not exist
// has no objects; to be sure that it was not a proxy before a server that is still
// starting, known policies are dropped only when that is said twice.
func (s *policySet) lost(resource string, err error) bool {
	if apierrors.IsNotFound(err) {
		s.absent[resource]++
	}
	return len(s.known[resource]) == 0 || s.absent[resource] > 1
}

func (s *policySet) set(resource string, p Policy) {
	before, known := s.known[resource][p.Key()]
	s.known[resource][p.Key()] = p
	if s.told && (!known || !before.equal(p)) {
		s.handler.SetPolicy(p)
	}
}

func (s *policySet) remove(resource string, key PolicyKey) {
	delete(s.known[resource], key)
	if s.told {
		s.handler.DeletePolicy(key)
	}
}

// replace takes all policies of a resource.
func (s *policySet) replace(resource string, p policies) {
	same := maps.EqualFunc(s.known[resource], p, Policy.equal)
	s.known[resource] = p
	switch {
	case s.told && !same:
		s.tell()
	case len(s.known) == len(policyResources()):
		s.tellFirst()
	}
}

func (s *policySet) tellFirst() {
	if !s.told {
		s.told = true
		s.tell()
	}
}

// tell hands on all policies, those of the cluster first.
func (s *policySet) tell() {
	all := []Policy{}
	for _, p := range s.known {
		all = slices.AppendSeq(all, maps.Values(p))
	}
	slices.SortFunc(all, func(a, b Policy) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	s.handler.ReplacePolicies(all)
}

// equal says whether nothing changed that matters.
func (p Policy) equal(other Policy) bool {
	return p.UID == other.UID && p.Generation == other.Generation && bytes.Equal(p.Data, other.Data)
}
