// SPDX-License-Identifier: Apache-2.0

// Package kube runs a real API server for tests: etcd and kube-apiserver of
// the module in the folder apiserver, on loopback, with RBAC and a directory of
// their own. It speaks HTTP and JSON and imports no client, so that tests of the
// agent's client do not depend on what they test. It also runs, for test/node, the
// controllers and a node with a kubelet and containerd. `make test-kube` builds the
// two programs and runs the tests here: those of the server, and those of the
// custom resources that exporter/policy/crd describes.
package kube
