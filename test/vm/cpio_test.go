// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"io/fs"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type cpioEntry struct {
	Name string
	Mode uint64
	Data string
}

// readCPIO is the reader of the newc format as the kernel documents it
// (initramfs buffer format): it knows nothing of the writer.
func readCPIO(t *testing.T, archive []byte) []cpioEntry {
	t.Helper()
	var entries []cpioEntry
	inodes := map[uint64]bool{}
	for offset := 0; ; {
		header := archive[offset:]
		if string(header[:6]) != "070701" {
			t.Fatalf("offset %d: magic %q", offset, header[:6])
		}
		field := func(i int) uint64 {
			value, err := strconv.ParseUint(string(header[6+8*i:14+8*i]), 16, 32)
			if err != nil {
				t.Fatalf("offset %d: field %d: %v", offset, i, err)
			}
			return value
		}
		inode, mode, size, nameSize := field(0), field(1), int(field(6)), int(field(11))
		if inodes[inode] {
			t.Errorf("inode %d: twice, so the kernel takes them for links", inode)
		}
		inodes[inode] = true
		name := archive[offset+110:][:nameSize]
		if name[nameSize-1] != 0 {
			t.Fatalf("name %q: no terminator", name)
		}
		offset = (offset + 110 + nameSize + 3) &^ 3
		e := cpioEntry{string(name[:nameSize-1]), mode, string(archive[offset:][:size])}
		offset = (offset + size + 3) &^ 3
		if e.Name == "TRAILER!!!" {
			if offset != len(archive) {
				t.Errorf("%d bytes after the trailer", len(archive)-offset)
			}
			return entries
		}
		entries = append(entries, e)
	}
}

func TestCPIOWriter(t *testing.T) {
	var archive bytes.Buffer
	c := newCPIOWriter(&archive)
	c.file("/init", 0o755, []byte("1"))
	c.file("usr/bin/sudo", 0o755|fs.ModeSetuid, []byte("12"))
	c.file("/usr/bin/../lib/empty", 0o600, nil)
	c.mkdir("/usr/bin")
	c.mkdir("/a")
	c.file("/a/four", 0o444, []byte("1234"))
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
	want := []cpioEntry{
		{"init", 0o100755, "1"},
		{"usr", 0o40755, ""},
		{"usr/bin", 0o40755, ""},
		{"usr/bin/sudo", 0o104755, "12"},
		{"usr/lib", 0o40755, ""},
		{"usr/lib/empty", 0o100600, ""},
		{"a", 0o40755, ""},
		{"a/four", 0o100444, "1234"},
	}
	if diff := cmp.Diff(want, readCPIO(t, archive.Bytes())); diff != "" {
		t.Errorf("archive (-want +got):\n%s", diff)
	}
}

type fullDisk struct{ left int }

var errFull = errors.New("disk full")

func (d *fullDisk) Write(p []byte) (int, error) {
	if d.left -= len(p); d.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestCPIOWriterError(t *testing.T) {
	for _, space := range []int{0, 50, 118, 122, 200} {
		c := newCPIOWriter(&fullDisk{space})
		c.file("/init", 0o755, []byte("12345"))
		if err := c.close(); !errors.Is(err, errFull) {
			t.Errorf("%d bytes of space: error %v, want %v", space, err, errFull)
		}
	}
}
