// SPDX-License-Identifier: Apache-2.0

package values_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tetrameter/tetrameter/test/chart/values"
)

const file = `# About the file.

# -- How many
# of them
# @schema {"minimum": 1,
#   "maximum": 3}
count: 2
map:
  # -- A | B
  on: true
  list: []
# @schema {"additionalProperties": {"type": "string"}}
labels: {a: b}
`

func TestSchema(t *testing.T) {
	data, err := values.Schema([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	type m = map[string]any
	var got m
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	want := m{
		"count": m{"type": "integer", "description": "How many of them", "minimum": 1.0, "maximum": 3.0},
		"map": m{"type": "object", "additionalProperties": false, "properties": m{
			"on": m{"type": "boolean", "description": "A | B"}, "list": m{"type": "array"},
		}},
		"labels":  m{"type": "object", "additionalProperties": m{"type": "string"}},
		"enabled": m{"type": "boolean", "description": "For charts that depend on this one: the condition"},
	}
	if diff := cmp.Diff(want, got["properties"]); diff != "" || got["additionalProperties"] != false {
		t.Errorf("schema (-want +got):\n%s", diff)
	}
}

func TestReadme(t *testing.T) {
	got, err := values.Readme("# Chart\n\n{{ .Values }}\n", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	want := "# Chart\n\n| value | default | |\n|---|---|---|\n| `count` | `2` | How many of them |\n" +
		"| `map.on` | `true` | A \\| B |\n| `map.list` | `[]` |  |\n| `labels` | `{\"a\":\"b\"}` |  |\n"
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("README (-want +got):\n%s", diff)
	}
}

func TestErrors(t *testing.T) {
	tests := map[string]string{
		"a: [":                          "read values: ",
		"- a":                           "read values: no map",
		"# A stray comment.\na: 1":      `values, line 2: a: comment "A stray comment." is neither a description`,
		"# @schema {\"minimum\"}\na: 1": "values, line 2: a: @schema: invalid character",
	}
	for text, want := range tests {
		if _, err := values.Schema([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error of %q: %v, want %s", text, err, want)
		}
	}
	if _, err := values.Readme("{{ .Other }}", []byte("a: 1")); err == nil || !strings.Contains(err.Error(), "Other") {
		t.Errorf("error %v of a template with something else", err)
	}
}
