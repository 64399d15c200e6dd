// SPDX-License-Identifier: Apache-2.0

package bpf

// SeriesKey is the key of the series map (bpf/maps.h).
type SeriesKey = RawTPSeriesKey

// SeriesValue is the value of the series and overflow maps on one CPU.
type SeriesValue = RawTPSeriesValue

// TotalValue is the value of the totals map on one CPU.
type TotalValue = RawTPTotalValue

// NameKey is the key of the names map.
type NameKey = RawTPNameKey

// CallKey is the key of the calls map (bpf/memory.h).
type CallKey = RawTPCallKey

// CallValue is the value of the calls map.
type CallValue = RawTPCallValue

// StateValue is the value of the state map.
type StateValue = RawTPStateValue

// CgroupValue is the value of the cgroups map (bpf/workload.h).
type CgroupValue = RawTPCgroupValue

// ScopesValue is the value of the scopes map: a bit for each scope.
type ScopesValue = RawTPScopesValue

// PodKey is the key of the pods map.
type PodKey = RawTPPodKey

// Numbers in the workload of a CgroupValue that stand for no workload in
// particular (enum in bpf/workload.h).
const (
	WorkloadHost    uint32 = 0 // no pod's
	WorkloadUnknown uint32 = 1 // a pod's that the agent has not heard of
	WorkloadFirst   uint32 = 2 // the first number that the agent gives
)

// ScopesMax is how many scopes there can be (SCOPE_WORDS in bpf/workload.h).
const ScopesMax = 1024

// LineageValue is the value of the lineage map.
type LineageValue = LineageLineageValue

// ProcessKey is the key of the processes map.
type ProcessKey = RawTPProcessKey

// ChangeKey is the key of the changes map.
type ChangeKey = RawTPChangeKey

// Ids of names that are no entry of the names map (enum in bpf/names.h).
const (
	NameNone  uint32 = 0 // no executable
	NameOther uint32 = 1 // no room for the path
	NameFirst uint32 = 2 // the first id of an entry
)

// NameBits is how many bits an id has.
const NameBits = 24

// LossReasons are the reason label's values, indexed by enum loss of
// bpf/maps.h.
func LossReasons() []string {
	return []string{
		"no_matcher", "bad_slot", "scratch_busy", "names_full", "path_truncated",
		"text_truncated", "text_unreadable", "cgroups_full", "process_unknown", "calls_full",
	}
}
