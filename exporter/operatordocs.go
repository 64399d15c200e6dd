// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"strings"

	"github.com/tetrameter/tetrameter/exporter/policy"
)

// operatorRow explains an operator.
type operatorRow struct {
	Name, Types, Meaning string
}

func operatorRows() []operatorRow {
	operators := []policy.Operator{policy.Equal, policy.NotEqual, policy.GreaterThan, policy.LessThan}
	for _, t := range policy.Types(policy.Tracepoints) {
		operators = append(operators, policy.Operators(t)...)
	}
	operators = append(operators, policy.BinaryOperators()...)
	meanings := operatorMeanings()
	var rows []operatorRow
	for i, o := range operators {
		if slices.Index(operators, o) == i {
			rows = append(rows, operatorRow{string(o), typesOf(o), meanings[o]})
		}
	}
	return rows
}

// typesOf names the types that an operator compares: groups of types as a whole,
// others by their name.
func typesOf(o policy.Operator) string {
	groups := map[string][]policy.Type{}
	group := func(t policy.Type) string {
		switch {
		case t.Class() == policy.IntegerClass:
			return "integers"
		case t.File():
			return "files"
		case t.Class() == policy.TextClass:
			return "strings"
		case t.Class() == policy.SocketClass:
			return "sockets"
		case t.Class() == policy.CapabilityClass:
			return "capability sets"
		}
		return ""
	}
	types := policy.Types(policy.Tracepoints)
	for _, t := range types {
		groups[group(t)] = append(groups[group(t)], t)
	}
	var names []string
	if o == policy.In || o == policy.NotIn {
		names = append(names, "the process")
	}
	for _, t := range types {
		whole := !slices.ContainsFunc(groups[group(t)], func(t policy.Type) bool {
			return !slices.Contains(policy.Operators(t), o)
		})
		name := "`" + string(t) + "`"
		if whole && group(t) != "" {
			name = group(t)
		}
		if slices.Contains(policy.Operators(t), o) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

func operatorMeanings() map[policy.Operator]string {
	return map[policy.Operator]string{
		policy.Equal:              "is one of the values",
		policy.NotEqual:           "is none of the values",
		policy.GreaterThan:        "is greater than one of the values",
		policy.LessThan:           "is less than one of the values",
		policy.Mask:               "has a bit of one of the values",
		policy.InRange:            "is in one of the ranges `min:max`, both ends included",
		policy.NotInRange:         "is in none of the ranges",
		policy.InMap:              "is one of the values, in one of the ranges, or the number of a system call of one of the lists (`list:NAME`)",
		policy.NotInMap:           "is none of these",
		policy.In:                 "is one of the values, or for capabilities has one of them",
		policy.NotIn:              "is none of the values, or has none of them",
		policy.Prefix:             "begins with one of the values",
		policy.NotPrefix:          "begins with none of the values",
		policy.Postfix:            "ends with one of the values",
		policy.NotPostfix:         "ends with none of the values",
		policy.SubString:          "contains one of the values",
		policy.SubStringIgnCase:   "contains one of the values, A to Z taken as a to z",
		policy.SPort:              "has one of the values, or one in a range `min:max`, as source port",
		policy.NotSPort:           "has none of them as source port",
		policy.DPort:              "has one of the values, or one in a range `min:max`, as destination port",
		policy.NotDPort:           "has none of them as destination port",
		policy.SPortPriv:          "has a source port below 1024; no `values`",
		policy.NotSPortPriv:       "has a source port of 1024 or above; no `values`",
		policy.DPortPriv:          "has a destination port below 1024; no `values`",
		policy.NotDPortPriv:       "has a destination port of 1024 or above; no `values`",
		policy.SAddr:              "has one of the addresses, or one in a network (`10.0.0.0/8`), as source",
		policy.NotSAddr:           "has none of them as source",
		policy.DAddr:              "has one of the addresses, or one in a network, as destination",
		policy.NotDAddr:           "has none of them as destination",
		policy.Protocol:           "is of one of the protocols",
		policy.Family:             "is of one of the address families",
		policy.State:              "is in one of the states of TCP",
		policy.FileType:           "is a file of one of the types",
		policy.NotFileType:        "is a file of another type",
		policy.CapabilitiesGained: "as the second of two (`args: [before, after]`) has a capability that the first lacks; no `values`",
		policy.CelExpr:            "makes the expression true, of which there is one",
	}
}
