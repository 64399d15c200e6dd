// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tetrameter/tetrameter/exporter/policy"
)

const head = "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {name: a}\n"

type textCase struct{ name, data, want string }

// textCases are the files which cannot be stored well: control characters, line
// ends that editors change, sizes.
func textCases() []textCase {
	hooks := strings.Repeat("  - call: sys_setuid\n", policy.MaxHooks)
	return []textCase{
		{"empty", "", "p:1:1: no YAML document: expected one TracingPolicy"},
		{"null", "null\n", "p:1:1: no YAML document: expected one TracingPolicy"},
		{"not UTF-8", "a: b\nc: \xff\n", "p:2:4: byte 0xff is not valid UTF-8"},
		{"UTF-16", "\xff\xfea\x00", "p:1:1: byte 0xff is not valid UTF-8"},
		{"control", "a: b\r\nc:\td\x00", "p:2:5: control character U+0000: write it as an escape in double quotes"},
		{"delete", "ü\x7f", "p:1:2: control character U+007F: write it as an escape in double quotes"},
		{"next line", "a\rb\u0085", "p:2:2: line separator U+0085: write it as an escape in double quotes"},
		{"line separator", "\u2028", "p:1:1: line separator U+2028: write it as an escape in double quotes"},
		{"carriage return", head + "spec: {x: 1,\r y: 2}", "p:4:8: spec.x: unknown field \"x\"" +
			"\np:5:2: spec.y: unknown field \"y\""},
		{"value of two lines", "!!bool \"a\n\n  b\"", `p:1:1: YAML tag "!!bool" is not supported: remove it` +
			"\n" + `p:1:1: expected a mapping, found a\nb`},
		{"byte order mark", "\ufeff" + head + "spec: {kprobes: [{call: sys_setuid}]}", ""},
		{"windows", strings.ReplaceAll(head+"spec:\n  kprobes:\n  - call: sys_setuid\n", "\n", "\r\n"), ""},
		{"largest", head + "spec:\n  kprobes:\n" + hooks + strings.Repeat("#", policy.MaxFileSize-len(head+hooks)-17), ""},
		{"too large", strings.Repeat("#", policy.MaxFileSize+1), "p:1:1: file of 1048577 bytes is larger than 1048576 bytes"},
		{
			"too many hooks", head + "spec:\n  kprobes:\n" + hooks + "  - call: sys_setgid\n",
			"p:6:3: spec.kprobes: 129 hooks, at most 128 are supported",
		},
		{
			"too many values", "[" + strings.Repeat("1,", policy.MaxNodes) + "]",
			"p:1:400000: [199999]: more than 200000 values in the file, aliases expanded",
		},
		{
			"too deep", strings.Repeat("[", 100) + strings.Repeat("]", 100),
			"p:1:66: " + strings.Repeat("[0]", 65) + ": values nested deeper than 64 levels, aliases expanded",
		},
		{"far too deep", strings.Repeat("[", 20000), "p:1:1: invalid YAML: exceeded max depth of 10000"},
		{
			"long key", head + strings.Repeat("k", 200) + ": 1\nspec: {kprobes: [{call: sys_setuid}]}",
			fmt.Sprintf("p:4:1: [%q]: unknown field %[1]q, expected apiVersion, kind, metadata, spec or status", strings.Repeat("k", 80)+"..."),
		},
		{
			"long number", head + "spec: {kprobes: [{call: " + strings.Repeat("9", 200) + "}]}",
			"p:4:25: spec.kprobes[0].call: expected a string, found the number " + strings.Repeat("9", 80) + "...: put it in quotes",
		},
		{
			"long path", head + "spec: {kprobes: [{call: sys_execve, selectors: [{matchBinaries: [{operator: In, values: [/" +
				strings.Repeat("a", policy.MaxPath) + "]}]}]}]}",
			"p:4:90: spec.kprobes[0].selectors[0].matchBinaries[0].values[0]: path of 4096 bytes, at most 4095 are supported",
		},
		{
			"long name", strings.Replace(head, "{name: a}", "{name: "+strings.Repeat("a", 254)+"}", 1) + "spec: {kprobes: [{call: sys_setuid}]}",
			`p:3:18: metadata.name: "` + strings.Repeat("a", 80) + `..." is not a DNS-1123 subdomain: at most 253 lower-case letters, ` +
				`digits, '-' and '.', each part beginning and ending with a letter or digit`,
		},
	}
}

