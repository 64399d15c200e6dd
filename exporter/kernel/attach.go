// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"github.com/tetrameter/tetrameter/bpf"
	"github.com/tetrameter/tetrameter/exporter/match"
	"github.com/tetrameter/tetrameter/exporter/plan"
)

// attachment is a hook that is attached in one way.
type attachment struct {
	attach plan.Attach
	points []*point
	pinned bool
	ids    map[plan.ID]bool // whose events the matchers count
}

// point is one program attached, and the map through which it jumps to the
// matcher of the policies of the day.
type point struct {
	program *ebpf.Program
	matcher *ebpf.Map
	link    link.Link
	// code is what this agent put behind matcher, in readable form.
	code string
}

// matchInput is what the matchers of a hook are compiled from.
type matchInput struct {
	hook     plan.Hook
	slots    map[plan.ID]uint32
	binaries map[string]uint32
}

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
			var verifier *ebpf.VerifierError
			if errors.As(err, &verifier) {
				k.log.Error("verifier refused a program", "hook", in.hook.Label, "attach", way.String(), "err", fmt.Sprintf("%+v", err))
			}
			reasons = append(reasons, fmt.Sprintf("%s: %v", way.Kind, reasonOf(err)))
			continue
		}
		k.attached[key] = a
		a.ids = map[plan.ID]bool{}
		for _, id := range in.hook.IDs() {
			a.ids[id] = true
		}
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

// attachWay switches the matchers of a hook that is attached this way already,
// by this agent or one before it, and attaches what is missing. All matchers
// are loaded before the first takes effect; one that would stay the same is not
// loaded again.
func (k *Kernel) attachWay(in matchInput, way plan.Attach) (*attachment, error) {
	matchers, err := k.loadMatchers(in, way)
	defer func() {
		for _, m := range matchers {
			m.close() // the matcher maps hold them now
		}
	}()
	if err != nil {
		return nil, err
	}
	a := k.adopt(in.hook.Key(), way)
	for i := range way.Points {
		if err := k.usePoint(in, a, i, matchers[i]); err != nil {
			return nil, errors.Join(err, k.abandon(in.hook.Key(), a))
		}
	}
	return a, nil
}

// abandon undoes an attachment that did not become complete. One that was
// complete before keeps running.
func (k *Kernel) abandon(key string, a *attachment) error {
	if k.attached[key] == a {
		return nil
	}
	return errors.Join(a.close(), k.pins.removeKinds(key, "", nil))
}

// usePoint makes one point of an attachment run a matcher.
func (k *Kernel) usePoint(in matchInput, a *attachment, i int, m *matcher) error {
	if m.program == nil {
		return nil
	}
	if a.points[i] != nil {
		if err := a.points[i].matcher.Put(uint32(0), m.program); err != nil {
			return fmt.Errorf("switch matcher: %w", err)
		}
		a.points[i].code = m.code
		return nil
	}
	if err := k.detachOthers(in.hook.Key(), a.attach); err != nil {
		return err
	}
	pt, err := k.newPoint(a.attach.Kind, a.attach.Points[i], m.program)
	if err != nil {
		return err
	}
	pt.code = m.code
	a.points[i] = pt
	pinned, err := k.pin(pt, k.pins.point(in.hook.Key(), a.attach.Kind, a.attach.Points[i]))
	a.pinned = a.pinned && pinned
	return err
}

// adopt returns the points of the hook that are attached this way already;
// missing ones are nil.
func (k *Kernel) adopt(key string, way plan.Attach) *attachment {
	if a := k.attached[key]; a != nil && a.attach.String() == way.String() {
		a.attach = way
		return a
	}
	a := &attachment{attach: way, points: make([]*point, len(way.Points)), pinned: k.pins.enabled()}
	if !k.pins.enabled() {
		return a
	}
	for i, p := range way.Points {
		dir := k.pins.point(key, way.Kind, p)
		pt, err := openPoint(dir)
		if err == nil {
			a.points[i] = pt
			continue
		}
		if !errors.Is(err, os.ErrNotExist) {
			k.log.Warn("pinned attachment is unusable and replaced", "hook", key, "err", err)
		}
		if err := removePins(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
			k.log.Warn("remove pins", "hook", key, "err", err)
		}
	}
	return a
}

// detachOthers ends what is attached to the hook in another way: two ways at
// once would count twice.
func (k *Kernel) detachOthers(key string, way plan.Attach) error {
	var errs []error
	if a := k.attached[key]; a != nil {
		errs = append(errs, a.close())
		delete(k.attached, key)
	}
	errs = append(errs, k.pins.removeKinds(key, way.Kind, way.Points))
	return errors.Join(errs...)
}

// matcher is a program that evaluates the policies on one point.
type matcher struct {
	code    string
	program *ebpf.Program // nil if the point runs the same code already
}

func (m *matcher) close() {
	if m.program != nil {
		m.program.Close()
	}
}

