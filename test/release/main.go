// SPDX-License-Identifier: Apache-2.0

// Command release makes what is shipped, for each architecture: a static
// program, an archive and a Debian package with it, an SBOM, and an image of all
// architectures as an OCI layout, which tools copy to registries. It needs
// nothing but Go: no container daemon, no packaging tools. The same sources make
// the same bytes.
//
// `make image` runs it in the root of the repository; its tests run what it made
// as a container runtime and dpkg do.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// release is what one run makes.
type release struct {
	out      string // directory
	version  string // as `git describe` says it
	revision string // of the commit
	date     time.Time
	ldflags  string
}

// program is the agent for one architecture.
type program struct {
	arch string // as GOARCH has it
	path string
}

func main() {
	r := releaseFlags()
	flag.Parse()
	if err := r.run(); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// releaseFlags declares the flags, which the tests have too.
func releaseFlags() *release {
	r := &release{}
	flag.StringVar(&r.out, "out", "bin/release", "`directory` to write to")
	flag.StringVar(&r.version, "version", "dev", "version of the release")
	flag.StringVar(&r.revision, "revision", "", "commit that is released")
	flag.StringVar(&r.ldflags, "ldflags", "-s -w", "`flags` of the linker")
	flag.Func("date", "time of all files, in `seconds` since 1970", func(s string) error {
		seconds, err := strconv.ParseInt(s, 10, 64)
		r.date = time.Unix(seconds, 0).UTC()
		return err
	})
	return r
}

// architectures are those that are released.
func architectures() []string { return []string{"amd64", "arm64"} }

// run writes all files anew.
func (r release) run() error {
	if err := os.RemoveAll(r.out); err != nil {
		return fmt.Errorf("remove the last release: %w", err)
	}
	var programs []program
	for _, arch := range architectures() {
		p := program{arch, filepath.Join(r.out, "linux-"+arch, "tetrameter")}
		if err := r.build(p); err != nil {
			return err
		}
		for _, write := range []func(program) error{r.writeArchive, r.writeDebianPackage, r.writeSBOM} {
			if err := write(p); err != nil {
				return err
			}
		}
		programs = append(programs, p)
	}
	if err := r.writeImage(programs); err != nil {
		return err
	}
	return r.writeSums()
}

// name is that of a released file for an architecture.
func (r release) name(arch, suffix string) string {
	return filepath.Join(r.out, fmt.Sprintf("tetrameter-%s.linux-%s%s", r.version, arch, suffix))
}
