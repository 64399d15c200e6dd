// SPDX-License-Identifier: Apache-2.0

package bpf

// The schema of the shared maps, as bpf/maps.h declares it.
type (
	SeriesKey   = RawTPSeriesKey
	SeriesValue = RawTPSeriesValue
	TotalValue  = RawTPTotalValue
	NameKey     = RawTPNameKey
	StateValue  = RawTPStateValue
)

// Ids of names that are no entry of the names map (enum in bpf/names.h).
const (
	NameNone  uint32 = 0 // no executable
	NameOther uint32 = 1 // no room for the path
	NameFirst uint32 = 2 // the first id of an entry
)

// LossReasons are the reason label's values, indexed by enum loss of
// bpf/maps.h.
func LossReasons() []string {
	return []string{"no_matcher", "bad_slot", "scratch_busy", "names_full", "path_truncated"}
}
