/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Passwords in URLs: scheme://user:password@host. */
#include <stdbool.h>

#include <stdint.h>

#include "capture/base/bytes.h"

struct redact_url {
	size_t from, to;  /* what is to be masked */
	size_t end;       /* of the authority */
	bool whole;       /* its end is here, or what is secret in it */
	bool in_password; /* it is not, and what comes next may belong to the password */
};

/* text is what follows "://", or continues it behind a colon (in_password). What is not whole is
 * masked from its colon on. */
void redact_url_authority(struct bytes text, bool in_password, struct redact_url *ret);
