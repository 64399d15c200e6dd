// SPDX-License-Identifier: Apache-2.0

package e2e

import "testing"

// oncePerKernel leaves a test to one of the runs on a kernel: what it is about
// does not depend on the way to attach.
func oncePerKernel(t *testing.T) {
	t.Helper()
	if *attachFlag != "auto" && *attachFlag != "fentry" {
		leaveTo(t, "the run with -attach=fentry", "the way to attach makes no difference")
	}
}

// onAnyKernel leaves a test to the host: no kernel has a part in what it is about.
func onAnyKernel(t *testing.T) {
	t.Helper()
	if *attachFlag != "auto" {
		leaveTo(t, "the host, in make unit", "the kernel makes no difference")
	}
}

// leaveTo skips a test that another kernel runs.
func leaveTo(t *testing.T, kernel, reason string) {
	t.Helper()
	t.Skipf("%s: run by %s", reason, kernel) //nolint:forbidigo // this is the function that names the kernel
}
