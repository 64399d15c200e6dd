// SPDX-License-Identifier: Apache-2.0

package match

import "github.com/cilium/ebpf/asm"

// Cost counts the instructions of the shortest and of the longest way through
// compiled code, without those of the functions it calls.
func Cost(ins asm.Instructions) (least, most int) {
	places := map[int]int{} // unit -> instruction index
	unit := 0
	for i := range ins {
		places[unit] = i
		unit += int(ins[i].Size() / asm.InstructionSize)
	}
	// From an instruction to the end; jumps only go forward.
	shortest, longest := make([]int, len(ins)+1), make([]int, len(ins)+1)
	for i := len(ins) - 1; i >= 0; i-- {
		var ways []int
		if jumpOf(ins[i]) != asm.InvalidJumpOp {
			ways = append(ways, places[unit+int(ins[i].Offset)])
		}
		if goesOn(ins[i]) {
			ways = append(ways, i+1)
		}
		for n, next := range ways {
			if n == 0 || shortest[next] < shortest[i] {
				shortest[i] = shortest[next]
			}
			longest[i] = max(longest[i], longest[next])
		}
		shortest[i]++
		longest[i]++
		unit -= int(ins[i].Size() / asm.InstructionSize)
	}
	return shortest[0], longest[0]
}
