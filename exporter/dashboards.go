// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/tetrameter/tetrameter/dashboards"
)

//go:generate go run . dashboards --out ../chart/files/dashboards

// writeDashboards writes the Grafana dashboards to files in a directory.
func writeDashboards(dir string) error {
	files, err := dashboards.Files()
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(dir, f.Name), f.Data, 0o644); err != nil {
			return fmt.Errorf("write dashboard: %w", err)
		}
	}
	return nil
}
