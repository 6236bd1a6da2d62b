/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What the files of conn share. */
#include "capture/net/address.h"
#include "capture/net/conn.h"

struct conn_tls;

struct conn {
	int fd;
	bool local;     /* a unix socket */
	bool shut;      /* nothing more will be written */
	int failure;    /* negative, what ended it; 0 = none */
	int cut;        /* errno of the socket that conn_read() has not said yet */
	uint64_t sent;  /* bytes that the socket took */
	uint64_t acked; /* of those, what its peer's kernel is known to have */
	struct conn_tls *tls;
	char peer[ADDRESS_TEXT];
	char label[ADDRESS_TEXT]; /* what its faults are said of: the name that was dialled */
	char why[ADDRESS_TEXT + 2 + 560];
};

/* The end of this connection. Returns failure, or that of the first time. */
int conn_fail(struct conn *c, int failure, const char *text);
int conn_fail_errno(struct conn *c, int error);
/* One system call, as conn_write() and conn_read(), whose failure is not the connection's yet. */
ssize_t conn_send_raw(struct conn *c, const struct iovec *v, unsigned n);
ssize_t conn_recv_raw(struct conn *c, void *p, size_t n);

/* With TLS. Each as its namesake of conn.h. */
int conn_tls_new(struct conn *c, struct tls *tls, const char *host);
int conn_tls_handshake(struct conn *c);
ssize_t conn_tls_write(struct conn *c, const struct iovec *v, unsigned n);
ssize_t conn_tls_read(struct conn *c, void *p, size_t n);
short conn_tls_events(const struct conn *c, short want);
bool conn_tls_pending(const struct conn *c);
/* Of what was written before encryption, when so many bytes of the socket have arrived. */
uint64_t conn_tls_acked(struct conn *c, uint64_t of_socket);
int conn_tls_shutdown(struct conn *c);
const char *conn_tls_peer_name(const struct conn *c);
void conn_tls_free(struct conn *c);
