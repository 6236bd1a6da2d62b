/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What the files of conn share. */
#include <openssl/ssl.h>
#include <stdarg.h>

#include "capture/net/address.h"
#include "capture/net/conn.h"

struct conn {
	int fd;
	bool local;     /* a unix socket */
	bool shut;      /* nothing more will be written */
	int failure;    /* negative, what ended it; 0 = none */
	uint64_t sent;  /* bytes that the socket took */
	uint64_t acked; /* of those, what its peer's kernel is known to have */
	char peer[ADDRESS_TEXT];
	char label[ADDRESS_TEXT]; /* what its faults are said of: the name that was dialled */
	char name[256];           /* in the peer's certificate */
	char why[512];
};

/* The end of this connection. Returns failure. */
int conn_fail(struct conn *c, int failure, const char *text);
