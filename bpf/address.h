/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Addresses of sockets, packets and socket addresses. */
#pragma once
#include "network.h"
#include "part.h"

#define MAPPED 0x0000ffff00000000ULL /* ::ffff:0:0/96 */

static __always_inline void set_ip4(struct event *event, __u32 host_order)
{
	event->address_high = 0;
	event->address_low = MAPPED | host_order;
}

static __always_inline void set_ip6(struct event *event, __u64 address)
{
	event->address_high = read_be(address, 8);
	event->address_low = read_be(address + 8, 8);
}

static __always_inline __u32 packet_address(struct event *event, __u64 skb, bool destination)
{
	__u64 header = network_header(skb);
	__u32 version = read_be(header, 1) >> 4;

	if (version == 4)
		set_ip4(event, read_be(header + (destination ? IP4_DESTINATION : IP4_SOURCE), 4));
	else if (version == 6)
		set_ip6(event, header + (destination ? IP6_DESTINATION : IP6_SOURCE));
	else
		return 0;
	return 1;
}

static __always_inline __u32 sockaddr_address(struct event *event, __u64 address)
{
	__u16 family = 0;

	read_any(&family, sizeof(family), address);
	if (family == AF_INET)
		set_ip4(event, read_be(address + SOCKADDR_IP4, 4));
	else if (family == AF_INET6)
		set_ip6(event, address + SOCKADDR_IP6);
	else
		return 0;
	return 1;
}

/* A field of the socket that sock_address() looks at. */
#define sock_part(as, field) part_field(&part, struct sock, sk, __sk_common.skc_daddr, as, field)

/*
 * Puts an address into the event; 0 if there is none. what is source << 8, and 1
 * for the destination.
 */
static __noinline __u32 sock_address(struct event *event, __u64 value, __u32 what)
{
	struct sock *sk = (void *)value;
	struct part part;
	__u16 family;
	__be32 ip4;

	asm volatile("" : "+r"(event), "+r"(value), "+r"(what));
	if (what >> 8 == FROM_SKB)
		return packet_address(event, value, what & 1);
	if (what >> 8 == FROM_SOCKADDR)
		return sockaddr_address(event, value);
	if (what >> 8 == FROM_SOCKET)
		sk = BPF_CORE_READ((struct socket *)value, sk);
	read_part(&part, struct sock, sk, __sk_common.skc_daddr);
	family = sock_part(__u16, __sk_common.skc_family);
	if (family == AF_INET) {
		ip4 = what & 1 ? sock_part(__be32, __sk_common.skc_daddr) :
				 sock_part(__be32, __sk_common.skc_rcv_saddr);
		set_ip4(event, __builtin_bswap32(ip4));
	} else if (family == AF_INET6) {
		set_ip6(event, (__u64)(what & 1 ? &sk->__sk_common.skc_v6_daddr :
						  &sk->__sk_common.skc_v6_rcv_saddr));
	} else {
		return 0;
	}
	return 1;
}
