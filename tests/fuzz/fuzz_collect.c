/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as what a sender says, in two pieces: a byte tells where they are cut. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <zstd.h>

#include "capture/collect/client.h"
#include "proto/pb_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const struct opt_list no_outputs;
	static struct client_env env = {.memory_max = 32 << 20};
	const struct feeds_config cfg = {.write = &no_outputs, .hosts = 1};
	struct client *client;
	struct feeds feeds;
	struct err err;
	size_t cut;

	if (!n)
		return 0;
	if (!env.read) {
		env.zstd = ZSTD_createDCtx();
		if (!env.zstd || pb_read_new(&env.read, &err) < 0)
			abort();
	}
	env.feeds = &feeds;
	if (feeds_open(&feeds, &cfg, &err) < 0)
		abort();
	client = client_new(&env, NULL, 0);
	if (!client)
		abort();
	cut = (n - 1) * data[0] / 255;
	if (client_feed(client, (struct bytes){(const char *)data + 1, cut}, 0, &err) == 0 &&
	    client_feed(client, (struct bytes){(const char *)data + 1 + cut, n - 1 - cut}, 0,
			&err) == 0)
		client_acknowledge(client);
	client_free(client);
	feeds_close(&feeds);
	if (env.memory)
		abort();
	return 0;
}
