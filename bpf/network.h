/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sockets, packets and socket addresses, as filters see them: numbers in host
 * order, addresses as 128 bits in two words, IPv4 mapped into IPv6 (RFC 4291,
 * 2.5.5.2).
 */
#pragma once
#include "event.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct in6_addr {
	__u8 s6_addr[16];
};

/* include/net/sock.h */
struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
};

struct sock {
	struct sock_common __sk_common;
	__u16 sk_type;
	__u16 sk_protocol;
};

/* include/linux/net.h */
struct socket {
	struct sock *sk;
};

/* include/linux/skbuff.h */
struct sk_buff {
	unsigned char *head;
	__u16 network_header;
	__u16 transport_header;
};

/* include/linux/netdevice.h */
struct net_device {
	char name[16];
};

#pragma clang attribute pop

enum socket_source {
	FROM_SOCK,
	FROM_SKB,
	FROM_SOCKADDR,
	FROM_SOCKET,
};

enum socket_field {
	FIELD_FAMILY,
	FIELD_TYPE,
	FIELD_PROTOCOL,
	FIELD_STATE,
	FIELD_SPORT,
	FIELD_DPORT,
};

/* Offsets in IP headers (RFC 791, RFC 8200) and in struct sockaddr_in and _in6 */
enum {
	IP4_PROTOCOL = 9,
	IP4_SOURCE = 12,
	IP4_DESTINATION = 16,
	IP6_PROTOCOL = 6,
	IP6_SOURCE = 8,
	IP6_DESTINATION = 24,
	SOCKADDR_PORT = 2,
	SOCKADDR_IP4 = 4,
	SOCKADDR_IP6 = 8,
};

/* Bytes of kernel or user memory in the order of the network, 0 if unreadable. */
static __always_inline __u64 read_be(__u64 address, __u32 size)
{
	__u64 word = 0;

	if (read_any(&word, size, address))
		return 0;
	return __builtin_bswap64(word) >> (64 - 8 * size);
}

static __always_inline __u64 network_header(__u64 skb)
{
	struct sk_buff *packet = (void *)skb;

	return (__u64)BPF_CORE_READ(packet, head) + BPF_CORE_READ(packet, network_header);
}

static __always_inline __u32 packet_word(__u64 skb, enum socket_field field)
{
	struct sk_buff *packet = (void *)skb;
	__u64 header = network_header(skb), ports;
	__u32 version = read_be(header, 1) >> 4, protocol;

	if (version != 4 && version != 6)
		return 0;
	if (field == FIELD_FAMILY)
		return version == 6 ? AF_INET6 : AF_INET;
	protocol = read_be(header + (version == 6 ? IP6_PROTOCOL : IP4_PROTOCOL), 1);
	if (field == FIELD_PROTOCOL)
		return protocol;
	if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP && protocol != IPPROTO_SCTP)
		return 0;
	ports = (__u64)BPF_CORE_READ(packet, head) + BPF_CORE_READ(packet, transport_header);
	if (field == FIELD_SPORT)
		return read_be(ports, 2);
	return field == FIELD_DPORT ? read_be(ports + 2, 2) : 0;
}

static __always_inline __u32 sockaddr_word(__u64 address, enum socket_field field)
{
	__u16 family = 0;

	if (field == FIELD_SPORT || field == FIELD_DPORT)
		return read_be(address + SOCKADDR_PORT, 2);
	if (field == FIELD_FAMILY)
		read_any(&family, sizeof(family), address);
	return family;
}

/* A number of a socket, packet or address; what is source << 8 | field. */
static __noinline __u64 sock_word(struct event *event, __u64 value, __u32 what)
{
	enum socket_field field = what & 0xff;
	struct sock *sk = (void *)value;

	asm volatile("" : "+r"(event), "+r"(value), "+r"(what));
	if (what >> 8 == FROM_SKB)
		return packet_word(value, field);
	if (what >> 8 == FROM_SOCKADDR)
		return sockaddr_word(value, field);
	if (what >> 8 == FROM_SOCKET)
		sk = BPF_CORE_READ((struct socket *)value, sk);
	switch (field) {
	case FIELD_FAMILY:
		return BPF_CORE_READ(sk, __sk_common.skc_family);
	case FIELD_TYPE:
		return BPF_CORE_READ(sk, sk_type);
	case FIELD_PROTOCOL:
		return BPF_CORE_READ(sk, sk_protocol);
	case FIELD_STATE:
		return BPF_CORE_READ(sk, __sk_common.skc_state);
	case FIELD_SPORT:
		return BPF_CORE_READ(sk, __sk_common.skc_num);
	case FIELD_DPORT:
		return __builtin_bswap16(BPF_CORE_READ(sk, __sk_common.skc_dport));
	}
	return 0;
}
