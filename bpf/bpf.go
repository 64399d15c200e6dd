// SPDX-License-Identifier: Apache-2.0

// Package bpf holds the kernel side: the C sources, and the objects and Go
// bindings made from them by `make generate`. One object per attach kind; the
// map types are shared and their Go types come from the raw tracepoint object.
// Package kernel loads the objects after it has spliced package match's
// instructions over the function evaluate.
package bpf

// EvaluateSymbol is the function in every object that generated instructions
// replace.
const EvaluateSymbol = "evaluate"

//go:generate go tool bpf2go -cc clang-19 -strip llvm-strip-19 -tags linux -target amd64,arm64 -type series_key -type series_value -type total_value -type name_key -type state_value -type cgroup_value -type scopes_value -type pod_key -type process_key -type change_key -type call_key -type call_value -type loss -type capability_set -type namespace RawTP rawtp.bpf.c -- -O2 -g -mcpu=v3 -Wall -Werror
//go:generate go tool bpf2go -cc clang-19 -strip llvm-strip-19 -tags linux -target amd64,arm64 -no-global-types Fentry fentry.bpf.c -- -O2 -g -mcpu=v3 -Wall -Werror
//go:generate go tool bpf2go -cc clang-19 -strip llvm-strip-19 -tags linux -target amd64,arm64 -no-global-types Kprobe kprobe.bpf.c -- -O2 -g -mcpu=v3 -Wall -Werror
//go:generate go tool bpf2go -cc clang-19 -strip llvm-strip-19 -tags linux -target amd64,arm64 -no-global-types Tracepoint tracepoint.bpf.c -- -O2 -g -mcpu=v3 -Wall -Werror
//go:generate go tool bpf2go -cc clang-19 -strip llvm-strip-19 -tags linux -target amd64,arm64 -no-global-types LSM lsm.bpf.c -- -O2 -g -mcpu=v3 -Wall -Werror
//go:generate go tool bpf2go -cc clang-19 -strip llvm-strip-19 -tags linux -target amd64,arm64 -no-global-types Cgroup cgroup.bpf.c -- -O2 -g -mcpu=v3 -Wall -Werror
//go:generate go tool bpf2go -cc clang-19 -strip llvm-strip-19 -tags linux -target amd64,arm64 -no-global-types -type lineage_value Lineage lineage.bpf.c -- -O2 -g -mcpu=v3 -Wall -Werror
