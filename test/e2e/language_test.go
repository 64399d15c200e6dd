// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// languageCase is a policy with one hook, and what meets it.
type languageCase struct {
	name string
	// ways are those to attach by which the hook counts; none means all.
	ways []string
	// label is the value of the hook label; $TRIGGER is the trigger's path.
	label string
	// hook is the entry of a section, in YAML; $DIR is a directory for files.
	hook string
	// match is repeated 23 times and counted, other 5 times and not.
	match, other []string
}

// cases returns all cases. No other hook may see what one causes, but for what
// its filters refuse.
func cases() []languageCase {
	return slices.Concat(fileCases(), stringCases(), socketCases(), valueCases(), sectionCases(), programCases(), usdtCases(), returnCases())
}

// document is the policy of a case.
func (c languageCase) document(replace *strings.Replacer) string {
	section, entry, _ := strings.Cut(strings.TrimSpace(c.hook), "\n")
	return replace.Replace(fmt.Sprintf("apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {name: %s}\nspec:\n  %s\n%s\n",
		c.name, section, indent(entry)))
}

// indent removes the indentation of the first line from all, and adds that of
// an entry of spec.
func indent(text string) string {
	first := strings.TrimLeft(text, "\t\n")
	depth := len(text) - len(first)
	var lines []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		lines = append(lines, "  "+strings.ReplaceAll(line[min(depth, len(line)):], "\t", "  "))
	}
	return strings.Join(lines, "\n")
}

func (c languageCase) counts() bool {
	return len(c.ways) == 0 || *attachFlag == "auto" || slices.Contains(c.ways, *attachFlag)
}

// Each kind of hook, type of argument and filter counts what matches, exactly,
// and nothing else.
func TestLanguage(t *testing.T) {
	policies, files := t.TempDir(), t.TempDir()
	replace := strings.NewReplacer("$DIR", files, "$TRIGGER", *triggerFlag)
	for _, name := range []string{"read.conf", "write.log", "cut.dat", "mapped.so", "other.txt"} {
		if err := os.WriteFile(filepath.Join(files, name), []byte("content"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range cases() {
		writePolicy(t, policies, c.name+".yaml", c.document(replace))
	}
	a := startAgent(t, "--policy-dir", policies)
	var want []string
	for _, c := range cases() {
		if !c.counts() {
			continue
		}
		repeat(t, "23", c.match, replace)
		if c.other != nil {
			repeat(t, "5", c.other, replace)
		}
		want = append(want, event(*triggerFlag, replace.Replace(c.label), c.name, 23))
	}
	sort.Strings(want)
	if diff := cmp.Diff(want, a.events()); diff != "" {
		t.Errorf("exposition (-want +got):\n%s\nhooks:\n%s", diff, strings.Join(a.family("tetrameter_hook_info"), "\n"))
	}
	// Hooks of system calls meet strings of other processes that are not in memory yet.
	// One of ours would be missing above.
	lost := slices.DeleteFunc(a.family("tetrameter_bpf_losses_total"), func(line string) bool {
		return strings.Contains(line, "text_unreadable")
	})
	if sum(t, lost) != 0 {
		t.Errorf("losses: %v", lost)
	}
}

// repeat runs a command of the trigger n times.
func repeat(t *testing.T, n string, command []string, replace *strings.Replacer) {
	t.Helper()
	args := []string{"repeat", n}
	for _, arg := range command {
		args = append(args, replace.Replace(arg))
	}
	trigger(t, *triggerFlag, args...)
}

// fill replaces pairs in a text.
func fill(text string, pairs ...string) string {
	return strings.NewReplacer(pairs...).Replace(text)
}
