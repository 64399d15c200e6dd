// SPDX-License-Identifier: Apache-2.0

// Package policies holds the policies that ship with the agent, one file each,
// in the TracingPolicy format. It only embeds them: package policy of the
// exporter parses them like any other file, and each says in its annotations
// what it counts and whether it is loaded unless an operator decides otherwise.
// The folder examples is not embedded: it shows each part of the format once.
package policies

import (
	"embed"
	"io/fs"
)

//go:embed standard/*.yaml
var standard embed.FS

//go:embed application/*.yaml
var application embed.FS

// Standard returns the policies about what no workload should do unnoticed,
// whatever it is: files NAME.yaml in the root, each with the policy NAME.
func Standard() fs.FS {
	return folder(standard, "standard")
}

// Application returns the policies about what one application should not do, each
// loaded only when an operator names it: files like those of Standard. Their
// selectors of pods are samples, and ${NAME} in them are values that the
// operator gives.
func Application() fs.FS {
	return folder(application, "application")
}

func folder(files embed.FS, name string) fs.FS {
	inside, err := fs.Sub(files, name)
	if err != nil {
		// Sub only refuses names that are not valid paths.
		panic(err)
	}
	return inside
}
