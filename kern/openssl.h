/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
#pragma once
#include <linux/types.h>

/* Facts of one file that has SSL_read and SSL_write: where client_random is. A candidate, read from
 * the code: it is believed where the bytes there equal those of a ClientHello. */
struct openssl_params {
	__s32 random_in; /* offset in the SSL object of a pointer to what holds it; -1 = the object
			  */
	__s32 random_at; /* offset there; -1 = not known */
};
