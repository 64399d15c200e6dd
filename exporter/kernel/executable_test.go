// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tetrameter/tetrameter/exporter/plan"
)

// encodeNote makes an ELF note.
func encodeNote(owner string, typ uint32, description []byte) []byte {
	pad := func(b []byte) []byte { return append(b, make([]byte, -len(b)&3)...) }
	name := append([]byte(owner), 0)
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(name)))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(description)))
	b = binary.LittleEndian.AppendUint32(b, typ)
	return append(pad(append(b, name...)), pad(description)...)
}

// encodeProbe makes the description of a static probe.
func encodeProbe(location, base, semaphore uint64, texts string) []byte {
	b := binary.LittleEndian.AppendUint64(nil, location)
	b = binary.LittleEndian.AppendUint64(b, base)
	return append(binary.LittleEndian.AppendUint64(b, semaphore), texts...)
}

// section is a part of a file that writeELF makes.
type section struct {
	name string
	typ  elf.SectionType
	addr uint64
	data []byte
}

// writeELF makes a program whose one segment is loaded at 0x400000 from offset
// 0, with sections.
func writeELF(t *testing.T, sections ...section) string {
	t.Helper()
	const header, program, entry = 64, 56, 64
	sections = append([]section{{}}, append(sections, section{name: ".shstrtab", typ: elf.SHT_STRTAB})...)
	var names []byte
	for _, s := range sections {
		names = append(append(names, s.name...), 0)
	}
	sections[len(sections)-1].data = names
	var data, table bytes.Buffer
	at, name := uint64(header+program), uint32(0)
	for _, s := range sections {
		data.Write(s.data)
		write(t, &table, elf.Section64{Name: name, Type: uint32(s.typ), Addr: s.addr, Off: at, Size: uint64(len(s.data)), Addralign: 1})
		at += uint64(len(s.data))
		name += uint32(len(s.name) + 1)
	}
	var file bytes.Buffer
	write(t, &file, elf.Header64{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(elf.ET_EXEC), Machine: uint16(elf.EM_X86_64), Version: uint32(elf.EV_CURRENT),
		Phoff: header, Shoff: at, Ehsize: header, Phentsize: program, Phnum: 1,
		Shentsize: entry, Shnum: uint16(len(sections)), Shstrndx: uint16(len(sections) - 1),
	})
	write(t, &file, elf.Prog64{
		Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_X), Vaddr: 0x400000, Filesz: 0x10000, Memsz: 0x20000,
	})
	file.Write(data.Bytes())
	file.Write(table.Bytes())
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, file.Bytes(), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func write(t *testing.T, to *bytes.Buffer, v any) {
	t.Helper()
	if err := binary.Write(to, binary.LittleEndian, v); err != nil {
		t.Fatal(err)
	}
}

// The notes of a program tell its build-id and its static probes, whose
// addresses move with .stapsdt.base.
func TestNotes(t *testing.T) {
	probes := encodeNote("stapsdt", 3, encodeProbe(0x401000, 0x402000, 0x403000, "bash\x00start\x00-4@%edi\x00"))
	probes = append(probes, encodeNote("other", 3, []byte{1})...)
	probes = append(probes, encodeNote("stapsdt", 3, encodeProbe(0x401010, 0x402000, 0, "bash\x00start\x00\x00"))...)
	path := writeELF(t,
		section{".note.gnu.build-id", elf.SHT_NOTE, 0, encodeNote("GNU", 3, []byte{0xab, 0xcd})},
		section{".stapsdt.base", elf.SHT_PROGBITS, 0x402100, []byte{0}},
		section{".note.stapsdt", elf.SHT_NOTE, 0, probes},
	)
	file, err := (&Facts{}).Executable(path)
	if err != nil {
		t.Fatal(err)
	}
	got, err := file.Probes("bash", "start")
	if err != nil {
		t.Fatal(err)
	}
	want := []plan.Probe{{Offset: 0x1100, Semaphore: 0x3100, Args: "-4@%edi"}, {Offset: 0x1110}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("probes (-want +got):\n%s", diff)
	}
	if got, err := file.Probes("bash", "end"); len(got) != 0 || err != nil {
		t.Errorf("another probe: %v, %v", got, err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(data)
	for algorithm, want := range map[string]string{"build-id": "abcd", "sha256": hex.EncodeToString(sum[:])} {
		if got, err := file.Digest(algorithm); got != want || err != nil {
			t.Errorf("%s: %s, %v", algorithm, got, err)
		}
	}
	if _, err := file.Symbol("nothing"); err == nil {
		t.Error("a function that is not there has an offset")
	}
	if _, err := file.Address(0x500000); err == nil {
		t.Error("an address outside has an offset")
	}
}

// What is no program is an error, and so are files that could block.
func TestNoExecutable(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{text, filepath.Dir(text), "/dev/zero", text + "-missing"} {
		if file, err := (&Facts{}).Executable(path); err == nil {
			t.Errorf("%s: %v without an error", path, file)
		}
	}
}

// Whatever a file has in its notes, reading them ends.
func FuzzNotes(f *testing.F) {
	f.Add(encodeNote("stapsdt", 3, encodeProbe(1, 2, 3, "a\x00b\x00c\x00")))
	f.Add(encodeNote("GNU", 3, []byte{1, 2, 3}))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		n := 0
		for note := range notes(data, binary.LittleEndian) {
			n += 12
			if _, err := parseProbe(note.description, binary.LittleEndian, 1); err == nil && len(note.description) < 27 {
				t.Errorf("a probe of %d bytes", len(note.description))
			}
		}
		if n > len(data) {
			t.Errorf("%d bytes have %d notes", len(data), n/12)
		}
	})
}
