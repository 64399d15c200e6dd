// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
)

// vmlinux unpacks the kernel from its boot image. QEMU enters the ELF file
// through its PVH note, which saves the emulated CPU two to six seconds of
// decompression and leaves the kernel at its link address.
func vmlinux(ctx context.Context, image []byte) ([]byte, error) {
	// Offsets are those of the setup header in the x86 boot protocol 2.08.
	const setupSects, magic, payloadOffset, payloadLength = 0x1f1, 0x202, 0x248, 0x24c
	if len(image) < payloadLength+4 || string(image[magic:magic+4]) != "HdrS" {
		return nil, errors.New("vmlinuz: no setup header")
	}
	start := (uint64(image[setupSects])+1)*512 + uint64(binary.LittleEndian.Uint32(image[payloadOffset:]))
	end := start + uint64(binary.LittleEndian.Uint32(image[payloadLength:]))
	// The payload ends with its uncompressed size.
	if end > uint64(len(image)) || end < start+4 {
		return nil, errors.New("vmlinuz: payload outside of the file")
	}
	kernel, err := decompress(ctx, image[start:end-4])
	if err != nil {
		return nil, fmt.Errorf("vmlinuz: %w", err)
	}
	if !bytes.HasPrefix(kernel, []byte(elf.ELFMAG)) {
		return nil, errors.New("vmlinuz: payload is no ELF file after decompression")
	}
	return kernel, nil
}

// decompress unpacks xz and zstd data and returns other data as it is.
func decompress(ctx context.Context, data []byte) ([]byte, error) {
	var tool string
	switch {
	case bytes.HasPrefix(data, []byte("\xfd7zXZ\x00")):
		tool = "xz"
	case bytes.HasPrefix(data, []byte("\x28\xb5\x2f\xfd")):
		tool = "zstd"
	default:
		return data, nil
	}
	cmd := exec.CommandContext(ctx, tool, "--decompress", "--stdout")
	cmd.Stdin, cmd.Stderr = bytes.NewReader(data), os.Stderr
	unpacked, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", tool, err)
	}
	return unpacked, nil
}

// independent reports whether the module needs no other module.
func independent(module []byte) bool {
	file, err := elf.NewFile(bytes.NewReader(module))
	if err != nil {
		return false
	}
	section := file.Section(".modinfo")
	if section == nil {
		return false
	}
	info, err := section.Data()
	return err == nil && bytes.Contains(append([]byte{0}, info...), []byte("\x00depends=\x00"))
}
