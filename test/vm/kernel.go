// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// kernel is a directory of the cache, named SUITE-VERSION, with vmlinux,
// module.ko and the modules to insert at boot.
type kernel struct {
	suite   string
	version string
	dir     string
}

func (k kernel) upstream() string { return upstreamVersion(k.version) }

// complete says whether all files are there: earlier versions of this program
// wanted fewer.
func (k kernel) complete() bool {
	for _, name := range append(bootModules(), "module") {
		if _, err := os.Stat(filepath.Join(k.dir, name+".ko")); err != nil {
			return false
		}
	}
	return true
}

// cachedKernels lists the kernels of the cache, oldest version first.
func cachedKernels(cache string) ([]kernel, error) {
	images, err := filepath.Glob(filepath.Join(cache, "*-*", "vmlinux"))
	if err != nil {
		return nil, err
	}
	var kernels []kernel
	for _, image := range images {
		dir := filepath.Dir(image)
		suite, version, _ := strings.Cut(filepath.Base(dir), "-")
		if k := (kernel{suite, version, dir}); k.complete() {
			kernels = append(kernels, k)
		}
	}
	slices.SortFunc(kernels, func(a, b kernel) int { return compareVersions(a.version, b.version) })
	return kernels, nil
}

func hasSuite(kernels []kernel, suite string) bool {
	return slices.ContainsFunc(kernels, func(k kernel) bool { return k.suite == suite })
}

// matchKernels keeps the kernels of which suite or version match one of the
// comma-separated shell patterns. A pattern that matches nothing is an error:
// it would silently shrink the matrix.
func matchKernels(kernels []kernel, patterns string) ([]kernel, error) {
	var selected []kernel
	matched := map[string]bool{}
	for _, k := range kernels {
		keep := false
		for pattern := range strings.SplitSeq(patterns, ",") {
			for _, name := range []string{k.suite, k.version, k.upstream()} {
				ok, err := path.Match(pattern, name)
				if err != nil {
					return nil, fmt.Errorf("kernel pattern %q: %w", pattern, err)
				}
				if ok {
					keep, matched[pattern] = true, true
				}
			}
		}
		if keep {
			selected = append(selected, k)
		}
	}
	for pattern := range strings.SplitSeq(patterns, ",") {
		if !matched[pattern] {
			return nil, fmt.Errorf("kernel pattern %q: no cached kernel matches; run vm fetch: %w", pattern, os.ErrNotExist)
		}
	}
	return selected, nil
}
