// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tetrameter/tetrameter/exporter/policy"
	"github.com/tetrameter/tetrameter/exporter/policy/crd"
)

// fieldRow explains a field, in the words in which kubectl explains it too.
type fieldRow struct {
	Name, Meaning string
	Sections      []policy.Section // that have it; none for all
}

func specRows() []fieldRow {
	return rowsOf(crd.Spec(false).Properties)
}

// hookRows merges the fields of all sections.
func hookRows() []fieldRow {
	var rows []fieldRow
	for _, section := range policy.Sections() {
		for _, row := range rowsOf(crd.Hook(section, false).Properties) {
			i := slices.IndexFunc(rows, func(r fieldRow) bool { return r.Name == row.Name })
			if i < 0 {
				i = len(rows)
				rows = append(rows, row)
			}
			rows[i].Sections = append(rows[i].Sections, section)
		}
	}
	for i := range rows {
		if len(rows[i].Sections) == len(policy.Sections()) {
			rows[i].Sections = nil
		}
	}
	return rows
}

// argumentRows has the fields of tracepoints' arguments, which are those of all.
func argumentRows() []fieldRow {
	return rowsOf(elements(crd.Hook(policy.Tracepoints, false), "args"))
}

// selectorRows explains the filters together with what they have besides an
// operator and values.
func selectorRows() []fieldRow {
	fields := elements(crd.Hook(policy.Kprobes, false), "selectors")
	rows := rowsOf(fields)
	for i, f := range fields {
		switch f.Name {
		case "matchArgs", "matchData", "matchReturnArgs", "matchWorkloads", "matchActions", "matchReturnActions", "macros", "label":
			continue // have sections of their own, or nothing inside
		}
		for _, inner := range rowsOf(f.Schema.Items.Properties) {
			if inner.Name != "operator" {
				rows[i].Meaning += fmt.Sprintf("; `%s`: %s", inner.Name, inner.Meaning)
			}
		}
	}
	return rows
}

// elements returns the fields of the elements of a list.
func elements(s crd.Schema, list string) crd.Fields {
	i := slices.IndexFunc(s.Properties, func(f crd.Field) bool { return f.Name == list })
	return s.Properties[i].Schema.Items.Properties
}

// rowsOf explains fields; those of an object that is only a group of switches are
// in its place.
func rowsOf(fields crd.Fields) []fieldRow {
	var rows []fieldRow
	for _, f := range fields {
		if f.Name == "ignore" {
			for _, inner := range rowsOf(f.Schema.Properties) {
				rows = append(rows, fieldRow{Name: f.Name + "." + inner.Name, Meaning: inner.Meaning})
			}
			continue
		}
		meaning := phrase(f.Schema.Description)
		if d := f.Schema.Default; d != nil && d != false {
			meaning += fmt.Sprintf(" (`%v` by default)", d)
		}
		rows = append(rows, fieldRow{Name: f.Name, Meaning: meaning})
	}
	return rows
}

// phrase turns sentences into the style of tables.
func phrase(sentences string) string {
	first, n := utf8.DecodeRuneInString(sentences)
	return strings.TrimSuffix(string(unicode.ToLower(first))+sentences[n:], ".")
}
