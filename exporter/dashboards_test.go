// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tetrameter/tetrameter/dashboards"
)

func TestWriteDashboards(t *testing.T) {
	dir := t.TempDir()
	if err := writeDashboards(dir); err != nil {
		t.Fatal(err)
	}
	want, err := dashboards.Files()
	if err != nil {
		t.Fatal(err)
	}
	var got []dashboards.File
	for _, name := range []string{"tetrameter-overview.json", "tetrameter-policy.json", "tetrameter-agent.json"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, dashboards.File{Name: name, Data: data})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if err := writeDashboards(filepath.Join(dir, "missing")); err == nil {
		t.Error("writing to a directory that does not exist succeeds")
	}
}
