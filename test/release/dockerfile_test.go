// SPDX-License-Identifier: Apache-2.0

package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// instructions are those of the Dockerfile, each on one line.
func instructions(t *testing.T) []string {
	t.Helper()
	text := regexp.MustCompile(`(?m)^#.*\n`).ReplaceAllString(read(t, root+"/Dockerfile"), "")
	text = regexp.MustCompile(`\\\n\s*`).ReplaceAllString(text, "")
	return strings.Split(strings.TrimSpace(text), "\n")
}

// build is a command that builds, with the flags apart.
type buildCommand struct {
	Flags  []string
	Linker []string // without the values of what is stamped
}

func parseBuild(t *testing.T, line string) buildCommand {
	t.Helper()
	found := regexp.MustCompile(`go build (.*)-ldflags ['"]([^'"]*)['"] -o \S+ (\S+)$`).FindStringSubmatch(line)
	if found == nil {
		t.Fatalf("%q builds nothing", line)
	}
	flags := strings.Fields(found[1])
	// There is no repository where the Dockerfile builds: the flag says so.
	flags = slices.DeleteFunc(flags, func(f string) bool { return f == "-buildvcs=false" })
	var linker []string
	for _, word := range strings.Fields(found[2]) {
		name, _, _ := strings.Cut(word, "=")
		linker = append(linker, name)
	}
	return buildCommand{append(flags, found[3]), linker}
}

// TestDockerfileBuild compares how the Dockerfile builds with how make does.
func TestDockerfileBuild(t *testing.T) {
	made := strings.TrimSpace(command(t, "make", "-C", root, "--no-print-directory", "-n", "build"))
	want := parseBuild(t, made)
	for _, line := range instructions(t) {
		if strings.Contains(line, "go build") {
			if !strings.HasPrefix(line, "RUN CGO_ENABLED=0 ") {
				t.Errorf("not static: %s", line)
			}
			if diff := cmp.Diff(want, parseBuild(t, line)); diff != "" {
				t.Errorf("flags (-make +Dockerfile):\n%s", diff)
			}
			return
		}
	}
	t.Error("the Dockerfile does not build")
}

// TestDockerfileImage compares what the Dockerfile says of the image with the
// image that is released, and its compiler with what go.mod asks for.
func TestDockerfileImage(t *testing.T) {
	lines := instructions(t)
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, root+"/go.mod"))[1]
	for _, want := range []string{
		"FROM --platform=$BUILDPLATFORM golang:" + version + " AS build",
		"FROM scratch", "COPY LICENSE NOTICE /licenses/", "USER 0:0", "EXPOSE 2112",
		`ENTRYPOINT ["/tetrameter"]`, `CMD ["run"]`,
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("there is no %s", want)
		}
	}
	labels := built.labels()
	for _, line := range lines {
		text, found := strings.CutPrefix(line, "LABEL ")
		if !found {
			continue
		}
		for _, label := range regexp.MustCompile(`(\S+)=(?:"([^"]*)"|(\S+))`).FindAllStringSubmatch(text, -1) {
			if got := label[2] + label[3]; got != labels[label[1]] {
				t.Errorf("label %s is %s, the image has %s", label[1], got, labels[label[1]])
			}
		}
	}
}
