// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/md5" // of files, which dpkg --verify compares
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
)

// writeDebianPackage writes a binary package (deb(5)) of what `make install`
// installs, and the scripts of test/release/debian.
func (r release) writeDebianPackage(p program) error {
	content, err := r.installed(p)
	if err != nil {
		return err
	}
	control, err := r.control(p.arch, content)
	if err != nil {
		return err
	}
	members := []struct {
		name  string
		files files
	}{{"control.tar.gz", control}, {"data.tar.gz", content}}
	b := bytes.NewBufferString("!<arch>\n")
	r.member(b, "debian-binary", []byte("2.0\n"))
	for _, m := range members {
		data, err := compress(m.files.archive(r.date))
		if err != nil {
			return err
		}
		r.member(b, m.name, data)
	}
	name := fmt.Sprintf("tetrameter_%s_%s.deb", debianVersion(r.version), p.arch)
	return writeFile(filepath.Join(r.out, name), b.Bytes())
}

// member appends a file to an archive of ar(5).
func (r release) member(b *bytes.Buffer, name string, data []byte) {
	fmt.Fprintf(b, "%-16s%-12d%-6d%-6d%-8s%-10d`\n", name, r.date.Unix(), 0, 0, "100644", len(data))
	b.Write(data)
	if len(data)%2 == 1 {
		b.WriteByte('\n')
	}
}

// installed are the files of the package, where Debian has them.
func (r release) installed(p program) (files, error) {
	content, err := readFiles("", map[string]string{
		"usr/bin/tetrameter":                        p.path,
		"usr/lib/systemd/system/tetrameter.service": "docs/systemd/tetrameter.service",
		"etc/default/tetrameter":                    "docs/systemd/tetrameter.default",
		"etc/tetrameter/policies/README":            "docs/systemd/policies.README",
		"usr/share/doc/tetrameter/NOTICE":           "NOTICE",
		"usr/share/doc/tetrameter/copyright":        "test/release/debian/copyright",
	})
	if err != nil {
		return nil, err
	}
	content["usr/bin/tetrameter"] = file{content["usr/bin/tetrameter"].data, 0o755}
	log, err := compress(os.ReadFile("CHANGELOG.md"))
	if err != nil {
		return nil, err
	}
	content["usr/share/doc/tetrameter/changelog.gz"] = file{log, 0o644}
	return content, nil
}

// control are the files that dpkg reads (deb-control(5) and others).
func (r release) control(arch string, content files) (files, error) {
	control, err := readFiles("", map[string]string{
		"postinst": "test/release/debian/postinst",
		"prerm":    "test/release/debian/prerm",
		"postrm":   "test/release/debian/postrm",
	})
	if err != nil {
		return nil, err
	}
	for name, f := range control {
		control[name] = file{f.data, 0o755}
	}
	var size int
	var conffiles, sums strings.Builder
	for _, name := range slices.Sorted(maps.Keys(content)) {
		size += len(content[name].data)
		if strings.HasPrefix(name, "etc/") {
			fmt.Fprintln(&conffiles, "/"+name)
		} else {
			fmt.Fprintf(&sums, "%x  %s\n", md5.Sum(content[name].data), name)
		}
	}
	fields, err := template.ParseFiles("test/release/debian/control")
	if err != nil {
		return nil, fmt.Errorf("control file of the package: %w", err)
	}
	var text bytes.Buffer
	err = fields.Execute(&text, map[string]any{"Version": debianVersion(r.version), "Architecture": arch, "Kilobytes": (size + 1023) / 1024})
	if err != nil {
		return nil, fmt.Errorf("control file of the package: %w", err)
	}
	control["control"] = file{text.Bytes(), 0o644}
	control["conffiles"] = file{[]byte(conffiles.String()), 0o644}
	control["md5sums"] = file{[]byte(sums.String()), 0o644}
	return control, nil
}

// debianVersion turns what `git describe` says into a version of
// deb-version(7): candidates come before the release, later commits after it,
// and what has no number before all.
func debianVersion(version string) string {
	v := strings.TrimPrefix(version, "v")
	if v == "" || v[0] < '0' || v[0] > '9' || !strings.Contains(v, ".") {
		return "0~" + strings.ReplaceAll(v, "-", "+")
	}
	v = strings.Replace(v, "-rc", "~rc", 1)
	return strings.ReplaceAll(v, "-", "+")
}
