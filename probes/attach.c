/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "probes/attach.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "capture/base/cleanup.h"

#define UPROBE_PMU "/sys/bus/event_source/devices/uprobe/type"

enum {
	DETACH_THREADS = 32,
	MULTI_RETURN = 1 /* BPF_F_UPROBE_MULTI_RETURN */
};

/* BPF_LINK_CREATE's part of union bpf_attr for such a link. */
struct multi_attr {
	uint32_t prog_fd, target_fd, attach_type, link_flags;
	uint64_t path, offsets, ref_ctr_offsets, cookies;
	uint32_t cnt, flags, pid, pad;
};

struct attach_link {
	bool used;
	struct bpf_link *perf; /* NULL: a descriptor of uprobe_multi instead */
	int multi;
};

struct attacher {
	struct attach_probe *probes;
	unsigned n;
	struct attach_link *links; /* by handle */
	int32_t links_n;
};

int attach_multi(int program, const struct attach_place *place)
{
	struct multi_attr attr = {
		.prog_fd = (uint32_t)program,
		.attach_type = ATTACH_MULTI,
		.path = (uintptr_t)place->path,
		.offsets = (uintptr_t)&place->offset,
		.cookies = (uintptr_t)&place->cookie,
		.cnt = 1,
		.flags = place->ret ? MULTI_RETURN : 0,
		.pid = (uint32_t)place->pid,
	};
	long fd = syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));

	return fd < 0 ? -errno : (int)fd;
}

int attach_event(const struct attach_place *place)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.config = place->ret,
		.config1 = (uintptr_t)place->path,
		.config2 = place->offset,
		.sample_period = 1,
	};
	CLEANUP_FCLOSE FILE *type = fopen(UPROBE_PMU, "re");
	long fd;

	if (!type || fscanf(type, "%u", &attr.type) != 1)
		return -EOPNOTSUPP;
	fd = syscall(SYS_perf_event_open, &attr, place->pid ? place->pid : -1, place->pid ? -1 : 0,
		     -1, PERF_FLAG_FD_CLOEXEC);
	return fd < 0 ? -errno : (int)fd;
}

/* Kernels without such links load the program all the same and refuse the link. Those that have
 * them go on to look at the path, and a folder (-EBADF) is no file to probe. */
static bool multi_links_work(void)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = ATTACH_MULTI);
	const struct bpf_insn code[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K},
					{.code = BPF_JMP | BPF_EXIT}};
	int program = bpf_prog_load(BPF_PROG_TYPE_KPROBE, NULL, "GPL", code, 2, &opts), r;

	if (program < 0)
		return false;
	r = attach_multi(program, &(struct attach_place){.path = "/"});
	close(program);
	return r == -EBADF;
}

void attach_prepare(struct bpf_object *object)
{
	struct bpf_program *program;
	bool multi = multi_links_work();

	bpf_object__for_each_program(program, object)
	{
		if (multi && strstr(bpf_program__section_name(program), "probe"))
			bpf_program__set_expected_attach_type(program, ATTACH_MULTI);
	}
}

static int hooks_check_programs(const struct attach_probe *probe, struct err *err)
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
		r = hooks_check_programs(&probes[i], err);
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

/* hooks[index]; NULL when there are fewer. */
static const struct probe_hook *hook_at(const struct probe_hook *hooks, unsigned index)
{
	for (; hooks->symbol; hooks++)
		if (!index--)
			return hooks;
	return NULL;
}

/* What a request names; NULL when there is none such. */
static const struct bpf_program *program_of(const struct attacher *a,
					    const struct attach_request *req)
{
	for (unsigned i = 0; i < a->n; i++) {
		const struct probe_hook *hook = hook_at(a->probes[i].hooks, req->program);

		if (a->probes[i].number == req->probe && hook)
			return bpf_object__find_program_by_name(a->probes[i].object, hook->program);
	}
	return NULL;
}

/* A free place in the table of links, which grows as needed. */
static int32_t handle_new(struct attacher *a)
{
	int32_t n = a->links_n;
	struct attach_link *links;

	for (int32_t i = 0; i < n; i++)
		if (!a->links[i].used)
			return i;
	links = reallocarray(a->links, (size_t)n * 2 + 64, sizeof(*links));
	if (!links)
		return -ENOMEM;
	memset(links + n, 0, (size_t)(n + 64) * sizeof(*links));
	a->links = links;
	a->links_n = n * 2 + 64;
	return n;
}

static int link_attach(const struct bpf_program *program, const struct attach_request *req,
		       struct attach_link *ret)
{
	LIBBPF_OPTS(bpf_uprobe_opts, opts, .bpf_cookie = req->cookie, .retprobe = req->ret);
	char path[32];
	const struct attach_place place = {path, req->offset, req->cookie, req->pid, req->ret};
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", req->fd);
	if (bpf_program__expected_attach_type(program) != ATTACH_MULTI) {
		ret->perf = bpf_program__attach_uprobe_opts(program, req->pid ? req->pid : -1, path,
							    req->offset, &opts);
		ret->used = ret->perf;
		return ret->perf ? 0 : -errno;
	}
	fd = attach_multi(bpf_program__fd(program), &place);
	if (fd < 0)
		return fd;
	ret->multi = fd;
	ret->used = true;
	return 0;
}

void attacher_call(struct attacher *a, const struct attach_request *req, struct attach_reply *ret)
{
	const struct bpf_program *program = program_of(a, req);
	int32_t handle = handle_new(a);
	int status = program ? handle : -ENOENT;

	if (status >= 0)
		status = link_attach(program, req, &a->links[handle]);
	*ret = (struct attach_reply){
		.id = req->id,
		.status = status,
		.link = status ? -1 : handle,
	};
}

void attacher_detach(struct attacher *a, int32_t handle)
{
	if (handle < 0 || handle >= a->links_n || !a->links[handle].used)
		return;
	if (a->links[handle].perf)
		bpf_link__destroy(a->links[handle].perf);
	else
		close(a->links[handle].multi);
	a->links[handle] = (struct attach_link){0};
}

struct detach_work {
	struct attacher *a;
	atomic_int next;
};

/* One of several threads: takes links as long as there are any. */
static void *links_detach_some(void *arg)
{
	struct detach_work *work = arg;
	int32_t handle;

	while ((handle = atomic_fetch_add(&work->next, 1)) < work->a->links_n)
		attacher_detach(work->a, handle);
	return NULL;
}

/* To let go of a probe the kernel waits until nobody can be in it: it waits for many at a time as
 * long as for one. */
void attacher_detach_all(struct attacher *a)
{
	struct detach_work work = {.a = a};
	pthread_t threads[DETACH_THREADS];
	int32_t used = 0, n = 0;

	for (int32_t i = 0; i < a->links_n; i++)
		used += a->links[i].used;
	while (n + 1 < used && n < DETACH_THREADS &&
	       !pthread_create(&threads[n], NULL, links_detach_some, &work))
		n++;
	links_detach_some(&work);
	while (n)
		pthread_join(threads[--n], NULL);
}
