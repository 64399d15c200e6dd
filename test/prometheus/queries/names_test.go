// SPDX-License-Identifier: Apache-2.0

package queries

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/promql/parser"
)

func exposed(t *testing.T) Table {
	t.Helper()
	table, err := Exposed()
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func all(t *testing.T) []Query {
	t.Helper()
	list, err := All()
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 60 {
		t.Fatalf("%d queries: some are not read", len(list))
	}
	return list
}

var legendLabel = regexp.MustCompile(`\{\{(\w+)\}\}`)

// TestNames: each query is PromQL of metrics and labels that exist, and its
// legend names labels that its results have.
func TestNames(t *testing.T) {
	table := exposed(t)
	for _, q := range all(t) {
		labels, err := table.Labels(q.Expr)
		if err != nil {
			t.Errorf("%s: %v", q, err)
			continue
		}
		for _, found := range legendLabel.FindAllStringSubmatch(q.Legend, -1) {
			if !labels[found[1]] {
				t.Errorf("%s: the legend names %q, and results have %q", q, found[1], labels.Names())
			}
		}
		for _, s := range mustSelect(t, q.Expr) {
			for _, name := range []string{"job", "instance"} {
				if !matches(s, name, "$"+name) {
					t.Errorf("%s: %s is not restricted to $%s", q, s, name)
				}
			}
		}
	}
}

// TestMisspelt: a label that is misspelt anywhere outside of quotes fails, in
// each query.
func TestMisspelt(t *testing.T) {
	table := exposed(t)
	known := Set{}
	for _, labels := range table {
		maps.Copy(known, labels)
	}
	quoted := regexp.MustCompile(`"[^"]*"`)
	word := regexp.MustCompile(`\b[a-z_]+\b`)
	places := 0
	for _, q := range all(t) {
		bare := quoted.ReplaceAllStringFunc(q.Expr, func(s string) string { return strings.Repeat(" ", len(s)) })
		for _, at := range word.FindAllStringIndex(bare, -1) {
			name := bare[at[0]:at[1]]
			if !known[name] && table[name] == nil {
				continue
			}
			places++
			misspelt := q.Expr[:at[0]] + name + "x" + q.Expr[at[1]:]
			if labels, err := table.Labels(misspelt); err == nil {
				t.Errorf("%s: accepted, with results by %q: %s", q, labels.Names(), misspelt)
			}
		}
	}
	if places < 500 {
		t.Errorf("only %d names found in queries", places)
	}
}

func mustSelect(t *testing.T, expr string) []*parser.VectorSelector {
	t.Helper()
	list, err := Selectors(expr)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestTables: the columns of a table are the labels of its rows.
func TestTables(t *testing.T) {
	table := exposed(t)
	list, err := Dashboards()
	if err != nil {
		t.Fatal(err)
	}
	field := regexp.MustCompile(`__data\.fields\.(\w+)`)
	for _, d := range list {
		for _, p := range d.Panels {
			if p.Type != "table" {
				continue
			}
			fields := columnsOf(t, p)
			want := Set{}
			for _, target := range p.Targets {
				labels, err := table.Labels(target.Expr)
				if err != nil {
					t.Fatal(err)
				}
				value := "Value"
				if len(p.Targets) > 1 {
					value = "Value #" + target.RefID
				}
				want = want.with(labels, setOf(value))
			}
			if diff := cmp.Diff(want, fields); diff != "" {
				t.Errorf("%s: %s: labels and columns differ (-labels +columns):\n%s", d.UID, p.Title, diff)
			}
			links, err := json.Marshal(p.FieldConfig.Overrides)
			if err != nil {
				t.Fatal(err)
			}
			for _, found := range field.FindAllSubmatch(links, -1) {
				if !fields[string(found[1])] {
					t.Errorf("%s: %s: a link by the field %s, which is no column", d.UID, p.Title, found[1])
				}
			}
		}
	}
}

// columnsOf are the fields that the table shows.
func columnsOf(t *testing.T, p Panel) Set {
	t.Helper()
	for _, transformation := range p.Transformations {
		if transformation.ID != "organize" {
			continue
		}
		var options struct{ RenameByName map[string]string }
		if err := json.Unmarshal(transformation.Options, &options); err != nil {
			t.Fatal(err)
		}
		return setOf(slices.Collect(maps.Keys(options.RenameByName))...)
	}
	t.Fatalf("%s: no columns", p.Title)
	return nil
}

var labelValues = regexp.MustCompile(`^label_values\((.+), (\w+)\)$`)

// TestVariables: the choices are values of labels that exist.
func TestVariables(t *testing.T) {
	table := exposed(t)
	list, err := Dashboards()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range list {
		for _, v := range d.Templating.List {
			if v.Type != "query" {
				continue
			}
			found := labelValues.FindStringSubmatch(v.Query)
			if found == nil {
				t.Fatalf("%s: variable %s: %q lists no values of a label", d.UID, v.Name, v.Query)
			}
			if labels, err := table.Labels(found[1]); err != nil || !labels[found[2]] {
				t.Errorf("%s: variable %s: label %s, of %q: %v", d.UID, v.Name, found[2], labels.Names(), err)
			}
		}
	}
}

// TestChartRules: what the chart installs names what exists.
func TestChartRules(t *testing.T) {
	names, err := filepath.Glob("../../../chart/files/rules/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if len(names) == 0 {
		t.Error("the chart has no rules")
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		f, err := ReadRules(data)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(f.Groups) == 0 {
			t.Errorf("%s: no groups", name)
		}
		for _, err := range f.Check(exposed(t)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
