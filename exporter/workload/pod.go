// SPDX-License-Identifier: Apache-2.0

// Package workload stands in for the package of that name.
package workload

// Pod is what of a pod matters here.
type Pod struct {
	// UID as it is in the name of the pod's cgroup: of a static pod the hash of
	// its manifest, which its mirror has as annotation kubernetes.io/config.hash.
	UID             string
	Namespace, Name string
	Workload, Kind  string // as OwnerOf says
	Labels          map[string]string
	// Containers are those of the specification: init, ephemeral and the others.
	Containers []Container
}

// Container is a container of a pod's specification.
type Container struct {
	Name  string
	Image string // as the specification has it
	// ID is the runtime's, 64 hexadecimal digits without containerd:// or the
	// like; empty until the status of the pod has it.
	ID string
}
