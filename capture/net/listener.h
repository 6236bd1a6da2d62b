/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Waits for connections at one address: at all that its name stands for. */
#include <sys/types.h>

#include "capture/net/address.h"

enum {
	LISTENER_FDS = 8
};

struct listener {
	int fd[LISTENER_FDS]; /* listening, not blocking */
	unsigned n;
	char path[108]; /* of a unix socket, which is removed at the end; "" = none */
};

/* A unix socket that a dead process left is replaced, a living one's is -EADDRINUSE. Its file is
 * 0600 and uid's and gid's ((uid_t)-1 = as it is). Port 0 = any; listener_text() tells which. */
int listener_open(const struct address *a, uid_t uid, gid_t gid, struct listener *ret,
		  struct err *err);
/* A connected descriptor of that listening one, set up as dial_step() does; -EAGAIN; others, of
 * which -EMFILE and its like mean: later. */
int listener_accept(int fd);
/* "127.0.0.1:4000" of the first. */
const char *listener_text(const struct listener *l, char ret[ADDRESS_TEXT]);
/* Accepts a zeroed one. */
void listener_close(struct listener *l);
