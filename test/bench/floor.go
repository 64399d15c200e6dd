// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"
)

// floor is the least that any program attached this way could do.
type floor struct {
	operation string
	attach    string
	counts    bool
}

func floors() []floor {
	return []floor{
		{emptyFentry, "fentry", false},
		{floorFentry, "fentry", true},
		{floorKprobe, "kprobe", true},
		{floorTracepoint, "tracepoint", true},
	}
}

// attachFloor attaches the program to setuid. Closing what it returns ends that.
func attachFloor(f floor) (io.Closer, error) {
	if err := rlimit.RemoveMemlock(); err != nil {
		return nil, fmt.Errorf("raise the memlock limit: %w", err)
	}
	spec := &ebpf.ProgramSpec{License: "GPL", Instructions: asm.Instructions{
		asm.Mov.Imm(asm.R0, 0),
		asm.Return(),
	}}
	if f.counts {
		counter, err := newCounter()
		if err != nil {
			return nil, fmt.Errorf("create map: %w", err)
		}
		defer counter.Close() // the program holds it
		spec.Instructions = increment(counter)
	}
	switch f.attach {
	case "fentry":
		spec.Type, spec.AttachType, spec.AttachTo = ebpf.Tracing, ebpf.AttachTraceFEntry, "__sys_setuid"
	case "kprobe":
		spec.Type = ebpf.Kprobe
	default:
		spec.Type = ebpf.TracePoint
	}
	prog, err := ebpf.NewProgram(spec)
	if err != nil {
		return nil, fmt.Errorf("load program: %w", err)
	}
	defer prog.Close() // the link holds it
	switch f.attach {
	case "fentry":
		return link.AttachTracing(link.TracingOptions{Program: prog})
	case "kprobe":
		return link.Kprobe("__sys_setuid", prog, nil)
	default:
		return link.Tracepoint("syscalls", "sys_enter_setuid", prog, nil)
	}
}

// newCounter is a map with key and value of 16 and 24 bytes, as series has, and
// one entry.
func newCounter() (*ebpf.Map, error) {
	m, err := ebpf.NewMap(&ebpf.MapSpec{
		Type: ebpf.PerCPUHash, KeySize: 16, ValueSize: 24, MaxEntries: 16384,
	})
	if err != nil {
		return nil, err
	}
	cpus, err := ebpf.PossibleCPU()
	if err == nil {
		err = m.Put([16]byte{}, make([][24]byte, cpus))
	}
	if err != nil {
		m.Close()
		return nil, err
	}
	return m, nil
}

// increment looks the entry up and increments it.
func increment(m *ebpf.Map) asm.Instructions {
	return asm.Instructions{
		asm.Mov.Imm(asm.R1, 0),
		asm.StoreMem(asm.RFP, -16, asm.R1, asm.DWord),
		asm.StoreMem(asm.RFP, -8, asm.R1, asm.DWord),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -16),
		asm.LoadMapPtr(asm.R1, m.FD()),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "end"),
		asm.LoadMem(asm.R1, asm.R0, 0, asm.DWord),
		asm.Add.Imm(asm.R1, 1),
		asm.StoreMem(asm.R0, 0, asm.R1, asm.DWord),
		asm.Mov.Imm(asm.R0, 0).WithSymbol("end"),
		asm.Return(),
	}
}
