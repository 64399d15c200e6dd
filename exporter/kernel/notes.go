// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
)

// Types of ELF notes.
const (
	noteBuildID = 3 // of GNU
	noteProbe   = 3 // of stapsdt
)

// maxNotes is how large a section of notes may be.
const maxNotes = 1 << 24

// probeNotes are the static probes of a file, or why they cannot be read.
type probeNotes struct {
	probes []probeNote
	err    error
}

// probeNote is a static probe as the compiler noted it. The addresses are those
// of the file as it was linked.
type probeNote struct {
	location, semaphore  uint64
	provider, name, args string
}

// readNotes fills what notes tell.
func (e *executable) readNotes(file *elf.File) {
	for _, s := range file.Sections {
		if s.Type != elf.SHT_NOTE {
			continue
		}
		if s.Size > maxNotes {
			e.notes.err = fmt.Errorf("section %s has %d bytes", s.Name, s.Size)
			continue
		}
		data, err := s.Data()
		if err != nil {
			e.notes.err = fmt.Errorf("section %s: %w", s.Name, err)
			continue
		}
		for n := range notes(data, file.ByteOrder) {
			switch {
			case n.owner == "GNU" && n.typ == noteBuildID && s.Name == ".note.gnu.build-id":
				e.buildID = hex.EncodeToString(n.description)
			case n.owner == "stapsdt" && n.typ == noteProbe && file.Class == elf.ELFCLASS64:
				probe, err := parseProbe(n.description, file.ByteOrder, baseOf(file))
				if err != nil {
					e.notes.err = fmt.Errorf("static probe: %w", err)
					continue
				}
				e.notes.probes = append(e.notes.probes, probe)
			}
		}
	}
}

// baseOf is the address of the section .stapsdt.base, by which addresses in
// notes moved if the file was prelinked; 0 without one.
func baseOf(file *elf.File) uint64 {
	if s := file.Section(".stapsdt.base"); s != nil {
		return s.Addr
	}
	return 0
}

// note is an ELF note.
type note struct {
	owner       string
	typ         uint32
	description []byte
}

// notes yields the notes in a section: three words, the owner's name and a
// description, both padded to four bytes. It ends at the first that is cut off.
func notes(data []byte, order binary.ByteOrder) iter.Seq[note] {
	return func(yield func(note) bool) {
		for len(data) >= 12 {
			nameSize, descSize, typ := order.Uint32(data), order.Uint32(data[4:]), order.Uint32(data[8:])
			name, rest, ok := take(data[12:], nameSize)
			if !ok {
				return
			}
			description, rest, ok := take(rest, descSize)
			if !ok || !yield(note{string(bytes.TrimRight(name, "\x00")), typ, description}) {
				return
			}
			data = rest
		}
	}
}

// take cuts n bytes and their padding off.
func take(data []byte, n uint32) (taken, rest []byte, ok bool) {
	padded := (uint64(n) + 3) &^ 3
	if uint64(n) > uint64(len(data)) {
		return nil, nil, false
	}
	return data[:n], data[min(padded, uint64(len(data))):], true
}

// parseProbe reads the description of a static probe: three addresses (of the
// probe, of .stapsdt.base when it was linked, of the semaphore) and three strings
// (sourceware.org/systemtap/wiki/UserSpaceProbeImplementation).
func parseProbe(description []byte, order binary.ByteOrder, base uint64) (probeNote, error) {
	if len(description) < 24 {
		return probeNote{}, errors.New("its note is too short")
	}
	n := probeNote{location: order.Uint64(description), semaphore: order.Uint64(description[16:])}
	if linked := order.Uint64(description[8:]); base != 0 {
		n.location += base - linked
		if n.semaphore != 0 {
			n.semaphore += base - linked
		}
	}
	texts := bytes.SplitN(description[24:], []byte{0}, 4)
	if len(texts) < 4 {
		return probeNote{}, errors.New("its note has no end")
	}
	n.provider, n.name, n.args = string(texts[0]), string(texts[1]), string(texts[2])
	return n, nil
}
