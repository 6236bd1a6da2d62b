/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/net/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "capture/base/cleanup.h"
#include "capture/net/socket.h"

enum {
	BACKLOG = 1024,
	PORT_TRIES = 8, /* any port, and the same for all addresses of a name */
};

static int listener_bind(const struct sockaddr *sa, socklen_t n, bool both, int *ret)
{
	int one = 1, only = !both;
	CLEANUP_CLOSE int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0)
		return -errno;
	if (sa->sa_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only)) < 0)
		return -errno;
	if (bind(fd, sa, n) < 0 || listen(fd, BACKLOG) < 0)
		return -errno;
	*ret = TAKE_FD(fd);
	return 0;
}

/* Every address of this machine, by one socket for both families or by IPv4's alone. */
static int listener_open_any(const char *port, struct listener *l)
{
	in_port_t number = htons((uint16_t)strtoul(port, NULL, 10));
	struct sockaddr_in6 v6 = {
		.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_ANY_INIT, .sin6_port = number};
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = number};
	int r = listener_bind((const struct sockaddr *)&v6, sizeof(v6), true, &l->fd[0]);

	if (r == -EAFNOSUPPORT || r == -EADDRNOTAVAIL)
		r = listener_bind((const struct sockaddr *)&v4, sizeof(v4), false, &l->fd[0]);
	l->n = r == 0;
	return r;
}

/* sin_port and sin6_port lie at the same place. */
static in_port_t *sockaddr_port(struct sockaddr *sa)
{
	return sa->sa_family == AF_INET6 ? &((struct sockaddr_in6 *)sa)->sin6_port
					 : &((struct sockaddr_in *)sa)->sin_port;
}

static in_port_t listener_port(int fd)
{
	struct sockaddr_storage ss = {0};
	socklen_t n = sizeof(ss);

	if (getsockname(fd, (struct sockaddr *)&ss, &n) < 0)
		return 0;
	return *sockaddr_port((struct sockaddr *)&ss);
}

/* A file of hosts may have the same address of a name several times. */
static bool is_repeated(const struct addrinfo *list, const struct addrinfo *at)
{
	for (; list != at; list = list->ai_next)
		if (list->ai_addrlen == at->ai_addrlen &&
		    !memcmp(list->ai_addr, at->ai_addr, at->ai_addrlen))
			return true;
	return false;
}

static int listener_bind_each(const struct addrinfo *list, struct listener *l)
{
	in_port_t port = 0;
	int r, last = -EADDRNOTAVAIL;

	for (const struct addrinfo *at = list; at && l->n < LISTENER_FDS; at = at->ai_next) {
		struct sockaddr_storage ss = {0};

		if (is_repeated(list, at))
			continue;
		memcpy(&ss, at->ai_addr, at->ai_addrlen);
		if (port)
			*sockaddr_port((struct sockaddr *)&ss) = port;
		r = listener_bind((struct sockaddr *)&ss, at->ai_addrlen, false, &l->fd[l->n]);
		if (r == 0)
			port = listener_port(l->fd[l->n++]);
		else if (r != -EAFNOSUPPORT && r != -EADDRNOTAVAIL)
			return r;
		else
			last = r; /* this machine does not have that family */
	}
	return l->n ? 0 : last;
}

static int listener_open_name(const struct address *a, struct listener *l, struct err *err)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
				 .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *list;
	int r = getaddrinfo(a->host, a->port, &hints, &list);
	char where[ADDRESS_TEXT];

	if (r)
		return errf(err, -EADDRNOTAVAIL, "%s: %s", address_text(a, where),
			    r == EAI_SYSTEM ? strerror(errno) : gai_strerror(r));
	for (int tries = 0; tries < PORT_TRIES; tries++) {
		r = listener_bind_each(list, l);
		if (r == 0)
			break;
		listener_close(l);
		if (r != -EADDRINUSE || strcmp(a->port, "0") != 0)
			break;
	}
	freeaddrinfo(list);
	return r;
}

