// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCompareVersions(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{
		{"1", "1", 0},
		{"1.0", "1.0-0", 0},
		{"1.01", "1.1", 0},
		{"0:1", "1", 0},
		{"1:1", "2", 1},
		{"1:1", "2:0", -1},
		{"5.10.262-1", "5.10.28-1", 1},
		{"6.12.9-1", "6.12.10-1", -1},
		{"6.1.180-1~deb11u1", "6.1.180-1", -1},
		{"7.0~rc7-1~exp1", "7.0-1", -1},
		{"7.0~rc7-1~exp1", "7.0~rc7-1", -1},
		{"1~~", "1~~a", -1},
		{"1~~a", "1~", -1},
		{"1~", "1", -1},
		{"1", "1a", -1},
		{"1a", "1+", -1},
		{"1+b1", "1.1", -1},
		{"7.2.13+1", "7.2.13", 1},
		{"1-1-2", "1-1-1", 1},
		{"1-1", "1-2", -1},
		{"20261021123456789012345678", "20261021123456789012345677", 1},
	} {
		if got := compareVersions(test.a, test.b); got != test.want {
			t.Errorf("compareVersions(%q, %q) = %d, want %d", test.a, test.b, got, test.want)
		}
		if got := compareVersions(test.b, test.a); got != -test.want {
			t.Errorf("compareVersions(%q, %q) = %d, want %d", test.b, test.a, got, -test.want)
		}
	}
}

func TestUpstreamVersion(t *testing.T) {
	for version, want := range map[string]string{
		"6.1.192-2": "6.1.192", "1:6.1-2": "6.1", "6.1.180-1~deb11u1": "6.1.180", "6.1": "6.1",
	} {
		if got := upstreamVersion(version); got != want {
			t.Errorf("upstreamVersion(%q) = %q, want %q", version, got, want)
		}
	}
}

// whole is the index of a suite with one package per kernel: an old version
// from the main archive, a newer one and a backport from the security archive.
const whole = `Package: linux-image-5.10.0-9-amd64
Version: 5.10.99-1
Depends: kmod, linux-base (>= 4.3~), initramfs-tools (>= 0.120) | linux-initramfs-tool
Description: Linux 5.10 for 64-bit PCs
 The Linux kernel 5.10.

Package: linux-image-amd64
Version: 5.10.99-1
Depends: linux-image-5.10.0-9-amd64 (= 5.10.99-1)

Package: bash
Version: 5.1
Depends: base-files

Package: linux-image-5.10.0-46-amd64
Version: 5.10.262-1
Depends: kmod, linux-base (>= 4.3~)

Package: linux-image-6.1-amd64
Version: 6.1.180-1~deb11u1
Depends: linux-image-6.1.0-0.deb11.52-amd64 (= 6.1.180-1~deb11u1)

Package: linux-image-amd64
Version: 5.10.262-1
Depends: linux-image-5.10.0-46-amd64 (= 5.10.262-1)
`

// split is the index of a suite that packs image and modules separately.
const split = `Package: linux-image-amd64
Version: 7.2.13-1
Depends: linux-base-amd64 (= 7.2.13-1), linux-image-7.2.13-amd64 (= 7.2.13-1)

Package: linux-image-7.2.13-amd64
Version: 7.2.13-1
Depends: dracut | linux-initramfs-tool, linux-base-7.2.13-amd64 (= 7.2.13-1), linux-binary-7.2.13-amd64 (= 7.2.13-1), linux-modules-7.2.13-amd64 (= 7.2.13-1)

Package: linux-modules-7.2.13-amd64
Version: 7.2.13-2
Depends: kmod

Package: linux-modules-7.2.13-amd64
Version: 7.2.13-1
Depends: kmod

Package: linux-binary-unsigned-7.2.13-amd64
Version: 7.2.13-1

Package: linux-binary-7.2.13-amd64
Version: 7.2.13-1
`

func TestSelectKernel(t *testing.T) {
	for name, test := range map[string]struct {
		index string
		want  []string
		err   string
	}{
		"one package": {whole, []string{"linux-image-5.10.0-46-amd64 5.10.262-1"}, ""},
		"split packages": {split, []string{
			"linux-image-7.2.13-amd64 7.2.13-1",
			"linux-binary-7.2.13-amd64 7.2.13-1",
			"linux-modules-7.2.13-amd64 7.2.13-1",
		}, ""},
		"no meta package": {
			"Package: linux-image-6.1-amd64\nVersion: 1\n", nil,
			"package linux-image-amd64: not in the index",
		},
		"no image": {
			"Package: linux-image-amd64\nVersion: 1\nDepends: kmod\n", nil,
			"package linux-image-amd64: depends on no kernel image",
		},
		"other version": {
			"Package: linux-image-amd64\nVersion: 2\nDepends: linux-image-a (= 2)\n\nPackage: linux-image-a\nVersion: 1\n", nil,
			"package linux-image-amd64: depends on linux-image-a (= 2), not in the index",
		},
	} {
		t.Run(name, func(t *testing.T) {
			packages, err := parsePackages(strings.NewReader(test.index))
			if err != nil {
				t.Fatal(err)
			}
			selected, err := selectKernel(packages)
			if got := errorText(err); got != test.err {
				t.Fatalf("error %q, want %q", got, test.err)
			}
			var got []string
			for _, p := range selected {
				got = append(got, p.Name+" "+p.Version)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("packages (-want +got):\n%s", diff)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
