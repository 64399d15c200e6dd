// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
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
	if _, err := os.Stat(k.dir); err == nil {
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
	old, err := cachedKernels(cache)
	if err != nil {
		return err
	}
	// The rename makes the kernel visible only when it is complete.
	if err := os.Rename(image, k.dir); err != nil {
		return err
	}
	for _, o := range old {
		if o.suite == suite {
			os.RemoveAll(o.dir)
		}
	}
	return nil
}

// extractKernel writes vmlinuz and module.ko from the packages into dir.
func extractKernel(ctx context.Context, debs []string, dir string) error {
	var vmlinuz []byte
	found := map[string][]byte{}
	for _, deb := range debs {
		err := eachFile(ctx, deb, func(name string, r io.Reader) (err error) {
			module, extension, _ := strings.Cut(path.Base(name), ".")
			switch {
			// The second place is that of linux-binary packages.
			case strings.HasPrefix(name, "boot/vmlinuz-"), strings.HasSuffix(name, "/vmlinuz"):
				vmlinuz, err = io.ReadAll(r)
			case strings.Contains(name, "/kernel/") && slices.Contains(modules(), module):
				found[module], err = decompress(ctx, extension, r)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	if vmlinuz == nil {
		return errors.New("no package holds vmlinuz")
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	for _, module := range modules() {
		if data := found[module]; data != nil && independent(data) {
			if err := os.WriteFile(filepath.Join(dir, "module.ko"), data, 0o644); err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(dir, "vmlinuz"), vmlinuz, 0o644)
		}
	}
	return fmt.Errorf("no package holds one of the modules %s", strings.Join(modules(), ", "))
}

// eachFile calls f for each regular file of a package, without unpacking the
// several hundred megabytes that nobody asks for.
func eachFile(ctx context.Context, deb string, f func(name string, r io.Reader) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, "dpkg-deb", "--fsys-tarfile", deb)
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	archive := tar.NewReader(stdout)
	for {
		header, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err == nil && header.Typeflag == tar.TypeReg {
			err = f(strings.TrimPrefix(header.Name, "./"), archive)
		}
		if err != nil {
			cancel()
			cmd.Wait()
			return fmt.Errorf("package %s: %w", filepath.Base(deb), err)
		}
	}
	// dpkg-deb is killed by a closed pipe unless the padding is read as well.
	if _, err := io.Copy(io.Discard, stdout); err != nil {
		return err
	}
	return cmd.Wait()
}

// decompress reads a module with the extension ko, ko.xz or ko.zst.
func decompress(ctx context.Context, extension string, r io.Reader) ([]byte, error) {
	tool, compressed := map[string]string{"ko.xz": "xz", "ko.zst": "zstd"}[extension]
	if !compressed {
		return io.ReadAll(r)
	}
	cmd := exec.CommandContext(ctx, tool, "--decompress", "--stdout")
	cmd.Stdin, cmd.Stderr = r, os.Stderr
	data, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", tool, err)
	}
	return data, nil
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
