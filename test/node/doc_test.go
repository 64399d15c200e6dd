// SPDX-License-Identifier: Apache-2.0

// Package node tests the agent on a node as it is in production: a kubelet and
// containerd run the pods that a Deployment asks an API server for, and the agent
// is the program that users run, with the rights that docs/operations.md gives it.
// Nothing here knows how cgroups are named or when they are made.
//
// Package test/kube starts all of it. `make test-node` builds what is needed and
// runs the tests.
package node