func (k *Kernel) loadMatchers(in matchInput, way plan.Attach) ([]*matcher, error) {
	var running []*point
	if a := k.attached[in.hook.Key()]; a != nil && a.attach.String() == way.String() {
		running = a.points
	}
	var matchers []*matcher
	for i, p := range way.Points {
		body, err := match.Compile(match.Input{
			Guard:          p.Guard,
			Rules:          in.hook.MatchRules(p, in.slots),
			Binaries:       in.binaries,
			HostNamespaces: k.hostNS,
		})
		if err != nil {
			return matchers, fmt.Errorf("compile selectors: %w", err)
		}
		m := &matcher{code: fmt.Sprint(body)}
		matchers = append(matchers, m)
		if running != nil && running[i] != nil && running[i].code == m.code {
			continue
		}
		t := templateOf(way.Kind)
		name := t.match
		if p.Syscall {
			name = t.matchSyscalls
		}
		if m.program, err = k.loadProgram(t, name, p, body, nil); err != nil {
			return matchers, fmt.Errorf("load matcher: %w", err)
		}
	}
	return matchers, nil
}

// newPoint attaches a program that jumps to first, which may be nil.
func (k *Kernel) newPoint(kind plan.Kind, p plan.Point, first *ebpf.Program) (_ *point, err error) {
	pt := &point{}
	defer func() {
		if err != nil {
			pt.close()
		}
	}()
	t := templateOf(kind)
	spec, err := t.load()
	if err != nil {
		return nil, fmt.Errorf("read BPF object: %w", err)
	}
	if pt.matcher, err = ebpf.NewMap(spec.Maps[bpf.RawTPMapMatcher]); err != nil {
		return nil, fmt.Errorf("create matcher map: %w", err)
	}
	if pt.program, err = k.loadProgram(t, t.attach, p, nil, pt.matcher); err != nil {
		return nil, fmt.Errorf("load %s program: %w", kind, err)
	}
	if first != nil {
		if err = pt.matcher.Put(uint32(0), first); err != nil {
			return nil, fmt.Errorf("set matcher: %w", err)
		}
	}
	if pt.link, err = attachProgram(kind, p, pt.program); err != nil {
		return nil, fmt.Errorf("attach %s to %s: %w", kind, p.Target, err)
	}
	return pt, nil
}

func attachProgram(kind plan.Kind, p plan.Point, prog *ebpf.Program) (link.Link, error) {
	switch kind {
	case plan.Fentry:
		return link.AttachTracing(link.TracingOptions{Program: prog})
	case plan.Kprobe:
		return link.Kprobe(p.Target, prog, nil)
	default:
		group, name, _ := strings.Cut(p.Target, "/")
		return link.Tracepoint(group, name, prog, nil)
	}
}

// pin makes a point outlive the agent. It is false without an error where the
// kernel cannot pin the link, as perf events before 5.15. The link comes last:
// where it exists the rest does.
func (k *Kernel) pin(pt *point, dir string) (bool, error) {
	if !k.pins.enabled() {
		return false, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return false, fmt.Errorf("create pin directory: %w", err)
	}
	if err := pt.matcher.Pin(filepath.Join(dir, "matcher")); err != nil {
		return false, fmt.Errorf("pin matcher: %w", err)
	}
	if err := pt.program.Pin(filepath.Join(dir, "program")); err != nil {
		return false, fmt.Errorf("pin program: %w", err)
	}
	err := pt.link.Pin(filepath.Join(dir, "link"))
	if errors.Is(err, ebpf.ErrNotSupported) {
		return false, removePins(dir)
	}
	if err != nil {
		return false, fmt.Errorf("pin link: %w", err)
	}
	return true, nil
}

// openPoint loads a point that an earlier agent pinned.
func openPoint(dir string) (_ *point, err error) {
	pt := &point{}
	defer func() {
		if err != nil {
			pt.close()
		}
	}()
	if pt.link, err = link.LoadPinnedLink(filepath.Join(dir, "link"), nil); err != nil {
		return nil, err
	}
	if pt.program, err = ebpf.LoadPinnedProgram(filepath.Join(dir, "program"), nil); err != nil {
		return nil, err
	}
	if pt.matcher, err = ebpf.LoadPinnedMap(filepath.Join(dir, "matcher"), nil); err != nil {
		return nil, err
	}
	return pt, nil
}

// close gives up the hold on the point, which detaches it unless it is pinned.
func (p *point) close() error {
	var errs []error
	if p.link != nil {
		errs = append(errs, p.link.Close())
	}
	if p.program != nil {
		errs = append(errs, p.program.Close())
	}
	if p.matcher != nil {
		errs = append(errs, p.matcher.Close())
	}
	return errors.Join(errs...)
}

func (a *attachment) close() error {
	var errs []error
	for _, p := range a.points {
		if p != nil {
			errs = append(errs, p.close())
		}
	}
	return errors.Join(errs...)
}
