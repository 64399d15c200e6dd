// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"github.com/tetrameter/tetrameter/bpf"
	"github.com/tetrameter/tetrameter/exporter/plan"
)

// attachment is a hook that is attached in one way.
type attachment struct {
	attach plan.Attach
	points []*point
	ids    map[plan.ID]bool // whose events the matchers count
	// refused are the counters that the matchers do not serve, with the reasons.
	refused map[plan.ID]string
}

// point is one program attached, and the map through which it jumps to the
// matcher of the policies of the day.
type point struct {
	program *ebpf.Program
	matcher *ebpf.Map
	link    link.Link
	name    string // among those of the hook
	pinned  bool
	// code is what this agent put behind matcher, in readable form.
	code string
	// waiting are the keys of the rules in it that remember calls.
	waiting []uint64
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
	spec, err := k.object(t)
	if err != nil {
		return nil, err
	}
	if pt.matcher, err = ebpf.NewMap(spec.Maps[bpf.RawTPMapMatcher]); err != nil {
		return nil, fmt.Errorf("create matcher map: %w", err)
	}
	if pt.program, err = k.loadProgram(t, t.attachAt(p), p, nil, pt.matcher); err != nil {
		return nil, fmt.Errorf("load %s program: %w", kind, err)
	}
	if first != nil {
		if err = pt.run(first); err != nil {
			return nil, err
		}
	}
	if pt.link, err = attachProgram(kind, p, pt.program); err != nil {
		return nil, fmt.Errorf("attach %s to %s: %w", kind, p.Target, explainRefusal(kind, err))
	}
	return pt, nil
}

func attachProgram(kind plan.Kind, p plan.Point, prog *ebpf.Program) (link.Link, error) {
	switch kind {
	case plan.Fentry:
		return link.AttachTracing(link.TracingOptions{Program: prog})
	case plan.LSM:
		return link.AttachLSM(link.LSMOptions{Program: prog})
	case plan.RawTracepoint:
		return link.AttachRawTracepoint(link.RawTracepointOptions{Name: p.Target, Program: prog})
	case plan.Uprobe:
		return attachUser(p, prog)
	case plan.Kprobe:
		if p.Exit {
			return link.Kretprobe(p.Target, prog, nil)
		}
		return link.Kprobe(p.Target, prog, nil)
	default:
		group, name, _ := strings.Cut(p.Target, "/")
		return link.Tracepoint(group, name, prog, nil)
	}
}

func attachUser(p plan.Point, prog *ebpf.Program) (link.Link, error) {
	opened, err := reopen(p.Target, p.User.File)
	if err != nil {
		return nil, err
	}
	defer opened.Close()
	// The kernel follows this to the file itself, whatever the path is now.
	file, err := link.OpenExecutable(fmt.Sprintf("/proc/self/fd/%d", opened.Fd()))
	if err != nil {
		return nil, err
	}
	opts := &link.UprobeOptions{Address: p.User.Offset, RefCtrOffset: p.User.RefCtrOffset}
	if p.Exit {
		return file.Uretprobe(p.User.Symbol, prog, opts)
	}
	return file.Uprobe(p.User.Symbol, prog, opts)
}

// run makes the point jump to a matcher.
func (p *point) run(m *ebpf.Program) error {
	if err := p.matcher.Put(uint32(0), m); err != nil {
		return fmt.Errorf("set matcher: %w", err)
	}
	return nil
}

// stop makes the point jump to none: its events are losses from here on.
func (p *point) stop() error {
	if err := p.matcher.Delete(uint32(0)); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return fmt.Errorf("remove matcher: %w", err)
	}
	return nil
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

// missedReturns is how often the kernel had no room to note that the function
// was called (maxactive in Documentation/trace/kprobes.rst), and so did not see
// it return. Kernels before 6.7 do not report it.
func (p *point) missedReturns() uint64 {
	if !isExit(p.name) {
		return 0
	}
	info, err := p.link.Info()
	if err != nil || info.PerfEvent() == nil || info.PerfEvent().Kprobe() == nil {
		return 0
	}
	return info.PerfEvent().Kprobe().Missed
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

// closeAttachments closes many at once: the kernel waits for each link until no
// CPU runs its program, and can do so for all together.
func closeAttachments(attachments []*attachment) error {
	errs := make([]error, len(attachments))
	var all sync.WaitGroup
	for i, a := range attachments {
		all.Go(func() { errs[i] = a.close() })
	}
	all.Wait()
	return errors.Join(errs...)
}

// pinned says whether all points outlive the agent.
func (a *attachment) pinned() bool {
	for _, p := range a.points {
		if !p.pinned {
			return false
		}
	}
	return true
}

// point returns the point with a name, or nil.
func (a *attachment) point(name string) *point {
	if a == nil {
		return nil
	}
	for _, p := range a.points {
		if p != nil && p.name == name {
			return p
		}
	}
	return nil
}

// close gives up the points, the one attached last first.
func (a *attachment) close() error {
	var errs []error
	for _, p := range slices.Backward(a.points) {
		if p != nil {
			errs = append(errs, p.close())
		}
	}
	return errors.Join(errs...)
}
