// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"fmt"
	"slices"
	"time"
)

const (
	// passes bound how often reconcile looks again. Each ends what the one before
	// could only begin: cgroups that were made in a cgroup just before its number
	// was set right have the wrong one too.
	passes = 4
	// searches bound how often a cgroup's path is looked for. It is not there when
	// the cgroup was removed or, for an instant, when it is just being made.
	searches = 3
)

// reconcile makes what the kernel has agree with what is known.
func (w *Workloads) reconcile() error {
	for range passes {
		changed, err := w.pass()
		if err != nil || !changed {
			return err
		}
	}
	return nil // the next Refresh goes on
}

// pass says whether it changed a cgroup's number. It does as much as it can and
// returns the first error. The numbers of pods come before the reading of cgroups,
// so that each cgroup has its number when it is made or is among those read.
func (w *Workloads) pass() (changed bool, err error) {
	var p problems
	p.add(w.write(w.groups[hostNumber]))
	p.add(w.write(w.groups[strangersNumber]))
	for _, pod := range w.pods {
		p.add(w.settle(pod))
	}
	entries, err := w.kernel.Cgroups()
	if err != nil {
		return false, fmt.Errorf("read cgroups: %w", err)
	}
	w.observe(entries)
	if wanted := w.unfound(); len(wanted) > 0 || w.incomplete {
		p.add(w.scan(wanted))
	}
	changed = w.assign(&p)
	return changed, p.err()
}

// unfound are the pods with cgroups whose paths are not known.
func (w *Workloads) unfound() map[*pod]bool {
	wanted := map[*pod]bool{}
	for _, c := range w.cgroups {
		if !c.found && !c.Released && !c.pod.host && c.searches < searches {
			c.searches++
			wanted[c.pod] = true
		}
	}
	return wanted
}

// settle makes the kernel give the right number to new cgroups of the pod. The
// number's bitmap comes first.
func (w *Workloads) settle(p *pod) error {
	switch {
	case p.gone:
		return w.withdraw(p)
	case p.host || !p.known:
		return nil
	}
	var found problems
	if p.whole == nil {
		var err error
		if p.whole, err = w.take(p, ""); err != nil {
			found.add(fmt.Errorf("pod %s/%s counts as unknown: %w", p.Namespace, p.Name, err))
		}
	}
	for g := range p.groups() {
		found.add(w.write(g))
	}
	found.add(w.remember(p))
	if number := p.number(); p.entry != number && number != strangersNumber {
		if err := w.kernel.SetPod(p.UID, number); err != nil {
			found.add(fmt.Errorf("set workload of pod %s/%s: %w", p.Namespace, p.Name, err))
		} else {
			p.entry = number
		}
	}
	return found.err()
}

// withdraw makes the kernel forget the pod's number, which is the first step
// of freeing it.
func (w *Workloads) withdraw(p *pod) error {
	if p.entry == 0 {
		return nil
	}
	if err := w.kernel.DeletePod(p.UID); err != nil {
		return fmt.Errorf("delete pod %s/%s: %w", p.Namespace, p.Name, err)
	}
	p.entry = 0
	return nil
}

// assign sets the numbers of cgroups right. Containers whose path is known come
// first: they tell which container a number of an earlier agent is.
func (w *Workloads) assign(p *problems) (changed bool) {
	late := map[*pod]time.Time{}
	for _, located := range []bool{true, false} {
		for _, c := range w.cgroups {
			if located != (c.place.Container != "") {
				continue
			}
			number, before := w.resolve(c, p), c.Workload
			if number == before && !c.wrong {
				continue
			}
			c.Workload = number
			if err := w.kernel.SetCgroup(c.Cgroup); err != nil {
				c.Workload = before
				p.add(fmt.Errorf("set workload of cgroup %d: %w", c.ID, err))
				continue
			}
			c.wrong, changed = false, true
			w.measure(c, before, late)
		}
	}
	for pod, created := range late {
		pod.late = true
		w.stats.LatePods++
		w.stats.LatePodDelay += max(0, w.opts.Now().Sub(created))
	}
	return changed
}

// resolve returns the number that the cgroup should have.
func (w *Workloads) resolve(c *cgroup, found *problems) uint32 {
	p := c.pod
	if !p.known {
		if p.recalled && c.container == "" {
			c.container = w.containerOf(c)
		}
		if g := w.groups[c.Workload]; g != nil && g.pod == p {
			return c.Workload // an earlier agent knew
		}
		return p.number()
	}
	if c.container == "" {
		c.container = w.containerOf(c)
	}
	if c.container == "" {
		return p.number()
	}
	g, err := w.part(c)
	if err == nil {
		err = w.write(g)
	}
	if err != nil {
		found.add(fmt.Errorf("container %s of pod %s/%s counts as part of the pod: %w",
			c.container, p.Namespace, p.Name, err))
		return p.number()
	}
	return g.number
}

// containerOf is the name of the cgroup's container: by the path or, if that is
// not known, by the number which the cgroup got from the one it was made in.
func (w *Workloads) containerOf(c *cgroup) string {
	if c.found {
		for _, container := range c.pod.Containers {
			if container.ID != "" && container.ID == c.place.Container {
				return container.Name
			}
		}
		return ""
	}
	if g := w.groups[c.Workload]; g != nil && g.pod == c.pod {
		return g.container
	}
	return ""
}

// part is the group of the cgroup's container. If the container is met for the
// first time and an earlier agent gave the cgroup a number, it keeps that.
func (w *Workloads) part(c *cgroup) (*group, error) {
	p := c.pod
	if g := p.parts[c.container]; g != nil {
		return g, nil
	}
	i := slices.IndexFunc(p.adopted, func(g *group) bool { return g.number == c.Workload })
	if i >= 0 {
		g := p.adopted[i]
		p.adopted = slices.Delete(p.adopted, i, i+1)
		g.container = c.container
		p.parts[c.container] = g
		return g, nil
	}
	g, err := w.take(p, c.container)
	if err == nil {
		p.parts[c.container] = g
	}
	return g, err
}

// measure notes what came late: a pod after its first container, or a container
// that is in more scopes than its pod was. Before, those did not count. The kubelet
// makes the pod's own cgroup as soon as it hears of the pod itself, and nothing runs
// in it.
func (w *Workloads) measure(c *cgroup, before uint32, late map[*pod]time.Time) {
	p := c.pod
	if p.host || c.Created.IsZero() {
		return // nobody counted when it was made
	}
	empty := c.found && c.place.Container == ""
	if before == strangersNumber && !p.late && !empty {
		if first, ok := late[p]; !ok || c.Created.Before(first) {
			late[p] = c.Created
		}
	}
	part := w.groups[c.Workload]
	if p.whole == nil || before != p.whole.number || part.container == "" || c.place.Container == "" || c.place.Nested {
		return
	}
	for i := range part.bits {
		if part.bits[i]&^p.whole.bits[i] != 0 {
			w.stats.LateContainers++
			w.stats.LateContainerDelay += max(0, w.opts.Now().Sub(c.Created))
			return
		}
	}
}
