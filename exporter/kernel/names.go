// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/cilium/ebpf"

	"github.com/tetrameter/tetrameter/bpf"
)

// ErrNamesFull is returned when a path that a policy names finds no room.
var ErrNamesFull = errors.New("the names map is full")

// namesMaxAge is how old the picture of the names map may get, for its number
// of entries; an unknown id makes a new one at once.
const namesMaxAge = 15 * time.Second

// pathTries is how often the map is read for an id. One reading can miss what
// programs insert meanwhile.
const pathTries = 4

// names is the dictionary of interned paths, seen from user space: the same
// algorithm on the same maps as bpf/names.h.
type names struct {
	chunks, ids *ebpf.Map
	paths       map[uint32]string
	refreshed   time.Time
}

func newNames(maps *sharedMaps) *names {
	return &names{
		chunks: maps.byName[bpf.RawTPMapNames],
		ids:    maps.byName[bpf.RawTPMapNameIds],
		paths:  map[uint32]string{},
	}
}

// internAll returns the ids of paths. It returns ErrNamesFull when one has none
// and there is no room for it.
func (n *names) internAll(paths []string) (map[string]uint32, error) {
	ids := map[string]uint32{}
	for _, path := range paths {
		id, err := n.intern(path)
		if err != nil {
			return nil, fmt.Errorf("name %s: %w", path, err)
		}
		ids[path] = id
	}
	return ids, nil
}

func (n *names) intern(path string) (uint32, error) {
	id := bpf.NameNone
	for path != "" {
		key := bpf.NameKey{Parent: id}
		chunk := min(len(path), len(key.Chunk))
		for i := range chunk {
			key.Chunk[i] = int8(path[i])
		}
		path = path[chunk:]
		var err error
		if id, err = n.internChunk(key); err != nil {
			return 0, err
		}
	}
	return id, nil
}

func (n *names) internChunk(key bpf.NameKey) (uint32, error) {
	var id uint32
	if err := n.chunks.Lookup(key, &id); err == nil {
		return id, nil
	}
	claimed, err := n.claim(key.Parent)
	if err != nil {
		return 0, err
	}
	err = n.chunks.Update(key, claimed, ebpf.UpdateNoExist)
	if err == nil {
		return claimed, nil
	}
	// A program was first, or the map is full: the claim goes back.
	lost := n.ids.Delete(claimed)
	if n.chunks.Lookup(key, &id) == nil {
		return id, lost
	}
	return 0, errors.Join(ErrNamesFull, err, lost)
}

func (n *names) claim(parent uint32) (uint32, error) {
	for {
		id := rand.Uint32N(1 << bpf.NameBits)
		if id < bpf.NameFirst {
			continue
		}
		err := n.ids.Update(id, parent, ebpf.UpdateNoExist)
		if err == nil {
			return id, nil
		}
		if !errors.Is(err, ebpf.ErrKeyExist) {
			return 0, errors.Join(ErrNamesFull, err)
		}
	}
}

// path returns the path with an id, reading the map when it is not known yet.
func (n *names) path(id uint32) (string, error) {
	switch id {
	case bpf.NameNone:
		return "", nil
	case bpf.NameOther:
		return Other, nil
	}
	for range pathTries {
		if p, ok := n.paths[id]; ok {
			return p, nil
		}
		if err := n.refresh(); err != nil {
			return "", err
		}
	}
	// Its count is worth more than its name, which the next scrape may find.
	return Other, nil
}

// refresh reads the whole map and joins the chunks.
func (n *names) refresh() error {
	type chunk struct {
		parent uint32
		text   string
	}
	chunks := map[uint32]chunk{}
	keys, ids := make([]bpf.NameKey, n.chunks.MaxEntries()), make([]uint32, n.chunks.MaxEntries())
	var cursor ebpf.MapBatchCursor
	read, err := n.chunks.BatchLookup(&cursor, keys, ids, nil)
	if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return fmt.Errorf("read names: %w", err)
	}
	for i, key := range keys[:read] {
		chunks[ids[i]] = chunk{key.Parent, text(key)}
	}
chains:
	for id := range chunks {
		path := ""
		for at := id; at != bpf.NameNone; {
			c, ok := chunks[at]
			if !ok { // came while the map was read: next time
				continue chains
			}
			path, at = c.text+path, c.parent
		}
		n.paths[id] = path
	}
	n.refreshed = time.Now()
	return nil
}

func text(key bpf.NameKey) string {
	var b []byte
	for _, c := range key.Chunk {
		if c == 0 {
			break
		}
		b = append(b, byte(c))
	}
	return string(b)
}

// entries is how many chunks the map holds, as of at most namesMaxAge ago.
func (n *names) entries() (int, error) {
	if time.Since(n.refreshed) > namesMaxAge {
		if err := n.refresh(); err != nil {
			return 0, err
		}
	}
	return len(n.paths), nil
}
