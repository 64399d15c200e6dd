// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseSourceList(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want []source
	}{
		"empty":    {"", nil},
		"comment":  {"# deb http://mirror.example/debian trixie main\n", nil},
		"sources":  {"deb-src http://mirror.example/debian trixie main\n", nil},
		"too few":  {"deb http://mirror.example/debian ./\n", nil},
		"unclosed": {"deb [trusted=yes http://mirror.example/debian trixie main\n", nil},
		"plain": {
			"deb http://mirror.example/debian trixie main contrib # local\n",
			[]source{{
				URIs: []string{"http://mirror.example/debian"}, Suites: []string{"trixie"},
				Components: []string{"main", "contrib"},
			}},
		},
		"options": {
			"deb\t[arch=amd64 Signed-By=/keys/debian.gpg trusted=yes] http://mirror.example/debian  trixie-security  main",
			[]source{{
				URIs: []string{"http://mirror.example/debian"}, Suites: []string{"trixie-security"},
				Components: []string{"main"}, SignedBy: "/keys/debian.gpg", Trusted: "yes",
			}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, parseSourceList(test.text)); diff != "" {
				t.Errorf("sources (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseSources(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want []source
	}{
		"empty":         {"", nil},
		"disabled":      {"Types: deb\nURIs: http://mirror.example/debian\nSuites: sid\nComponents: main\nEnabled: no\n", nil},
		"only sources":  {"Types: deb-src\nURIs: http://mirror.example/debian\nSuites: sid\nComponents: main\n", nil},
		"comments only": {"# Types: deb\n# URIs: http://mirror.example/debian\n", nil},
		"two stanzas": {
			"# main\nTypes: deb deb-src\nURIs: http://mirror.example/debian\n# inside\nSuites: trixie trixie-updates\n" +
				"Components: main\nSigned-By: /keys/debian.gpg\n\n\n" +
				"types: deb\nuris: http://mirror.example/debian-security\nsuites: trixie-security\ncomponents: main\n",
			[]source{
				{
					URIs: []string{"http://mirror.example/debian"}, Suites: []string{"trixie", "trixie-updates"},
					Components: []string{"main"}, SignedBy: "/keys/debian.gpg",
				},
				{
					URIs: []string{"http://mirror.example/debian-security"}, Suites: []string{"trixie-security"},
					Components: []string{"main"},
				},
			},
		},
		"embedded key, folded list": {
			"Types: deb\nURIs: http://a.example/debian\n http://b.example/debian\nSuites: sid\nComponents: main\n" +
				"Signed-By:\n -----BEGIN KEY-----\n .\n abc\nTrusted: yes\n",
			[]source{{
				URIs: []string{"http://a.example/debian", "http://b.example/debian"}, Suites: []string{"sid"},
				Components: []string{"main"}, SignedBy: "\n -----BEGIN KEY-----\n .\n abc", Trusted: "yes",
			}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := parseSources(test.text)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("sources (-want +got):\n%s", diff)
			}
			var text bytes.Buffer
			for _, s := range got {
				s.writeTo(&text)
			}
			if diff := cmp.Diff(test.want, parseSources(text.String())); diff != "" {
				t.Errorf("sources written and read again (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRepositories(t *testing.T) {
	uri := []string{"http://mirror.example/debian"}
	security := []string{"http://mirror.example/debian-security"}
	main := []string{"main"}
	configured := []source{
		{URIs: uri, Suites: []string{"bookworm", "bookworm-updates", "bookworm-backports"}, Components: []string{"main", "contrib"}, SignedBy: "key"},
		{URIs: uri, Suites: []string{"bookworm"}, Components: main},
		{URIs: security, Suites: []string{"bookworm-security"}, Components: main},
		{URIs: []string{"http://other.example"}, Suites: []string{"nodistro"}, Components: main},
		{URIs: []string{"http://other.example"}, Suites: []string{"bookworm"}, Components: []string{"stable"}},
	}
	want := []source{
		{URIs: uri, Suites: []string{"bullseye"}, Components: main, SignedBy: "key"},
		{URIs: uri, Suites: []string{"sid"}, Components: main, SignedBy: "key"},
		{URIs: uri, Suites: []string{"bullseye-updates"}, Components: main, SignedBy: "key"},
		{URIs: security, Suites: []string{"bullseye-security"}, Components: main},
	}
	if diff := cmp.Diff(want, repositories(configured, []string{"bullseye", "sid"})); diff != "" {
		t.Errorf("repositories (-want +got):\n%s", diff)
	}
}

func TestConfiguredSources(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"sources.list":                   "deb http://a.example/debian sid main\n",
		"sources.list.d/debian.sources":  "Types: deb\nURIs: http://b.example/debian\nSuites: sid\nComponents: main\n",
		"sources.list.d/b.list.disabled": "deb http://c.example/debian sid main\n",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want := []source{
		{URIs: []string{"http://a.example/debian"}, Suites: []string{"sid"}, Components: []string{"main"}},
		{URIs: []string{"http://b.example/debian"}, Suites: []string{"sid"}, Components: []string{"main"}},
	}
	got, err := configuredSources(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sources (-want +got):\n%s", diff)
	}
}
