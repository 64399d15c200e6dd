// SPDX-License-Identifier: Apache-2.0

package match_test

import (
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tetrameter/tetrameter/exporter/match"
	"github.com/tetrameter/tetrameter/exporter/match/reference"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

// passes compiles a filter on the first argument, which stands for an object,
// and runs it.
func passes(t *testing.T, f policy.ArgFilter, o reference.Object, change func(*world)) bool {
	t.Helper()
	w := newWorld(reference.Event{
		Args:    []uint64{0x1000, 0x2000, 0, 0, 0, 0},
		Objects: map[uint64]reference.Object{0x1000: o, 0x2000: {Type: o.Type, Capabilities: 0b011}},
	}, rand.New(rand.NewPCG(1, 1)))
	if change != nil {
		change(&w)
	}
	rule := on(7, register(), o.Type, policy.Selector{Args: []policy.ArgFilter{f}})
	rule.Args = append(rule.Args, match.Arg{Source: match.Source{Kind: match.Register, Index: 1}, Type: o.Type})
	ins, err := match.Compile(match.Input{Rules: []match.Rule{rule}})
	if err != nil {
		t.Fatal(err)
	}
	m := machine{world: w}
	execute(t, &m, ins)
	return m.counted[7] == 1
}

func texts(op policy.Operator, values ...string) policy.ArgFilter {
	return policy.ArgFilter{Operator: op, Strings: values}
}

func TestText(t *testing.T) {
	long := strings.Repeat("a", 255)
	longest := strings.Repeat("b", 4095)
	tests := []struct {
		name   string
		text   string
		filter policy.ArgFilter
		want   bool
	}{
		{"equal", "/etc/passwd", texts(policy.Equal, "/etc/passwd"), true},
		{"longer", "/etc/passwd-", texts(policy.Equal, "/etc/passwd"), false},
		{"shorter", "/etc/passw", texts(policy.Equal, "/etc/passwd"), false},
		{"other", "/etc/passwt", texts(policy.Equal, "/etc/passwd"), false},
		{"empty", "", texts(policy.Equal, ""), true},
		{"not empty", "a", texts(policy.Equal, ""), false},
		{"second of three", "bc", texts(policy.Equal, "bb", "bc", "cb"), true},
		{"bytes of two of them", "cc", texts(policy.Equal, "bb", "bc", "cb"), false},
		{"equal twice", "a", texts(policy.Equal, "a", "a"), true},
		{"not equal", "a", texts(policy.NotEqual, "b", "c"), true},
		{"not equal to one of them", "c", texts(policy.NotEqual, "b", "c"), false},
		{"255 bytes", long, texts(policy.Equal, long), true},
		{"256 bytes", long + "a", texts(policy.Equal, long), false},
		{"as long as a path", longest, texts(policy.Equal, longest[1:], longest, longest+"b"), true},
		{"a byte of it", longest[:4000] + "c" + longest[4001:], texts(policy.Equal, longest), false},
		{"longer than any", longest, texts(policy.Equal, longest+"bb"), false},
		{"prefix", "/etc/passwd", texts(policy.Prefix, "/usr/", "/etc/"), true},
		{"prefix is all", "/etc/", texts(policy.Prefix, "/etc/"), true},
		{"prefix is longer", "/etc", texts(policy.Prefix, "/etc/"), false},
		{"empty prefix", "", texts(policy.Prefix, "a", ""), true},
		{"prefix of a prefix", "/etcetera", texts(policy.Prefix, "/etc/passwd", "/etc"), true},
		{"not prefix", "/etc/passwd", texts(policy.NotPrefix, "/usr/", "/var/"), true},
		{"long prefix", long + long, texts(policy.Prefix, long+"b", long+"aa"), true},
		{"longest prefix", longest + "b", texts(policy.Prefix, longest), true},
		{"prefixes that differ late", longest[:3000] + "c", texts(policy.Prefix, longest[:3001], longest[:3000]+"c"), true},
		{"postfix", "/lib/a.so", texts(policy.Postfix, ".ko", ".so"), true},
		{"postfix is all", ".so", texts(policy.Postfix, ".ko", ".so"), true},
		{"postfix is longer", "so", texts(policy.Postfix, ".so"), false},
		{"empty postfix", "", texts(policy.Postfix, ""), true},
		{"postfix of a postfix", "/b.so", texts(policy.Postfix, "a.so", ".so", "b.so"), true},
		{"not postfix", "/lib/a.so", texts(policy.NotPostfix, ".ko", ".so"), false},
		{"long postfix", "x" + long, texts(policy.Postfix, "b"+long, "x"+long), true},
		{"longest postfix", "b" + longest, texts(policy.Postfix, longest), true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := passes(t, test.filter, reference.Object{Type: "string", Text: test.text}, nil)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("passes differs (-want +got):\n%s", diff)
			}
		})
	}
}

