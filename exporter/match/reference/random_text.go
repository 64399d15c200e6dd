// SPDX-License-Identifier: Apache-2.0

package reference

import (
	"strings"

	"github.com/tetrameter/tetrameter/exporter/policy"
)

// TextTypes returns the types that are compared as strings.
func TextTypes() []policy.Type {
	return append(fileTypes(), "string", "char_buf", "char_iovec", "filename", "data_loc", "net_device",
		"sockaddr_un", "module", "load_info")
}

func fileTypes() []policy.Type {
	return []policy.Type{"fd", "file", "path", "dentry", "kiocb", "linux_binprm"}
}

// Binaries returns the paths among which Random chooses those of executables.
func Binaries() []string {
	return []string{"/usr/bin/sudo", "/bin/sh", "/usr/bin/runc", "/usr/sbin/sshd"}
}

// textObject draws what a value that is compared as a string stands for. A
// buffer may have its size in another register.
func (g generator) textObject(a *policy.Arg) Object {
	o := Object{Type: a.Type, Text: g.text()}
	if a.Type.File() {
		o.FileType = pick[uint64](g, 0, 1, 2, 4, 6, 8, 10, 12)
	}
	if a.Type == "sockaddr_un" {
		o.Family = pick[uint64](g, 1, 2)
	}
	if a.Type == "char_buf" && g.chance(70) {
		a.SizeArg = registers // the last register, which no declaration takes
		g.event.Args[a.SizeArg-1] = g.rng.Uint64()<<32 | pick(g, uint64(len(o.Text)), uint64(g.length()), 1<<31)
	}
	return o
}

// length is of a string, mostly next to where another word is needed.
func (g generator) length() int {
	switch {
	case g.chance(3):
		return pick(g, 1000, 2048, 4094, 4095, 4096)
	case g.chance(10):
		return pick(g, 31, 32, 33, 127, 128, 254, 255, 256, 257, 263, 264, 265, 266, 300)
	}
	return g.rng.IntN(20)
}

// text is of few letters, so that strings have much in common.
func (g generator) text() string {
	var b strings.Builder
	for n := g.length(); b.Len() < n; {
		b.WriteByte(pick[byte](g, '/', 'a', 'b', 'b', 0xff))
	}
	return b.String()
}

// similar is a string that has much in common with another.
func (g generator) similar(s string) string {
	at := g.rng.IntN(len(s) + 1)
	switch g.rng.IntN(8) {
	case 0:
		return s[:at]
	case 1:
		return s[at:]
	case 2:
		return s[:at] + pick(g, "/", "a", "b") + s[at:]
	case 3:
		return s + g.text()
	case 4:
		return g.text() + s
	case 5:
		if at < len(s) {
			return s[:at] + string(rune('a'+g.rng.IntN(3))) + s[at+1:]
		}
	case 6:
		return g.text()
	}
	return s
}

func (g generator) strings(around string) []string {
	count := 1 + g.rng.IntN(4)
	if len(around) < 400 && g.chance(10) {
		count = 5 + g.rng.IntN(60)
	}
	var list []string
	for range count {
		s := g.similar(around)
		if g.chance(30) {
			s = g.similar(s)
		}
		list = append(list, s)
	}
	return list
}

func (g generator) textFilter(a policy.Arg, o Object) policy.ArgFilter {
	var f policy.ArgFilter
	switch {
	case a.Type.File() && g.feature(Files, 30):
		f.Operator = pick(g, policy.FileType, policy.NotFileType)
		f.Values = g.among(o.FileType, 8, 4)
		return f
	case a.Type == "sockaddr_un" && g.chance(30):
		return policy.ArgFilter{Operator: policy.Family, Values: g.among(o.Family, 1, 10)}
	}
	f.Operator = pick(g, policy.Equal, policy.NotEqual, policy.Prefix, policy.NotPrefix, policy.Postfix, policy.NotPostfix,
		policy.SubString, policy.SubStringIgnCase)
	f.Strings = g.strings(value{Arg: a}.text(o, *g.event))
	for i, s := range f.Strings {
		switch f.Operator {
		case policy.SubStringIgnCase:
			f.Strings[i] = shiftCase(s[:min(len(s), searchMax)], 'a', 'A')
		case policy.SubString:
			f.Strings[i] = s[:min(len(s), searchMax)]
		}
	}
	return f
}

// searchMax is the longest string that can be searched for.
const searchMax = 256

// among is a list of some numbers.
func (g generator) among(from ...uint64) []policy.Range {
	var list []policy.Range
	for range 1 + g.rng.IntN(2) {
		n := pick(g, from...)
		list = append(list, policy.Range{Min: n, Max: n})
	}
	return list
}
