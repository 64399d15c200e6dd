// SPDX-License-Identifier: Apache-2.0

package workload

import "github.com/tetrameter/tetrameter/exporter/policy"

// SelectsNode says whether a nodeSelector selects a node with these labels. A
// nil selector selects all nodes.
func SelectsNode(s *policy.LabelSelector, labels map[string]string) bool {
	return matches(s, func(key string) (string, bool) {
		value, ok := labels[key]
		return value, ok
	})
}
