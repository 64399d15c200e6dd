// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// build compiles the agent. Without the repository's state in it (-buildvcs),
// which the linker's flags tell, sources without a repository make the same.
func (r release) build(p program) error {
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", r.ldflags, "-o", p.path, "./exporter")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+p.arch)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build for %s: %w\n%s", p.arch, err, out)
	}
	return nil
}

// writeArchive writes the program with its licences, as Prometheus' exporters
// are released.
func (r release) writeArchive(p program) error {
	dir := strings.TrimSuffix(filepath.Base(r.name(p.arch, "")), "/")
	files, err := readFiles(dir+"/", map[string]string{"tetrameter": p.path, "LICENSE": "LICENSE", "NOTICE": "NOTICE"})
	if err != nil {
		return err
	}
	files[dir+"/tetrameter"] = file{data: files[dir+"/tetrameter"].data, mode: 0o755}
	data, err := compress(files.archive(r.date))
	if err != nil {
		return err
	}
	return writeFile(r.name(p.arch, ".tar.gz"), data)
}

// writeSums writes a file that `sha256sum --check` reads.
func (r release) writeSums() error {
	names, err := filepath.Glob(filepath.Join(r.out, "tetrameter*"))
	if err != nil {
		return err
	}
	var sums strings.Builder
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			return fmt.Errorf("sum a file: %w", err)
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(data), filepath.Base(name))
	}
	return writeFile(filepath.Join(r.out, "sha256sums.txt"), []byte(sums.String()))
}
