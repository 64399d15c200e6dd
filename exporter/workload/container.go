// SPDX-License-Identifier: Apache-2.0

package workload

import "strings"

// Lengths of identifiers in the names of cgroups.
const (
	uidLength       = 36 // 8-4-4-4-12 hexadecimal digits
	staticUIDLength = 32 // MD5 of a static pod's manifest
	idLength        = 64 // of a container, in all runtimes
)

// Place is what the path of a cgroup says about the processes in it.
type Place struct {
	Pod       string // UID with '-', empty for the host
	Container string // ID, empty if they are in none
	Nested    bool   // the cgroup is below the container's own
}

// Locate reads the path of a cgroup as the kubelet and the container runtimes
// make it, with the systemd and the cgroupfs driver, wherever the mount or an
// outer container puts its beginning. Of pods in one another the outermost
// counts, since the API server knows that one; of containers the outermost in
// the pod.
//
// The pod of a guaranteed quality of service has no level for it in its path,
// and a kubelet with a cgroup root of its own has that in every name:
//
//	/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod<uid with _>.slice/cri-containerd-<id>.scope
//	/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod<uid with _>.slice/cri-containerd-<id>.scope
//	/kubepods/besteffort/pod<uid>/<id>
//
// The sandbox of a pod looks like a container of it. Only who knows the
// containers can tell.
func Locate(path string) Place {
	var p Place
	for name := range strings.SplitSeq(path, "/") {
		if p.Pod != "" && p.Container != "" {
			p.Nested = p.Nested || name != ""
			continue
		}
		if p.Pod == "" {
			if p.Pod = PodUID(name); p.Pod != "" {
				p.Container, p.Nested = "", false // an outer one: a node that is a container
			}
		}
		switch {
		case p.Container == "":
			p.Container = containerID(name)
		case name != "":
			p.Nested = true
		}
	}
	return p
}

// PodUID is the UID of the pod whose cgroup has this name, in the form with
// '-'; empty if it is no pod's. The programs in the kernel read the same out of
// the name of a new cgroup.
func PodUID(name string) string {
	// A runtime without the systemd driver under a kubelet with it makes a
	// cgroup with the name SLICE:PREFIX:ID.
	name, _, _ = strings.Cut(name, ":")
	if slice, ok := strings.CutSuffix(name, ".slice"); ok {
		i := strings.LastIndex(slice, "-pod")
		if i < 0 {
			return ""
		}
		name = strings.ReplaceAll(slice[i+len("-"):], "_", "-")
	}
	uid, ok := strings.CutPrefix(name, "pod")
	if !ok || !isUID(uid) {
		return ""
	}
	return uid
}

func isUID(s string) bool {
	if len(s) == staticUIDLength {
		return isHex(s)
	}
	if len(s) != uidLength {
		return false
	}
	for i := range len(s) {
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash != (s[i] == '-') || !dash && !isHex(s[i:i+1]) {
			return false
		}
	}
	return true
}

// containerID is the ID in the name of a container's own cgroup: <id>,
// <runtime>-<id> or <runtime>-<id>.scope. The process that watches a container
// (conmon) has a cgroup with the container's ID, and so have mounts; those are
// no containers.
func containerID(name string) string {
	name = name[strings.LastIndexByte(name, ':')+1:]
	name = strings.TrimSuffix(name, ".scope")
	if len(name) < idLength {
		return ""
	}
	runtime, id := name[:len(name)-idLength], name[len(name)-idLength:]
	if !isHex(id) || runtime != "" && !strings.HasSuffix(runtime, "-") || strings.HasSuffix(runtime, "conmon-") {
		return ""
	}
	return id
}

// isHex says whether all are lower-case hexadecimal digits.
func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
