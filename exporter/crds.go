// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/tetrameter/tetrameter/exporter/policy/crd"
)

//go:generate go run . crds --out ../chart/files/crds

// writeCRDs writes the CustomResourceDefinitions to files in a directory, or
// without one to w, as `kubectl apply -f -` reads them.
func writeCRDs(w io.Writer, dir string) error {
	files, err := crd.Files()
	if err != nil {
		return err
	}
	for _, f := range files {
		if dir == "" {
			_, err = fmt.Fprintf(w, "---\n%s", f.Data)
		} else {
			err = os.WriteFile(filepath.Join(dir, f.Name), f.Data, 0o644)
		}
		if err != nil {
			return fmt.Errorf("write %s: %w", f.Name, err)
		}
	}
	return nil
}
