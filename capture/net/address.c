/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/net/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "capture/base/parse.h"

/* What no name of a host has, and what shows that somebody means more than that. */
static bool is_host(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text <= ' ' || strchr("/@?#\\\x7f", *text))
			return false;
	return true;
}

/* "host", "host:port", "[v6]:port": where either ends. */
static const char *address_find_port(const char *text, size_t n, size_t *ret_host_n)
{
	const char *bracket = *text == '[' ? memchr(text, ']', n) : NULL;
	const char *colon = bracket ? bracket + 1 : memrchr(text, ':', n);
	bool any = colon && colon < text + n && *colon == ':';

	*ret_host_n = any || bracket ? (size_t)(colon - text) : n;
	return any ? colon + 1 : NULL;
}

static bool is_port(const char *text)
{
	uint32_t port;

	return parse_u32(text, &port) == 0 && port <= UINT16_MAX;
}

static int address_parse_one(const char *text, size_t n, const char *port, struct address *ret,
			     struct err *err)
{
	size_t host_n;
	const char *own = address_find_port(text, n, &host_n);
	struct address a = {.host = ""};

	if (*text == '[' && host_n >= 2 && text[host_n - 1] == ']') {
		snprintf(a.host, sizeof(a.host), "%.*s", (int)host_n - 2, text + 1);
	} else {
		if (memchr(text, ':', host_n))
			return errf(err, -EINVAL, "'%.*s': an IPv6 address stands in brackets",
				    (int)n, text);
		snprintf(a.host, sizeof(a.host), "%.*s", (int)host_n, text);
	}
	if (own)
		snprintf(a.port, sizeof(a.port), "%.*s", (int)(text + n - own), own);
	else if (port)
		snprintf(a.port, sizeof(a.port), "%s", port);
	if (!host_n || !*a.host || host_n >= sizeof(a.host) || !is_host(a.host))
		return errf(err, -EINVAL, "'%.*s' names no host", (int)n, text);
	if (!is_port(a.port))
		return errf(err, -EINVAL, "'%.*s' names no port (host:port)", (int)n, text);
	*ret = a;
	return 0;
}

int address_parse(const char *text, const char *port, struct address_list *ret, struct err *err)
{
	struct address_list list = {.n = 0};
	int r = 0;

	for (const char *end; r == 0; text = end + 1) {
		if (list.n == ADDRESS_MAX)
			return errf(err, -EINVAL, "more than %d endpoints", ADDRESS_MAX);
		end = strchrnul(text, ',');
		r = address_parse_one(text, (size_t)(end - text), port, &list.v[list.n++], err);
		if (!*end)
			break;
	}
	if (r == 0)
		*ret = list;
	return r;
}

int address_parse_path(const char *text, struct address_list *ret, struct err *err)
{
	struct address_list list = {.n = 1};

	if (!*text)
		return errf(err, -EINVAL, "names no path");
	if (strlen(text) >= sizeof(list.v[0].path))
		return errf(err, -EINVAL, "'%s' is longer than the path of a socket may be", text);
	snprintf(list.v[0].path, sizeof(list.v[0].path), "%s", text);
	*ret = list;
	return 0;
}

bool address_is_local(const struct address *a)
{
	struct in6_addr v6;
	struct in_addr v4;

	if (*a->path || !strcasecmp(a->host, "localhost"))
		return true;
	if (inet_pton(AF_INET, a->host, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	return inet_pton(AF_INET6, a->host, &v6) == 1 &&
	       (IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127));
}

const char *address_text(const struct address *a, char ret[ADDRESS_TEXT])
{
	bool v6 = strchr(a->host, ':');

	if (*a->path)
		snprintf(ret, ADDRESS_TEXT, "%s", a->path);
	else
		snprintf(ret, ADDRESS_TEXT, "%s%s%s:%s", v6 ? "[" : "", a->host, v6 ? "]" : "",
			 a->port);
	return ret;
}
