/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* TLS as our connections use it: OpenSSL, version 1.2 and later, the peer verified. */
#include <stdbool.h>

#include "capture/base/err.h"
#include "capture/base/opt.h"

struct tls_cfg {
	const char *ca;         /* file of certificates that are trusted; NULL = the system's */
	const char *cert, *key; /* PEM files; a client may have none; key NULL = it is in cert */
	const char *servername; /* to ask for and to expect; NULL = the host that is dialled */
	const char *allow; /* servers only: names of clients, separated by `+` or `:`; NULL = all
			    * that a certificate of `ca` vouches for. With either, a client must
			    * have a certificate. */
};

/* Rows for an options table: `owner` has a struct tls_cfg called `member`. */
#define TLS_CLIENT_OPTIONS(owner, member)                                                          \
	{.name = "ca",                                                                             \
	 .type = OPT_STRING,                                                                       \
	 .offset = offsetof(owner, member.ca),                                                     \
	 .arg = "FILE",                                                                            \
	 .help = "trust the certificates in FILE, not the system's"},                              \
		{.name = "cert",                                                                   \
		 .type = OPT_STRING,                                                               \
		 .offset = offsetof(owner, member.cert),                                           \
		 .arg = "FILE",                                                                    \
		 .help = "our own certificate, and what leads to its authority"},                  \
		{.name = "key",                                                                    \
		 .type = OPT_STRING,                                                               \
		 .offset = offsetof(owner, member.key),                                            \
		 .arg = "FILE",                                                                    \
		 .help = "the private key, where cert= does not hold it"},                         \
	{                                                                                          \
		.name = "servername", .type = OPT_STRING,                                          \
		.offset = offsetof(owner, member.servername), .arg = "NAME",                       \
		.help = "the name that its certificate must have, if not the host's"               \
	}

struct tls; /* one context for many connections; counted references are OpenSSL's affair */

/* Reads the files. -EINVAL, -ENOENT … with one line that names the file and what is wrong. */
int tls_client_new(const struct tls_cfg *cfg, struct tls **ret, struct err *err);
/* cert is required. */
int tls_server_new(const struct tls_cfg *cfg, struct tls **ret, struct err *err);
/* NULL is fine. */
void tls_free(struct tls *t);
