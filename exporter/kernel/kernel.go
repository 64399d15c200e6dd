// SPDX-License-Identifier: Apache-2.0

// Package kernel carries out plans: it loads the objects of package bpf with
// the matchers of package match spliced in, attaches and pins them, and reads
// the counters back. It is the only package that makes BPF system calls, and
// the only one that needs privileges. Package collector reads its Snapshots.
package kernel

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/rlimit"

	"github.com/tetrameter/tetrameter/bpf"
	"github.com/tetrameter/tetrameter/exporter/plan"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

// DefaultCgroupFS is where systems mount cgroup file systems.
const DefaultCgroupFS = "/sys/fs/cgroup"

// Options configure a Kernel.
type Options struct {
	// BPFFS is where the BPF file system is, or is to be mounted.
	BPFFS string
	// CgroupFS is where cgroup file systems are mounted, empty for
	// DefaultCgroupFS.
	CgroupFS string
	// NoPin leaves nothing behind: counting ends with the process.
	NoPin bool
	// MaxSeries bounds the series map; maps that exist already keep their size.
	MaxSeries uint32
	// MaxSeriesPerCgroup is what one cgroup may take of it, 0 for half. Without
	// cgroups in the keys it has no effect.
	MaxSeriesPerCgroup uint32
	// Retention is how long counters stay that nobody reads, after their policy
	// is gone.
	Retention time.Duration
	// NoBinary and NoCgroup remove a dimension from the keys of new series.
	NoBinary, NoCgroup bool
	// Logger may be nil.
	Logger *slog.Logger
}

// Kernel is the state of the agent in the kernel. Its methods may be called
// from several goroutines.
type Kernel struct {
	opts Options
	log  *slog.Logger
	pins *pins
	maps *sharedMaps
	btf  *btf.Cache // from Facts to the end of Apply: it is large
	calm undisturbed
	// objects are the BPF objects by the program to attach, during Apply.
	objects map[string]*ebpf.CollectionSpec

	mu           sync.Mutex
	slots        *slots
	scopes       *scopeNumbers
	cgroups      hierarchy
	watchers     []watcher
	names        *names
	lineage      *lineage // nil unless a policy needs it
	calls        *calls
	clock        clock
	clockProgram *ebpf.Program
	seed         uint64                 // of hashes of tasks
	attached     map[string]*attachment // by plan.Hook.Key
	hooks        []Hook
	hostNS       map[policy.Namespace]uint32
	reader       reader
	kinds        map[plan.Kind]error // what Facts found out
	// downtime is how long no agent was alive before this one.
	downtime time.Duration
}

// Open prepares the kernel: file systems, locks, maps. Maps that an earlier
// agent pinned are adopted with their counts. Open returns ErrRunning if
// another agent uses the same pins. The caller must Close the result.
func Open(opts Options) (*Kernel, error) {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.CgroupFS == "" {
		opts.CgroupFS = DefaultCgroupFS
	}
	own, err := effective()
	if err == nil {
		err = own.check()
	}
	if err != nil {
		return nil, err
	}
	if err := rlimit.RemoveMemlock(); err != nil {
		return nil, fmt.Errorf("raise the memlock limit, which kernels before 5.11 need and CAP_SYS_RESOURCE allows: %w", err)
	}
	if err := mountFilesystems(opts); err != nil {
		return nil, err
	}
	pins, err := openPins(opts)
	if err != nil {
		return nil, err
	}
	k := &Kernel{opts: opts, log: opts.Logger, pins: pins, attached: map[string]*attachment{}, seed: rand.Uint64()}
	k.calm = undisturbed{needed: preemptible(), log: opts.Logger}
	if err := k.open(); err != nil {
		k.Close()
		return nil, err
	}
	return k, nil
}

func (k *Kernel) open() (err error) {
	defer k.calm.begin()()
	k.findCgroups()
	var hidden []string
	if k.hostNS, hidden, err = hostNamespaces(); err != nil {
		return err
	}
	if hidden != nil {
		k.log.Warn("policies with host_ns for these namespaces are refused: looking at those of process 1 needs CAP_SYS_PTRACE", "namespaces", strings.Join(hidden, ","))
	}
	if k.maps, err = openMaps(k.pins, k.opts); err != nil {
		return explainBPF(err)
	}
	if k.slots, err = openSlots(k.maps, k.opts.Retention); err != nil {
		return err
	}
	if k.scopes, err = openScopeNumbers(k.maps); err != nil {
		return err
	}
	if k.downtime, err = downtime(k.maps); err != nil {
		return err
	}
	k.names = newNames(k.maps)
	k.calls = &calls{table: k.maps.byName[bpf.RawTPMapCalls]}
	if err := k.openClock(); err != nil {
		return err
	}
	return k.Heartbeat()
}

