// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"io/fs"
	"path"
	"syscall"
)

// cpioWriter writes the newc format that the kernel unpacks as its initramfs.
// The first error sticks and is returned by close.
type cpioWriter struct {
	w     io.Writer
	dirs  map[string]bool
	inode int
	err   error
}

func newCPIOWriter(w io.Writer) *cpioWriter {
	return &cpioWriter{w: w, dirs: map[string]bool{"/": true}}
}

// mkdir adds a directory and its parents once.
func (c *cpioWriter) mkdir(name string) {
	name = path.Clean("/" + name)
	if c.dirs[name] {
		return
	}
	c.mkdir(path.Dir(name))
	c.dirs[name] = true
	c.entry(name[1:], syscall.S_IFDIR|0o755, nil)
}

// file adds a regular file and the directories above it.
func (c *cpioWriter) file(name string, mode fs.FileMode, data []byte) {
	name = path.Clean("/" + name)
	c.mkdir(path.Dir(name))
	bits := uint32(mode.Perm())
	for flag, bit := range map[fs.FileMode]uint32{
		fs.ModeSetuid: syscall.S_ISUID, fs.ModeSetgid: syscall.S_ISGID, fs.ModeSticky: syscall.S_ISVTX,
	} {
		if mode&flag != 0 {
			bits |= bit
		}
	}
	c.entry(name[1:], syscall.S_IFREG|bits, data)
}

// close ends the archive.
func (c *cpioWriter) close() error {
	c.entry("TRAILER!!!", 0, nil)
	return c.err
}

// entry writes one header, name and content, each padded to four bytes. Owner
// and times are zero, so equal input makes an equal archive.
func (c *cpioWriter) entry(name string, mode uint32, data []byte) {
	c.inode++
	header := fmt.Sprintf("070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
		c.inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name)+1, 0)
	c.write(append([]byte(header+name), 0))
	c.write(data)
}

func (c *cpioWriter) write(data []byte) {
	for _, part := range [][]byte{data, make([]byte, -len(data)&3)} {
		if c.err == nil {
			_, c.err = c.w.Write(part)
		}
	}
}
