/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/run_copy.h"

#include <stdlib.h>
#include <string.h>

static void text_move(struct bytes *text, char **at)
{
	if (text->n)
		memcpy(*at, text->p, text->n);
	text->p = *at;
	*at += text->n;
}

struct run *run_copy(const struct run *run)
{
	struct bytes probes = bytes_of(run->probes);
	size_t n = run->host.n + run->os.n + run->kernel.n + run->arch.n + run->version.n +
		   run->cmdline.n + probes.n + 1;
	struct run *copy = malloc(sizeof(*copy) + n);
	char *at = (char *)(copy + 1);

	if (!copy)
		return NULL;
	*copy = *run;
	text_move(&copy->host, &at);
	text_move(&copy->os, &at);
	text_move(&copy->kernel, &at);
	text_move(&copy->arch, &at);
	text_move(&copy->version, &at);
	text_move(&copy->cmdline, &at);
	text_move(&probes, &at);
	*at = '\0';
	copy->probes = probes.p;
	return copy;
}
