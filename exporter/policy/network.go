// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// numbers are integers of which some have names.
type numbers struct {
	what    string
	prefix  string // of the names, which may be left out
	names   []string
	example string
	number  func(name int) uint64 // of the name at a position; nil is the position
	limit   uint64
}

func ports() numbers {
	return numbers{what: "port", limit: 65535}
}

// states are the names in net/tcp_states.h in the order of their numbers.
func states() numbers {
	return numbers{what: "state", prefix: "TCP_", limit: 255, example: "ESTABLISHED", names: []string{
		"", "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT", "CLOSE",
		"CLOSE_WAIT", "LAST_ACK", "LISTEN", "CLOSING", "NEW_SYN_RECV", "BOUND_INACTIVE",
	}}
}

// families are the names in linux/socket.h in the order of their numbers.
func families() numbers {
	return numbers{what: "family", prefix: "AF_", limit: 65535, example: "INET", names: []string{
		"UNSPEC", "UNIX", "INET", "AX25", "IPX", "APPLETALK", "NETROM", "BRIDGE", "ATMPVC", "X25",
		"INET6", "ROSE", "DECnet", "NETBEUI", "SECURITY", "KEY", "NETLINK", "PACKET", "ASH",
		"ECONET", "ATMSVC", "RDS", "SNA", "IRDA", "PPPOX", "WANPIPE", "LLC", "IB", "MPLS", "CAN",
		"TIPC", "BLUETOOTH", "IUCV", "RXRPC", "ISDN", "PHONET", "IEEE802154", "CAIF", "ALG", "NFC",
		"VSOCK", "KCM", "QIPCRTR", "SMC", "XDP", "MCTP",
	}}
}

// protocols are the names in uapi/linux/in.h.
func protocols() numbers {
	table := []struct {
		name   string
		number uint64
	}{
		{"IP", 0},
		{"ICMP", 1},
		{"IGMP", 2},
		{"IPIP", 4},
		{"TCP", 6},
		{"EGP", 8},
		{"PUP", 12},
		{"UDP", 17},
		{"IDP", 22},
		{"TP", 29},
		{"DCCP", 33},
		{"IPV6", 41},
		{"RSVP", 46},
		{"GRE", 47},
		{"ESP", 50},
		{"AH", 51},
		{"ICMPV6", 58},
		{"MTP", 92},
		{"BEETPH", 94},
		{"ENCAP", 98},
		{"PIM", 103},
		{"COMP", 108},
		{"L2TP", 115},
		{"SCTP", 132},
		{"UDPLITE", 136},
		{"MPLS", 137},
		{"ETHERNET", 143},
		{"RAW", 255},
		{"SMC", 256},
		{"MPTCP", 262},
	}
	n := numbers{what: "protocol", prefix: "IPPROTO_", limit: 65535, example: "TCP"}
	for _, row := range table {
		n.names = append(n.names, row.name)
	}
	n.number = func(name int) uint64 { return table[name].number }
	return n
}

// parseNamed reads a number, a range "min:max" of them, or a name with or
// without its prefix, in any case. The problem is empty when there is none.
func (d *decoder) parseNamed(text string, n numbers) (r Range, problem string) {
	short := text
	if len(text) > len(n.prefix) && strings.EqualFold(text[:len(n.prefix)], n.prefix) {
		short = text[len(n.prefix):]
	}
	position := slices.IndexFunc(n.names, func(name string) bool { return name != "" && strings.EqualFold(name, short) })
	if position >= 0 {
		number := uint64(position)
		if n.number != nil {
			number = n.number(position)
		}
		return Range{number, number}, ""
	}
	first, second, isRange := strings.Cut(text, ":")
	if !isRange {
		second = first
	}
	var errs [2]error
	r.Min, errs[0] = strconv.ParseUint(first, 0, 64)
	r.Max, errs[1] = strconv.ParseUint(second, 0, 64)
	switch {
	case errs[0] != nil || errs[1] != nil || r.Min > n.limit || r.Max > n.limit:
		return Range{}, d.unknownNumber(n, text, short)
	case r.Min > r.Max:
		return Range{}, quote(text) + " is an empty range: the first number is larger than the second"
	}
	return r, ""
}

// unknownNumber says what is expected instead of a text.
func (d *decoder) unknownNumber(n numbers, text, short string) string {
	expected := fmt.Sprintf("0 to %d, or a range of these (min:max)", n.limit)
	if len(n.names) > 0 {
		// As in unknown, there is no search for every word of a hostile file.
		if !d.full() {
			if similar := suggest(short, n.names); similar != "" {
				return fmt.Sprintf("unknown %s %s, did you mean %q?", n.what, quote(text), n.prefix+similar)
			}
		}
		expected = "a name such as " + n.prefix + n.example + ", " + expected
	}
	return fmt.Sprintf("%s is not a %s: expected %s", quote(text), n.what, expected)
}

// parsePrefix reads an address or a network of IPv4 or IPv6. IPv4 addresses
// within IPv6 are those of IPv4.
func parsePrefix(text string) (p netip.Prefix, problem string) {
	const expected = " is not an address or network: expected 10.1.2.3, 10.0.0.0/8, fd00::1 or fd00::/8"
	if address, err := netip.ParseAddr(text); err == nil && address.Zone() == "" {
		p = netip.PrefixFrom(address, address.BitLen())
	} else if p, err = netip.ParsePrefix(text); err != nil {
		return netip.Prefix{}, quote(text) + expected
	}
	if mapped := 128 - 32; p.Addr().Is4In6() && p.Bits() >= mapped {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mapped)
	}
	return p.Masked(), ""
}

// fileTypes are the names of the types of files by their number, the format of
// st_mode shifted to the right by twelve.
func fileTypes() map[string]uint64 {
	return map[string]uint64{
		"fifo": 1, "pipe": 1, "chr": 2, "char": 2, "dir": 4, "blk": 6, "block": 6,
		"reg": 8, "regular": 8, "lnk": 10, "link": 10, "sock": 12, "socket": 12,
	}
}

// fileType reads the name of a type of file.
func (d *decoder) fileType(text string) (r Range, problem string) {
	number, ok := fileTypes()[strings.ToLower(text)]
	if !ok {
		return Range{}, d.unknown("type of file", text, FileTypes())
	}
	return Range{number, number}, ""
}

// FileTypes returns the names of types of files that FileType takes.
func FileTypes() []string {
	return []string{
		"reg", "regular", "dir", "lnk", "link", "chr", "char", "blk", "block", "fifo", "pipe", "sock", "socket",
	}
}
