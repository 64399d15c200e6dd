// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"runtime"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/tetrameter/tetrameter/exporter/match"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

// seen is how much of a string filters compare.
const seen = 4096

// A string is cut, and that is a loss, only if it is longer than filters see.
func TestLongText(t *testing.T) {
	k := open(t)
	type result struct{ Matched, Truncated uint64 }
	for _, n := range []int{1, seen - 2, seen - 1, seen, seen + 1, seen + 2} {
		text := make([]byte, n+1)
		for i := range n {
			text[i] = 'a' + byte(i%26)
		}
		text[n] = 0 // a program reads only pages that were written: make need not have
		filter := policy.ArgFilter{Operator: policy.Equal, Strings: []string{string(text[:min(n, seen)])}}
		body, err := match.Compile(match.Input{Rules: []match.Rule{{
			Slot:      1,
			Args:      []match.Arg{{Source: match.Source{Kind: match.Register}, Type: "string"}},
			Selectors: []policy.Selector{{Args: []policy.ArgFilter{filter}}},
		}}})
		if err != nil {
			t.Fatal(err)
		}
		var place runtime.Pinner
		place.Pin(&text[0]) // a short text can be on the stack, which moves when it grows
		before, matched := truncated(t, k), total(t, k, 1)
		runTwin(t, loadTwin(t, k, body), []uint64{uint64(uintptr(unsafe.Pointer(&text[0])))})
		place.Unpin()
		want := result{Matched: 1}
		if n > seen {
			want.Truncated = 1
		}
		got := result{total(t, k, 1) - matched, truncated(t, k) - before}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("a string of %d bytes (-want +got):\n%s", n, diff)
		}
	}
}

// truncated is how many strings were cut.
func truncated(t *testing.T, k *Kernel) uint64 {
	t.Helper()
	losses, err := k.readLosses()
	if err != nil {
		t.Fatal(err)
	}
	return losses["text_truncated"]
}
