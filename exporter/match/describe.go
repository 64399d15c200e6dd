// SPDX-License-Identifier: Apache-2.0

package match

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tetrameter/tetrameter/exporter/policy"
)

// Explain gives the selectors of one of the rules as a person would write them,
// a line for each, with their filters in the order in which they are tested.
// It returns the errors of Compile.
func Explain(rule Rule, in Input) ([]string, error) {
	b := builder{rule: rule, in: in}
	within, err := b.scope(rule.Scope)
	if err != nil {
		return nil, err
	}
	var outer []condition
	if !rule.Scope.Everything() {
		outer = []condition{within}
	}
	var lines []string
	for _, s := range rule.Selectors {
		entry, err := b.entry(s)
		if err != nil {
			return nil, err
		}
		exit, err := b.exit(s)
		if err != nil {
			return nil, err
		}
		lines = append(lines, explain(append(outer[:len(outer):len(outer)], entry...), exit))
	}
	if len(lines) == 0 {
		lines = []string{explain(outer, nil)}
	}
	return lines, nil
}

func explain(entry, exit []condition) string {
	var words []string
	for _, c := range append(entry, exit...) {
		if fixed, ok := c.(decided); ok && !fixed.holds {
			return "never: " + fixed.text
		}
		words = append(words, c.String())
	}
	if len(words) == 0 {
		return "always"
	}
	return strings.Join(words, " && ")
}

// describe is an operator with numbers at its right side.
func describe(op policy.Operator, o order, values []policy.Range, lists []string) string {
	words := numbers(o, values)
	for _, name := range lists {
		words = append(words, "list:"+name)
	}
	if len(words) == 1 && len(values) == 1 && values[0].Min == values[0].Max && symbol(op.Positive()) == "in" {
		op = map[bool]policy.Operator{false: policy.Equal, true: policy.NotEqual}[op.Negated()]
	}
	return relation(op, words)
}

// numbers are ranges as the format writes them.
func numbers(o order, values []policy.Range) []string {
	number := func(v uint64) string {
		if o.signed {
			return fmt.Sprint(int64(v))
		}
		return fmt.Sprint(v)
	}
	var words []string
	for _, r := range values {
		word := number(r.Min)
		if r.Min != r.Max {
			word += ":" + number(r.Max)
		}
		words = append(words, word)
	}
	return words
}

// relation is an operator with its right side.
func relation(op policy.Operator, words []string) string {
	if len(words) != 1 {
		return symbol(op) + " {" + strings.Join(words, ", ") + "}"
	}
	switch op {
	case policy.Equal, policy.In:
		return "== " + words[0]
	case policy.NotEqual, policy.NotIn:
		return "!= " + words[0]
	}
	return symbol(op) + " " + words[0]
}

// symbol is how an operator is shown.
func symbol(op policy.Operator) string {
	if op.Negated() {
		return "not " + symbol(op.Positive())
	}
	switch op {
	case policy.GreaterThan:
		return ">"
	case policy.LessThan:
		return "<"
	case policy.Mask:
		return "has"
	case policy.Prefix, policy.Postfix:
		return strings.ToLower(string(op))
	}
	return "in"
}

// quoted are strings as they are, or in quotes where they could be misread.
func quoted(list []string) []string {
	var words []string
	for _, s := range list {
		if q := strconv.Quote(s); s == "" || len(q) != len(s)+2 || strings.ContainsAny(s, " ,{}") {
			s = q
		}
		words = append(words, s)
	}
	return words
}

// show is an expression as the format writes it.
func show(x *policy.Expr) string {
	switch {
	case x.Op == "arg":
		return fmt.Sprintf("arg%d", x.Arg)
	case x.Op == "const":
		return numbers(orderOf(x.Type), []policy.Range{{Min: x.Value, Max: x.Value}})[0]
	case len(x.Args) == 2:
		return "(" + show(x.Args[0]) + " " + x.Op + " " + show(x.Args[1]) + ")"
	case policy.Type(x.Op).Class() == policy.IntegerClass:
		return x.Op + "(" + show(x.Args[0]) + ")"
	}
	return x.Op + show(x.Args[0])
}
