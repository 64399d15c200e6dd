// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"debug/elf"
	"debug/gosym"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/tetrameter/tetrameter/exporter/plan"
)

// Executable implements plan.Kernel.
func (f *Facts) Executable(path string) (plan.Executable, error) {
	if known, ok := f.files[path]; ok {
		return known.file, known.err
	}
	file, err := openExecutable(path)
	if f.files == nil {
		f.files = map[string]executableOrError{}
	}
	f.files[path] = executableOrError{file, err}
	return file, err
}

type executableOrError struct {
	file plan.Executable
	err  error
}

// executable is what is known of an ELF file; it implements plan.Executable.
type executable struct {
	path     string
	id       plan.FileID
	segments []elf.ProgHeader  // that are executed
	symbols  map[string]uint64 // addresses of functions
	golang   *gosym.Table      // of a Go program without symbols
	buildID  string
	notes    probeNotes
}

// openExecutable reads a file, which is no part of the agent and may be
// anything: package elf is robust, and what is read of notes is limited.
func openExecutable(path string) (_ *executable, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file", path)
	}
	opened, id, err := openFile(path)
	if err != nil {
		return nil, err
	}
	defer opened.Close()
	file, err := elf.NewFile(opened)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	e := &executable{path: path, id: id, symbols: map[string]uint64{}}
	for _, p := range file.Progs {
		if p.Type == elf.PT_LOAD {
			e.segments = append(e.segments, p.ProgHeader)
		}
	}
	for _, read := range []func() ([]elf.Symbol, error){file.DynamicSymbols, file.Symbols} {
		symbols, err := read()
		if err != nil && !errors.Is(err, elf.ErrNoSymbols) {
			return nil, fmt.Errorf("read symbols of %s: %w", path, err)
		}
		for _, s := range symbols {
			if elf.ST_TYPE(s.Info) == elf.STT_FUNC && s.Section != elf.SHN_UNDEF {
				e.symbols[s.Name] = s.Value
			}
		}
	}
	if file.Section(".symtab") == nil {
		e.golang = goFunctions(file)
	}
	e.readNotes(file)
	return e, nil
}

// openFile opens a file, which the path may not be that of any longer, and says
// which one it is.
func openFile(path string) (*os.File, plan.FileID, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, plan.FileID{}, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &st); err != nil {
		return nil, plan.FileID{}, errors.Join(fmt.Errorf("stat %s: %w", path, err), file.Close())
	}
	return file, plan.FileID{Device: st.Dev, Inode: st.Ino}, nil
}

// reopen is openFile for one that was open before.
func reopen(path string, known plan.FileID) (*os.File, error) {
	file, id, err := openFile(path)
	if err == nil && id != known {
		err = errors.Join(fmt.Errorf("%s was replaced meanwhile", path), file.Close())
	}
	return file, err
}

// ID implements plan.Executable.
func (e *executable) ID() plan.FileID { return e.id }

// Symbol implements plan.Executable.
func (e *executable) Symbol(name string) (uint64, error) {
	address, ok := e.symbols[name]
	if !ok && e.golang != nil {
		if f := e.golang.LookupFunc(name); f != nil {
			address, ok = f.Entry, true
		}
	}
	if !ok {
		return 0, fmt.Errorf("%s has no function %s", e.path, name)
	}
	return e.Address(address)
}

// goFunctions reads the table that Go programs have at run time, which remains
// when symbols are stripped. It is nil for others.
func goFunctions(file *elf.File) *gosym.Table {
	text, lines := file.Section(".text"), file.Section(".gopclntab")
	if text == nil || lines == nil || lines.Size > maxLines {
		return nil
	}
	data, err := lines.Data()
	if err != nil {
		return nil
	}
	table, err := gosym.NewTable(nil, gosym.NewLineTable(data, text.Addr))
	if err != nil {
		return nil
	}
	return table
}

// maxLines is how large the table of a Go program may be.
const maxLines = 1 << 28

// Address implements plan.Executable.
func (e *executable) Address(address uint64) (uint64, error) {
	for _, s := range e.segments {
		if s.Vaddr <= address && address-s.Vaddr < s.Filesz {
			return address - s.Vaddr + s.Off, nil
		}
	}
	return 0, fmt.Errorf("%s has nothing at address %#x", e.path, address)
}

// Digest implements plan.Executable.
func (e *executable) Digest(algorithm string) (string, error) {
	var sum hash.Hash
	switch algorithm {
	case "sha1":
		sum = sha1.New()
	case "sha256":
		sum = sha256.New()
	case "sha384":
		sum = sha512.New384()
	case "sha512":
		sum = sha512.New()
	case "build-id":
		if e.buildID == "" {
			return "", fmt.Errorf("%s has no build-id", e.path)
		}
		return e.buildID, nil
	default:
		return "", fmt.Errorf("no digest %s", algorithm)
	}
	file, err := reopen(e.path, e.id)
	if err != nil {
		return "", err
	}
	defer file.Close()
	if _, err := io.Copy(sum, file); err != nil {
		return "", fmt.Errorf("read %s: %w", e.path, err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// Probes implements plan.Executable.
func (e *executable) Probes(provider, name string) ([]plan.Probe, error) {
	var probes []plan.Probe
	for _, n := range e.notes.probes {
		if n.provider != provider || n.name != name {
			continue
		}
		offset, err := e.Address(n.location)
		if err != nil {
			return nil, err
		}
		p := plan.Probe{Offset: offset, Args: n.args}
		if n.semaphore != 0 {
			if p.Semaphore, err = e.Address(n.semaphore); err != nil {
				return nil, fmt.Errorf("semaphore: %w", err)
			}
		}
		probes = append(probes, p)
	}
	return probes, e.notes.err
}
