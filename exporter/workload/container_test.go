// SPDX-License-Identifier: Apache-2.0

package workload_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/tetrameter/tetrameter/exporter/workload"
)

const (
	aPod      = "6d1a2e6b-0c2f-4c7e-9a55-2f6c1d7b8e90"
	aPodSlice = "6d1a2e6b_0c2f_4c7e_9a55_2f6c1d7b8e90"
	aStatic   = "b1e89a2fcc688644de3eb95aee8025ce"
	anID      = "ee3fc60554cd9eefdd745a10dda84e041a7883c0381d067e76185d342de64759"
	another   = "022c4ffba65e5031285fd427553e56c3fd6cc85a3a49f3fa2825d0a258d8a5d6"

	burstable = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + aPodSlice + ".slice"
	kind      = "/system.slice/docker-" + another + ".scope"
)

// located is a path and what it says.
type located struct {
	name, path string
	want       workload.Place
}

func TestLocatePods(t *testing.T) {
	pod := workload.Place{Pod: aPod}
	container := workload.Place{Pod: aPod, Container: anID}
	nested := workload.Place{Pod: aPod, Container: anID, Nested: true}
	static := workload.Place{Pod: aStatic, Container: anID}
	testLocate(t, []located{
		{"systemd, burstable", burstable + "/cri-containerd-" + anID + ".scope", container},
		{"systemd, besteffort", "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" + aPodSlice + ".slice/cri-containerd-" + anID + ".scope", container},
		{"systemd, guaranteed", "/kubepods.slice/kubepods-pod" + aPodSlice + ".slice/cri-containerd-" + anID + ".scope", container},
		{"systemd, the pod", burstable, pod},
		{"cgroupfs, burstable", "/kubepods/burstable/pod" + aPod + "/" + anID, container},
		{"cgroupfs, besteffort", "/kubepods/besteffort/pod" + aPod + "/" + anID, container},
		{"cgroupfs, guaranteed", "/kubepods/pod" + aPod + "/" + anID, container},
		{"cgroupfs, the pod", "/kubepods/pod" + aPod, pod},
		{"version 1, with the controller's mount", "/memory/kubepods/burstable/pod" + aPod + "/" + anID, container},
		{"version 1, systemd hierarchy", "/systemd" + burstable + "/cri-containerd-" + anID + ".scope", container},
		{"cgroupfs under systemd's slices", "/system.slice/containerd.service/kubepods-burstable-pod" + aPodSlice + ".slice:cri-containerd:" + anID, container},
		{"static pod", "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + aStatic + ".slice/cri-containerd-" + anID + ".scope", static},
		{"static pod, cgroupfs", "/kubepods/burstable/pod" + aStatic + "/" + anID, static},
		{"kubelet's own root", "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-pod" + aPodSlice + ".slice/cri-containerd-" + anID + ".scope", container},
		{"kubelet's own root, cgroupfs", "/kubelet/kubepods/burstable/pod" + aPod + "/" + anID, container},
		{"kind", kind + "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod" + aPodSlice + ".slice/cri-containerd-" + anID + ".scope", container},
		{"kind, cgroupfs", "/docker/" + another + "/kubelet/kubepods/besteffort/pod" + aPod + "/" + anID, container},
		{"cri-o", burstable + "/crio-" + anID + ".scope", container},
		{"cri-o, cgroupfs", "/kubepods/burstable/pod" + aPod + "/crio-" + anID, container},
		{"cri-o with crun", burstable + "/crio-" + anID + ".scope/container", nested},
		{"conmon", burstable + "/crio-conmon-" + anID + ".scope", pod},
		{"conmon, cgroupfs", "/kubepods/burstable/pod" + aPod + "/crio-conmon-" + anID, pod},
		{"cri-dockerd", burstable + "/docker-" + anID + ".scope", container},
		{"cri-dockerd, cgroupfs", "/kubepods/burstable/pod" + aPod + "/" + anID, container},
		{"kata's sandbox", burstable + "/kata_" + anID, pod},
		{"systemd in the container", burstable + "/cri-containerd-" + anID + ".scope/system.slice/cron.service", nested},
		{"docker in the container", burstable + "/cri-containerd-" + anID + ".scope/docker/" + another, nested},
		{"kubelet in the container", burstable + "/cri-containerd-" + anID + ".scope/kubelet/kubepods/pod" + aStatic + "/" + another, nested},
		{"an id too short", burstable + "/cri-containerd-" + anID[1:] + ".scope", pod},
		{"an id too long", burstable + "/" + anID + "0", pod},
		{"a mount of a container", burstable + "/" + anID + ".mount", pod},
		{"capital letters", burstable + "/" + strings.ToUpper(anID), pod},
	})
}

func TestLocateOthers(t *testing.T) {
	testLocate(t, []located{
		{"kind, a process of the node", kind + "/system.slice/containerd.service", workload.Place{Container: another, Nested: true}},
		{"conmon in the system's slice", "/system.slice/crio-conmon-" + anID + ".scope", workload.Place{}},
		{"docker", "/system.slice/docker-" + anID + ".scope", workload.Place{Container: anID}},
		{"docker, cgroupfs", "/docker/" + anID, workload.Place{Container: anID}},
		{"podman", "/machine.slice/libpod-" + anID + ".scope/container", workload.Place{Container: anID, Nested: true}},
		{"podman, conmon", "/machine.slice/libpod-conmon-" + anID + ".scope", workload.Place{}},
		{"podman's pod", "/machine.slice/machine-libpod_pod_" + anID + ".slice/libpod-" + another + ".scope", workload.Place{Container: another}},
		{"rootless podman", "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + anID + ".scope", workload.Place{Container: anID}},
		{"a service", "/system.slice/docker.service", workload.Place{}},
		{"kubelet", "/system.slice/kubelet.service", workload.Place{}},
		{"classes", "/kubepods.slice/kubepods-burstable.slice", workload.Place{}},
		{"the root", "/", workload.Place{}},
		{"nothing", "", workload.Place{}},
		{"a service for a container", "/system.slice/docker-" + anID + ".service", workload.Place{}},
		{"no uid", "/kubepods/burstable/podinfo/" + anID, workload.Place{Container: anID}},
		{"a uid with wrong dashes", "/kubepods/pod" + strings.Replace(aPod, "-", "0", 1) + "/x", workload.Place{}},
		{"a slice that only ends like one", "/kubepods.slice/" + aPodSlice + ".slice", workload.Place{}},
	})
}

func testLocate(t *testing.T, tests []located) {
	t.Helper()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := workload.Locate(test.path); got != test.want {
				t.Errorf("Locate(%q) = %+v, want %+v", test.path, got, test.want)
			}
		})
	}
}

