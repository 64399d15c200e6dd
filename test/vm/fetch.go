// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	// minKernels is what a matrix needs to deserve the name.
	minKernels = 3
	// indexAge is how long a package index is taken as current.
	indexAge = 24 * time.Hour
)

// modules are candidates for module.ko, best first: they depend on no other
// module and drive no hardware.
func modules() []string { return []string{"crc8", "crc4", "dummy"} }

// bootModules are the modules that init inserts, as a distribution does when
// they are asked for: a file system, links between network namespaces, and the card
// that -net has. They depend on no other module.
func bootModules() []string { return []string{"overlay", "veth", "e1000"} }

func fetchCommand(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("fetch", flag.ContinueOnError)
	list := flags.String("suites", "bullseye,bookworm,trixie,sid", "comma-separated Debian `suites`")
	cache := cacheFlag(flags)
	if err := flags.Parse(args); err != nil {
		return err
	}
	suites := strings.Split(*list, ",")
	dir, err := filepath.Abs(*cache)
	if err != nil {
		return err
	}
	a := apt{filepath.Join(dir, "apt")}
	if err := os.MkdirAll(a.dir, 0o755); err != nil {
		return err
	}
	unlock, err := lock(filepath.Join(a.dir, "lock"))
	if err != nil {
		return err
	}
	defer unlock()

	cached, err := cachedKernels(dir)
	if err != nil {
		return err
	}
	if !a.current(time.Now()) || slices.ContainsFunc(suites, func(suite string) bool { return !hasSuite(cached, suite) }) {
		if err := a.update(ctx, suites); err != nil {
			return err
		}
		for _, suite := range suites {
			if err := fetchKernel(ctx, a, dir, suite); err != nil {
				fmt.Fprintf(os.Stderr, "skip %s: %v\n", suite, err)
			}
		}
	}
	if cached, err = cachedKernels(dir); err != nil {
		return err
	}
	count := 0
	for _, k := range cached {
		if slices.Contains(suites, k.suite) {
			count++
			fmt.Printf("kernel %s (%s): %s\n", k.upstream(), k.suite, k.dir)
		}
	}
	if count < minKernels {
		return fmt.Errorf("suites %s: %d kernels, want at least %d", *list, count, minKernels)
	}
	return nil
}

// lock serialises fetches of concurrent make targets.
func lock(name string) (unlock func(), err error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	return func() { f.Close() }, nil
}

// fetchKernel brings the newest kernel of a suite into the cache and removes
// the one it supersedes.
func fetchKernel(ctx context.Context, a apt, cache, suite string) error {
	index, err := a.packages(ctx, suite)
	if err != nil {
		return err
	}
	packages, err := selectKernel(index)
	if err != nil {
		return err
	}
	k := kernel{suite: suite, version: packages[0].Version}
	k.dir = filepath.Join(cache, k.suite+"-"+k.version)
	if k.complete() {
		return nil
	}
	fmt.Fprintf(os.Stderr, "fetch %s: kernel %s\n", suite, k.version)
	work, err := os.MkdirTemp(a.dir, "kernel-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	debs, err := a.download(ctx, work, packages)
	if err != nil {
		return err
	}
	image := filepath.Join(work, "image")
	if err := extractKernel(ctx, debs, image); err != nil {
		return err
	}
	old, err := filepath.Glob(filepath.Join(cache, suite+"-*"))
	if err != nil {
		return err
	}
	for _, dir := range old {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	// The rename makes the kernel visible only when it is complete.
	return os.Rename(image, k.dir)
}

// extractKernel writes vmlinux and modules from the packages into dir.
// dpkg-deb does the unpacking: archive/tar would link os/user, with it the C
// library, and so make a default build of this program unfit for /init.
func extractKernel(ctx context.Context, debs []string, dir string) error {
	root := dir + ".root"
	defer os.RemoveAll(root)
	for _, deb := range debs {
		cmd := exec.CommandContext(ctx, "dpkg-deb", "--extract", deb, root)
		cmd.Stderr = os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("extract %s: %w", filepath.Base(deb), err)
		}
	}
	image, found, err := findKernel(root)
	if err != nil {
		return err
	}
	files := map[string][]byte{}
	if files["vmlinux"], err = vmlinux(ctx, image); err != nil {
		return err
	}
	if files["module.ko"], err = firstIndependent(ctx, found, modules()); err != nil {
		return err
	}
	for _, name := range bootModules() {
		if files[name+".ko"], err = firstIndependent(ctx, found, []string{name}); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// firstIndependent unpacks the first of the named modules that needs no other.
func firstIndependent(ctx context.Context, found map[string][]byte, names []string) ([]byte, error) {
	for _, name := range names {
		module, err := decompress(ctx, found[name])
		if err != nil {
			return nil, fmt.Errorf("module %s: %w", name, err)
		}
		if independent(module) {
			return module, nil
		}
	}
	return nil, fmt.Errorf("no package holds one of the modules %s, without dependencies", strings.Join(names, ", "))
}

// findKernel reads the boot image and the modules that are wanted, as packaged,
// from a tree of unpacked packages.
func findKernel(root string) (image []byte, found map[string][]byte, err error) {
	found = map[string][]byte{}
	err = filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		module, _, _ := strings.Cut(entry.Name(), ".ko")
		switch {
		// It is boot/vmlinuz-VERSION, in linux-binary packages vmlinuz
		// beside the modules.
		case entry.Name() == "vmlinuz", strings.HasPrefix(entry.Name(), "vmlinuz-"):
			image, err = os.ReadFile(name)
		case slices.Contains(slices.Concat(modules(), bootModules()), module):
			found[module], err = os.ReadFile(name)
		}
		return err
	})
	if err == nil && image == nil {
		err = errors.New("no package holds vmlinuz")
	}
	return image, found, err
}
