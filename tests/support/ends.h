/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Two connections that are each other's ends, driven from one thread. */
#include "capture/net/conn.h"
#include "capture/net/dial.h"
#include "capture/net/listener.h"

enum {
	ENDS_PATIENCE_MS = 10000,
};

struct ends {
	struct conn *client, *server;
};

/* Of one endpoint or several: what dial_step() says in the end, waiting as dial_wait() says. */
int ends_dial(struct dial *d);
int ends_dial_text(const char *text);
/* Connected descriptors, over loopback. */
void ends_sockets(int *ret_client, int *ret_server);
/* For TLS between the two: a server with the certificate "server" (see certs.h), which is for
 * localhost, and a client that trusts it. */
void ends_contexts(struct tls **ret_client, struct tls **ret_server);
/* A connection each; host as conn_new() has it. */
void ends_open(struct ends *e, struct tls *client, struct tls *server, const char *host);
void ends_open_unix(struct ends *e);
void ends_close(struct ends *e);
/* Until both are done, or have failed. */
void ends_handshake(struct ends *e, int *ret_client, int *ret_server);
/* Waits until one of them can go on; false: nothing came in time. */
bool ends_wait(struct conn *c, short want);
/* All of it, waiting; what conn_read() says at the end, or n. */
ssize_t ends_read(struct conn *c, void *p, size_t n);
/* All of it, waiting, which goes well. */
void ends_write(struct conn *c, const void *p, size_t n);
/* Until the failure of reading; what is read on the way is dropped. 0 = the end. */
ssize_t ends_drain(struct conn *c);
/* Open descriptors of this process. */
unsigned ends_descriptors(void);
