// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tetrameter/tetrameter/exporter/policy"
)

// repeated is a list in YAML of n equal elements.
func repeated(n int, element string) string {
	return "[" + strings.Repeat(element+", ", n) + "]"
}

// filtered is a policy with an int, a string and one selector.
func filtered(selector string) string {
	return head + "spec: {kprobes: [{call: sys_x, args: [{index: 0, type: int}, {index: 1, type: string}], selectors: [{" +
		selector + "}]}]}"
}

type limitCase struct {
	name   string
	limit  int
	policy func(n int) string
	want   string
}

// valueCases are limits of what a filter compares with.
func valueCases() []limitCase {
	const filter = "spec.kprobes[0].selectors[0].matchArgs[0]"
	return []limitCase{
		{"values", policy.MaxValues, func(n int) string {
			return filtered("matchArgs: [{operator: Equal, values: " + repeated(n, "1") + "}]")
		}, filter + ".values: 4097 values, at most 4096 are supported"},
		{"path", policy.MaxPath, func(n int) string {
			return filtered("matchArgs: [{index: 1, operator: NotEqual, values: [" + strings.Repeat("a", n) + "]}]")
		}, filter + ".values[0]: string of 4096 bytes, at most 4095 are supported by NotEqual"},
		{"affix", policy.MaxAffix, func(n int) string {
			return filtered("matchArgs: [{index: 1, operator: NotPrefix, values: [" + strings.Repeat("a", n) + "]}]")
		}, filter + ".values[0]: string of 257 bytes, at most 256 are supported by NotPrefix"},
		{"filters", policy.MaxFilters, func(n int) string {
			return filtered("matchPIDs: " + repeated(n, "{operator: In, values: [1]}"))
		}, "spec.kprobes[0].selectors[0].matchPIDs: 17 filters, at most 16 are supported"},
		{"text", policy.MaxText / 4096, func(n int) string {
			return filtered("matchBinaries: [{operator: In, values: [&path /" + strings.Repeat("a", 4094) +
				strings.Repeat(", *path", n-1) + "]}]")
		}, "spec.kprobes[0].selectors[0].matchBinaries[0].values[256]: more than 1048576 bytes of strings in the filters of the policy"},
		{"expressions", policy.MaxExprs, func(n int) string {
			filters := "matchArgs: " + repeated(policy.MaxFilters, "{operator: CelExpr, values: ['true']}")
			full := strings.Repeat("{"+filters+"}, ", n/policy.MaxFilters)
			rest := repeated(n%policy.MaxFilters, "{operator: CelExpr, values: ['true']}")
			return head + "spec: {kprobes: [{call: sys_x, selectors: [" + full + "{matchArgs: " + rest + "}]}]}"
		}, "spec.kprobes[0].selectors[4].matchArgs[0].values[0]: more than 64 expressions in the policy"},
		{"operands", policy.MaxExprNodes / 2, func(n int) string {
			return filtered("matchArgs: [{operator: CelExpr, values: ['true" + strings.Repeat(" || true", n-1) + "']}]")
		}, filter + ".values[0]: more than 128 operands and operators in the expression"},
	}
}

// numberCases are limits of how many there are of something.
func numberCases() []limitCase {
	return []limitCase{
		{"lists", policy.MaxLists, func(n int) string {
			var lists strings.Builder
			for i := range n {
				fmt.Fprintf(&lists, "{name: l%d, values: [f]}, ", i)
			}
			return head + "spec: {lists: [" + lists.String() + "], kprobes: [{call: sys_x}]}"
		}, "spec.lists: 65 lists, at most 64 are supported"},
		{"macros", 49, func(n int) string {
			macro := "{matchBinaries: [{operator: In, values: " + repeated(4000, "/a") + "}]}"
			return head + "spec: {selectorsMacros: {m: " + macro + "}, kprobes: [" +
				"{call: sys_x, selectors: " + repeated(n/2, "{macros: [m]}") + "}, " +
				"{call: sys_x, selectors: " + repeated(n-n/2, "{macros: [m]}") + "}]}"
		}, "spec.kprobes[1].selectors[24].macros[0]: more than 200000 values in the file, macros expanded"},
		{"hooks", policy.MaxHooks, func(n int) string {
			return head + "spec: {fentries: [{call: f, syscall: false}], kprobes: " + repeated(n-1, "{call: sys_x}") + "}"
		}, "spec: 129 hooks in all sections, at most 128 are supported"},
		{"different macros", policy.MaxMacros, func(n int) string {
			var macros strings.Builder
			for i := range n {
				fmt.Fprintf(&macros, "m%d: {}, ", i)
			}
			return head + "spec: {selectorsMacros: {" + macros.String() + "}, kprobes: [{call: sys_x}]}"
		}, "spec.selectorsMacros: 65 macros, at most 64 are supported"},
		{"pattern", policy.MaxPath, func(n int) string {
			list := "{name: l, type: generated_ftrace, pattern: " + strings.Repeat("a", n) + "}"
			return head + "spec: {lists: [" + list + "], kprobes: [{call: sys_x}]}"
		}, "spec.lists[0].pattern: pattern of 4096 bytes, at most 4095 are supported"},
		{"places", policy.MaxPlaces, func(n int) string {
			return head + "spec: {uprobes: [{path: /a, symbols: " + repeated(n, "f") + "}]}"
		}, "spec.uprobes[0].symbols: 257 symbols, at most 256 are supported"},
		{"path of a program", policy.MaxPath, func(n int) string {
			return head + "spec: {uprobes: [{symbols: [f], path: " + strings.Repeat("a", n) + "}]}"
		}, "spec.uprobes[0].path: path of 4096 bytes, at most 4095 are supported"},
	}
}

// TestLimits has policies just beyond each limit; with one less they are fine.
func TestLimits(t *testing.T) {
	for _, test := range append(valueCases(), numberCases()...) {
		t.Run(test.name, func(t *testing.T) {
			if _, err := policy.Parse("p", []byte(test.policy(test.limit))); err != nil {
				t.Errorf("at the limit: %v", err)
			}
			_, err := policy.Parse("p", []byte(test.policy(test.limit+1)))
			if err == nil || !strings.HasSuffix(err.Error(), test.want) {
				t.Errorf("beyond the limit: %v, want %s", err, test.want)
			}
		})
	}
}
