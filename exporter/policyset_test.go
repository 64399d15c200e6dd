// SPDX-License-Identifier: Apache-2.0

package main

import "testing"

// TestHash: nodes that were given the same have the same hash, wherever it came
// from, and a change of anything given changes it.
func TestHash(t *testing.T) {
	given := func(variable string, files map[string]string) string {
		b := newBench(t, nil)
		b.set.variables = variables{"MESSAGE": variable}
		for name, data := range files {
			b.write(name, data)
		}
		b.load()
		b.set.setStates(nil)
		return b.set.Hash()
	}
	one, two := document("one", "1"), document("two", "${MESSAGE}")
	first := given("2", map[string]string{"a.yaml": one, "b.yaml": two})
	if same := given("2", map[string]string{"x.yaml": two, "y.yaml": one}); same != first {
		t.Errorf("hash %s in other files, want %s", same, first)
	}
	hashes := map[string]string{first: "all"}
	for name, hash := range map[string]string{
		"none":                  given("2", nil),
		"less":                  given("2", map[string]string{"a.yaml": one}),
		"with another variable": given("3", map[string]string{"a.yaml": one, "b.yaml": two}),
		"with a bad one":        given("2", map[string]string{"a.yaml": one, "b.yaml": two, "c.yaml": "kind: ["}),
		"with another bad one":  given("2", map[string]string{"a.yaml": one, "b.yaml": two, "c.yaml": "kind: {"}),
	} {
		if other, taken := hashes[hash]; taken || hash == "" {
			t.Errorf("hash %q: %s and %s", hash, name, other)
		}
		hashes[hash] = name
	}
}
