// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/cilium/ebpf"
)

// Map is a map that programs share, as bpf/ declares it: the agent may be told
// other sizes.
type Map struct {
	Name string
	Type ebpf.MapType
	// KeySize and ValueSize are in bytes; per-CPU types have a value on each CPU.
	KeySize, ValueSize uint32
	Capacity           uint32 // in entries
}

// Functions are the functions of bpf/evaluate.h, with what each uses.
type Functions struct {
	calls map[string][]string // and maps, by the name of the function
	maps  map[string]Map
}

// LoadFunctions reads the functions from an object: all have the same ones.
func LoadFunctions() (Functions, error) {
	spec, err := LoadRawTP()
	if err != nil {
		return Functions{}, fmt.Errorf("read BPF object: %w", err)
	}
	f := Functions{calls: map[string][]string{}, maps: map[string]Map{}}
	for name, m := range spec.Maps {
		if name != RawTPMapMatcher && name[0] != '.' { // those are of one program each
			f.maps[name] = Map{name, m.Type, m.KeySize, m.ValueSize, m.MaxEntries}
		}
	}
	function := ""
	for _, ins := range spec.Programs[RawTPProgMatchRawtp].Instructions {
		if symbol := ins.Symbol(); symbol != "" {
			function = symbol
		}
		if ins.IsFunctionCall() || ins.IsLoadFromMap() {
			f.calls[function] = append(f.calls[function], ins.Reference())
		}
	}
	return f, nil
}

// Maps returns the maps that code touches which calls functions by these names,
// sorted by name.
func (f Functions) Maps(names []string) []Map {
	var maps []Map
	seen := map[string]bool{}
	for todo := slices.Clone(names); len(todo) > 0; {
		name := todo[0]
		todo = todo[1:]
		if seen[name] {
			continue
		}
		seen[name] = true
		if m, ok := f.maps[name]; ok {
			maps = append(maps, m)
		}
		todo = append(todo, f.calls[name]...)
	}
	slices.SortFunc(maps, func(a, b Map) int { return cmp.Compare(a.Name, b.Name) })
	return maps
}
