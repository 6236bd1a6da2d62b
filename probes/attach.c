/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "probes/attach.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct attacher {
	struct attach_probe *probes;
	unsigned n;
	struct bpf_link **links; /* by handle; NULL = free */
	int32_t links_n;
};

static int check_programs(const struct attach_probe *probe, struct err *err)
{
	for (const struct probe_hook *hook = probe->hooks; hook->symbol; hook++)
		if (!bpf_object__find_program_by_name(probe->object, hook->program))
			return errf(err, -ENOENT, "no kernel program '%s' for %s", hook->program,
				    hook->symbol);
	return 0;
}

int attach_new(const struct attach_probe *probes, unsigned n, struct attacher **ret,
	       struct err *err)
{
	struct attacher *a;
	int r;

	for (unsigned i = 0; i < n; i++) {
		r = check_programs(&probes[i], err);
		if (r < 0)
			return r;
	}
	a = calloc(1, sizeof(*a));
	if (a && n)
		a->probes = malloc(n * sizeof(*probes));
	if (!a || (n && !a->probes)) {
		free(a);
		return errf(err, -ENOMEM, "no memory for attaching");
	}
	if (n)
		memcpy(a->probes, probes, n * sizeof(*probes));
	a->n = n;
	*ret = a;
	return 0;
}

void attach_free(struct attacher *a)
{
	if (!a)
		return;
	attacher_detach_all(a);
	free(a->links);
	free(a->probes);
	free(a);
}

static const struct bpf_program *program_of(const struct attacher *a,
					    const struct attach_request *req)
{
	for (unsigned i = 0; i < a->n; i++)
		if (a->probes[i].number == req->probe)
			return bpf_object__find_program_by_name(
				a->probes[i].object, a->probes[i].hooks[req->program].program);
	return NULL;
}

/* A free place in the table of links, which grows as needed. */
static int32_t new_handle(struct attacher *a)
{
	struct bpf_link **links;
	int32_t n = a->links_n ? a->links_n * 2 : 64;

	for (int32_t i = 0; i < a->links_n; i++)
		if (!a->links[i])
			return i;
	links = reallocarray(a->links, (size_t)n, sizeof(*links));
	if (!links)
		return -ENOMEM;
	memset(links + a->links_n, 0, (size_t)(n - a->links_n) * sizeof(*links));
	a->links = links;
	n = a->links_n;
	a->links_n = n ? n * 2 : 64;
	return n;
}

void attacher_call(struct attacher *a, const struct attach_request *req, struct attach_reply *ret)
{
	LIBBPF_OPTS(bpf_uprobe_opts, opts, .bpf_cookie = req->cookie, .retprobe = req->ret);
	const struct bpf_program *program = program_of(a, req);
	int32_t handle = new_handle(a);
	struct bpf_link *link;
	char path[32];

	*ret = (struct attach_reply){.id = req->id, .status = -ENOENT, .link = -1};
	if (!program || handle < 0) {
		ret->status = program ? handle : -ENOENT;
		return;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", req->fd);
	link = bpf_program__attach_uprobe_opts(program, -1, path, req->offset, &opts);
	ret->status = link ? 0 : -errno;
	if (!link)
		return;
	a->links[handle] = link;
	ret->link = handle;
}

void attacher_detach(struct attacher *a, int32_t link)
{
	if (link < 0 || link >= a->links_n)
		return;
	bpf_link__destroy(a->links[link]);
	a->links[link] = NULL;
}

void attacher_detach_all(struct attacher *a)
{
	for (int32_t i = 0; i < a->links_n; i++)
		attacher_detach(a, i);
}
