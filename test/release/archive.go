// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// file is one of an archive.
type file struct {
	data []byte
	mode int64
}

// files are those of an archive by their paths, all root's.
type files map[string]file

// readFiles reads files of the repository: the values of paths. They get the
// mode 0644.
func readFiles(prefix string, paths map[string]string) (files, error) {
	f := files{}
	for to, from := range paths {
		data, err := os.ReadFile(from)
		if err != nil {
			return nil, fmt.Errorf("read a file for an archive: %w", err)
		}
		f[prefix+to] = file{data, 0o644}
	}
	return f, nil
}

// archive returns a tar archive with the directories of the files, in the order
// of paths. Nothing in it depends on when and by whom it was made.
func (f files) archive(date time.Time) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	done := map[string]bool{".": true, "/": true}
	var errs []error
	add := func(h tar.Header, data []byte) {
		h.ModTime, h.Format, h.Uname, h.Gname = date, tar.FormatUSTAR, "root", "root"
		errs = append(errs, w.WriteHeader(&h))
		_, err := w.Write(data)
		errs = append(errs, err)
	}
	for _, name := range slices.Sorted(maps.Keys(f)) {
		for _, dir := range parents(name) {
			if !done[dir] {
				done[dir] = true
				add(tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755}, nil)
			}
		}
		add(tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: f[name].mode, Size: int64(len(f[name].data))}, f[name].data)
	}
	if err := errors.Join(append(errs, w.Close())...); err != nil {
		return nil, fmt.Errorf("write an archive: %w", err)
	}
	return b.Bytes(), nil
}

// parents are the directories above a path, the outermost first.
func parents(name string) []string {
	var dirs []string
	for dir := path.Dir(name); dir != "." && dir != "/"; dir = path.Dir(dir) {
		dirs = append(dirs, strings.TrimSuffix(dir, "/"))
	}
	slices.Reverse(dirs)
	return dirs
}

// compress returns data as gzip has it, without a name or time.
func compress(data []byte, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	_, err = w.Write(data)
	if err := errors.Join(err, w.Close()); err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	return b.Bytes(), nil
}

func writeFile(name string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := os.WriteFile(name, data, 0o644); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}
