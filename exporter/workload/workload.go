// SPDX-License-Identifier: Apache-2.0

// Package workload knows which cgroup is which container of which pod of which
// workload, and says to the kernel which scopes of policies select them.
//
// Pods come from an API server, in any order and at any time (SetPod, DeletePod,
// Replace). Cgroups come from the kernel, which notes each new one, and from one
// look at the cgroup file system for those that were there before. The two are
// joined by the UID of the pod and the ID of the container in the cgroup's path,
// and counters, which the kernel keeps by cgroup, are joined with the names when
// they are read. So a pod that is heard of late gets its counts nevertheless;
// only a scope that selects it cannot count what was before, which Stats tells.
//
// The kernel numbers workloads: a container of a pod, or what of the pod's
// processes is in a container not known (yet). 0 is the host and 1 all pods not
// known. Each has a bitmap of the scopes that select it. Nothing is lost in
// between because of the order: a bitmap is written before its number is used,
// the pod's number before the pod's cgroups are looked through, and the scopes
// of a policy before its programs ask for them.
//
// The package sees the kernel through an interface, which is made of package
// kernel, and pods as values, which package kube makes. It reads nothing itself
// but the cgroup file system.
package workload

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/tetrameter/tetrameter/exporter/policy"
)

// Bits is a set of scope numbers.
type Bits = [16]uint64

// maxScopes is how many scopes Bits has room for.
const maxScopes = 16 * 64

// Cgroup is what the kernel notes about a cgroup.
type Cgroup struct {
	ID       uint64
	Workload uint32    // number
	Released bool      // it is removed: nothing will be counted for it any more
	Created  time.Time // zero if it is older than the programs that note it
	Pod      string    // UID, empty for the host
}

// Kernel has the maps. Its methods are called by one goroutine at a time. To
// delete what is not there is no error.
type Kernel interface {
	// Cgroups returns all cgroups that the kernel has noted.
	Cgroups() ([]Cgroup, error)
	// SetCgroup writes an entry, but for Released, which only the kernel sets.
	SetCgroup(c Cgroup) error
	DeleteCgroup(id uint64) error
	// Pods returns which number new cgroups of a pod get, by UID.
	Pods() (map[string]uint32, error)
	SetPod(uid string, workload uint32) error
	DeletePod(uid string) error
	// Scopes returns what SetScopes wrote last, also in an earlier agent.
	Scopes(workload uint32) (Bits, error)
	SetScopes(workload uint32, scopes Bits) error
	// Notes returns what SetNote wrote about pods, also in an earlier agent, by UID.
	Notes() (map[string]string, error)
	// SetNote keeps a text of at most MaxNote bytes.
	SetNote(uid, text string) error
	DeleteNote(uid string) error
	// Merge adds the series of cgroups to those of another and deletes them. All
	// are removed, so nobody counts meanwhile, but who reads counters must see
	// them before or after.
	Merge(into uint64, from []uint64) error
	// Forget deletes the series of cgroups.
	Forget(cgroups []uint64) error
}

// Options of Workloads.
type Options struct {
	// CgroupRoot is where the hierarchy is mounted whose ids the kernel counts
	// by, see FindRoot. Default: /sys/fs/cgroup.
	CgroupRoot string
	// RootID is the id of the hierarchy's root. If CgroupRoot has another it is a
	// part of it, and what is missing there may be elsewhere. Default: 1.
	RootID uint64
	// Numbers is how many workload numbers the kernel has bitmaps for, the two
	// reserved ones included. A pod for which none is left counts as unknown.
	// Default: 65536.
	Numbers uint32
	// Retention is how long the series of a cgroup are kept after its end if
	// nobody reads them. Default: an hour.
	Retention time.Duration
	// Series leaves of labels what is exposed: cgroups that are then equal share
	// their series. Default: all but Kind and Container.
	Series func(Labels) Labels
	Logger *slog.Logger
	Now    func() time.Time
}

