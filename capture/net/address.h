/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Where a connection goes, or is waited for, as the user writes it. Nothing is looked up here. */
#include <stdbool.h>

#include "capture/base/err.h"

enum {
	ADDRESS_MAX = 16, /* endpoints of one output */
	ADDRESS_TEXT = 300,
};

struct address {
	char host[256]; /* name or number, without brackets; "" = a path */
	char port[8];   /* decimal */
	char path[108]; /* of a unix socket; "" = none */
};

struct address_list {
	struct address v[ADDRESS_MAX];
	unsigned n;
};

/* "host:port", "[v6]:port" or "*:port" (to listen on), several of them separated by commas;
 * port: where the text has none, NULL = it must have one. -EINVAL with one line that names the
 * text. */
int address_parse(const char *text, const char *port, struct address_list *ret, struct err *err);
/* The path of a unix socket, absolute or not. */
int address_parse_path(const char *text, struct address_list *ret, struct err *err);
/* Does nothing that is sent there leave this machine? A path, 127.0.0.0/8, ::1, "localhost"; any
 * other name counts as elsewhere, whatever it means today. */
bool address_is_local(const struct address *a);
/* As it is written: "[::1]:4318". */
const char *address_text(const struct address *a, char ret[ADDRESS_TEXT]);