// FuzzLocate: whatever a container names its cgroups, it stays what it is, and
// identifiers have the form of identifiers.
func FuzzLocate(f *testing.F) {
	for _, path := range []string{
		burstable, burstable + "/crio-" + anID + ".scope/container", kind, "/kubepods/pod" + aStatic, "//", "a:b:",
		"/x/kubepods-pod" + aPodSlice + ".slice:cri-containerd:" + anID,
	} {
		f.Add(path)
	}
	pod := regexp.MustCompile(`^([0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})?$`)
	id := regexp.MustCompile(`^([0-9a-f]{64})?$`)
	f.Fuzz(func(t *testing.T, path string) {
		got := workload.Locate(path)
		if !pod.MatchString(got.Pod) || !id.MatchString(got.Container) || got.Nested && got.Container == "" {
			t.Errorf("Locate(%q) = %+v", path, got)
		}
		container := burstable + "/cri-containerd-" + anID + ".scope"
		if p := workload.Locate(container + "/" + path); p.Pod != aPod || p.Container != anID {
			t.Errorf("%q below a container is %+v", path, p)
		}
		if got.Pod == "" {
			if p := workload.Locate(path + container); p.Pod != aPod || p.Container != anID || p.Nested {
				t.Errorf("a container below %q is %+v", path, p)
			}
		}
	})
}
