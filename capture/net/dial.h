/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Makes one connection to the first of several endpoints that takes it, without ever blocking.
 * Names are asked for anew each time (in a thread of their own), all addresses of an endpoint
 * are tried, then those of the next. Each address has five seconds.
 */
#include <stdbool.h>

#include "capture/net/address.h"

struct dial;

/* list is copied. NULL when there is no memory. */
struct dial *dial_new(const struct address_list *list);
/* Goes on, or begins: a connected descriptor (not blocking, close-on-exec, TCP_NODELAY, keepalive
 * that notices a dead peer in half a minute, TCP_USER_TIMEOUT of 30 s), which is the caller's;
 *   -EAGAIN  not yet: dial_wait() says for what to wait
 *   others   no endpoint took it; dial_why() says why, and the next call begins anew. */
int dial_step(struct dial *d);
/* fd -1 = none; timeout_ms as of poll(2). */
void dial_wait(const struct dial *d, int *ret_fd, short *ret_events, int *ret_timeout_ms);
/* The endpoint that was tried last: host for the name in its certificate. */
const struct address *dial_endpoint(const struct dial *d);
/* One line: "collector:4000: Connection refused". */
const char *dial_why(const struct dial *d);
/* What was connected last is of no use (it is somebody else, or does nothing): from now on its
 * endpoint is the last one of the list. Not while something is under way. */
void dial_pass_over(struct dial *d);
/* Gives up what is under way. */
void dial_cancel(struct dial *d);
/* NULL is fine. */
void dial_free(struct dial *d);
