// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
)

// metaPackage depends on the newest generic kernel of its suite.
const metaPackage = "linux-image-amd64"

// debPackage is what a Packages index says about one version of a package.
type debPackage struct {
	Name    string
	Version string
	Depends string
}

// holdsKernel reports whether a package of this name may hold the kernel image
// or its modules. Newer suites split the two; older ones have one image package.
func holdsKernel(name string) bool {
	return slices.ContainsFunc([]string{"linux-image-", "linux-binary-", "linux-modules-"}, func(prefix string) bool {
		return strings.HasPrefix(name, prefix)
	})
}

// parsePackages reads the kernel packages of a Packages index.
func parsePackages(r io.Reader) ([]debPackage, error) {
	var packages []debPackage
	var p debPackage
	add := func() {
		if holdsKernel(p.Name) {
			packages = append(packages, p)
		}
		p = debPackage{}
	}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		line := lines.Text()
		if line == "" {
			add()
			continue
		}
		switch name, value, _ := strings.Cut(line, ": "); name {
		case "Package":
			p.Name = value
		case "Version":
			p.Version = value
		case "Depends":
			p.Depends = value
		}
	}
	add()
	return packages, lines.Err()
}

// selectKernel follows the meta package to the packages that hold the newest
// generic kernel. The first one is the image package, whose version is the
// kernel's.
func selectKernel(packages []debPackage) ([]debPackage, error) {
	meta, found := newest(packages, metaPackage, "")
	if !found {
		return nil, fmt.Errorf("package %s: not in the index", metaPackage)
	}
	var selected []debPackage
	seen := map[string]bool{}
	queue := []debPackage{meta}
	for len(queue) > 0 {
		p := queue[0]
		queue = queue[1:]
		for dependency := range strings.SplitSeq(p.Depends, ",") {
			name, version := parseDependency(dependency)
			if !holdsKernel(name) || seen[name] {
				continue
			}
			seen[name] = true
			next, found := newest(packages, name, version)
			if !found {
				return nil, fmt.Errorf("package %s: depends on %s, not in the index", p.Name, strings.TrimSpace(dependency))
			}
			selected = append(selected, next)
			queue = append(queue, next)
		}
	}
	if len(selected) == 0 {
		return nil, fmt.Errorf("package %s: depends on no kernel image", metaPackage)
	}
	return selected, nil
}

// parseDependency returns the name and, for "name (= version)", the version.
func parseDependency(text string) (name, version string) {
	text, _, _ = strings.Cut(text, "|")
	name, constraint, _ := strings.Cut(strings.TrimSpace(text), " ")
	if exact, found := strings.CutPrefix(constraint, "(= "); found {
		version = strings.TrimSuffix(strings.TrimSpace(exact), ")")
	}
	return name, version
}

// newest finds the highest version of a package, or the given one.
func newest(packages []debPackage, name, version string) (best debPackage, found bool) {
	for _, p := range packages {
		if p.Name != name || (version != "" && p.Version != version) {
			continue
		}
		if !found || compareVersions(p.Version, best.Version) > 0 {
			best, found = p, true
		}
	}
	return best, found
}

// upstreamVersion drops epoch and Debian revision.
func upstreamVersion(version string) string {
	if _, rest, found := strings.Cut(version, ":"); found {
		version = rest
	}
	if i := strings.LastIndexByte(version, '-'); i >= 0 {
		version = version[:i]
	}
	return version
}

// compareVersions orders versions as deb-version(7) does.
func compareVersions(a, b string) int {
	split := func(version string) (epoch, upstream, revision string) {
		epoch, rest, found := strings.Cut(version, ":")
		if !found {
			epoch, rest = "0", version
		}
		if i := strings.LastIndexByte(rest, '-'); i >= 0 {
			return epoch, rest[:i], rest[i+1:]
		}
		return epoch, rest, "0"
	}
	epochA, upstreamA, revisionA := split(a)
	epochB, upstreamB, revisionB := split(b)
	return cmp.Or(
		compareParts(epochA, epochB),
		compareParts(upstreamA, upstreamB),
		compareParts(revisionA, revisionB),
	)
}

// compareParts compares alternating runs of non-digits and digits.
func compareParts(a, b string) int {
	isDigit := func(r rune) bool { return r >= '0' && r <= '9' }
	notDigit := func(r rune) bool { return !isDigit(r) }
	cut := func(s string, end func(rune) bool) (run, rest string) {
		if i := strings.IndexFunc(s, end); i >= 0 {
			return s[:i], s[i:]
		}
		return s, ""
	}
	for a != "" || b != "" {
		var runA, runB string
		runA, a = cut(a, isDigit)
		runB, b = cut(b, isDigit)
		if c := compareText(runA, runB); c != 0 {
			return c
		}
		runA, a = cut(a, notDigit)
		runB, b = cut(b, notDigit)
		runA, runB = strings.TrimLeft(runA, "0"), strings.TrimLeft(runB, "0")
		if c := cmp.Or(cmp.Compare(len(runA), len(runB)), cmp.Compare(runA, runB)); c != 0 {
			return c
		}
	}
	return 0
}

// compareText compares runs without digits: a tilde sorts before the end of
// the run, letters before everything else.
func compareText(a, b string) int {
	weight := func(s string, i int) int {
		switch {
		case i >= len(s):
			return 0
		case s[i] == '~':
			return -1
		case s[i] >= 'A' && s[i] <= 'Z', s[i] >= 'a' && s[i] <= 'z':
			return int(s[i])
		}
		return int(s[i]) + 256
	}
	for i := range max(len(a), len(b)) {
		if c := cmp.Compare(weight(a, i), weight(b, i)); c != 0 {
			return c
		}
	}
	return 0
}
