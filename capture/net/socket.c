/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/net/socket.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

enum {
	IDLE_S = 10, /* without a byte, then the kernel asks whether the peer is there */
	INTERVAL_S = 5,
	PROBES = 4,
	UNACKED_MS = 30 * 1000, /* so long may what was sent wait for the peer */
};

static void socket_set(int fd, int level, int option, int value)
{
	/* Where one of these is not there the connection still works. */
	(void)setsockopt(fd, level, option, &value, sizeof(value));
}

void socket_tune(int fd)
{
	int family = AF_UNSPEC;
	socklen_t n = sizeof(family);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &n) < 0 ||
	    (family != AF_INET && family != AF_INET6))
		return;
	socket_set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	socket_set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	socket_set(fd, IPPROTO_TCP, TCP_KEEPIDLE, IDLE_S);
	socket_set(fd, IPPROTO_TCP, TCP_KEEPINTVL, INTERVAL_S);
	socket_set(fd, IPPROTO_TCP, TCP_KEEPCNT, PROBES);
	socket_set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, UNACKED_MS);
}

static const char *socket_path(const struct sockaddr_un *sun, socklen_t n, char ret[ADDRESS_TEXT])
{
	size_t most = n > offsetof(struct sockaddr_un, sun_path)
			      ? n - offsetof(struct sockaddr_un, sun_path)
			      : 0;

	if (most && *sun->sun_path)
		snprintf(ret, ADDRESS_TEXT, "%.*s", (int)most, sun->sun_path);
	else
		snprintf(ret, ADDRESS_TEXT, "unix");
	return ret;
}

const char *socket_text(const struct sockaddr_storage *sa, socklen_t n, char ret[ADDRESS_TEXT])
{
	struct address a = {.path = ""};

	if (sa->ss_family == AF_UNIX)
		return socket_path((const struct sockaddr_un *)sa, n, ret);
	if (getnameinfo((const struct sockaddr *)sa, n, a.host, sizeof(a.host), a.port,
			sizeof(a.port), NI_NUMERICHOST | NI_NUMERICSERV))
		snprintf(a.host, sizeof(a.host), "?");
	/* An IPv4 peer of a socket that is for both is shown as what it is. */
	if (!strncmp(a.host, "::ffff:", 7) && strchr(a.host, '.'))
		memmove(a.host, a.host + 7, strlen(a.host + 7) + 1);
	return address_text(&a, ret);
}