/* Is there a socket that nobody listens at any more? Then it is removed. */
static int listener_clear_path(const struct sockaddr_un *sun, struct err *err)
{
	CLEANUP_CLOSE int fd = -1;
	struct stat st;

	if (lstat(sun->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return errf(err, -EEXIST, "%s: is there, and is no socket", sun->sun_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)sun, sizeof(*sun)) == 0 || errno != ECONNREFUSED)
		return -EADDRINUSE;
	return unlink(sun->sun_path) < 0 && errno != ENOENT ? -errno : 0;
}

/* Through a descriptor of what really lies there: whoever owns the folder cannot turn this on
 * another file. */
static int listener_give_away(const char *path, uid_t uid, gid_t gid)
{
	CLEANUP_CLOSE int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISSOCK(st.st_mode))
		return -ESTALE;
	return fchownat(fd, "", uid, gid, AT_EMPTY_PATH) < 0 ? -errno : 0;
}

static int listener_open_path(const struct address *a, struct listener *l, struct err *err)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	CLEANUP_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int r;

	memcpy(sun.sun_path, a->path, sizeof(sun.sun_path));
	if (fd < 0)
		return -errno;
	r = listener_clear_path(&sun, err);
	if (r < 0)
		return r;
	/* The file is made with the mode of the socket: it is nobody else's from the beginning,
	 * whatever the umask. */
	if (fchmod(fd, S_IRUSR | S_IWUSR) < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&sun, sizeof(sun)) < 0)
		return -errno;
	memcpy(l->path, a->path, sizeof(l->path));
	l->fd[l->n++] = TAKE_FD(fd);
	return 0;
}

int listener_open(const struct address *a, uid_t uid, gid_t gid, struct listener *ret,
		  struct err *err)
{
	struct listener l = {.n = 0};
	struct err own = {.text = ""};
	char where[ADDRESS_TEXT];
	int r;

	if (*a->path) {
		r = listener_open_path(a, &l, &own);
		if (r == 0 && (uid != (uid_t)-1 || gid != (gid_t)-1))
			r = listener_give_away(a->path, uid, gid);
		if (r == 0 && listen(l.fd[0], BACKLOG) < 0)
			r = -errno;
	} else if (!strcmp(a->host, "*")) {
		r = listener_open_any(a->port, &l);
	} else {
		r = listener_open_name(a, &l, &own);
	}
	if (r == 0) {
		*ret = l;
		return 0;
	}
	listener_close(&l);
	if (*own.text)
		return errf(err, r, "%s", own.text);
	return errf(err, r, "%s: %s", address_text(a, where), strerror(-r));
}

/* What befell one connection before it was taken is none of the listener's faults. */
static bool is_of_one(int error)
{
	return error == EINTR || error == ECONNABORTED || error == EPROTO || error == ENETDOWN ||
	       error == ENOPROTOOPT || error == EHOSTDOWN || error == ENONET ||
	       error == EHOSTUNREACH || error == EOPNOTSUPP || error == ENETUNREACH;
}

int listener_accept(int fd)
{
	int got;

	do {
		got = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	} while (got < 0 && is_of_one(errno));
	if (got < 0)
		return errno == EWOULDBLOCK ? -EAGAIN : -errno;
	socket_tune(got);
	return got;
}

const char *listener_text(const struct listener *l, char ret[ADDRESS_TEXT])
{
	struct sockaddr_storage ss = {0};
	socklen_t n = sizeof(ss);

	*ret = 0;
	if (l->n && getsockname(l->fd[0], (struct sockaddr *)&ss, &n) == 0)
		socket_text(&ss, n, ret);
	return ret;
}

void listener_close(struct listener *l)
{
	struct stat st;

	if (*l->path && lstat(l->path, &st) == 0 && S_ISSOCK(st.st_mode))
		unlink(l->path);
	for (unsigned i = 0; i < l->n; i++)
		close(l->fd[i]);
	*l = (struct listener){.n = 0};
}
