// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/tetrameter/tetrameter/exporter/workload"
)

// Annotations of the kubelet on pods that it did not get from the API server.
const (
	annotationHash   = "kubernetes.io/config.hash"
	annotationMirror = "kubernetes.io/config.mirror"
)

// endedFor is how long a pod may have ended and still be listed: its counters may
// be waiting for their last scrape. Nodes keep ended pods by the thousand.
const endedFor = 15 * time.Minute

// pod is a pod, trimmed. The metadata is for client-go and holds just the name
// and the namespace.
type pod struct {
	metav1.ObjectMeta
	workload.Pod
	ended time.Time // when the last container ended for good, zero while one may run
}

func podSink(h Handler) sink[*pod] {
	return sink[*pod]{
		object: &corev1.Pod{},
		trim:   func(o runtime.Object) *pod { return trimPod(o.(*corev1.Pod)) },
		set: func(p *pod) {
			h.SetPod(p.Pod) // also of one that has ended: its last container may be news
			if !p.ended.IsZero() {
				h.DeletePod(p.Pod.UID)
			}
		},
		remove: func(p *pod) { h.DeletePod(p.Pod.UID) },
		replace: func(list []*pod) {
			pods := make([]workload.Pod, 0, len(list))
			for _, p := range list {
				if p.ended.IsZero() || time.Since(p.ended) < endedFor {
					pods = append(pods, p.Pod)
				}
			}
			h.ReplacePods(pods)
		},
	}
}

// trimPod keeps of a pod what matters here: 1.6 kB of one with four containers
// (BenchmarkTrimPod), of tens of kB.
func trimPod(p *corev1.Pod) *pod {
	t := &pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: p.Namespace, Name: p.Name},
		Pod: workload.Pod{
			UID: podUID(p), Namespace: p.Namespace, Name: p.Name,
			Labels: p.Labels, Containers: podContainers(p),
		},
		ended: podEnded(p),
	}
	object := workload.Object{Name: p.Name, GenerateName: p.GenerateName, Labels: p.Labels}
	if owner := metav1.GetControllerOfNoCopy(p); owner != nil {
		object.Controller = workload.Owner{APIVersion: owner.APIVersion, Kind: owner.Kind, Name: owner.Name}
	}
	t.Workload, t.Kind = workload.OwnerOf(object)
	return t
}

// podUID is the uid in the names of the pod's cgroups. For a static pod that is
// the hash of its manifest; the object, which mirrors the pod, has another.
//
// Whoever creates pods can write the annotations, so a hash is taken only if it
// cannot be the uid of somebody else's pod.
func podUID(p *corev1.Pod) string {
	hash := p.Annotations[annotationHash]
	if hash == "" || p.Annotations[annotationMirror] != hash || strings.Contains(hash, "-") {
		return string(p.UID)
	}
	return hash
}

// podContainers lists the containers of the specification with the ids of the
// status.
func podContainers(p *corev1.Pod) []workload.Container {
	spec := p.Spec
	list := make([]workload.Container, 0, len(spec.InitContainers)+len(spec.EphemeralContainers)+len(spec.Containers))
	add := func(name, image string, statuses []corev1.ContainerStatus) {
		c := workload.Container{Name: name, Image: image}
		for _, s := range statuses {
			if s.Name == name {
				c.ID = containerID(s.ContainerID)
			}
		}
		list = append(list, c)
	}
	for _, c := range spec.InitContainers {
		add(c.Name, c.Image, p.Status.InitContainerStatuses)
	}
	for _, c := range spec.EphemeralContainers {
		add(c.Name, c.Image, p.Status.EphemeralContainerStatuses)
	}
	for _, c := range spec.Containers {
		add(c.Name, c.Image, p.Status.ContainerStatuses)
	}
	return list
}

// containerID is an id without the runtime that gave it: containerd://ID.
func containerID(url string) string {
	_, id, _ := strings.Cut(url, "://")
	return id
}

// podEnded says when the last container of a finished pod ended.
func podEnded(p *corev1.Pod) time.Time {
	if p.Status.Phase != corev1.PodSucceeded && p.Status.Phase != corev1.PodFailed {
		return time.Time{}
	}
	ended := p.CreationTimestamp.Time // one that was evicted before it started
	for _, statuses := range [][]corev1.ContainerStatus{
		p.Status.InitContainerStatuses, p.Status.EphemeralContainerStatuses, p.Status.ContainerStatuses,
	} {
		for _, s := range statuses {
			if s.State.Terminated != nil && s.State.Terminated.FinishedAt.After(ended) {
				ended = s.State.Terminated.FinishedAt.Time
			}
		}
	}
	return ended
}
