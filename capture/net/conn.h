/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * One connection: a descriptor, with or without TLS on it. Nothing blocks; where a call cannot go
 * on it returns -EAGAIN, and conn_events() says what to poll for. After any other failure
 * conn_why() has one line ("certificate has expired"), and conn_close() is all that is left.
 */
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "capture/base/err.h"
#include "capture/net/tls.h"

struct conn;

/* Takes fd, also when it fails, which is connected and does not block. tls: NULL = none; borrowed.
 * host: a client's, whose certificate is to have that name unless tls has another; NULL = we are
 * the server. */
int conn_new(int fd, struct tls *tls, const char *host, struct conn **ret);
/* 0 as soon as bytes can be written; without TLS at once. -EACCES: the peer is not whom we want. */
int conn_handshake(struct conn *c);
/* Takes some of it: how much; -EAGAIN; other failures. With TLS the last of what it took may still
 * wait for the socket: conn_events() says so, and any call of these moves it on. */
ssize_t conn_write(struct conn *c, const struct iovec *v, unsigned n);
/* 0 = the peer has said that nothing more will come. */
ssize_t conn_read(struct conn *c, void *p, size_t n);
/* What to poll the descriptor for; `want` is what the caller wants to do: POLLIN, POLLOUT. */
short conn_events(const struct conn *c, short want);
/* Can more be read that poll(2) does not know of? */
bool conn_pending(const struct conn *c);
int conn_fd(const struct conn *c);
/* Of all that conn_write() took, how much the peer's kernel is known to have. Never goes back; also
 * right after a failure. */
uint64_t conn_acked(struct conn *c);
/* Nothing more will be written: tells the peer. 0, -EAGAIN. Reading goes on. */
int conn_shutdown(struct conn *c);
/* "127.0.0.1:4711", "unix". */
const char *conn_peer(const struct conn *c);
/* The name in the certificate that the peer has shown (its first DNS name, else its CN); "" = none.
 */
const char *conn_peer_name(const struct conn *c);
const char *conn_why(const struct conn *c);
/* NULL is fine. */
void conn_close(struct conn *c);
