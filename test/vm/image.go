// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Places in the guest.
const (
	initPath   = "/init"
	taskPath   = "/task.json"
	modulePath = "/lib/test/module.ko"
	// bootDir has the modules that init inserts.
	bootDir = "/lib/modules"
	// testDir is the working directory of the binary.
	testDir = "/test"
)

// task tells the guest what to run.
type task struct {
	Path  string
	Args  []string
	Token string
}

// writeImage writes the initramfs for one kernel. files are host:guest pairs;
// directories are copied with all they hold.
func writeImage(name string, k kernel, binary string, files []string, t task) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	// Not compressed: an emulated processor takes longer to unpack it.
	buffer := bufio.NewWriterSize(f, 1<<20)
	archive := newCPIOWriter(buffer)
	self, err := os.Executable()
	if err != nil {
		return err
	}
	pairs := []string{self + ":" + initPath, binary + ":" + t.Path, filepath.Join(k.dir, "module.ko") + ":" + modulePath}
	for _, name := range bootModules() {
		pairs = append(pairs, filepath.Join(k.dir, name+".ko")+":"+path.Join(bootDir, name+".ko"))
	}
	for _, pair := range append(pairs, files...) {
		if err := addFiles(archive, pair); err != nil {
			return err
		}
	}
	data, err := json.Marshal(t)
	if err != nil {
		return err
	}
	archive.file(taskPath, 0o644, data)
	return errors.Join(archive.close(), buffer.Flush())
}

// addFiles copies the host side of a host:guest pair. A guest path that is
// not absolute starts at the working directory of the binary.
func addFiles(archive *cpioWriter, pair string) error {
	i := strings.LastIndexByte(pair, ':')
	if i < 0 {
		return fmt.Errorf("file %q: want host:guest", pair)
	}
	host, guest := pair[:i], pair[i+1:]
	if !path.IsAbs(guest) {
		guest = path.Join(testDir, guest)
	}
	return filepath.WalkDir(host, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		// Symbolic links of the host mean little in the guest: follow them.
		info, err := os.Stat(name)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(host, name)
		if err != nil {
			return err
		}
		target := path.Join(guest, filepath.ToSlash(relative))
		switch {
		case info.IsDir():
			archive.mkdir(target)
		case info.Mode().IsRegular():
			data, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			archive.file(target, info.Mode(), data)
		}
		return nil
	})
}

// checkStatic refuses a binary that needs a dynamic loader, which the guest
// does not have and of which execve only says "no such file or directory".
func checkStatic(binary string) error {
	file, err := elf.Open(binary)
	if err != nil {
		return fmt.Errorf("binary %s: %w", binary, err)
	}
	defer file.Close()
	for _, p := range file.Progs {
		if p.Type == elf.PT_INTERP {
			return fmt.Errorf("binary %s: dynamically linked, compile with CGO_ENABLED=0", binary)
		}
	}
	return nil
}
