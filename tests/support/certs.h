/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Certificates for tests of TLS, made on the spot. */
#include <stdbool.h>

struct cert_plan {
	const char *cn;
	const char *san;    /* "DNS:localhost,IP:127.0.0.1"; NULL = none */
	const char *issuer; /* name of one that was made before; NULL = itself */
	bool authority;
	int from, to; /* seconds from now; both 0 = an hour each way */
};

/* Writes NAME.pem, the certificate, and NAME.key into the folder of the test. */
void certs_make(const char *name, const struct cert_plan *plan);
/* Both in one file, NAME.both, the key locked with that passphrase if there is one. Returns its
 * path, which is temp_name()'s. */
const char *certs_join(const char *name, const char *passphrase);
