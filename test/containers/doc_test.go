// SPDX-License-Identifier: Apache-2.0

// Package containers tests the agent with real containers: pods are objects of a
// real API server, their containers are run by runc in cgroups with the paths that
// a kubelet gives them, and the agent is the program that users run. What a kubelet
// would do the tests do: the pod's cgroup and network, and the container's ID in
// the status.
//
// The API server is the one of test/kube, started here, or, in a virtual machine,
// one that is reached by -kubeconfig. `make test-kube` runs the tests on this
// kernel and on others.
package containers
