// SPDX-License-Identifier: Apache-2.0

package match

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/cilium/ebpf/asm"
)

// layout puts instructions at their places. An eBPF offset counts eight byte
// units from the next instruction, and a 64-bit load is two of them.
type layout struct {
	ins  asm.Instructions
	unit int // where the next instruction goes
	// pending are the jumps to instructions that have no place yet.
	pending map[int][]jump
	// No jump has to be taken on before unit due.
	due int
}

// jump is the index of a jump in layout.ins, and its place.
type jump struct{ index, unit int }

const (
	// islandMax bounds the jumps in an island: as many places as code jumps to
	// over a distance, which are nested.
	islandMax = 1024
	// reach is how far jumps go before an island has to take them on.
	reach = math.MaxInt16 - islandMax
)

func newLayout(size int) *layout {
	return &layout{ins: make(asm.Instructions, 0, size), pending: map[int][]jump{}, due: reach}
}

// place makes instruction i of the code, or what follows if it is left out, the
// next.
func (l *layout) place(i int) error {
	if l.unit >= l.due {
		if err := l.extend(i); err != nil {
			return err
		}
	}
	jumps := l.pending[i]
	delete(l.pending, i)
	return l.arrive(jumps)
}

// put appends an instruction, which may jump to another of the code.
func (l *layout) put(ins asm.Instruction, target int) {
	if target != nowhere {
		l.pending[target] = append(l.pending[target], jump{len(l.ins), l.unit})
	}
	l.ins = append(l.ins, ins)
	l.unit += int(ins.Size() / asm.InstructionSize)
}

// putOpposite is put for jump i of the code. If there is an opposite of it, that
// goes over a jump to the target.
func (l *layout) putOpposite(i int, ins asm.Instruction, target int) {
	opposite, ok := inverse(jumpOf(ins))
	if !ok {
		l.put(ins, target)
		return
	}
	ins.OpCode = ins.OpCode.SetJumpOp(opposite)
	l.put(ins, i+1)
	l.put(always(), target)
}

// arrive makes jumps go to the next unit.
func (l *layout) arrive(jumps []jump) error {
	for _, j := range jumps {
		offset := l.unit - j.unit - 1
		if offset > math.MaxInt16 {
			return fmt.Errorf("%w: a jump over %d", ErrTooLong, offset)
		}
		l.ins[j.index].Offset = int16(offset)
	}
	return nil
}

// extend puts an island before instruction next if a pending jump cannot wait:
// a jump to each pending target, which takes those before it on.
func (l *layout) extend(next int) error {
	oldest := l.unit
	for _, jumps := range l.pending {
		oldest = min(oldest, jumps[0].unit)
	}
	if l.due = oldest + reach; l.unit < l.due {
		return nil
	}
	if goesOn(l.ins[len(l.ins)-1]) {
		l.put(always(), next)
	}
	before := l.pending
	l.pending = map[int][]jump{next: before[next]}
	for _, target := range slices.Sorted(maps.Keys(before)) {
		if target == next {
			continue
		}
		if err := l.arrive(before[target]); err != nil {
			return err
		}
		l.put(always(), target)
	}
	return nil
}
