/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that connect and send. */
#ifndef SOCKETS_H
#define SOCKETS_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "command.h"

/* Any address, and what a command has found out before its first repetition. */
struct address {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
		struct sockaddr_un local;
	};
	socklen_t size;
};

static struct address peer, source;
static int socket_kept = -1, listener = -1;

/* "127.0.0.1" or "::1" and a port. */
static struct address inet(const char *host, const char *port)
{
	struct address a = {};

	if (inet_pton(AF_INET, host, &a.v4.sin_addr) == 1) {
		a.v4.sin_family = AF_INET;
		a.v4.sin_port = htons(number(port));
		a.size = sizeof(a.v4);
	} else if (inet_pton(AF_INET6, host, &a.v6.sin6_addr) == 1) {
		a.v6.sin6_family = AF_INET6;
		a.v6.sin6_port = htons(number(port));
		a.size = sizeof(a.v6);
	} else {
		die(host);
	}
	return a;
}

/* A path, or "@NAME" for a name that is in no file system. */
static struct address local(const char *path)
{
	struct address a = { .local.sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(a.local.sun_path))
		die("path");
	strcpy(a.local.sun_path, path);
	a.size = offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1;
	if (path[0] == '@') {
		a.local.sun_path[0] = 0;
		a.size--;
	}
	return a;
}

static int stream(void)
{
	return checked(socket(peer.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
}

static void listen_at_peer(void)
{
	listener = stream();
	checked(bind(listener, &peer.any, peer.size), "bind");
	checked(listen(listener, 1), "listen");
	/* Which port it is, if any would do. */
	checked(getsockname(listener, &peer.any, &peer.size), "getsockname");
}

static void choose_tcp(char **argv)
{
	peer = inet(argv[0], argv[1]);
	if (argv[2])
		source = inet(argv[0], argv[2]);
	if (!number(argv[1]))
		listen_at_peer();
}

static void choose_udp(char **argv)
{
	peer = inet(argv[0], argv[1]);
	socket_kept = checked(socket(peer.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
}

static void choose_unix(char **argv)
{
	peer = local(argv[0]);
	if (argv[0][0] != '@')
		unlink(argv[0]);
	listen_at_peer();
}

/* Connects, and waits for no answer when it closes: ports are used again. */
static void connect_to_peer(char **argv)
{
	struct linger at_once = { .l_onoff = 1 };
	int fd = stream(), yes = 1;

	checked(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), "setsockopt");
	checked(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)), "setsockopt");
	if (source.size)
		checked(bind(fd, &source.any, source.size), "bind");
	/* Without a listener the attempt is the event. */
	if (connect(fd, &peer.any, peer.size) && (listener >= 0 || errno != ECONNREFUSED))
		die(argv[0]);
	if (listener >= 0)
		close(checked(accept(listener, NULL, NULL), "accept"));
	close(fd);
}

static void send_byte(char **argv)
{
	checked(sendto(socket_kept, "x", 1, 0, &peer.any, peer.size), argv[0]);
}

#endif
