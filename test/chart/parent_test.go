// SPDX-License-Identifier: Apache-2.0

package chart_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// parent makes a chart that depends on this one, and does so on a condition.
func parent(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "charts/tetrameter"), os.DirFS(chart)); err != nil {
		t.Fatal(err)
	}
	version := decode(t, read(t, chart+"/Chart.yaml"))[0].text("version")
	for name, text := range map[string]string{
		"Chart.yaml": "{apiVersion: v2, name: platform, version: 1.0.0, dependencies: " +
			"[{name: tetrameter, version: " + version + ", condition: tetrameter.enabled}]}",
		"values.yaml": "{global: {storageClass: fast, imageRegistry: registry.example.com}, tetrameter: {enabled: false}}",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestDependency: another chart can have this one among its dependencies, switch it
// on and off, and give it values, also those for all charts.
func TestDependency(t *testing.T) {
	dir := parent(t)
	for _, version := range versions() {
		program := filepath.Join("chart", version)
		if off := decode(t, must(t, program, "template", "release", dir)); len(off) != 0 {
			t.Errorf("%s: %d objects of a dependency that is off", version, len(off))
		}
		list := decode(t, must(t, program, "template", "release", dir, "--set=tetrameter.enabled=true,tetrameter.image.tag=v1,tetrameter.crds.install=false"))
		if got := agentContainer(t, list).text("image"); !strings.HasPrefix(got, "registry.example.com/") || !strings.HasSuffix(got, ":v1") {
			t.Errorf("%s: image %s", version, got)
		}
		alone := render(t, version, "--set=crds.install=false")
		if diff := cmp.Diff(kinds(alone), kinds(list)); diff != "" {
			t.Errorf("%s: kinds of objects (-alone +as a dependency):\n%s", version, diff)
		}
	}
}

func kinds(list []object) map[string]int {
	count := map[string]int{}
	for _, o := range list {
		count[o.text("kind")]++
	}
	return count
}
