// SPDX-License-Identifier: Apache-2.0

package chart_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestKubeconform checks without a server what everybody may check who renders the
// chart: by the schemas of the server, as `kubeconform -strict` reads them.
func TestKubeconform(t *testing.T) {
	installMonitoring(t)
	dir := t.TempDir()
	var documents struct {
		Paths map[string]struct{ ServerRelativeURL string }
	}
	eventually(t, func() error { // the server publishes those of new definitions after a while
		if err := server.Get(t.Context(), "/openapi/v3", &documents); err != nil {
			return err
		}
		return server.Get(t.Context(), "/openapi/v3/apis/monitoring.coreos.com/v1", &struct{}{})
	})
	for path, document := range documents.Paths {
		if strings.HasPrefix(path, "api") {
			writeSchemas(t, dir, document.ServerRelativeURL)
		}
	}
	args := []string{
		"-strict", "-summary", "-skip=GrafanaDashboard",
		"-schema-location=" + dir + "/{{ .ResourceKind }}{{ .KindSuffix }}.json",
	}
	for name, file := range valueSets(t) {
		manifest := filepath.Join(dir, name+".yaml")
		var text []byte
		for _, o := range render(t, "helm3", append(apis(), "--values="+file)...) {
			data, err := yaml.Marshal(map[string]any(o))
			if err != nil {
				t.Fatal(err)
			}
			text = append(append(text, "---\n"...), data...)
		}
		if err := os.WriteFile(manifest, text, 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, manifest)
	}
	out, log, err := program(t, "chart/kubeconform", args...)
	if err != nil || !strings.Contains(string(out), "Invalid: 0, Errors: 0") {
		t.Errorf("kubeconform: %v\n%s%s", err, out, log)
	}
}

// writeSchemas writes the schemas of an API, as kubeconform names and reads them:
// KIND-GROUP-VERSION.json, where GROUP is the first part of the group's name.
func writeSchemas(t *testing.T, dir, url string) {
	t.Helper()
	var document struct {
		Components struct {
			Schemas map[string]map[string]any `json:"schemas"`
		}
	}
	if err := server.Get(t.Context(), url, &document); err != nil {
		t.Fatal(err)
	}
	for _, schema := range document.Components.Schemas {
		restrict(schema)
	}
	for name, schema := range document.Components.Schemas {
		kinds, _ := schema["x-kubernetes-group-version-kind"].([]any)
		if len(kinds) != 1 { // several are those of options and lists
			continue
		}
		kind := object(kinds[0].(map[string]any))
		group, _, _ := strings.Cut(kind.text("group"), ".")
		parts := []string{kind.text("kind"), group, kind.text("version")}
		if group == "" {
			parts = []string{kind.text("kind"), kind.text("version")}
		}
		data, err := json.Marshal(map[string]any{"$ref": "#/components/schemas/" + name, "components": document.Components})
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, strings.ToLower(strings.Join(parts, "-"))+".json")
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// restrict has a schema refuse fields that it does not know, as the server does when
// it is asked to.
func restrict(v any) {
	switch v := v.(type) {
	case map[string]any:
		_, properties := v["properties"].(map[string]any)
		_, open := v["additionalProperties"]
		if properties && !open && v["x-kubernetes-preserve-unknown-fields"] != true && v["type"] == "object" {
			v["additionalProperties"] = false
		}
		for _, part := range v {
			restrict(part)
		}
	case []any:
		for _, part := range v {
			restrict(part)
		}
	}
}
