// SPDX-License-Identifier: Apache-2.0

// Package policies holds the policies that ship with the agent, one file each,
// in the TracingPolicy format. It only embeds them: package policy of the
// exporter parses them like any other file, and each says in its annotations
// what it counts and whether it is loaded unless an operator decides otherwise.
package policies

import (
	"embed"
	"io/fs"
)

//go:embed standard/*.yaml
var standard embed.FS

// Standard returns the policies about what no workload should do unnoticed,
// whatever it is: files NAME.yaml in the root, each with the policy NAME.
func Standard() fs.FS {
	files, err := fs.Sub(standard, "standard")
	if err != nil {
		// Sub only refuses names that are not valid paths.
		panic(err)
	}
	return files
}
