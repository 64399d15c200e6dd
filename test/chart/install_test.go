// SPDX-License-Identifier: Apache-2.0

package chart_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestDocumentedImage: the commands that install the chart, wherever they are
// documented, have nodes pull what the documented command pushes.
func TestDocumentedImage(t *testing.T) {
	pushed := regexp.MustCompile(`skopeo copy .* docker://(\S+)`).FindSubmatch(read(t, "../../docs/install.md"))
	if pushed == nil {
		t.Fatal("docs/install.md does not say how to push the image")
	}
	command := regexp.MustCompile(`(?m)^\$ helm install tetrameter chart/ (.*)$`)
	for _, file := range []string{"README.md", "docs/install.md", "chart/README.md"} {
		commands := command.FindAllSubmatch(read(t, "../../"+file), -1)
		if len(commands) == 0 {
			t.Errorf("%s does not say how to install the chart", file)
		}
		for _, found := range commands {
			args := slices.DeleteFunc(strings.Fields(string(found[1])), func(arg string) bool { return arg == "--create-namespace" })
			if got := agentContainer(t, renderAgent(t, args...)).text("image"); got != string(pushed[1]) {
				t.Errorf("%s: helm install %s has nodes pull %s, and %s is pushed", file, found[1], got, pushed[1])
			}
		}
	}
}

// TestNotes: who has objects made that a Prometheus of kube-prometheus-stack does
// not see is told so, and only they.
func TestNotes(t *testing.T) {
	installMonitoring(t)
	const monitor, rules = "serviceMonitor.additionalLabels.release=", "prometheusRule.additionalLabels.release="
	tests := map[string][]string{
		"--set=log.level=info": nil,
		"--set=podMonitor.enabled=true,serviceMonitor.trustCRDsExist=true":                                                                    {monitor},
		"--set=serviceMonitor.enabled=true,serviceMonitor.trustCRDsExist=true,serviceMonitor.additionalLabels.release=a":                      nil,
		"--set=prometheusRule.enabled=true,prometheusRule.trustCRDsExist=true":                                                                {rules},
		"--set=serviceMonitor.enabled=true,serviceMonitor.trustCRDsExist=true,prometheusRule.enabled=true,prometheusRule.trustCRDsExist=true": {monitor, rules},
	}
	for arg, want := range tests {
		for _, version := range versions() {
			out := string(helm(t, version, "install", "t", chart, "--dry-run=client", arg))
			_, notes, _ := strings.Cut(out, "NOTES:")
			for _, part := range []string{monitor, rules} {
				if strings.Contains(notes, part) != slices.Contains(want, part) {
					t.Errorf("%s with %s, whether the notes are to say %s: %v\n%s", version, arg, part, slices.Contains(want, part), notes)
				}
			}
		}
	}
}
