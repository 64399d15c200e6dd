// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/tetrameter/tetrameter/bpf"
	"github.com/tetrameter/tetrameter/exporter/plan"
)

// The stub that selectors replace calls every function they may call, so the
// verifier sees all of them with arguments it knows nothing about.
func TestFunctionsLoad(t *testing.T) {
	k := open(t)
	facts := k.Facts()
	if err := k.openLineage(); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name    string
		load    func() (*ebpf.CollectionSpec, error)
		program string
		target  string
		kind    plan.Kind
	}{
		{"raw tracepoint", bpf.LoadRawTP, bpf.RawTPProgMatchRawtp, "", plan.Tracepoint},
		{"tracepoint", bpf.LoadTracepoint, bpf.TracepointProgMatchTracepoint, "", plan.Tracepoint},
		{"tracepoint exit", bpf.LoadTracepoint, bpf.TracepointProgMatchTracepointExit, "", plan.Tracepoint},
		{"kprobe", bpf.LoadKprobe, bpf.KprobeProgMatchKprobe, "", plan.Kprobe},
		{"kretprobe", bpf.LoadKprobe, bpf.KprobeProgMatchKretprobe, "", plan.Kprobe},
		{"fentry", bpf.LoadFentry, bpf.FentryProgMatchFentry, "security_file_permission", plan.Fentry},
		{"fexit", bpf.LoadFentry, bpf.FentryProgMatchFexit, "security_file_permission", plan.Fentry},
		{"lsm", bpf.LoadLSM, bpf.LSMProgMatchLsm, "file_permission", plan.Fentry},
	} {
		t.Run(test.name, func(t *testing.T) {
			point := plan.Point{Target: test.target, Parameters: 2}
			prog, err := k.loadProgram(template{load: test.load}, test.program, point, nil, nil)
			if err == nil {
				prog.Close()
				return
			}
			var verifier *ebpf.VerifierError
			if errors.As(err, &verifier) && len(verifier.Log) > 0 || facts.Attachable(test.kind) == nil {
				t.Errorf("%+v", err)
			}
		})
	}
}
