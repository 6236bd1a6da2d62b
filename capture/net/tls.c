/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/net/tls.h"

#include <errno.h>

int tls_client_new(const struct tls_cfg *cfg, struct tls **ret, struct err *err)
{
	return errf(err, -ENOSYS, "TLS is not there yet");
}

int tls_server_new(const struct tls_cfg *cfg, struct tls **ret, struct err *err)
{
	return errf(err, -ENOSYS, "TLS is not there yet");
}

void tls_free(struct tls *t)
{
}
