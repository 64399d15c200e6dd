// SPDX-License-Identifier: Apache-2.0

package reference

import (
	"net/netip"

	"github.com/tetrameter/tetrameter/exporter/policy"
)

// SocketTypes returns the types that have addresses and ports.
func SocketTypes() []policy.Type {
	return []policy.Type{"sock", "skb", "socket", "sockaddr"}
}

func (g generator) socketObject(t policy.Type) Object {
	port := func() uint64 { return pick(g, 0, 80, 1023, 1024, 65535, g.rng.Uint64N(65536)) }
	return Object{
		Type:   t,
		Family: pick[uint64](g, 2, 10, 1), Protocol: pick[uint64](g, 6, 17, 1), State: g.rng.Uint64N(13),
		SourcePort: port(), DestPort: port(), Source: g.address(), Dest: g.address(),
	}
}

// address is one of IPv4, IPv6, IPv4 within IPv6, or none.
func (g generator) address() netip.Addr {
	switch g.rng.IntN(8) {
	case 0:
		return netip.Addr{}
	case 1:
		return netip.AddrFrom16(g.address4().As16())
	case 2, 3, 4:
		var a [16]byte
		copy(a[:], pick(g, "\xfd\x00", "\xfe\x80", "\x20\x01\x0d\xb8", "", "\xff\xff\xff\xff\xff\xff\xff\xff"))
		for i := 4; i < len(a); i++ {
			a[i] |= pick[byte](g, 0, 0, 1, 0xff)
		}
		return netip.AddrFrom16(a)
	}
	return g.address4()
}

func (g generator) address4() netip.Addr {
	return netip.AddrFrom4([4]byte{
		pick[byte](g, 0, 10, 127, 192, 255), pick[byte](g, 0, 168, 255), pick[byte](g, 0, 1, 255), pick[byte](g, 0, 1, 255),
	})
}

// network is around or next to an address.
func (g generator) network(a netip.Addr) netip.Prefix {
	if !a.IsValid() || g.chance(30) {
		a = g.address()
	}
	if !a.IsValid() {
		a = netip.IPv6Unspecified()
	}
	a = a.Unmap() // as policies have it
	switch next, before := a.Next(), a.Prev(); {
	case next.IsValid() && g.chance(10):
		a = next
	case before.IsValid() && g.chance(10):
		a = before
	}
	bits := pick(g, a.BitLen(), a.BitLen(), g.rng.IntN(a.BitLen()+1), 8, 16, 24)
	if a.Is6() && g.chance(50) {
		bits = pick(g, 0, 7, 48, 63, 64, 65, 79, 80, 95, 96, 127)
	}
	return netip.PrefixFrom(a, bits).Masked()
}

// operatorsOf are those for a type of sockets.
func operatorsOf(t policy.Type) []policy.Operator {
	list := []policy.Operator{
		policy.SPort, policy.NotSPort, policy.SPortPriv, policy.NotSPortPriv, policy.SAddr, policy.NotSAddr, policy.Family,
	}
	if t == "sockaddr" {
		return list
	}
	return append(list, policy.DPort, policy.NotDPort, policy.DPortPriv, policy.NotDPortPriv,
		policy.DAddr, policy.NotDAddr, policy.Protocol, policy.State)
}

func (g generator) socketFilter(t policy.Type, o Object) policy.ArgFilter {
	f := policy.ArgFilter{Operator: pick(g, operatorsOf(t)...)}
	switch f.Operator.Positive() {
	case policy.Family:
		f.Values = g.among(o.Family, 2, 10)
	case policy.Protocol:
		f.Values = g.among(o.Protocol, 6, 17)
	case policy.State:
		f.Values = g.among(o.State, 1, 2)
	case policy.SPort:
		f.Values = g.ports(o.SourcePort)
	case policy.DPort:
		f.Values = g.ports(o.DestPort)
	case policy.SAddr:
		f.Prefixes = g.networks(o.Source)
	case policy.DAddr:
		f.Prefixes = g.networks(o.Dest)
	}
	return f
}

func (g generator) ports(port uint64) []policy.Range {
	var list []policy.Range
	for range 1 + g.rng.IntN(3) {
		list = append(list, g.span(policy.InRange, "uint16", port))
	}
	return list
}

func (g generator) networks(a netip.Addr) []netip.Prefix {
	count := 1 + g.rng.IntN(4)
	if g.chance(10) {
		count = 5 + g.rng.IntN(40)
	}
	var list []netip.Prefix
	for range count {
		list = append(list, g.network(a))
	}
	return list
}