func TestText(t *testing.T) {
	for _, test := range textCases() {
		t.Run(test.name, func(t *testing.T) {
			p, err := policy.Parse("p", []byte(test.data))
			got := ""
			if err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("error differs (-want +got):\n%s", diff)
			}
			if (p == nil) != (err != nil) {
				t.Errorf("policy %v and error %v", p, err)
			}
		})
	}
}

func TestErrorTypes(t *testing.T) {
	_, err := policy.Parse("p", []byte(head+"spec: {kprobes: [{call: sys_setuid, retrun: true}]}"))
	var all policy.Errors
	var one policy.Error
	if !errors.As(err, &all) || !errors.As(err, &one) {
		t.Fatalf("error of type %T: want Errors which unwrap to Error", err)
	}
	want := policy.Error{
		Pos:  policy.Pos{File: "p", Line: 4, Column: 37},
		Path: "spec.kprobes[0].retrun",
		Text: `unknown field "retrun", did you mean "return"?`,
	}
	if diff := cmp.Diff(policy.Errors{want}, all); diff != "" {
		t.Errorf("errors differ (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, one); diff != "" {
		t.Errorf("first error differs (-want +got):\n%s", diff)
	}
}

// TestHostile has files that would keep a careless parser busy for minutes.
func TestHostile(t *testing.T) {
	var keys, capabilities strings.Builder
	for i := range 60_000 {
		fmt.Fprintf(&keys, "matchArgz%d: 1\n", i)
	}
	for range 64 {
		capabilities.WriteString("CAP_NOTHING_AT_ALL_WITH_A_LONG_NAME,")
	}
	tests := map[string]string{
		"unknown keys":   keys.String(),
		"long key chain": "? " + strings.Repeat("{", 60) + strings.Repeat("k", 500_000) + strings.Repeat("}", 60) + "\n: 1",
		"capabilities": head + "spec:\n  kprobes:\n  - &hook\n    call: sys_x\n    selectors:\n    - &selector\n      matchCapabilities:\n" +
			"      - &filter {operator: In, values: [" + capabilities.String() + "]}\n" +
			strings.Repeat("      - *filter\n", 15) + strings.Repeat("    - *selector\n", 31) + strings.Repeat("  - *hook\n", 5),
		"families":    many("type: sock", "operator: Family, values: &v "+repeated(4000, "AF_NOTHING"), "operator: Family, values: *v"),
		"lists":       many("type: int", "operator: InMap, values: &v "+repeated(4000, "list:missing"), "operator: InMap, values: *v"),
		"expressions": many("type: int", "operator: CelExpr, values: &v ['"+strings.Repeat("(", 400_000)+"']", "operator: CelExpr, values: *v"),
		"quotes":      strings.Repeat("\"", 500_000),
		"dashes":      strings.Repeat("- ", 200_000),
		"anchors":     strings.Repeat("- &a x\n", 100_000),
	}
	for name, data := range tests {
		t.Run(name, func(t *testing.T) {
			p, err := policy.Parse("p", []byte(data))
			if p != nil || err == nil {
				t.Errorf("policy %v, error %v: want an error only", p, err)
			}
		})
	}
}

// many is a policy with 40 filters of an argument; the first can have an anchor.
func many(argument, first, others string) string {
	args := "    args: [{index: 0, " + argument + "}]\n"
	return head + "spec:\n  kprobes:\n  - call: sys_x\n" + args + "    selectors:\n    - matchArgs:\n      - {" + first + "}\n" +
		strings.Repeat("    - matchArgs: [{"+others+"}, {"+others+"}, {"+others+"}]\n", 13)
}
