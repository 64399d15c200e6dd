// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// parseExpr parses an expression over an int, a uint64, an int8 and a string.
func parseExpr(text string) (*Expr, error) {
	d := &decoder{data: []byte(text)}
	node := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text, Line: 1, Column: 1}
	e := d.expression(value{node: node}, []Arg{{Type: "int"}, {Type: "uint64"}, {Type: "int8"}, {Type: "string"}})
	if len(d.errs) > 0 {
		return e, d.errs
	}
	return e, nil
}

// String shows an expression with all its parentheses and types.
func (e *Expr) String() string {
	switch e.Op {
	case "arg":
		return fmt.Sprintf("arg%d", e.Arg)
	case "const":
		if e.Type.Signed {
			return fmt.Sprintf("%s:%d", e.Type.name(), int64(e.Value))
		}
		return fmt.Sprintf("%s:%d", e.Type.name(), e.Value)
	}
	operands := make([]string, len(e.Args))
	for i, arg := range e.Args {
		operands[i] = arg.String()
	}
	return "(" + e.Op + " " + strings.Join(operands, " ") + ")"
}

func TestExpression(t *testing.T) {
	tests := map[string]string{
		"arg0 == 1":                                   "(== arg0 int32:1)",
		"1 == arg0":                                   "(== int32:1 arg0)",
		"arg1 == 1":                                   "(== arg1 uint64:1)",
		"1u < arg0":                                   "(< int32:1 arg0)",
		"1 == 1u":                                     "(== uint64:1 uint64:1)",
		"arg2 > -128":                                 "(> arg2 int8:-128)",
		"arg0 - 1 - 2 == 3":                           "(== (- (- arg0 int32:1) int32:2) int32:3)",
		"arg0 - (1 - 2) == 3":                         "",
		"1 - 2 == -1":                                 "(== (- int64:1 int64:2) int64:-1)",
		"arg0 == 1 || arg0 == 2 && arg0 == 3":         "(|| (== arg0 int32:1) (&& (== arg0 int32:2) (== arg0 int32:3)))",
		"(arg0 == 1 || arg0 == 2) && true":            "(&& (|| (== arg0 int32:1) (== arg0 int32:2)) bool:1)",
		"!(arg0 >= 1) == false":                       "(== (! (>= arg0 int32:1)) bool:0)",
		"arg0 < 1 == true":                            "(== (< arg0 int32:1) bool:1)",
		"int32(-1) == int32(4294967295)":              "(== int32:-1 int32:-1)",
		"uint32(6u) == uint32(17179869190u)":          "(== uint32:6 uint32:6)",
		"uint8(-1) == 255":                            "(== uint8:255 uint8:255)",
		"int64(arg0) == -9223372036854775808":         "(== (int64 arg0) int64:-9223372036854775808)",
		"-arg0 <= 0x7fffffff":                         "(<= (- int32:0 arg0) int32:2147483647)",
		"and(arg0, 6) != or(xor(arg0, 1), not(arg0))": "(!= (& arg0 int32:6) (| (^ arg0 int32:1) (~ arg0)))",
		"\targ0\n==\r\n5 ":                            "(== arg0 int32:5)",
	}
	for text, want := range tests {
		e, err := parseExpr(text)
		if want == "" {
			if err == nil {
				t.Errorf("%q is %s, want an error", text, e)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", text, err)
		} else if e.String() != want {
			t.Errorf("%q is %s, want %s", text, e, want)
		}
	}
}

// FuzzExpression checks that parsing ends with a comparison of a bounded size or
// with one error in the text.
func FuzzExpression(f *testing.F) {
	for _, text := range []string{
		"arg0 == 1 && !(arg1 < 0x2u)", "and_(arg0, uint32(3)) >= -1", "true", "((", "1 +", "arg3 == 'a'", "not(arg2,", "010 == 1",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := parseExpr(text)
		if (e == nil) == (err == nil) {
			t.Fatalf("expression %v and error %v", e, err)
		}
		if err == nil {
			if n := count(t, e); n > MaxExprNodes || e.Type != boolType() {
				t.Errorf("%d nodes, type %v", n, e.Type)
			}
			return
		}
		var errs Errors
		if !errors.As(err, &errs) || len(errs) != 1 {
			t.Fatalf("errors %v, want one", err)
		}
		if pos := errs[0].Pos; pos.Line != 1 || pos.Column < 1 || pos.Column > len([]rune(text))+1 {
			t.Errorf("%v for a text of %d characters", errs, len([]rune(text)))
		}
	})
}

// count returns the number of nodes and checks their types.
func count(t *testing.T, e *Expr) int {
	n := 1
	for _, arg := range e.Args {
		n += count(t, arg)
	}
	if e.Type.Bits == 0 || e.Op == "const" && e.Type.wrap(e.Value) != e.Value {
		t.Errorf("%s has type %v", e, e.Type)
	}
	if len(e.Args) == 2 && e.Args[0].Type != e.Args[1].Type {
		t.Errorf("the sides of %s have different types", e)
	}
	return n
}
