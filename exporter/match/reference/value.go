// SPDX-License-Identifier: Apache-2.0

package reference

import (
	"math/big"
	"net/netip"
	"slices"
	"strings"

	"github.com/tetrameter/tetrameter/exporter/policy"
)

// value is a declared value and the register which has it or points to it.
type value struct {
	policy.Arg
	register uint64
}

// matchValue decides a filter on one of the values.
func matchValue(f policy.ArgFilter, values []value, e Event) bool {
	if f.Operator == policy.CelExpr {
		return evaluate(f.Expr, values).Sign() != 0
	}
	v := values[f.Arg]
	object := e.Objects[v.register]
	if pointless(f.Operator, v, object) {
		return false
	}
	var holds bool
	switch f.Operator.Positive() {
	case policy.FileType:
		holds = among(f.Values, object.FileType)
	case policy.Family:
		holds = among(f.Values, object.Family)
	case policy.Protocol:
		holds = among(f.Values, object.Protocol)
	case policy.State:
		holds = among(f.Values, object.State)
	case policy.SPort:
		holds = among(f.Values, object.SourcePort)
	case policy.DPort:
		holds = among(f.Values, object.DestPort)
	case policy.SPortPriv:
		holds = object.SourcePort < 1024
	case policy.DPortPriv:
		holds = object.DestPort < 1024
	case policy.SAddr:
		holds = inNetworks(f.Prefixes, object.Source)
	case policy.DAddr:
		holds = inNetworks(f.Prefixes, object.Dest)
	case policy.CapabilitiesGained:
		holds = gains(f, object.Capabilities, e.Objects[values[f.Second].register].Capabilities)
	default:
		if v.Type.Class() == policy.TextClass {
			holds = matchText(f.Operator, f.Strings, v.text(object, e))
		} else {
			holds = matchInteger(f, v, e)
		}
	}
	return holds != f.Operator.Negated()
}

// pointless says whether an operator asks for what the value does not have,
// which is neither one of the filter's nor another: the path of a pipe, the
// address of a socket that is not of the internet.
func pointless(op policy.Operator, v value, o Object) bool {
	switch op.Positive() {
	case policy.SAddr:
		return !o.Source.IsValid()
	case policy.DAddr:
		return !o.Dest.IsValid()
	case policy.FileType:
		return false
	}
	return v.Type.File() && o.Text == ""
}

func among(ranges []policy.Range, n uint64) bool {
	return slices.ContainsFunc(ranges, func(r policy.Range) bool { return r.Min <= n && n <= r.Max })
}

// inNetworks says whether a network has the address. An IPv4 address within
// IPv6 is one of IPv4; what is no address is in no network.
func inNetworks(networks []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(a.Unmap()) })
}

// gains says whether one of the capabilities in question, or any, is new.
func gains(f policy.ArgFilter, before, after uint64) bool {
	for n := range 64 {
		wanted := len(f.Values) == 0
		for _, mask := range f.Values {
			wanted = wanted || mask.Min>>n&1 != 0
		}
		if wanted && before>>n&1 == 0 && after>>n&1 != 0 {
			return true
		}
	}
	return false
}

// text is the string of an object. That of a buffer ends with it.
func (v value) text(o Object, e Event) string {
	if v.SizeArg > 0 && v.Type == "char_buf" {
		size := uint32(e.Args[v.SizeArg-1])
		return o.Text[:min(int(size), len(o.Text))]
	}
	return o.Text
}

// matchText decides an operator, or what it negates.
func matchText(op policy.Operator, values []string, text string) bool {
	return slices.ContainsFunc(values, func(v string) bool {
		switch op.Positive() {
		case policy.Prefix:
			return strings.HasPrefix(text, v)
		case policy.Postfix:
			return strings.HasSuffix(text, v)
		case policy.SubString:
			return strings.Contains(text, v)
		case policy.SubStringIgnCase:
			return strings.Contains(shiftCase(text, 'A', 'a'), shiftCase(v, 'A', 'a'))
		default:
			return text == v
		}
	})
}

// shiftCase takes the 26 letters from one on as those from another on, and
// leaves other bytes as they are.
func shiftCase(s string, from, to byte) string {
	b := []byte(s)
	for i, c := range b {
		if from <= c && c < from+26 {
			b[i] = c - from + to
		}
	}
	return string(b)
}

// matchInteger decides an operator, or what it negates.
func matchInteger(f policy.ArgFilter, v value, e Event) bool {
	n := Number(v.Type, v.register)
	ranges := slices.Clone(f.Values)
	for _, name := range f.Lists {
		ranges = append(ranges, e.Lists[name]...)
	}
	return slices.ContainsFunc(ranges, func(r policy.Range) bool {
		low, high := bound(v.Type, r.Min), bound(v.Type, r.Max)
		switch f.Operator {
		case policy.GreaterThan:
			return n.Cmp(low) > 0
		case policy.LessThan:
			return n.Cmp(low) < 0
		case policy.Mask: // And works on two's complement of any length
			return new(big.Int).And(n, low).Sign() != 0
		default:
			return n.Cmp(low) >= 0 && n.Cmp(high) <= 0
		}
	})
}

// bound is the end of a range, which need not be a number of the type.
func bound(t policy.Type, bits uint64) *big.Int {
	if integer, _ := t.Integer(); integer.Signed {
		return big.NewInt(int64(bits))
	}
	return new(big.Int).SetUint64(bits)
}

// Number is the integer that the low bits of a register are when they are read
// as a C value of the type.
func Number(t policy.Type, register uint64) *big.Int {
	switch t {
	case "int8", "sint8":
		return big.NewInt(int64(int8(register)))
	case "int16", "sint16":
		return big.NewInt(int64(int16(register)))
	case "int", "int32", "sint32":
		return big.NewInt(int64(int32(register)))
	case "long", "int64", "sint64", policy.Syscall64:
		return big.NewInt(int64(register))
	case "uint8":
		return big.NewInt(int64(uint8(register)))
	case "uint16":
		return big.NewInt(int64(uint16(register)))
	case "uint32":
		return big.NewInt(int64(uint32(register)))
	case "ulong", "uint64", "size_t":
		return new(big.Int).SetUint64(register)
	}
	panic("type " + string(t) + " is not an integer")
}
