// SPDX-License-Identifier: Apache-2.0

package main

import (
	_ "embed"
	"io"
	"slices"
	"text/template"

	"github.com/tetrameter/tetrameter/exporter/match"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

//go:generate sh -c "go run . policy-docs >../docs/policy.md"

// policyDocs is what docs/policy.md says beyond lists of words.
//
//go:embed policydocs.md
var policyDocs string

// writePolicyDocs writes docs/policy.md.
func writePolicyDocs(w io.Writer) error {
	t, err := template.New("policydocs.md").Funcs(template.FuncMap{
		"abis": policy.ABIs, "capabilities": policy.Capabilities,
		"capabilitySets": policy.CapabilitySets, "fileTypes": policy.FileTypes, "limits": policy.Limits,
		"namespaces": policy.Namespaces, "sources": policy.DataSources,
		"actions": actionRows, "listTypes": listRows, "operators": operatorRows, "options": optionRows,
		"specFields": specRows, "hookFields": hookRows, "argumentFields": argumentRows, "selectorFields": selectorRows,
		"types": typeRows, "unsupported": unsupported,
		"tracepointTypes": tracepointTypes, "pathOperators": func() []policy.Operator { return policy.BinaryOperators()[2:] },
		"instructions": func() int { return match.MaxInstructions },
	}).Parse(policyDocs)
	if err != nil {
		return err
	}
	return t.Execute(w, nil)
}

// wordRow explains a word of the language.
type wordRow struct {
	Name, Meaning string
}

func listRows() []wordRow {
	meanings := map[policy.ListType]string{
		policy.Functions:         "functions of the kernel; the hook's `syscall` is `false`",
		policy.Syscalls:          "system calls, with or without an ABI; the hook's `syscall` is `true`",
		policy.GeneratedSyscalls: "none: all system calls of this kernel",
		policy.GeneratedFtrace:   "none: all functions that can be traced and whose name matches `pattern`, a regular expression (RE2)",
	}
	var rows []wordRow
	for _, t := range policy.ListTypes() {
		name := "`" + string(t) + "`"
		if t == policy.Functions {
			name = "none"
		}
		rows = append(rows, wordRow{name, meanings[t]})
	}
	return rows
}

func optionRows() []wordRow {
	meanings := map[string]string{
		"disable-kprobe-multi":   "`true` or `false`; without effect: each function is attached to alone",
		"disable-uprobe-multi":   "`true` or `false`; without effect",
		"override-method":        "`fmod-ret` or `override-return`; without effect: nothing is overridden",
		"policy-mode":            "`enforce` or `monitor`; `monitor` is what happens in both",
		"sleepable-preload-size": "a number; without effect",
		"uprobe-heap-size":       "a number; without effect",
	}
	var rows []wordRow
	for _, name := range policy.OptionNames() {
		rows = append(rows, wordRow{name, meanings[name]})
	}
	return rows
}

// actionRow explains an action.
type actionRow struct {
	Name, Meaning string
	Sections      []policy.Section
	Parameters    []string
}

func actionRows() []actionRow {
	var rows []actionRow
	for _, section := range policy.Sections() {
		for _, kind := range policy.Actions(section) {
			name := string(kind)
			i := slices.IndexFunc(rows, func(r actionRow) bool { return r.Name == name })
			if i < 0 {
				i = len(rows)
				rows = append(rows, actionRow{Name: name, Meaning: actionMeaning(kind), Parameters: policy.Parameters(kind)})
			}
			rows[i].Sections = append(rows[i].Sections, section)
		}
	}
	return rows
}

func actionMeaning(kind policy.ActionKind) string {
	switch {
	case kind == policy.Post || kind == policy.NoPost:
		return "the event is counted"
	case kind.Enforces():
		return "the event is counted, and nothing else happens: `monitor_only`"
	}
	return "the event is counted, and nothing else happens"
}

// refusal is a part of the language that nothing can be counted with yet.
type refusal struct {
	Words  []string
	Reason string
}

func unsupported() []refusal {
	return []refusal{
		{[]string{"usdts"}, "arguments of a probe that are floating-point numbers, or in memory relative to a symbol"},
		{[]string{"resolve"}, "bit fields of structures"},
	}
}

// typeRow is a group of types that the same operators compare.
type typeRow struct {
	Types     []policy.Type
	Operators []policy.Operator
}

func typeRows() []typeRow {
	var rows []typeRow
	for _, t := range policy.Types(policy.Tracepoints) {
		operators := policy.Operators(t)
		same := func(r typeRow) bool { return slices.Equal(r.Operators, operators) }
		if i := slices.IndexFunc(rows, same); i >= 0 {
			rows[i].Types = append(rows[i].Types, t)
		} else {
			rows = append(rows, typeRow{[]policy.Type{t}, operators})
		}
	}
	return rows
}

// tracepointTypes are those which only tracepoints have.
func tracepointTypes() []policy.Type {
	everywhere := policy.Types(policy.Kprobes)
	return slices.DeleteFunc(policy.Types(policy.Tracepoints), func(t policy.Type) bool { return slices.Contains(everywhere, t) })
}
