/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What tls and the connections that use it share. */
#include <openssl/ssl.h>
#include <stddef.h>

#include "capture/net/tls.h"

enum {
	TLS_NAME = 256,
};

/* What was found out about a peer while its certificate was looked at. */
struct tls_peer {
	int error;               /* X509_V_ERR_…, the first one */
	int depth;               /* 0 = its own certificate, else one of its authorities */
	bool asks;               /* it wants a certificate of ours */
	char expected[TLS_NAME]; /* the name that its certificate must have; "" = any */
	char name[TLS_NAME];     /* that it has: the first DNS name, else CN; "" = none */
};

/* For one connection; peer is filled while it lasts. host: a client's, as conn_new() has it. NULL
 * when there is no memory. */
SSL *tls_begin(struct tls *t, const char *host, struct tls_peer *peer);

/* What is wrong, as one line that stands behind "host:port: ". */
enum {
	TLS_TEXT = 560
};
/* The certificate that was refused. */
const char *tls_peer_text(const struct tls_peer *peer, char ret[TLS_TEXT]);
/* The error `reason` (SSL_R_…) of OpenSSL; fresh: the handshake is not over yet. *ret_code: the
 * negative errno that goes with it. */
const char *tls_reason_text(int reason, const struct tls_peer *peer, bool fresh, int *ret_code);
