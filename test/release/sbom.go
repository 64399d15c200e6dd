// SPDX-License-Identifier: Apache-2.0

package main

import (
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"
)

// document is an SBOM (https://spdx.github.io/spdx-spec/v2.3/).
type document struct {
	SPDXVersion       string         `json:"spdxVersion"`
	DataLicense       string         `json:"dataLicense"`
	SPDXID            string         `json:"SPDXID"`
	Name              string         `json:"name"`
	DocumentNamespace string         `json:"documentNamespace"`
	CreationInfo      creation       `json:"creationInfo"`
	Packages          []component    `json:"packages"`
	Relationships     []relationship `json:"relationships"`
}

type creation struct {
	Created  string   `json:"created"`
	Creators []string `json:"creators"`
}

// component is a Go module, or the toolchain.
type component struct {
	SPDXID           string      `json:"SPDXID"`
	Name             string      `json:"name"`
	VersionInfo      string      `json:"versionInfo"`
	DownloadLocation string      `json:"downloadLocation"`
	FilesAnalyzed    bool        `json:"filesAnalyzed"`
	LicenseConcluded string      `json:"licenseConcluded"`
	LicenseDeclared  string      `json:"licenseDeclared"`
	CopyrightText    string      `json:"copyrightText"`
	PrimaryPurpose   string      `json:"primaryPackagePurpose,omitempty"`
	Checksums        []checksum  `json:"checksums,omitempty"`
	ExternalRefs     []reference `json:"externalRefs"`
}

type checksum struct {
	Algorithm string `json:"algorithm"`
	Value     string `json:"checksumValue"`
}

type reference struct {
	Category string `json:"referenceCategory"`
	Type     string `json:"referenceType"`
	Locator  string `json:"referenceLocator"`
}

type relationship struct {
	Element string `json:"spdxElementId"`
	Type    string `json:"relationshipType"`
	Related string `json:"relatedSpdxElement"`
}

const unknown = "NOASSERTION"

// writeSBOM writes beside the program what is linked into it, as the linker
// recorded it. It is no part of the image: tools that copy a layout expect one
// index in it.
func (r release) writeSBOM(p program) error {
	info, err := buildinfo.ReadFile(p.path)
	if err != nil {
		return fmt.Errorf("read what is linked into %s: %w", p.path, err)
	}
	data, err := os.ReadFile(p.path)
	if err != nil {
		return fmt.Errorf("read %s: %w", p.path, err)
	}
	d := r.document(p.arch, info, strings.TrimPrefix(digest(data), "sha256:"))
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return fmt.Errorf("write SBOM: %w", err)
	}
	return writeFile(r.name(p.arch, ".spdx.json"), append(text, '\n'))
}

// document describes a program with a checksum.
func (r release) document(arch string, info *buildinfo.BuildInfo, sha256 string) document {
	agent := module(info.Main.Path, r.version)
	agent.PrimaryPurpose = "APPLICATION"
	agent.LicenseConcluded, agent.LicenseDeclared = "Apache-2.0", "Apache-2.0 AND (GPL-2.0-only OR BSD-2-Clause)"
	agent.Checksums = []checksum{{"SHA256", sha256}}
	d := document{
		SPDXVersion: "SPDX-2.3", DataLicense: "CC0-1.0", SPDXID: "SPDXRef-DOCUMENT",
		Name: fmt.Sprintf("tetrameter-%s.linux-%s", r.version, arch),
		// The checksum makes it unique, as it has to be.
		DocumentNamespace: "https://github.com/tetrameter/tetrameter/sbom/" + sha256,
		CreationInfo:      creation{r.date.Format(time.RFC3339), []string{"Organization: The Tetrameter authors", "Tool: test/release"}},
		Packages:          []component{agent},
		Relationships:     []relationship{{"SPDXRef-DOCUMENT", "DESCRIBES", agent.SPDXID}},
	}
	add := func(c component) {
		d.Packages = append(d.Packages, c)
		d.Relationships = append(d.Relationships, relationship{agent.SPDXID, "DEPENDS_ON", c.SPDXID})
	}
	add(module("stdlib", strings.TrimPrefix(info.GoVersion, "go")))
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		add(module(m.Path, m.Version))
	}
	return d
}

// module describes a Go module by its package URL (purl), which scanners look
// for.
func module(path, version string) component {
	return component{
		SPDXID: "SPDXRef-" + identifier(path), Name: path, VersionInfo: version, DownloadLocation: unknown,
		LicenseConcluded: unknown, LicenseDeclared: unknown, CopyrightText: unknown,
		ExternalRefs: []reference{{"PACKAGE-MANAGER", "purl", fmt.Sprintf("pkg:golang/%s@%s", path, version)}},
	}
}

// identifier makes a name of letters, digits, dots and hyphens.
func identifier(path string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.':
			return c
		}
		return '-'
	}, path)
}
