// SPDX-License-Identifier: Apache-2.0

// Package e2e runs the real agent on the running kernel, causes events and
// compares what it exposes. The same test binary runs on the host and, through
// test/vm, on other kernels.
package e2e
