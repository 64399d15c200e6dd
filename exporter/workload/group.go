// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"errors"
	"fmt"

	"github.com/tetrameter/tetrameter/exporter/policy"
)

// ErrNoNumber says that all workload numbers are in use.
var ErrNoNumber = errors.New("all workload numbers are in use")

// The numbers that are reserved.
const (
	hostNumber      = 0
	strangersNumber = 1 // pods that are not known, or have no number
)

// group is the set of processes that share a workload number.
type group struct {
	number uint32
	pod    *pod // nil for strangers
	// container is empty for those processes of a pod whose container is not known.
	container string
	bits      Bits
	written   bool // the kernel has these bits; the number must not be used before
}

// take gives a number to a container of the pod, or to the pod.
func (w *Workloads) take(p *pod, container string) (*group, error) {
	for ; w.next < w.opts.Numbers; w.next++ {
		if w.groups[w.next] != nil {
			continue
		}
		g := &group{number: w.next, pod: p, container: container}
		w.groups[g.number] = g
		return g, nil
	}
	return nil, ErrNoNumber
}

// free gives the numbers of the pod back.
func (w *Workloads) free(p *pod) {
	for g := range p.groups() {
		delete(w.groups, g.number)
		w.next = min(w.next, g.number)
	}
}

// write makes sure that the kernel has the bitmap of the group.
func (w *Workloads) write(g *group) error {
	bits := w.evaluate(g)
	if g.written && bits == g.bits {
		return nil
	}
	if err := w.kernel.SetScopes(g.number, bits); err != nil {
		return fmt.Errorf("set scopes of workload %d: %w", g.number, err)
	}
	g.bits, g.written = bits, true
	return nil
}

// evaluate says which scopes select the group.
func (w *Workloads) evaluate(g *group) Bits {
	if w.scopes == nil {
		return g.bits // an earlier agent's, which its programs still ask for
	}
	var bits Bits
	switch {
	case g.pod != nil && !g.pod.known:
		// An earlier agent knew the pod. What it found out holds until the API
		// server is heard of, which may be long.
		bits = g.bits
	case w.some:
		bits = g.bits
		for number := range w.scopes {
			bits[number/64] &^= 1 << (number % 64)
		}
	}
	for number, s := range w.scopes {
		if w.selects(g, s) {
			bits[number/64] |= 1 << (number % 64)
		}
	}
	return bits
}

func (w *Workloads) selects(g *group, s policy.Scoped) bool {
	switch p := g.pod; {
	case p == nil || !p.known:
		return selectsAnyPod(s)
	case p.host:
		return selectsHost(s)
	case g.container == "":
		return selectsPod(s, &p.Pod)
	default:
		return selectsContainer(s, &p.Pod, p.container(g.container))
	}
}

// SetScopes says which scopes are in force, with their numbers by key. When it
// returns, the bitmaps of all workloads are written; if some could not be it
// returns an error, and a policy with a new scope must not be loaded.
func (w *Workloads) SetScopes(numbers map[string]uint32, scopes []policy.Scoped) error {
	return w.setScopes(numbers, scopes, false)
}

// SetSomeScopes is SetScopes while there may be policies that are not known yet,
// whose programs an earlier agent left: for other scopes than these, what it
// found out holds.
func (w *Workloads) SetSomeScopes(numbers map[string]uint32, scopes []policy.Scoped) error {
	return w.setScopes(numbers, scopes, true)
}

func (w *Workloads) setScopes(numbers map[string]uint32, scopes []policy.Scoped, some bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	inForce := map[uint32]policy.Scoped{}
	for _, s := range scopes {
		number, ok := numbers[s.Key()]
		switch {
		case !ok && s.Everything():
			continue // programs do not ask for it
		case !ok:
			return fmt.Errorf("scope %s has no number", s.Key())
		case number >= maxScopes:
			return fmt.Errorf("scope %s: number %d, the last is %d", s.Key(), number, maxScopes-1)
		}
		if other, ok := inForce[number]; ok && other.Key() != s.Key() {
			return fmt.Errorf("scopes %s and %s have the same number %d", other.Key(), s.Key(), number)
		}
		inForce[number] = s
	}
	if !some {
		w.forgetScopes(inForce)
	}
	w.scopes, w.some = inForce, some
	var p problems
	for _, g := range w.groups {
		p.add(w.write(g))
	}
	return p.err()
}

// forgetScopes clears what an earlier agent found out about scopes that are no
// longer in force, since their numbers may be given to others. The first time,
// and after some, other numbers are those of the earlier agent.
func (w *Workloads) forgetScopes(inForce map[uint32]policy.Scoped) {
	var kept Bits
	for number, s := range inForce {
		if before, ok := w.scopes[number]; ok && before.Key() == s.Key() || !ok && (w.scopes == nil || w.some) {
			kept[number/64] |= 1 << (number % 64)
		}
	}
	for _, g := range w.groups {
		if g.pod == nil || g.pod.known {
			continue
		}
		for i := range g.bits {
			if g.bits[i]&^kept[i] != 0 {
				g.written = false
			}
			g.bits[i] &= kept[i]
		}
	}
}
