// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSuggest(t *testing.T) {
	candidates := []string{"matchArgs", "matchBinaries", "operator", "In", "NotIn"}
	tests := map[string]string{
		"matchArg":    "matchArgs",
		"matchargs":   "matchArgs",
		"mathcArgs":   "matchArgs",
		"matchBinary": "matchBinaries",
		"opreator":    "operator",
		"Im":          "In",
		"Not":         "",
		"elephant":    "",
		"":            "",
	}
	for word, want := range tests {
		if got := suggest(word, candidates); got != want {
			t.Errorf("suggest(%q) = %q, want %q", word, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	tests := []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"", "abc", 3},
		{"abc", "abc", 0},
		{"abc", "abd", 1},
		{"abc", "ab", 1},
		{"abc", "acb", 1},
		{"kitten", "sitting", 3},
	}
	for _, test := range tests {
		if got := distance(test.a, test.b); got != test.want {
			t.Errorf("distance(%q, %q) = %d, want %d", test.a, test.b, got, test.want)
		}
		if got := distance(test.b, test.a); got != test.want {
			t.Errorf("distance(%q, %q) = %d, want %d", test.b, test.a, got, test.want)
		}
	}
}

// TestParseRange goes to the ends of each width; testdata/bad/integers.yaml
// has the messages for what lies beyond.
func TestParseRange(t *testing.T) {
	tests := []struct {
		text     string
		operator Operator
		argType  Type
		want     Range
	}{
		{"0", Equal, "int", Range{0, 0}},
		{"-0", Equal, "uint8", Range{0, 0}},
		{"-1", Equal, "int", Range{1<<64 - 1, 1<<64 - 1}},
		{"-128", Equal, "int8", Range{1<<64 - 128, 1<<64 - 128}},
		{"-2147483648", Equal, "int", Range{1<<64 - 1<<31, 1<<64 - 1<<31}},
		{"2147483647", Equal, "int", Range{1<<31 - 1, 1<<31 - 1}},
		{"-9223372036854775808", Equal, "long", Range{1 << 63, 1 << 63}},
		{"18446744073709551615", Equal, "size_t", Range{1<<64 - 1, 1<<64 - 1}},
		{"0xff", Equal, "uint8", Range{255, 255}},
		{"0377", Equal, "uint8", Range{255, 255}},
		{"0xff", Mask, "int8", Range{1<<64 - 1, 1<<64 - 1}},
		{"0x80", Mask, "int8", Range{1<<64 - 128, 1<<64 - 128}},
		{"0x40", Mask, "int8", Range{64, 64}},
		{"0xffffffffffffffff", Mask, "int64", Range{1<<64 - 1, 1<<64 - 1}},
		{"-5:0x10", InRange, "int16", Range{1<<64 - 5, 16}},
		{"3:3", NotInRange, "uint32", Range{3, 3}},
	}
	for _, test := range tests {
		integer, ok := test.argType.Integer()
		if !ok {
			t.Fatalf("%s is not an integer type", test.argType)
		}
		got, problem := parseRange(test.text, test.operator, test.argType, integer)
		if diff := cmp.Diff(test.want, got); diff != "" || problem != "" {
			t.Errorf("%s %s %s: problem %q, difference (-want +got):\n%s",
				test.argType, test.operator, test.text, problem, diff)
		}
	}
}

// TestCapabilities pins the ends and some numbers of uapi/linux/capability.h
// between them.
func TestCapabilities(t *testing.T) {
	names := Capabilities()
	numbers := map[string]int{}
	for i, name := range names {
		numbers[name] = i
	}
	if len(numbers) != 41 {
		t.Errorf("%d different names, want 41", len(numbers))
	}
	want := map[string]int{
		"CAP_CHOWN": 0, "CAP_SETUID": 7, "CAP_NET_ADMIN": 12, "CAP_SYS_MODULE": 16, "CAP_SYS_PTRACE": 19,
		"CAP_SYS_ADMIN": 21, "CAP_SYSLOG": 34, "CAP_PERFMON": 38, "CAP_BPF": 39, "CAP_CHECKPOINT_RESTORE": 40,
	}
	for name, number := range want {
		if numbers[name] != number {
			t.Errorf("%s is %d, want %d", name, numbers[name], number)
		}
	}
}

// TestNegated relies on the format's habit of naming negations.
func TestNegated(t *testing.T) {
	for _, o := range operators() {
		positive, negated := strings.CutPrefix(string(o), "Not")
		if o.Negated() != negated || string(o.Positive()) != positive {
			t.Errorf("%s: negated %t, positive %s", o, o.Negated(), o.Positive())
		}
		if !negated && o.Positive() != o {
			t.Errorf("%s is not its own positive", o)
		}
		if got, ok := named(strings.ToLower(string(o))); !ok || got != o {
			t.Errorf("%s in lower case is %s", o, got)
		}
	}
}
