// SPDX-License-Identifier: Apache-2.0

package match_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tetrameter/tetrameter/exporter/match"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

func TestCost(t *testing.T) {
	var numbers []uint64
	var words []string
	for i := range 4096 {
		numbers = append(numbers, 3*uint64(i))
		words = append(words, "/usr/bin/"+string([]byte{'a' + byte(i&15), 'a' + byte(i>>4&15), 'a' + byte(i>>8)}))
	}
	tests := []struct {
		name string
		rule match.Rule
		want [2]int
	}{
		{"no selectors", match.Rule{Slot: 7}, [2]int{6, 6}},
		{"one comparison", on(7, register(), "int", filter(policy.NotEqual, 0)), [2]int{5, 8}},
		{"two selectors", on(7, register(), "int", filter(policy.Equal, 1), filter(policy.Equal, 2)), [2]int{7, 10}},
		{"a long list of numbers", on(7, register(), "int", filter(policy.Equal, numbers...)), [2]int{17, 24}},
		{
			"a long list of strings",
			on(7, register(), "string", argFilters(policy.ArgFilter{Operator: policy.Equal, Strings: words})),
			[2]int{11, 57},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			ins, err := match.Compile(match.Input{Rules: []match.Rule{test.rule}})
			if err != nil {
				t.Fatal(err)
			}
			least, most := match.Cost(ins)
			if diff := cmp.Diff(test.want, [2]int{least, most}); diff != "" {
				t.Errorf("cost differs (-want +got):\n%s", diff)
			}
		})
	}
}
