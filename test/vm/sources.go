// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// source is one apt source for binary packages. SignedBy and Trusted are kept
// as written: apt, which gets them back, is the one to interpret them.
type source struct {
	URIs       []string
	Suites     []string
	Components []string
	SignedBy   string
	Trusted    string
}

// parseSourceList reads the one-line format of sources.list(5).
func parseSourceList(text string) []source {
	var sources []source
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		rest, found := strings.CutPrefix(strings.TrimSpace(line), "deb")
		if !found || rest == strings.TrimLeft(rest, " \t[") {
			continue
		}
		var s source
		rest = strings.TrimSpace(rest)
		if strings.HasPrefix(rest, "[") {
			options, after, closed := strings.Cut(rest[1:], "]")
			if !closed {
				continue
			}
			for _, option := range strings.Fields(options) {
				switch name, value, _ := strings.Cut(option, "="); strings.ToLower(name) {
				case "signed-by":
					s.SignedBy = value
				case "trusted":
					s.Trusted = value
				}
			}
			rest = after
		}
		fields := strings.Fields(rest)
		if len(fields) < 3 {
			continue
		}
		s.URIs, s.Suites, s.Components = fields[:1], fields[1:2], fields[2:]
		sources = append(sources, s)
	}
	return sources
}

// parseSources reads the deb822 format of sources.list(5).
func parseSources(text string) []source {
	var sources []source
	for _, fields := range parseStanzas(text) {
		enabled := strings.ToLower(fields["enabled"])
		if !slices.Contains(strings.Fields(fields["types"]), "deb") ||
			enabled == "no" || enabled == "false" || enabled == "0" {
			continue
		}
		sources = append(sources, source{
			URIs:       strings.Fields(fields["uris"]),
			Suites:     strings.Fields(fields["suites"]),
			Components: strings.Fields(fields["components"]),
			SignedBy:   fields["signed-by"],
			Trusted:    fields["trusted"],
		})
	}
	return sources
}

// parseStanzas splits deb822 text into stanzas with lower-case field names.
// Continuation lines keep their leading space, as an embedded key needs it.
func parseStanzas(text string) []map[string]string {
	var stanzas []map[string]string
	fields := map[string]string{}
	name := ""
	for line := range strings.Lines(text + "\n\n") {
		line = strings.TrimRight(line, " \t\r\n")
		switch {
		case line == "":
			if len(fields) > 0 {
				stanzas = append(stanzas, fields)
			}
			fields, name = map[string]string{}, ""
		case line[0] == '#':
		case line[0] == ' ' || line[0] == '\t':
			if name != "" {
				fields[name] += "\n" + line
			}
		default:
			var value string
			name, value, _ = strings.Cut(line, ":")
			name = strings.ToLower(name)
			fields[name] = strings.TrimSpace(value)
		}
	}
	return stanzas
}

// repositories rewrites the configured Debian sources for other suites: where
// the machine reads bookworm-security, trixie-security is to be found as well.
// Sources that are not a suite of Debian itself are left out.
func repositories(configured []source, suites []string) []source {
	names := []string{
		"bullseye", "bookworm", "trixie", "forky", "sid",
		"oldoldstable", "oldstable", "stable", "testing", "unstable",
	}
	var result []source
	seen := map[string]bool{}
	for _, s := range configured {
		if !slices.Contains(s.Components, "main") {
			continue
		}
		for _, own := range s.Suites {
			name, suffix, _ := strings.Cut(own, "-")
			if !slices.Contains(names, name) || !slices.Contains([]string{"", "updates", "security"}, suffix) {
				continue
			}
			for _, suite := range suites {
				rolling := suite == "sid" || suite == "unstable"
				if suffix != "" && rolling {
					continue
				}
				to := strings.TrimSuffix(suite+"-"+suffix, "-")
				key := strings.Join(s.URIs, " ") + " " + to
				if seen[key] {
					continue
				}
				seen[key] = true
				result = append(result, source{s.URIs, []string{to}, []string{"main"}, s.SignedBy, s.Trusted})
			}
		}
	}
	return result
}

// writeTo writes the source in deb822 format.
func (s source) writeTo(w io.Writer) {
	fmt.Fprintf(w, "Types: deb\nURIs: %s\nSuites: %s\nComponents: %s\n",
		strings.Join(s.URIs, " "), strings.Join(s.Suites, " "), strings.Join(s.Components, " "))
	if s.SignedBy != "" {
		fmt.Fprintf(w, "Signed-By: %s\n", s.SignedBy)
	}
	if s.Trusted != "" {
		fmt.Fprintf(w, "Trusted: %s\n", s.Trusted)
	}
	fmt.Fprintln(w)
}

// configuredSources reads the apt sources below dir, usually /etc/apt.
func configuredSources(dir string) ([]source, error) {
	var sources []source
	for _, format := range []struct {
		pattern string
		parse   func(string) []source
	}{
		{"sources.list", parseSourceList},
		{"sources.list.d/*.list", parseSourceList},
		{"sources.list.d/*.sources", parseSources},
	} {
		files, err := filepath.Glob(filepath.Join(dir, format.pattern))
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				return nil, err
			}
			sources = append(sources, format.parse(string(text))...)
		}
	}
	return sources, nil
}
