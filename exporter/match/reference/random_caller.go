// SPDX-License-Identifier: Apache-2.0

package reference

import "github.com/tetrameter/tetrameter/exporter/policy"

// caller draws the process that makes the call.
func (g generator) caller() {
	e := g.event
	e.Binary, e.Parent = g.executable(), g.executable()
	e.Capabilities = map[policy.CapabilitySet]uint64{}
	for _, set := range capabilitySets() {
		e.Capabilities[set] = g.mask()
	}
	e.Before.Capabilities = map[policy.CapabilitySet]uint64{}
	for set, mask := range e.Capabilities {
		e.Before.Capabilities[set] = pick(g, mask, mask^g.mask())
	}
	e.Namespaces, e.Host = map[policy.Namespace]uint32{}, map[policy.Namespace]uint32{}
	for i, ns := range namespaces() {
		e.Host[ns] = 0xEFFFFFF0 + uint32(i)
		e.Namespaces[ns] = pick(g, append(inodes(), e.Host[ns], e.Host[ns])...)
	}
	e.Before.Namespaces = map[policy.Namespace]uint32{}
	for ns, inode := range e.Namespaces {
		e.Before.Namespaces[ns] = pick(g, inode, inode, inode, pick(g, inodes()...))
	}
	e.Origin, e.ParentOrigin, e.Unseen = g.origin(), g.origin(), g.feature(Processes, 5)
	for range 1 + g.rng.IntN(4) {
		e.PIDs = append(e.PIDs, g.pid())
	}
	for range 1 + g.rng.IntN(len(e.PIDs)) {
		e.NamespacePIDs = append(e.NamespacePIDs, g.pid())
	}
}

func (g generator) origin() Origin {
	if g.feature(Processes, 5) {
		return Origin{Unknown: true}
	}
	return Origin{Executed: []string{g.executable(), g.executable()}}
}

func (g generator) pid() uint32 { return pick[uint32](g, 0, 1, 2, 100, 1<<22, 1<<31) }

// executable is empty for a kernel thread.
func (g generator) executable() string {
	if g.feature(Processes, 10) {
		return ""
	}
	return pick(g, Binaries()...)
}

func (g generator) callerFilters(s *policy.Selector) {
	if g.feature(Caller, 25) {
		s.Binaries = append(s.Binaries, g.binaryFilter(g.event.Binary))
	}
	if g.feature(Caller, 25) {
		s.Capabilities = append(s.Capabilities, policy.CapabilityFilter{
			Set: pick(g, capabilitySets()...), Operator: g.in(), Mask: g.mask() | 1<<21, Namespace: g.feature(Processes, 30),
		})
	}
	if g.feature(Caller, 25) {
		s.Namespaces = append(s.Namespaces, g.namespaceFilter())
	}
	if g.feature(Processes, 25) {
		s.ParentBinaries = append(s.ParentBinaries, g.binaryFilter(g.event.Parent))
	}
	if g.feature(Processes, 25) {
		f := policy.PIDFilter{Operator: g.in(), FollowForks: g.chance(50), Namespace: g.chance(50)}
		for range 1 + g.rng.IntN(3) {
			f.Values = append(f.Values, g.pid())
		}
		s.PIDs = append(s.PIDs, f)
	}
	if g.feature(Processes, 10) {
		f := policy.NamespaceChangeFilter{Operator: g.in()}
		for range 1 + g.rng.IntN(4) {
			f.Namespaces = append(f.Namespaces, pick(g, namespaces()...))
		}
		s.NamespaceChanges = append(s.NamespaceChanges, f)
	}
	if g.feature(Processes, 10) {
		s.CapabilityChanges = append(s.CapabilityChanges, policy.CapabilityFilter{
			Set: pick(g, capabilitySets()...), Operator: g.in(), Mask: g.mask() | 1<<21, Namespace: g.feature(Processes, 30),
		})
	}
}

func (g generator) in() policy.Operator { return pick(g, policy.In, policy.NotIn) }

func (g generator) binaryFilter(path string) policy.BinaryFilter {
	f := policy.BinaryFilter{Operator: g.in()}
	if g.feature(Processes, 50) {
		f.Operator = pick(g, policy.Prefix, policy.NotPrefix, policy.Postfix, policy.NotPostfix)
		f.Paths = g.strings(path)
		return f
	}
	for range 1 + g.rng.IntN(2) {
		f.Paths = append(f.Paths, pick(g, Binaries()...))
	}
	f.FollowChildren = g.feature(Processes, 30)
	return f
}

func (g generator) namespaceFilter() policy.NamespaceFilter {
	f := policy.NamespaceFilter{
		Namespace: pick(g, namespaces()...), Operator: g.in(), Host: g.chance(50),
	}
	for range g.rng.IntN(3) {
		f.Inodes = append(f.Inodes, pick(g, inodes()...))
	}
	if len(f.Inodes) == 0 {
		f.Host = true
	}
	return f
}

func inodes() []uint32 { return []uint32{1, 0x7FFFFFFF, 0x80000001, 0xF0000001} }

func capabilitySets() []policy.CapabilitySet {
	return []policy.CapabilitySet{policy.Effective, policy.Inheritable, policy.Permitted}
}

func namespaces() []policy.Namespace {
	return []policy.Namespace{
		policy.Uts, policy.Ipc, policy.Mnt, policy.Pid, policy.PidForChildren,
		policy.Net, policy.Time, policy.TimeForChildren, policy.Cgroup, policy.User,
	}
}
