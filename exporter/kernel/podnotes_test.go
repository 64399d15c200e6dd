// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPodNotes: the next agent has what this one noted about pods.
func TestPodNotes(t *testing.T) {
	opts := Options{BPFFS: mountBPF(t), MaxSeries: 64}
	k, err := Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	const other = "11111111-0000-4000-8000-000000000002"
	longest := strings.Repeat("ä", noteSize/2)
	for _, err := range []error{k.SetNote(podUID, "short"), k.SetNote(podUID, longest), k.SetNote(other, "{}"), k.DeleteNote(other), k.DeleteNote(other)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := k.SetNote(podUID, longest+"."); err == nil {
		t.Error("no error for a note that is too long")
	}
	if err := k.SetNote("", "text"); err == nil {
		t.Error("no error for a note about nobody")
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	if k, err = Open(opts); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.Close() })
	notes, err := k.Notes()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{podUID: longest}, notes); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
}
