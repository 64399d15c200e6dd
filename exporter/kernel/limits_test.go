// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"fmt"
	"testing"

	"github.com/tetrameter/tetrameter/exporter/match"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

// TestLongestLists: a filter may have as many values as the format allows, of the
// usual length of paths: one policy has room for it, and the verifier loads it.
func TestLongestLists(t *testing.T) {
	k := open(t)
	var paths []string
	for i := range policy.MaxValues {
		paths = append(paths, fmt.Sprintf("/usr/share/application-%04d/data/%04d", i%97, i))
	}
	for _, operator := range []policy.Operator{policy.Equal, policy.Prefix, policy.Postfix} {
		t.Run(string(operator), func(t *testing.T) {
			body, err := match.Compile(match.Input{Rules: []match.Rule{{
				Slot:      1,
				Args:      []match.Arg{{Source: match.Source{Kind: match.Register}, Type: "string"}},
				Selectors: []policy.Selector{{Args: []policy.ArgFilter{{Operator: operator, Strings: paths}}}},
			}}})
			if err != nil {
				t.Fatal(err)
			}
			if len(body) > maxInstructions {
				t.Errorf("%d instructions, one policy may have %d", len(body), maxInstructions)
			}
			loadTwin(t, k, body)
		})
	}
}
