// SPDX-License-Identifier: Apache-2.0

package chart_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// object is one of a manifest.
type object map[string]any

// at returns what is at a path of maps, nil if there is nothing.
func (o object) at(path ...string) any {
	var v any = map[string]any(o)
	for _, key := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[key]
	}
	return v
}

func (o object) text(path ...string) string {
	s, _ := o.at(path...).(string)
	return s
}

// id tells the objects of a manifest apart.
func (o object) id() string {
	return strings.Join([]string{o.text("kind"), o.text("metadata", "namespace"), o.text("metadata", "name")}, "/")
}

// decode reads the objects of a manifest, sorted.
func decode(t *testing.T, manifest []byte) []object {
	t.Helper()
	var list []object
	for decoder := yaml.NewDecoder(bytes.NewReader(manifest)); ; {
		var o map[string]any
		err := decoder.Decode(&o)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, manifest)
		}
		if o != nil {
			list = append(list, o)
		}
	}
	slices.SortFunc(list, func(a, b object) int { return strings.Compare(a.id(), b.id()) })
	return list
}

// find returns the only object of a kind.
func find(t *testing.T, list []object, kind string) object {
	t.Helper()
	found := slices.DeleteFunc(slices.Clone(list), func(o object) bool { return o.text("kind") != kind })
	if len(found) != 1 {
		t.Fatalf("%d objects of kind %s, want 1", len(found), kind)
	}
	return found[0]
}

// apis are those of other projects that a cluster may have.
func apis() []string {
	return []string{"--api-versions=monitoring.coreos.com/v1", "--api-versions=grafana.integreatly.org/v1beta1"}
}

// render returns what a version of helm makes of the chart, without a cluster.
func render(t *testing.T, version string, args ...string) []object {
	t.Helper()
	args = append([]string{"template", "tetrameter", chart, "--namespace=monitoring"}, args...)
	return decode(t, must(t, filepath.Join("chart", version), args...))
}

// renderAgent is render without the definitions of custom resources, which are long.
func renderAgent(t *testing.T, args ...string) []object {
	t.Helper()
	return render(t, "helm4", append(apis(), append(args, "--set=crds.install=false")...)...)
}

// valueSets are the files chart/ci/NAME-values.yaml, by name.
func valueSets(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob(chart + "/ci/*-values.yaml")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d sets of values, error %v", len(files), err)
	}
	sets := map[string]string{}
	for _, file := range files {
		sets[strings.TrimSuffix(filepath.Base(file), "-values.yaml")] = file
	}
	return sets
}

// TestTemplates: both versions of helm render the same objects, those of the golden
// files. What is copied from files of the chart must be as it is there, and is
// represented by the file's name.
func TestTemplates(t *testing.T) {
	for name, file := range valueSets(t) {
		t.Run(name, func(t *testing.T) {
			args := append(apis(), "--values="+file)
			list := render(t, "helm3", args...)
			if diff := cmp.Diff(list, render(t, "helm4", args...)); diff != "" {
				t.Errorf("helm 4 renders something else (-3 +4):\n%s", diff)
			}
			var out bytes.Buffer
			encoder := yaml.NewEncoder(&out)
			encoder.SetIndent(2)
			for _, o := range list {
				abbreviate(t, o)
				if err := encoder.Encode(o); err != nil {
					t.Fatal(err)
				}
			}
			golden(t, filepath.Join("testdata", name+".yaml"), out.Bytes())
		})
	}
}

// abbreviate puts the names of files, or of rules, in the place of what they say.
func abbreviate(t *testing.T, o object) {
	t.Helper()
	switch o.text("kind") {
	case "CustomResourceDefinition":
		file := "files/crds/cilium.io_" + strings.TrimSuffix(o.text("metadata", "name"), ".cilium.io") + ".yaml"
		want := decode(t, read(t, filepath.Join(chart, file)))[0]
		if diff := cmp.Diff(want["spec"], o["spec"]); diff != "" {
			t.Errorf("%s is not as in the chart (-want +got):\n%s", file, diff)
		}
		o["spec"] = file
	case "ConfigMap":
		data, _ := o.at("data").(map[string]any)
		for name, text := range data {
			if filepath.Ext(name) != ".json" {
				continue
			}
			file := "files/dashboards/" + name
			if diff := cmp.Diff(string(bytes.TrimSpace(read(t, filepath.Join(chart, file)))), strings.TrimSpace(text.(string))); diff != "" {
				t.Errorf("%s is not as in the chart (-want +got):\n%s", file, diff)
			}
			data[name] = file
		}
	case "PrometheusRule":
		names := map[string]any{}
		for _, g := range groups(o) {
			names[g.text("name")] = g.names()
		}
		o["spec"] = names
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(read(t, file)), string(got)); diff != "" {
		t.Errorf("%s is not current: -update writes it (-want +got):\n%s", file, diff)
	}
}

// TestLint: helm has nothing to say.
func TestLint(t *testing.T) {
	for _, version := range versions() {
		for _, name := range []string{"default", "all"} {
			must(t, filepath.Join("chart", version), "lint", "--strict", "--quiet", chart, "--values="+valueSets(t)[name])
		}
	}
}
