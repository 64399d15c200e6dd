// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"log/slog"
	"maps"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// nodeSink passes on the labels of the node. A deleted node keeps its labels: a
// kubelet that comes back registers it anew.
func nodeSink(h Handler, name string, log *slog.Logger) sink[*metav1.PartialObjectMetadata] {
	var known map[string]string
	set := func(node *metav1.PartialObjectMetadata) {
		labels := maps.Clone(node.Labels)
		if labels == nil {
			labels = map[string]string{}
		}
		if known == nil || !maps.Equal(known, labels) {
			known = labels
			h.SetNode(maps.Clone(labels))
		}
	}
	absent := func(error) {
		if known == nil {
			h.SetNode(nil)
		}
	}
	return sink[*metav1.PartialObjectMetadata]{
		object: &metav1.PartialObjectMetadata{},
		trim:   func(o runtime.Object) *metav1.PartialObjectMetadata { return o.(*metav1.PartialObjectMetadata) },
		set:    set,
		remove: func(*metav1.PartialObjectMetadata) {},
		replace: func(nodes []*metav1.PartialObjectMetadata) {
			for _, node := range nodes {
				set(node)
			}
			if len(nodes) == 0 {
				log.Warn("no node has this name: there will be no pods either", "node", name)
				absent(nil)
			}
		},
		unavailable: absent,
	}
}
