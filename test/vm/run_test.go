// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestCopyOutput(t *testing.T) {
	exited := func(code, tests int) outcome { return outcome{exited: true, code: code, tests: tests} }
	for name, test := range map[string]struct {
		serial string
		output string
		want   outcome
	}{
		"nothing":          {"", "", outcome{}},
		"crash":            {"hal", "hal", outcome{}},
		"crash after line": {"half\n", "half\n", outcome{}},
		"silent":           {"\nTOKEN 0\n", "", exited(0, 0)},
		"line":             {"a\n\nTOKEN 3\n", "a\n", exited(3, 0)},
		"partial line":     {"a\nb\nTOKEN 0\n", "a\nb", exited(0, 0)},
		"blank lines":      {"\n\na\n\n\nTOKEN 0\n", "\n\na\n\n", exited(0, 0)},
		"after the status": {"a\n\nTOKEN 0\nkernel\n", "a\n", exited(0, 0)},
		"token inside":     {"my TOKEN 1\n\nTOKEN 0\n", "my TOKEN 1\n", exited(0, 0)},
		"tests": {
			"=== RUN   TestA\n    --- PASS: TestA/x (0.00s)\n--- PASS: TestA (0.00s)\n" +
				"text--- PASS: TestB (1.25s)\n\x16--- FAIL: TestC (0.00s)\n--- SKIP: TestD (0.00s)\n\nTOKEN 1\n",
			"=== RUN   TestA\n    --- PASS: TestA/x (0.00s)\n--- PASS: TestA (0.00s)\n" +
				"text--- PASS: TestB (1.25s)\n\x16--- FAIL: TestC (0.00s)\n--- SKIP: TestD (0.00s)\n",
			exited(1, 3),
		},
		"benchmarks": {
			"BenchmarkA\nBenchmarkA-2 \t 100\t 12.5 ns/op\n\nTOKEN 0\n",
			"BenchmarkA\nBenchmarkA-2 \t 100\t 12.5 ns/op\n",
			exited(0, 1),
		},
	} {
		t.Run(name, func(t *testing.T) {
			var output bytes.Buffer
			got, err := copyOutput(&output, iotest.OneByteReader(strings.NewReader(test.serial)), "TOKEN")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(outcome{})); diff != "" {
				t.Errorf("outcome (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.output, output.String()); diff != "" {
				t.Errorf("output (-want +got):\n%s", diff)
			}
		})
	}
}

func TestVerdict(t *testing.T) {
	for name, test := range map[string]struct {
		outcome outcome
		isTest  bool
		stopped error
		code    int
		text    string
	}{
		"ok":           {outcome{exited: true, tests: 12}, true, nil, 0, "ok, 12 tests ran"},
		"no test":      {outcome{exited: true}, true, nil, 1, "no test ran"},
		"program":      {outcome{exited: true}, false, nil, 0, "ok"},
		"failure":      {outcome{exited: true, code: 7, tests: 2}, true, nil, 7, "exit status 7, 2 tests ran"},
		"panic":        {outcome{tests: 1}, true, nil, 1, "ended without a status, 1 tests ran"},
		"timeout":      {outcome{exited: true, code: 2}, false, context.DeadlineExceeded, 1, "timed out after 1m0s"},
		"late success": {outcome{exited: true}, false, context.DeadlineExceeded, 1, "timed out after 1m0s"},
		"interrupt":    {outcome{}, false, context.Canceled, 1, "interrupted"},
	} {
		t.Run(name, func(t *testing.T) {
			r := run{timeout: time.Minute, isTest: test.isTest}
			code, text := r.verdict(test.outcome, test.stopped)
			if code != test.code || text != test.text {
				t.Errorf("verdict %d %q, want %d %q", code, text, test.code, test.text)
			}
		})
	}
}

func TestTestArguments(t *testing.T) {
	for name, test := range map[string]struct {
		binary string
		args   []string
		isTest bool
		want   []string
	}{
		"program": {"bin/agent", []string{"-test.run=A"}, false, []string{"-test.run=A"}},
		"quiet":   {"b001/vm.test", []string{"-test.run=A"}, true, []string{"-test.v", "-test.run=A"}},
		"verbose": {"b001/vm.test", []string{"-test.v=test2json"}, true, []string{"-test.v=test2json"}},
		"list":    {"b001/vm.test", []string{"-test.list", "."}, false, []string{"-test.list", "."}},
	} {
		t.Run(name, func(t *testing.T) {
			isTest, got := testArguments(test.binary, test.args)
			if isTest != test.isTest {
				t.Errorf("test binary: %v, want %v", isTest, test.isTest)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("arguments (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMatchKernels(t *testing.T) {
	kernels := []kernel{{"bookworm", "6.1.192-2", ""}, {"trixie", "6.12.117-1", ""}, {"sid", "7.2.13-1", ""}}
	for pattern, test := range map[string]struct {
		want []string
		err  string
	}{
		"*":          {[]string{"bookworm", "trixie", "sid"}, ""},
		"6.1.*":      {[]string{"bookworm"}, ""},
		"6.1.192":    {[]string{"bookworm"}, ""},
		"6.1.192-2":  {[]string{"bookworm"}, ""},
		"sid,trixie": {[]string{"trixie", "sid"}, ""},
		"sid,buster": {nil, `kernel pattern "buster": no cached kernel matches; run vm fetch: file does not exist`},
		"[":          {nil, `kernel pattern "[": syntax error in pattern`},
	} {
		t.Run(pattern, func(t *testing.T) {
			selected, err := matchKernels(kernels, pattern)
			if got := errorText(err); got != test.err {
				t.Fatalf("error %q, want %q", got, test.err)
			}
			var got []string
			for _, k := range selected {
				got = append(got, k.suite)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("kernels (-want +got):\n%s", diff)
			}
		})
	}
}

func TestVmlinux(t *testing.T) {
	image := func(payload string, length int) []byte {
		data := make([]byte, 3*512)
		data[0x1f1] = 1
		copy(data[0x202:], "HdrS")
		binary.LittleEndian.PutUint32(data[0x248:], 16)
		binary.LittleEndian.PutUint32(data[0x24c:], uint32(length))
		copy(data[2*512+16:], payload)
		return data
	}
	for name, test := range map[string]struct {
		image []byte
		want  string
		err   string
	}{
		"stored":    {image("\x7fELFkernelSIZE", 14), "\x7fELFkernel", ""},
		"no header": {make([]byte, 1024), "", "vmlinuz: no setup header"},
		"short":     {[]byte("MZ"), "", "vmlinuz: no setup header"},
		"too long":  {image("\x7fELF", 512), "", "vmlinuz: payload outside of the file"},
		"no size":   {image("\x7fELF", 3), "", "vmlinuz: payload outside of the file"},
		"unknown":   {image("LZ4?SIZE", 8), "", "vmlinuz: payload is no ELF file after decompression"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := vmlinux(t.Context(), test.image)
			if text := errorText(err); text != test.err {
				t.Fatalf("error %q, want %q", text, test.err)
			}
			if diff := cmp.Diff(test.want, string(got)); diff != "" {
				t.Errorf("kernel (-want +got):\n%s", diff)
			}
		})
	}
}
