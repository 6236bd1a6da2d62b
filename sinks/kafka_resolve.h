/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Asks for the address of a broker, as getaddrinfo(3) does, on a thread that nobody waits for
 * longer than he wants: librdkafka asks on a thread that it waits for when it ends, and a name
 * server that does not answer would keep penstock from ending, too.
 */
#include <netdb.h>
#include <stdatomic.h>

/* As getaddrinfo(3), whose result is to be freed as usual; EAI_AGAIN as soon as *over is true, or
 * after ten seconds. */
int kafka_resolve(const char *node, const char *service, const struct addrinfo *hints,
		  const atomic_bool *over, struct addrinfo **ret);
