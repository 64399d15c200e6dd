// SPDX-License-Identifier: Apache-2.0

package match

import (
	"cmp"
	"encoding/binary"
	"math"
	"net/netip"
	"slices"

	"github.com/cilium/ebpf/asm"

	"github.com/tetrameter/tetrameter/exporter/policy"
)

// Places of struct event that sock_address fills.
const (
	addressHigh = 56
	addressLow  = 64
)

// address is a condition on an address of a socket.
type address struct {
	filtered
	planes []plane
}

// plane are addresses whose upper words are in a range: all of them, or those
// whose lower word is in a set.
type plane struct {
	high policy.Range
	low  set
}

func newAddress(f filtered) address {
	var spans []span
	for _, p := range f.Prefixes {
		spans = append(spans, spansOf(p)...)
	}
	return address{f, planes(join(spans))}
}

func (a address) rank() rank { return rankAddress }

// what is the parameter of sock_address.
func (a address) what() int32 {
	what := socketSource(a.arg.Type) << 8
	if a.Operator.Positive() == policy.DAddr {
		what |= 1
	}
	return what
}

func (a address) String() string {
	side := " source"
	if a.Operator.Positive() == policy.DAddr {
		side = " destination"
	}
	var words []string
	for _, p := range a.Prefixes {
		words = append(words, p.String())
	}
	return a.name + side + " address " + relation(a.Operator, words)
}

// compile decides by the upper word, and then by the lower one where that is
// needed. What has no address is in no network.
func (a address) compile(c *code, failed label) {
	pass := c.label()
	hit, miss := outcomes(a.Operator.Negated(), pass, failed)
	c.call("sock_address", a.arg.parameter(c, asm.R2), asm.Mov.Imm(asm.R3, a.what()))
	c.jumpIf(asm.JEq, operand{asm.R0, true}, 0, failed) // of neither kind
	c.emit(asm.LoadMem(value, event, addressHigh, asm.DWord))
	var segments []segment
	for _, p := range a.planes {
		target := hit
		if p.low != nil {
			target = c.label()
		}
		segments = append(segments, segment{p.high, target})
	}
	word := search{operand{register: value}, unsigned(64), miss}
	word.among(c, segments)
	for i, p := range a.planes {
		if p.low != nil {
			c.place(segments[i].target)
			c.emit(asm.LoadMem(value, event, addressLow, asm.DWord))
			word.in(c, p.low, hit)
		}
	}
	c.place(pass)
}

// wide is a number of 128 bits.
type wide struct{ high, low uint64 }

func (w wide) compare(o wide) int {
	return cmp.Or(cmp.Compare(w.high, o.high), cmp.Compare(w.low, o.low))
}

// next is w + 1.
func (w wide) next() wide {
	if w.low == math.MaxUint64 {
		return wide{high: w.high + 1}
	}
	return wide{w.high, w.low + 1}
}

// span is an inclusive range of addresses.
type span struct{ first, last wide }

// spansOf are the addresses of a network as sock_address numbers them. IPv4 is
// mapped into IPv6, where no network of IPv6 around it shall have it.
func spansOf(p netip.Prefix) []span {
	bits := p.Bits()
	if p.Addr().Is4() {
		bits += 96
	}
	bytes := p.Addr().As16()
	s := span{first: wide{binary.BigEndian.Uint64(bytes[:8]), binary.BigEndian.Uint64(bytes[8:])}}
	host := wide{math.MaxUint64 >> min(bits, 64), math.MaxUint64 >> max(bits-64, 0)}
	s.first = wide{s.first.high &^ host.high, s.first.low &^ host.low}
	s.last = wide{s.first.high | host.high, s.first.low | host.low}
	mapped := span{wide{0, 0xffff_0000_0000}, wide{0, 0xffff_ffff_ffff}}
	if s.first.compare(mapped.first) >= 0 || s.last.compare(mapped.last) < 0 {
		return []span{s}
	}
	spans := []span{{s.first, wide{0, mapped.first.low - 1}}}
	if s.last != mapped.last {
		spans = append(spans, span{mapped.last.next(), s.last})
	}
	return spans
}

// join sorts spans and makes one of those that overlap or touch.
func join(spans []span) []span {
	slices.SortFunc(spans, func(a, b span) int { return a.first.compare(b.first) })
	var joined []span
	for _, s := range spans {
		if last := len(joined) - 1; last >= 0 && (joined[last].last.compare(s.first) >= 0 || joined[last].last.next() == s.first) {
			if joined[last].last.compare(s.last) < 0 {
				joined[last].last = s.last
			}
			continue
		}
		joined = append(joined, s)
	}
	return joined
}

// planes cuts spans where the upper word does not decide alone.
func planes(spans []span) []plane {
	var list []plane
	add := func(high, low policy.Range) {
		last := len(list) - 1
		switch {
		case low == unsigned(64).domain:
			list = append(list, plane{high: high})
		case last >= 0 && list[last].low != nil && list[last].high == high:
			list[last].low = append(list[last].low, low)
		default:
			list = append(list, plane{high, set{low}})
		}
	}
	all := unsigned(64).domain
	for _, s := range spans {
		first, last := s.first.high, s.last.high
		if first == last {
			add(policy.Range{Min: first, Max: first}, policy.Range{Min: s.first.low, Max: s.last.low})
			continue
		}
		if s.first.low != 0 {
			add(policy.Range{Min: first, Max: first}, policy.Range{Min: s.first.low, Max: all.Max})
			first++
		}
		if s.last.low == all.Max {
			add(policy.Range{Min: first, Max: last}, all)
			continue
		}
		if first < last {
			add(policy.Range{Min: first, Max: last - 1}, all)
		}
		add(policy.Range{Min: last, Max: last}, policy.Range{Min: all.Min, Max: s.last.low})
	}
	return list
}