// Workloads joins pods and cgroups. Several goroutines may use it.
type Workloads struct {
	kernel Kernel
	opts   Options

	mu      sync.RWMutex
	pods    map[string]*pod // by UID, and the host as ""
	cgroups map[uint64]*cgroup
	groups  map[uint32]*group // by number
	next    uint32            // no number below is free
	scopes  map[uint32]policy.Scoped
	some    bool // there may be others

	host hostCgroups

	// forgotten are cgroups of which a scrape may still have series.
	forgotten map[uint64]forgotten

	round      uint64 // counts readings of the kernel's cgroups
	reads      uint64 // counts MarkRead
	incomplete bool   // the kernel's map lacks cgroups that are older or did not fit
	problem    string // that was logged last
	stats      Stats
}

// Unknown is the namespace and the workload of pods that no agent was told of. With
// empty labels they would be the host's.
const Unknown = "~unknown"

// Labels are those that a counter gets from its cgroup.
type Labels struct {
	Namespace, Pod, Workload, Kind, Container string
}

// New returns Workloads that know nothing but the host. The first calls are
// Start and, so that pods have scopes from the beginning, SetScopes.
func New(k Kernel, opts Options) *Workloads {
	chosen := opts.CgroupRoot != ""
	if !chosen {
		opts.CgroupRoot = "/sys/fs/cgroup"
	}
	if opts.RootID == 0 {
		opts.RootID = rootID
	}
	if opts.Numbers == 0 {
		opts.Numbers = 1 << 16
	}
	if opts.Retention == 0 {
		opts.Retention = time.Hour
	}
	if opts.Series == nil {
		opts.Series = func(l Labels) Labels { return Labels{Namespace: l.Namespace, Pod: l.Pod, Workload: l.Workload} }
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	host := &pod{known: true, host: true}
	host.whole = &group{number: hostNumber, pod: host}
	return &Workloads{
		kernel: k, opts: opts,
		pods:    map[string]*pod{"": host},
		host:    hostCgroups{chosen: chosen},
		cgroups: map[uint64]*cgroup{}, forgotten: map[uint64]forgotten{},
		groups: map[uint32]*group{hostNumber: host.whole, strangersNumber: {number: strangersNumber}},
		next:   strangersNumber + 1,
		// Nothing was looked for yet.
		incomplete: true,
	}
}

// Start takes over the numbers that an earlier agent gave and enters the pods'
// cgroups that the kernel has not noted because they are older than the programs
// that do. After an error everything works for the cgroups that could be
// entered, and Refresh tries the others again.
func (w *Workloads) Start() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.adopt(); err != nil {
		return fmt.Errorf("take over workloads: %w", err)
	}
	return w.reconcile()
}

// Refresh reads which cgroups the kernel knows now, sets right what became known
// about them, and lets go of what is over. It is for every scrape, after the
// counters were read so that their cgroups are known, and for every few seconds.
// What fails is tried again by the next.
func (w *Workloads) Refresh() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var p problems
	p.add(w.reconcile())
	p.add(w.expire())
	return p.err()
}

// Labels returns the labels of a cgroup; those of nested cgroups are those of
// their container, those of the host are empty. A pod that no agent has been told
// of by an API server has its UID for a name, and the container its ID: its series is
// none of the host's, which would go down once the name is known.
func (w *Workloads) Labels(id uint64) Labels {
	w.mu.RLock()
	defer w.mu.RUnlock()
	c := w.cgroups[id]
	if c == nil {
		return w.forgotten[id].labels
	}
	return c.labels()
}

// problems are errors of which the first is worth telling.
type problems struct {
	first error
	more  int
}

func (p *problems) add(err error) {
	switch {
	case err == nil:
	case p.first == nil:
		p.first = err
	default:
		p.more++
	}
}

func (p *problems) err() error {
	if p.more > 0 {
		return fmt.Errorf("%w (and %d more)", p.first, p.more)
	}
	return p.first
}