// Close releases the process's hold. What is pinned goes on counting; what is
// not pinned is detached.
func (k *Kernel) Close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	var errs []error
	errs = append(errs, closeAttachments(slices.Collect(maps.Values(k.attached))))
	k.attached = nil
	for _, w := range k.watchers {
		errs = append(errs, w.close())
	}
	k.watchers = nil
	if k.clockProgram != nil {
		errs = append(errs, k.clockProgram.Close())
	}
	errs = append(errs, k.lineage.close())
	errs = append(errs, k.calls.close())
	if k.maps != nil {
		errs = append(errs, k.maps.close())
	}
	return errors.Join(append(errs, k.pins.close())...)
}

// Hook is the state of one policy's counter at one hook after Apply.
type Hook struct {
	ID plan.ID
	// Attach is what is attached, empty if nothing could be.
	Attach string
	// Reason says why the ways before it in the order, or all, did not work.
	Reason string
	// Optional says that the hook does not exist, and that the policy accepts it.
	Optional bool
	// Pinned says that counting outlives the agent.
	Pinned bool
	// GapSeconds is how long the hook was not attached before this start
	// although its counters existed; 0 where links are pinned.
	GapSeconds float64

	key string // of the attachment
}

// Apply makes the kernel count what the plan says. While a plan is partial, what
// an earlier agent attached goes on as it was: it may be for policies that are
// still to come. Hooks that stay attached
// switch from the old to the new policies between two events, so that each is
// counted once. A hook that fails keeps what it had; the others are applied
// all the same and the error names those that failed.
func (k *Kernel) Apply(p plan.Plan) ([]Hook, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.useBTF()
	k.objects = map[string]*ebpf.CollectionSpec{}
	defer func() { k.btf, k.objects = nil, nil }()

	var errs []error
	k.hooks = nil
	wanted := map[string]bool{}
	unknown := k.prepareLineage(p)
	for _, h := range p.Hooks {
		wanted[h.Key()] = true
		if p.Partial && k.inherited(h) {
			k.hooks = append(k.hooks, k.inheritedStatus(h)...)
			continue
		}
		status, err := k.applyHook(h, unknown)
		if err != nil {
			errs = append(errs, fmt.Errorf("hook %s: %w", h.Label, err))
		}
		k.hooks = append(k.hooks, status...)
	}
	if p.Partial {
		return k.hooks, errors.Join(append(errs, k.openCalls())...)
	}
	errs = append(errs, k.removeOthers(wanted), k.openCalls(), k.pins.removeOtherLayouts())
	k.slots.retireOthers(p, k.counting())
	if errors.Join(errs...) == nil {
		errs = append(errs, k.scopes.release(), k.releaseLineage(p))
	} // else programs may run that need what the plan does not
	return k.hooks, errors.Join(errs...)
}

// counting returns the counters that attached programs count.
func (k *Kernel) counting() map[plan.ID]bool {
	ids := map[plan.ID]bool{}
	for _, a := range k.attached {
		for id, counted := range a.ids {
			ids[id] = ids[id] || counted
		}
	}
	return ids
}

// applyHook attaches a hook or switches its matchers. A counter that finds no
// room is left out, and so is one that is refused.
func (k *Kernel) applyHook(h plan.Hook, refused map[plan.ID]error) ([]Hook, error) {
	defer k.calm.begin()()
	in := matchInput{
		hook: h, slots: map[plan.ID]uint32{}, binaries: map[string]uint32{}, refused: map[plan.ID]string{},
	}
	for _, id := range h.IDs() {
		binaries, err := k.names.internAll(h.Binaries(id))
		if err == nil {
			maps.Copy(in.binaries, binaries)
			in.slots[id], err = k.slots.assign(id)
		}
		err = errors.Join(err, refused[id])
		if err != nil {
			delete(in.slots, id)
			in.refused[id] = err.Error()
		}
	}
	a, reason, err := k.attach(in)
	return k.status(in, a, reason), err
}

// status tells for each counter of a hook whether a runs for it.
func (k *Kernel) status(in matchInput, a *attachment, reason string) []Hook {
	var hooks []Hook
	h := in.hook
	for _, id := range h.IDs() {
		s := Hook{ID: id, Reason: reason, Optional: h.Ignored(id), key: h.Key()}
		if refused := in.refused[id]; refused != "" {
			s.Reason = refused
		}
		switch {
		case a != nil && a.ids[id]:
			s.Attach, s.Pinned = a.attach.String(), a.pinned()
			if !s.Pinned && !k.opts.NoPin {
				s.GapSeconds = k.downtime.Seconds()
			}
		case a != nil && a.refused[id] != "":
			s.Reason = fmt.Sprintf("%s: %s", a.attach.Kind, a.refused[id])
		}
		hooks = append(hooks, s)
	}
	return hooks
}

// removeOthers detaches the hooks that no policy wants any more, also those
// that only an earlier agent knew.
func (k *Kernel) removeOthers(wanted map[string]bool) error {
	var errs []error
	var gone []*attachment
	for key, a := range k.attached {
		if !wanted[key] {
			gone = append(gone, a)
			delete(k.attached, key)
		}
	}
	errs = append(errs, closeAttachments(gone))
	return errors.Join(append(errs, k.pins.removeHooks(wanted))...)
}
