// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A kernel that lacks a file is not in the cache: it is fetched again.
func TestCachedKernels(t *testing.T) {
	cache := t.TempDir()
	for dir, files := range map[string][]string{
		"sid-7.2.13-1":         {"vmlinux", "module.ko", "overlay.ko", "veth.ko", "e1000.ko"},
		"trixie-6.12.117-1":    {"vmlinux", "module.ko", "overlay.ko"},
		"bookworm-6.1.192-2":   {"module.ko", "overlay.ko", "veth.ko", "e1000.ko"},
		"bullseye-5.10.262-1~": {"vmlinux", "module.ko", "overlay.ko", "veth.ko", "e1000.ko"},
	} {
		for _, file := range files {
			name := filepath.Join(cache, dir, file)
			if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	kernels, err := cachedKernels(cache)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, k := range kernels {
		got = append(got, k.suite+" "+k.version)
	}
	if diff := cmp.Diff([]string{"bullseye 5.10.262-1~", "sid 7.2.13-1"}, got); diff != "" {
		t.Errorf("kernels (-want +got):\n%s", diff)
	}
}
