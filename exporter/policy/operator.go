// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"strings"
)

// Operators returns the comparisons for arguments of the type; none for types
// that cannot be compared.
func Operators(t Type) []Operator {
	switch t {
	case Auto:
		return append(integerOperators(), textOperators()[2:]...)
	case "sockaddr":
		return []Operator{SPort, NotSPort, SPortPriv, NotSPortPriv, SAddr, NotSAddr, Family}
	case "skb": // a packet has no state
		return slices.DeleteFunc(socketOperators(), func(op Operator) bool { return op == State })
	case "sockaddr_un":
		return append(textOperators(), Family)
	}
	switch t.Class() {
	case IntegerClass:
		return append(integerOperators(), CelExpr)
	case TextClass:
		if t.File() {
			return append(textOperators(), FileType, NotFileType)
		}
		return textOperators()
	case SocketClass:
		return socketOperators()
	case CapabilityClass:
		return []Operator{CapabilitiesGained}
	}
	return nil
}

// BinaryOperators returns the comparisons of matchBinaries and
// matchParentBinaries.
func BinaryOperators() []Operator {
	return []Operator{In, NotIn, Prefix, NotPrefix, Postfix, NotPostfix}
}

func integerOperators() []Operator {
	return []Operator{Equal, NotEqual, GreaterThan, LessThan, Mask, InRange, NotInRange, InMap, NotInMap}
}

func textOperators() []Operator {
	return []Operator{Equal, NotEqual, Prefix, NotPrefix, Postfix, NotPostfix, SubString, SubStringIgnCase}
}

func socketOperators() []Operator {
	return []Operator{
		SPort, NotSPort, SPortPriv, NotSPortPriv, DPort, NotDPort, DPortPriv, NotDPortPriv,
		SAddr, NotSAddr, DAddr, NotDAddr, Protocol, Family, State,
	}
}

// operators are all of them.
func operators() []Operator {
	return slices.Concat(
		integerOperators(), textOperators()[2:], socketOperators(),
		[]Operator{FileType, NotFileType, CapabilitiesGained, CelExpr, In, NotIn},
	)
}

// named returns the operator of a word in any case: the format's own spellings
// vary ("saddr", "NotSportPriv").
func named(word string) (Operator, bool) {
	switch strings.ToLower(word) {
	case "eq":
		return Equal, true
	case "neq":
		return NotEqual, true
	case "gt":
		return GreaterThan, true
	case "lt":
		return LessThan, true
	}
	for _, o := range operators() {
		if strings.EqualFold(string(o), word) {
			return o, true
		}
	}
	return "", false
}

// operator reads a comparison.
func (d *decoder) operator(v value, expected []Operator) Operator {
	if v.node == nil {
		return ""
	}
	o, known := named(v.node.Value)
	switch {
	case v.node.Kind != scalar || !known:
		choose(d, v, "operator", expected)
		return ""
	case !slices.Contains(expected, o):
		d.errorf(v, "operator %s is not available here, expected %s", o, alternatives(texts(expected)))
		return ""
	}
	return o
}

// withoutValues says whether the operator compares with nothing that a policy
// gives.
func (o Operator) withoutValues() bool {
	switch o {
	case SPortPriv, NotSPortPriv, DPortPriv, NotDPortPriv, CapabilitiesGained:
		return true
	}
	return false
}
