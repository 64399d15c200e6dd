// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/tetrameter/tetrameter/exporter/policy"
)

func TestMetricsPath(t *testing.T) {
	for path, want := range map[string]string{
		"/metrics": "/metrics", "metrics": "/metrics", "/a/b/": "/a/b",
		"/": "", "": "", "/-/ready": "", "/{x}": "", "/a b": "",
	} {
		got, err := metricsPath(path)
		if err == nil && got != want || (err != nil) != (want == "") {
			t.Errorf("%q: %q, %v; want %q", path, got, err, want)
		}
	}
}

// A policy directory may hold anything; reading it neither blocks nor takes more
// than a policy may have.
func TestReadPolicy(t *testing.T) {
	dir := t.TempDir()
	fifo, big := filepath.Join(dir, "fifo.yaml"), filepath.Join(dir, "big.yaml")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{fifo, dir, filepath.Join(dir, "missing"), "/dev/zero"} {
		if _, err := readPolicy(path); err == nil {
			t.Errorf("%s was read", path)
		}
	}
	if err := os.WriteFile(big, make([]byte, 3*policy.MaxFileSize), 0o600); err != nil {
		t.Fatal(err)
	}
	if data, err := readPolicy(big); err != nil || len(data) != policy.MaxFileSize+1 {
		t.Errorf("read %d bytes, %v; want the limit and one", len(data), err)
	}
}
