// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/tetrameter/tetrameter/exporter/policy"
)

func testVariables() variables {
	return newVariables(
		[]string{"A=environment", "HOME=/root", "EMPTY=", "ODD=a: b", "LINES=a\nb", "COMMENT=a #b", "=C:=x"},
		map[string]string{"A": "a", "CIDR": "10.0.0.0/8", "CIDRS": "10.0.0.0/8,fd00::/48", "KEY": "key:", "DASHES": "---", "TRAIL": "a,"})
}

func TestSubstitute(t *testing.T) {
	for text, want := range map[string]string{
		"":                            "",
		"x: ${A}":                     "x: a",
		"${A}${A}\n é: ${HOME}/x\r\n": "aa\n é: /root/x\r\n",
		"x: $A $ $$ ${} ${1} ${A-b} ${jndi:ldap} {A}": "x: $A $ $$ ${} ${1} ${A-b} ${jndi:ldap} {A}",
		"x: $${A} $$${A} ${A}":                        "x: ${A} $${A} a",
		"# ${UNSET}\n  \t# ${UNSET}\nx: ${A} # ${A}":  "# ${UNSET}\n  \t# ${UNSET}\nx: a # a",
		"[${CIDRS}]":                     "[10.0.0.0/8, fd00::/48]",
		`["x", "${CIDRS}" , '${CIDRS}']`: `["x", "10.0.0.0/8", "fd00::/48" , '10.0.0.0/8', 'fd00::/48']`,
		"[x,\n  \"${CIDRS}\"\n]":         "[x,\n  \"10.0.0.0/8\", \"fd00::/48\"\n]",
	} {
		got, _, err := testVariables().substitute("f", []byte(text))
		if err != nil || string(got) != want {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
}

func TestSubstituteErrors(t *testing.T) {
	const odd = " has a value that cannot be used here: expected letters, digits and '_', '/', '.', ':' and '-', as in 10.0.0.0/8"
	for text, want := range map[string]string{
		"x: 1\né: ${A} ${CDIR}": `f:2:9: variable CDIR is not set, did you mean "CIDR"?`,
		"${NOWHERE}\n\n ${ODD}": "f:1:1: variable NOWHERE is not set, expected --set NOWHERE=VALUE or an environment variable\n" +
			"f:3:2: variable ODD" + odd,
		"${EMPTY}":       "f:1:1: variable EMPTY" + odd,
		"${LINES}":       "f:1:1: variable LINES" + odd,
		"${COMMENT}":     "f:1:1: variable COMMENT" + odd,
		"${KEY}":         "f:1:1: variable KEY" + odd,
		"${DASHES}":      "f:1:1: variable DASHES" + odd,
		`["${TRAIL}"]`:   "f:1:3: variable TRAIL" + odd,
		"- ${CIDRS}":     `f:1:3: variable CIDRS has 2 values: expected it as an item of a list in brackets, ["${CIDRS}"]`,
		`["x${CIDRS}"]`:  `f:1:4: variable CIDRS has 2 values: expected it as an item of a list in brackets, ["${CIDRS}"]`,
		`[x "${CIDRS}"]`: `f:1:5: variable CIDRS has 2 values: expected it as an item of a list in brackets, ["${CIDRS}"]`,
	} {
		got, _, err := testVariables().substitute("f", []byte(text))
		if got != nil || err == nil || err.Error() != want {
			t.Errorf("%q: %q, error differs (-want +got):\n%s", text, got, cmp.Diff(want, errorText(err)))
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestSubstituteLimits: a policy file makes neither more text nor more errors of
// its references than it may have without them.
func TestSubstituteLimits(t *testing.T) {
	long := variables{"A": strings.Repeat("a", 100_000)}
	text, _, err := long.substitute("f", bytes.Repeat([]byte("${A}\n"), 100_000))
	if err != nil || len(text) <= policy.MaxFileSize || len(text) > 2*policy.MaxFileSize {
		t.Errorf("%d bytes, %v", len(text), err)
	}
	_, _, err = variables{}.substitute("f", bytes.Repeat([]byte("${A} "), 100_000))
	var problems policy.Errors
	if !errors.As(err, &problems) || len(problems) != policy.MaxErrors {
		t.Errorf("%d errors", len(problems))
	}
}

// TestOriginal: errors are at their place in the file, whatever has been put
// before them on the line.
func TestOriginal(t *testing.T) {
	text := "x: [${CIDR}, ${A}, {here: ${CIDR}], y: $${A}, there}"
	got, done, err := testVariables().substitute("f", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"x", "here", "y", "there"} {
		pos := policy.Pos{File: "f", Line: 1, Column: bytes.Index(got, []byte(word)) + 1}
		if want := strings.Index(text, word) + 1; original(pos, done).Column != want {
			t.Errorf("%s: column %d, want %d", word, original(pos, done).Column, want)
		}
	}
	inside := policy.Pos{File: "f", Line: 1, Column: bytes.Index(got, []byte("0.0.0/8")) + 1}
	if want := strings.Index(text, "${CIDR}") + 1; original(inside, done).Column != want {
		t.Errorf("inside of a value: column %d, want %d", original(inside, done).Column, want)
	}
}

func TestParseSubstituted(t *testing.T) {
	text := strings.Replace(document("${A}", "1"), "{kprobes", `{"${CIDR}": 1, odd: 1, kprobes`, 1)
	p, err := testVariables().parse("f", []byte(text))
	var problems policy.Errors
	if p != nil || !errors.As(err, &problems) || len(problems) != 2 {
		t.Fatalf("policy %v, error %v", p, err)
	}
	for i, column := range []int{8, 22} {
		if got := problems[i].Pos.Column; got != column {
			t.Errorf("%v: column %d, want %d", problems[i], got, column)
		}
	}
	p, err = testVariables().parse("f", []byte(document("${A}", "1")))
	if err != nil || p.Name != "a" {
		t.Errorf("policy %v, error %v", p, err)
	}
}

// FuzzSubstitute: whatever a value is, it is refused or a part of the scalar that
// it stands in, also as one of several.
func FuzzSubstitute(f *testing.F) {
	for _, value := range []string{"10.0.0.0/8", "fd00::/48,::1", "a: b", "- a", "---", "x,y", "\"", "'", "a\tb", "é", ":", "-", "...", "a #b", "-:"} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		v := variables{"V": value}
		text, _, err := v.substitute("f", []byte("- before\n- [\"${V}\"]\n- '[]'\n"))
		if err != nil {
			return
		}
		var got []any
		if err := yaml.Unmarshal(text, &got); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		var items []any
		for item := range strings.SplitSeq(value, ",") {
			items = append(items, item)
		}
		if diff := cmp.Diff([]any{"before", items, "[]"}, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
		plain, _, err := v.substitute("f", []byte("${V}\n"))
		if err != nil {
			return
		}
		var scalar yaml.Node
		if err := yaml.Unmarshal(plain, &scalar); err != nil || scalar.Content[0].Kind != yaml.ScalarNode || scalar.Content[0].Value != value {
			t.Errorf("%q: %v, %v", plain, scalar, err)
		}
	})
}
