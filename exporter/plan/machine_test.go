// SPDX-License-Identifier: Apache-2.0

package plan_test

import (
	"fmt"

	"github.com/cilium/ebpf/btf"

	"github.com/tetrameter/tetrameter/exporter/plan"
)

// The records of tracepoints, as tracefs describes them on 6.18.
const (
	common = `name: event
ID: 365
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:unsigned char common_flags;	offset:2;	size:1;	signed:0;
	field:unsigned char common_preempt_count;	offset:3;	size:1;	signed:0;
	field:int common_pid;	offset:4;	size:4;	signed:1;

`
	processExec = common + `	field:__data_loc char[] filename;	offset:8;	size:4;	signed:0;
	field:pid_t pid;	offset:12;	size:4;	signed:1;
	field:pid_t old_pid;	offset:16;	size:4;	signed:1;

print fmt: "filename=%s pid=%d old_pid=%d", __get_str(filename), REC->pid, REC->old_pid
`
	sockState = common + `	field:const void * skaddr;	offset:8;	size:8;	signed:0;
	field:int oldstate;	offset:16;	size:4;	signed:1;
	field:int newstate;	offset:20;	size:4;	signed:1;
	field:__u16 sport;	offset:24;	size:2;	signed:0;
	field:__u16 dport;	offset:26;	size:2;	signed:0;
	field:__u16 family;	offset:28;	size:2;	signed:0;
	field:__u16 protocol;	offset:30;	size:2;	signed:0;
	field:__u8 saddr[4];	offset:32;	size:4;	signed:0;
`
	moduleRequest = common + `	field:unsigned long ip;	offset:8;	size:8;	signed:0;
	field:bool wait;	offset:16;	size:1;	signed:0;
	field:__data_loc char[] name;	offset:20;	size:4;	signed:0;
`
	rawSyscall = common + `	field:long id;	offset:8;	size:8;	signed:1;
	field:unsigned long args[6];	offset:16;	size:48;	signed:0;
`
)

// taskStruct is a small one, with everything that a way through structures may
// meet.
func taskStruct() *btf.Struct {
	char := &btf.Int{Name: "char", Size: 1, Encoding: btf.Char}
	number := &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}
	file := &btf.Struct{Name: "file", Size: 64}
	mm := &btf.Struct{Name: "mm_struct", Size: 128, Members: []btf.Member{
		{Type: &btf.Struct{Size: 64, Members: []btf.Member{
			{Name: "exe_file", Type: &btf.Pointer{Target: file}, Offset: 8 * 32},
		}}, Offset: 8 * 64},
	}}
	task := &btf.Struct{Name: "task_struct", Size: 256}
	task.Members = []btf.Member{
		{Name: "pid", Type: &btf.Typedef{Name: "pid_t", Type: number}, Offset: 8 * 8},
		{Name: "comm", Type: &btf.Array{Type: char, Nelems: 16}, Offset: 8 * 16},
		{Name: "mm", Type: &btf.Pointer{Target: mm}, Offset: 8 * 32},
		{Name: "parent", Type: &btf.Pointer{Target: &btf.Const{Type: task}}, Offset: 8 * 40},
		{Name: "name", Type: &btf.Pointer{Target: char}, Offset: 8 * 48},
		{Name: "flag", Type: number, Offset: 8 * 56, BitfieldSize: 1},
		{Name: "ids", Type: &btf.Array{Type: number, Nelems: 4}, Offset: 8 * 60},
		{Name: "mms", Type: &btf.Array{Type: &btf.Pointer{Target: mm}, Nelems: 2}, Offset: 8 * 80},
		{Name: "table", Type: &btf.Pointer{Target: number}, Offset: 8 * 96},
	}
	return task
}

// fakeExecutable is a program with a function and a probe at two places.
type fakeExecutable struct{}

func (fakeExecutable) ID() plan.FileID { return plan.FileID{Device: 1, Inode: 2} }

func (fakeExecutable) Symbol(name string) (uint64, error) {
	if name != "readline" {
		return 0, fmt.Errorf("no symbol %s", name)
	}
	return 0x1000, nil
}

func (fakeExecutable) Address(address uint64) (uint64, error) { return address - 0x400000, nil }

func (fakeExecutable) Digest(algorithm string) (string, error) {
	if algorithm != "sha256" {
		return "", fmt.Errorf("no digest %s", algorithm)
	}
	return "abcd", nil
}

func (fakeExecutable) Probes(provider, name string) ([]plan.Probe, error) {
	if provider+"/"+name != "bash/start" {
		return nil, nil
	}
	return []plan.Probe{
		{Offset: 0x2000, Semaphore: 0x3000, Args: "-4@%edi 8@-16(%rbp) 4@$5"},
		{Offset: 0x2100, Semaphore: 0x3000, Args: "-4@%esi 8@%rax 4@$5"},
	}, nil
}
