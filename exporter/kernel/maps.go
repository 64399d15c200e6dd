// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/cilium/ebpf"

	"github.com/tetrameter/tetrameter/bpf"
)

// slotsMap is a map that only the agent uses: see slots.
const slotsMap = "slots"

// sharedMaps are the maps that all programs share, by their names in
// bpf/maps.h, and the agent's own.
type sharedMaps struct {
	byName map[string]*ebpf.Map
}

func openMaps(pins *pins, opts Options) (*sharedMaps, error) {
	specs, err := mapSpecs(opts)
	if err != nil {
		return nil, err
	}
	s := &sharedMaps{byName: map[string]*ebpf.Map{}}
	for name, spec := range specs {
		m, err := openMap(pins, name, spec)
		if err != nil {
			s.close()
			return nil, fmt.Errorf("map %s: %w", name, err)
		}
		s.byName[name] = m
		if m.MaxEntries() != spec.MaxEntries {
			opts.Logger.Warn("a map keeps the size that an earlier agent gave it, until tetrameter cleanup",
				"map", name, "entries", m.MaxEntries(), "wanted", spec.MaxEntries)
		}
	}
	return s, nil
}

// mapSpecs takes the specifications from an object, since all declare the same
// maps, and sizes them.
func mapSpecs(opts Options) (map[string]*ebpf.MapSpec, error) {
	spec, err := bpf.LoadRawTP()
	if err != nil {
		return nil, fmt.Errorf("read BPF object: %w", err)
	}
	specs := map[string]*ebpf.MapSpec{
		slotsMap: slotsSpec(), heartbeatMap: heartbeatSpec(), scopeNumbersMap: scopeNumbersSpec(),
		notesMap: notesSpec(spec.Maps[bpf.RawTPMapPods]),
	}
	for name, m := range spec.Maps {
		if isShared(name) && !slices.Contains(lineageMaps(), name) {
			specs[name] = m
		}
	}
	specs[bpf.RawTPMapSeries].MaxEntries = opts.MaxSeries
	specs[bpf.RawTPMapQuotas].MaxEntries = opts.MaxSeries
	return specs, nil
}

// isShared tells the shared maps from those that each program has of its own:
// its constants and its matcher.
func isShared(name string) bool {
	return name != bpf.RawTPMapMatcher && name[0] != '.'
}

// openMap adopts the pinned map or creates it. A pinned map keeps its size: its
// counts are worth more than a flag that changed.
func openMap(pins *pins, name string, spec *ebpf.MapSpec) (*ebpf.Map, error) {
	if !pins.enabled() {
		return ebpf.NewMap(spec)
	}
	path := filepath.Join(pins.maps(), name)
	m, err := ebpf.LoadPinnedMap(path, nil)
	switch {
	case errors.Is(err, os.ErrNotExist):
		if m, err = ebpf.NewMap(spec); err != nil {
			return nil, err
		}
		if err = m.Pin(path); err != nil {
			m.Close()
			return nil, err
		}
		return m, nil
	case err != nil:
		return nil, err
	case m.Type() != spec.Type || m.KeySize() != spec.KeySize || m.ValueSize() != spec.ValueSize:
		m.Close()
		return nil, fmt.Errorf("pinned at %s with another layout: remove it with `tetrameter cleanup`", path)
	}
	return m, nil
}

func (s *sharedMaps) close() error {
	var errs []error
	for _, m := range s.byName {
		errs = append(errs, m.Close())
	}
	return errors.Join(errs...)
}

// replacements returns the shared maps of a collection and fits its
// specification to them.
func (s *sharedMaps) replacements(spec *ebpf.CollectionSpec) map[string]*ebpf.Map {
	r := map[string]*ebpf.Map{}
	for name, m := range spec.Maps {
		if shared, ok := s.byName[name]; ok {
			m.MaxEntries = shared.MaxEntries()
			r[name] = shared
		}
	}
	return r
}