// TestNoRoom: what could not be read satisfies no filter.
func TestNoRoom(t *testing.T) {
	for _, f := range []policy.ArgFilter{texts(policy.Prefix, ""), texts(policy.NotPrefix, "b"), texts(policy.NotEqual, "b")} {
		if passes(t, f, reference.Object{Type: "string", Text: "a"}, func(w *world) { w.crowded = true }) {
			t.Errorf("%s passes", f.Operator)
		}
	}
}

func TestObjects(t *testing.T) {
	object := func(typ policy.Type) reference.Object {
		return reference.Object{
			Type: typ, Text: "a", FileType: 8, Family: 10, Protocol: 6, State: 1, SourcePort: 1023, DestPort: 1024,
			Source: netip.MustParseAddr("10.1.2.3"), Dest: netip.MustParseAddr("fd00::1"), Capabilities: 0b001,
		}
	}
	number := func(op policy.Operator, numbers ...uint64) policy.ArgFilter { return filter(op, numbers...).Args[0] }
	network := func(op policy.Operator, cidrs ...string) policy.ArgFilter {
		f := policy.ArgFilter{Operator: op}
		for _, cidr := range cidrs {
			f.Prefixes = append(f.Prefixes, netip.MustParsePrefix(cidr))
		}
		return f
	}
	gains := func(mask ...uint64) policy.ArgFilter {
		f := number(policy.CapabilitiesGained, mask...)
		f.Second = 1
		return f
	}
	tests := []struct {
		name   string
		typ    policy.Type
		filter policy.ArgFilter
		want   bool
	}{
		{"file type", "file", number(policy.FileType, 4, 8), true},
		{"not file type", "dentry", number(policy.NotFileType, 4, 8), false},
		{"family", "skb", number(policy.Family, 2), false},
		{"family of a local address", "sockaddr_un", number(policy.Family, 10), true},
		{"local address", "sockaddr_un", texts(policy.Equal, "a"), true},
		{"protocol", "sock", number(policy.Protocol, 17, 6), true},
		{"state", "socket", number(policy.State, 1), true},
		{"source port", "sockaddr", number(policy.SPort, 1023), true},
		{"not source port", "sock", number(policy.NotSPort, 1023), false},
		{"destination port", "sock", number(policy.DPort, 1, 1024), true},
		{"not destination port", "sock", number(policy.NotDPort, 1, 1024), false},
		{"privileged source port", "sock", number(policy.SPortPriv), true},
		{"unprivileged source port", "sock", number(policy.NotSPortPriv), false},
		{"privileged destination port", "sock", number(policy.DPortPriv), false},
		{"unprivileged destination port", "sock", number(policy.NotDPortPriv), true},
		{"source address", "skb", network(policy.SAddr, "192.168.0.0/16", "10.0.0.0/8"), true},
		{"not source address", "skb", network(policy.NotSAddr, "192.168.0.0/16", "10.0.0.0/8"), false},
		{"IPv4 is not IPv6", "sock", network(policy.SAddr, "::/0"), false},
		{"destination address", "sock", network(policy.DAddr, "10.0.0.0/8", "fd00::/8"), true},
		{"destination address, next to it", "sock", network(policy.DAddr, "fd00::2/127", "fd00::/128"), false},
		{"half of all addresses", "sock", network(policy.DAddr, "8000::/1"), true},
		{"all addresses", "sock", network(policy.NotDAddr, "::/0", "0.0.0.0/0"), false},
		{"gained any", "cred", gains(), true},
		{"gained one", "cap_effective", gains(0b110), true},
		{"gained none of these", "kernel_cap_t", gains(0b001, 0b100), false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, passes(t, test.filter, object(test.typ), nil)); diff != "" {
				t.Errorf("passes differs (-want +got):\n%s", diff)
			}
		})
	}
}

// TestNoPath: what has no path, as a pipe, passes no filter on paths.
func TestNoPath(t *testing.T) {
	for _, f := range []policy.ArgFilter{texts(policy.Equal, ""), texts(policy.NotEqual, "b"), texts(policy.NotPrefix, "b")} {
		if passes(t, f, reference.Object{Type: "file"}, nil) {
			t.Errorf("%s passes", f.Operator)
		}
	}
}

// TestNoAddress: what has no address is in no network, and not outside of one.
func TestNoAddress(t *testing.T) {
	all := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
	for op, want := range map[policy.Operator]bool{policy.SAddr: false, policy.NotSAddr: false} {
		got := passes(t, policy.ArgFilter{Operator: op, Prefixes: all}, reference.Object{Type: "sock"}, nil)
		if got != want {
			t.Errorf("%s passes: %t, want %t", op, got, want)
		}
	}
}
