/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Where senders are waited for: what `--listen URL[,key=value…]` says. `host:port` and tcp:// and
 * fstrm:// are the same thing, as what a sender says first tells which it is; tcps:// and fstrms://
 * have TLS; unix://PATH is a socket of this machine.
 */
#include <stdbool.h>

#include "capture/base/opt.h"
#include "capture/net/listener.h"
#include "capture/net/tls.h"
#include "capture/run/user.h"

struct gate {
	char *text; /* what was said; its pieces point into it */
	const char *label;
	bool secure; /* with TLS */
	struct address_list addresses;
	struct tls_cfg cfg;
	struct tls *tls;
	struct listener listener; /* of all of its addresses */
};

/* Keys behind a URL. */
extern const struct opt gate_options[];

/* -EINVAL with one line. insecure: an address that is not this machine's may do without TLS.
 * gate_close() is due in any case. */
int gate_parse(const char *text, bool insecure, struct gate *ret, struct err *err);
int gate_open(struct gate *g, const struct user *user, struct err *err);
void gate_close(struct gate *g);
