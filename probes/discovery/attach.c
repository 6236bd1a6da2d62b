/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "probes/discovery/attach.h"

#include <assert.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SLOTS_MAX = 4096
}; /* of a probe without a map */

int discovery_slots_init(struct discovery_slots *slots, struct err *err)
{
	struct bpf_object *object = slots->probe->ops->object(slots->probe->ctx);
	struct bpf_map *map = bpf_object__find_map_by_name(object, "targets");

	slots->map_fd = map ? bpf_map__fd(map) : -1;
	slots->n = map ? bpf_map__max_entries(map) : SLOTS_MAX;
	slots->value_size = map ? bpf_map__value_size(map) : PROBE_PARAMS_MAX;
	slots->value = malloc(slots->value_size);
	slots->used = calloc(slots->n, sizeof(*slots->used));
	if (!slots->value || !slots->used)
		return errf(err, -ENOMEM, "%s: no memory for its targets", slots->probe->ops->name);
	return 0;
}

void discovery_slots_done(struct discovery_slots *slots)
{
	free(slots->value);
	free(slots->used);
}

/* Stores the plan's facts where the kernel program finds them, before it can run. */
static int slots_take(struct discovery_slots *slots, const struct probe_plan *plan, uint32_t *ret)
{
	uint32_t slot = 0;

	while (slot < slots->n && slots->used[slot])
		slot++;
	if (slot == slots->n)
		return -ENOSPC;
	if (plan->params_len > slots->value_size)
		return -E2BIG;
	memset(slots->value, 0, slots->value_size);
	memcpy(slots->value, plan->params, plan->params_len);
	if (slots->map_fd >= 0 && bpf_map_update_elem(slots->map_fd, &slot, slots->value, BPF_ANY))
		return -errno;
	slots->used[slot] = true;
	*ret = slot;
	return 0;
}

static int slots_fail(struct discovery_slots *slots, int code, const struct err *err)
{
	if (!slots->code) {
		slots->code = code;
		slots->err = *err;
	}
	return code;
}

static void report_what(const struct discovery_reporter *r, const struct discovery_probe *probe,
			const struct discovery_place *place, const struct event_attach *what)
{
	struct event_attach full = *what;

	full.target = bytes_of(place->path);
	full.pid = (uint32_t)place->pid;
	r->fn(probe, &full, r->arg);
}

static void report_refusal(const struct discovery_reporter *r, const struct discovery_probe *probe,
			   const struct discovery_place *place, int code, const char *why)
{
	const struct event_attach what = {
		.hook = BYTES("inspect"),
		.note = bytes_of(why),
		.status = code,
	};

	report_what(r, probe, place, &what);
}

void discovery_attach_refused(const struct discovery_reporter *r, struct discovery_slots *slots,
			      const struct discovery_place *place, int code, const struct err *err)
{
	slots->found++;
	slots_fail(slots, code, err);
	report_refusal(r, slots->probe, place, code, err->text);
}

void discovery_attach_spared(const struct discovery_reporter *r,
			     const struct discovery_probe *probe,
			     const struct discovery_place *place)
{
	char why[96];

	snprintf(why, sizeof(why),
		 "process %d is under seccomp: this kernel would kill it for return probes",
		 place->pid);
	report_refusal(r, probe, place, -EPERM, why);
}

static void report_hook(const struct discovery_reporter *r, const struct discovery_probe *probe,
			const struct discovery_place *place, const struct probe_plan *plan,
			unsigned i, int status)
{
	const struct probe_hook *hook = &probe->ops->hooks[plan->v[i].hook];
	char name[ATTACH_HOOK];
	struct event_attach what = {
		.note = bytes_of(plan->v[i].note),
		.offset = plan->v[i].offset,
		.status = status,
	};

	snprintf(name, sizeof(name), "%s %s", hook->ret ? "uretprobe" : "uprobe", hook->symbol);
	what.hook = bytes_of(name);
	report_what(r, probe, place, &what);
}

/* Index of the required hook that failed, or -1. */
static int plan_first_failure(const struct probe_hook *hooks, const struct probe_plan *plan,
			      const struct attach_reply *replies)
{
	for (unsigned i = 0; i < plan->n; i++)
		if (replies[i].status && !hooks[plan->v[i].hook].optional)
			return (int)i;
	return -1;
}

static void plan_attach(const struct discovery_reporter *r, const struct discovery_probe *probe,
			const struct discovery_place *place, const struct probe_plan *plan,
			uint32_t slot, struct attach_reply *ret)
{
	for (unsigned i = 0; i < plan->n; i++) {
		struct attach_request req = {
			.id = i,
			.probe = probe->number,
			.program = plan->v[i].hook,
			.fd = place->fd,
			.offset = plan->v[i].offset,
			.cookie = slot,
			.pid = place->only ? place->pid : 0,
			.ret = probe->ops->hooks[plan->v[i].hook].ret,
		};

		attacher_call(r->attacher, &req, &ret[i]);
	}
}

int discovery_attach(const struct discovery_reporter *r, struct discovery_slots *slots,
		     const struct discovery_place *place, const struct probe_plan *plan,
		     struct discovery_hooks *ret)
{
	const struct discovery_probe *probe = slots->probe;
	struct attach_reply replies[PROBE_PLAN_MAX];
	struct discovery_hooks hooks = {.n = 0};
	struct err err;
	int failed, code = slots_take(slots, plan, &hooks.slot);
	bool gone;

	assert(plan->n > 0 && plan->n <= PROBE_PLAN_MAX);
	if (code < 0) {
		errf(&err, code, "%s: no place for '%s' in the kernel's table of %u targets: %s",
		     probe->ops->name, place->path, slots->n, strerror(-code));
		discovery_attach_refused(r, slots, place, code, &err);
		return code;
	}
	plan_attach(r, probe, place, plan, hooks.slot, replies);
	failed = plan_first_failure(probe->ops->hooks, plan, replies);
	gone = place->only && failed >= 0 && replies[failed].status == -ESRCH;
	slots->found += !gone;
	for (unsigned i = 0; i < plan->n; i++) {
		hooks.links[hooks.n++] = replies[i].link;
		if (!gone && (failed < 0 || replies[i].status))
			report_hook(r, probe, place, plan, i, replies[i].status);
	}
	if (failed < 0) {
		slots->attached++;
		*ret = hooks;
		return 0;
	}
	discovery_detach(r, slots, &hooks);
	code = replies[failed].status;
	if (gone)
		return code;
	errf(&err, code, "%s: cannot attach to %s in '%s': %s", probe->ops->name,
	     probe->ops->hooks[plan->v[failed].hook].symbol, place->path, strerror(-code));
	return slots_fail(slots, code, &err);
}

void discovery_detach(const struct discovery_reporter *r, struct discovery_slots *slots,
		      struct discovery_hooks *hooks)
{
	if (!hooks->n)
		return;
	for (unsigned i = 0; i < hooks->n; i++)
		attacher_detach(r->attacher, hooks->links[i]);
	hooks->n = 0;
	assert(slots->used[hooks->slot]);
	slots->used[hooks->slot] = false;
}
