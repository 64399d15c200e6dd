// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/tetrameter/tetrameter/exporter/plan"
)

// attach tries the hook's ways to attach in order. The reason tells why the
// ways before the one that worked did not; nothing attached is no error but a
// hook that this kernel does not support.
func (k *Kernel) attach(in matchInput) (*attachment, string, error) {
	var reasons []string
	for _, r := range in.hook.Rejected {
		reasons = append(reasons, fmt.Sprintf("%s: %s", r.Kind, r.Reason))
	}
	key := in.hook.Key()
	for _, way := range in.hook.Attaches {
		a, err := k.attachWay(in, way)
		if err != nil {
			k.logVerifier(in.hook, way, err)
			reasons = append(reasons, fmt.Sprintf("%s: %v", way.Kind, reasonOf(err)))
			continue
		}
		k.attached[key] = a
		err = k.pins.removeKinds(key, way.Kind, way.Points)
		return a, strings.Join(reasons, "; "), err
	}
	// What this agent attached before goes on as it was. What only an earlier
	// one attached ends: nobody knows what it counts.
	if a := k.attached[key]; a != nil {
		return a, strings.Join(reasons, "; "), nil
	}
	return nil, strings.Join(reasons, "; "), k.pins.removeKinds(key, "", nil)
}

// attachWay switches the matchers of points that are attached this way already,
// by this agent or one before it, and attaches what is missing. All matchers are
// loaded before the first takes effect; one that would stay the same is not
// loaded again.
//
// What is attached to the hook in another way would count the same events. So
// new points begin with a matcher that counts nothing; then the others lose
// theirs, and the new ones get those that count. The few instructions between
// are a gap that is reported as loss no_matcher, and so are events that meet the
// others until they are detached.
func (k *Kernel) attachWay(in matchInput, way plan.Attach) (*attachment, error) {
	matchers, refused, err := k.loadMatchers(in, way)
	defer closeAll(matchers)
	if err != nil {
		return nil, err
	}
	key := in.hook.Key()
	a := k.adopt(key, way)
	rivals := k.rivals(key, a)
	if err := k.complete(key, a, matchers, len(rivals) > 0); err != nil {
		return nil, errors.Join(err, k.release(key, a.points), k.release(key, rivals))
	}
	var errs []error
	for _, r := range rivals {
		errs = append(errs, r.stop())
	}
	for i, m := range matchers {
		if m.program != nil {
			errs = append(errs, a.points[i].run(m.program))
		}
		a.points[i].code, a.points[i].waiting = m.code, m.waiting
	}
	a.ids, a.refused = map[plan.ID]bool{}, refused
	for _, id := range in.hook.IDs() {
		a.ids[id] = refused[id] == ""
	}
	return a, errors.Join(append(errs, k.detach(key, a, rivals))...)
}

// complete attaches the points that a lacks. If rivals count the same events the
// new points count nothing yet.
func (k *Kernel) complete(key string, a *attachment, matchers []*matcher, rivals bool) (err error) {
	var created []int
	defer func() {
		for _, i := range created {
			if err != nil {
				err = errors.Join(err, a.points[i].close(), k.unpin(key, a.points[i].name))
				a.points[i] = nil
			}
		}
	}()
	for i, p := range a.attach.Points {
		if a.points[i] != nil {
			continue
		}
		first := matchers[i].program
		if rivals {
			nothing, err := k.loadNothing(a.attach.Kind, p)
			if err != nil {
				return err
			}
			defer nothing.Close()
			first = nothing
		}
		pt, err := k.newPoint(a.attach.Kind, p, first)
		if err != nil {
			return err
		}
		pt.name = pointName(a.attach.Kind, p)
		a.points[i] = pt
		created = append(created, i)
		if pt.pinned, err = k.pin(pt, k.pins.point(key, pt.name)); err != nil {
			return err
		}
	}
	return nil
}

func (k *Kernel) unpin(key, name string) error {
	if !k.pins.enabled() {
		return nil
	}
	return ignoreMissing(removePins(k.pins.point(key, name)))
}

func ignoreMissing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// adopt returns the points of the hook that are attached this way already;
// missing ones are nil.
func (k *Kernel) adopt(key string, way plan.Attach) *attachment {
	a := &attachment{attach: way, points: make([]*point, len(way.Points))}
	for i, p := range way.Points {
		name := pointName(way.Kind, p)
		if pt := k.attached[key].point(name); pt != nil {
			a.points[i] = pt
			continue
		}
		if !k.pins.enabled() {
			continue
		}
		dir := k.pins.point(key, name)
		pt, err := openPoint(dir)
		if err == nil {
			pt.name, pt.pinned = name, true
			a.points[i] = pt
			continue
		}
		if !errors.Is(err, os.ErrNotExist) {
			k.log.Warn("pinned attachment is unusable and replaced", "hook", key, "err", err)
		}
		if err := ignoreMissing(removePins(dir)); err != nil {
			k.log.Warn("remove pins", "hook", key, "err", err)
		}
	}
	return a
}

// rivals returns what is attached to the hook and no part of a, but would count
// its events: by this agent, or pinned by one before it. Exits count only what
// their entries remember.
func (k *Kernel) rivals(key string, a *attachment) []*point {
	var rivals []*point
	known := map[string]bool{}
	if before := k.attached[key]; before != nil {
		for _, pt := range before.points {
			known[pt.name] = true
			if a.point(pt.name) == nil && !isExit(pt.name) {
				rivals = append(rivals, pt)
			}
		}
	}
	for _, name := range k.pins.points(key) {
		if known[name] || a.point(name) != nil || isExit(name) {
			continue
		}
		pt, err := openPoint(k.pins.point(key, name))
		if err != nil {
			continue // it is removed in the end
		}
		pt.name = name
		rivals = append(rivals, pt)
	}
	return rivals
}

// release closes the points that were opened for a switch which did not happen;
// they stay pinned. Those of this agent stay as they are.
func (k *Kernel) release(key string, points []*point) error {
	var errs []error
	for _, pt := range points {
		if pt != nil && k.attached[key].point(pt.name) == nil {
			errs = append(errs, pt.close())
		}
	}
	return errors.Join(errs...)
}

// detach ends what is attached to the hook and no part of a.
func (k *Kernel) detach(key string, a *attachment, rivals []*point) error {
	errs := []error{closePoints(rivals)}
	if before := k.attached[key]; before != nil {
		for _, pt := range before.points {
			if a.point(pt.name) == nil && isExit(pt.name) {
				errs = append(errs, pt.close())
			}
		}
	}
	return errors.Join(append(errs, k.pins.removeKinds(key, a.attach.Kind, a.attach.Points))...)
}

func closePoints(points []*point) error {
	var errs []error
	for _, pt := range points {
		errs = append(errs, pt.close())
	}
	return errors.Join(errs...)
}
