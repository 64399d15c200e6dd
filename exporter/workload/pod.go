// SPDX-License-Identifier: Apache-2.0

package workload

import "strings"

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

// repository is the image without tag and digest and with the registry that a
// short name stands for, as the container runtimes report it: nginx:1.27 is
// docker.io/library/nginx. The rules are those of
// github.com/distribution/reference; what a host configures besides (short-name
// aliases of CRI-O) is not known here.
func repository(image string) string {
	name, _, _ := strings.Cut(image, "@")
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		name = name[:i]
	}
	if name == "" {
		return ""
	}
	registry, path, ok := strings.Cut(name, "/")
	if !ok || registry != "localhost" && !strings.ContainsAny(registry, ".:") {
		registry, path = "docker.io", name
	}
	if registry == "index.docker.io" {
		registry = "docker.io"
	}
	if registry == "docker.io" && !strings.Contains(path, "/") {
		path = "library/" + path
	}
	return registry + "/" + path
}
