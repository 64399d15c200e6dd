// SPDX-License-Identifier: Apache-2.0

package match_test

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/cilium/ebpf/asm"
)

// word is what a register has, and what a verifier knows of it.
type word struct {
	kind kind
	// value is a number, or where in its memory a pointer points.
	value uint64
	// low and high are the bounds of value that follow from the code before.
	low, high uint64
	// A pointer may be null as long as it was not compared with that.
	nullable, null bool
}

// kind says what a word is: a number, or where it points to.
type kind int

const (
	nothing kind = iota // not written
	scalar
	inEvent
	inText
	inStack
)

func known(v uint64) word { return word{kind: scalar, value: v, low: v, high: v} }

func unknown(v uint64) word { return word{kind: scalar, value: v, high: math.MaxUint64} }

func pointer(k kind) word { return word{kind: k} }

// compute is an operation on 64 bits.
func compute(op asm.ALUOp, a, b word) (word, error) {
	switch {
	case op == asm.Mov:
		return b, nil
	case b.kind != scalar:
		return b, fmt.Errorf("arithmetic with a pointer as the second operand")
	case a.kind != scalar:
		return move(op, a, b)
	}
	result := word{kind: scalar, high: math.MaxUint64}
	switch op {
	case asm.Add:
		result.value = a.value + b.value
		low, carry1 := bits.Add64(a.low, b.low, 0)
		high, carry2 := bits.Add64(a.high, b.high, 0)
		if carry1 == carry2 {
			result.low, result.high = low, high
		}
	case asm.Sub:
		result.value = a.value - b.value
		if a.low >= b.high {
			result.low, result.high = a.low-b.high, a.high-b.low
		}
	case asm.And:
		result.value = a.value & b.value
	case asm.Or:
		result.value = a.value | b.value
	case asm.Xor:
		result.value = a.value ^ b.value
	case asm.LSh, asm.RSh, asm.ArSh:
		return shift(op, a, b)
	default:
		return result, fmt.Errorf("operation %v is not expected", op)
	}
	return result, nil
}

// move is arithmetic with a pointer, which has to stay near to its memory.
func move(op asm.ALUOp, a, b word) (word, error) {
	if op != asm.Add || a.nullable || a.kind == inStack || b.high > math.MaxInt32 {
		return a, fmt.Errorf("arithmetic with a pointer, by up to %d", b.high)
	}
	a.value += b.value
	a.low += b.low
	a.high += b.high
	return a, nil
}

func shift(op asm.ALUOp, a, b word) (word, error) {
	if b.value >= 64 || b.low != b.high {
		return a, fmt.Errorf("shift by %d", b.value)
	}
	switch op {
	case asm.LSh:
		return unknown(a.value << b.value), nil
	case asm.RSh:
		return word{kind: scalar, value: a.value >> b.value, high: math.MaxUint64 >> b.value}, nil
	default:
		return unknown(uint64(int64(a.value) >> b.value)), nil
	}
}

// learn is what a comparison with a number that was taken or not says. Signed
// comparisons say nothing that matters here.
func (w word) learn(op asm.JumpOp, n uint64, taken bool) word {
	if !taken {
		op = map[asm.JumpOp]asm.JumpOp{
			asm.JEq: asm.JNE, asm.JNE: asm.JEq, asm.JLT: asm.JGE, asm.JGE: asm.JLT, asm.JGT: asm.JLE, asm.JLE: asm.JGT,
		}[op]
	}
	switch op {
	case asm.JEq:
		w.low, w.high = n, n
	case asm.JLT:
		w.high = min(w.high, n-1)
	case asm.JLE:
		w.high = min(w.high, n)
	case asm.JGT:
		w.low = max(w.low, n+1)
	case asm.JGE:
		w.low = max(w.low, n)
	}
	return w
}
