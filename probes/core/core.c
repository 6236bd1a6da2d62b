/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kern/core.skel.h"
#include "kern/events.h"
#include "probes/core/core.h"
#include "probes/core/filter.h"
#include "probes/load.h"

enum {
	CORE_LINKS = 8
};

struct core {
	struct bpf_object *obj;
	struct bpf_link *links[CORE_LINKS];
	unsigned links_n;
	struct bpf_link *self; /* of the program that notes this process's own connections */
	uint32_t ring_size;
	uint16_t exec_probe;
	struct core_filters filters; /* core_start() looks at them once more */
};

static int core_map_fd(const struct core *core, const char *name)
{
	return bpf_object__find_map_fd_by_name(core->obj, name);
}

/* The map of trees follows every process: without one it need not have room. */
static int core_size_maps(struct core *core, const struct core_config *cfg, struct err *err)
{
	struct bpf_map *ring = bpf_object__find_map_by_name(core->obj, "ring");
	struct bpf_map *tree = bpf_object__find_map_by_name(core->obj, "tree");
	int ret = bpf_map__set_max_entries(ring, cfg->ring_size);

	if (ret)
		return errf(err, ret, "core: ring of %u bytes: %s", cfg->ring_size, strerror(-ret));
	core->ring_size = bpf_map__max_entries(ring);
	if (!cfg->filters->tree.n && !cfg->filters->command)
		ret = bpf_map__set_max_entries(tree, 1);
	return ret;
}

/* Programs on tracepoints may be preempted where SRCU of the fast kind protects those (7.0). */
static bool core_preemptible(void)
{
	struct btf *btf = btf__load_vmlinux_btf();
	bool ret = btf &&
		   btf__find_by_name_kind(btf, "tracepoint_srcu_srcu_data", BTF_KIND_VAR) > 0 &&
		   btf__find_by_name_kind(btf, "init_srcu_struct_fast", BTF_KIND_FUNC) > 0;

	btf__free(btf);
	return ret;
}

/* The second program for an event is for those kernels only: it takes long to load. */
static int core_choose(const struct core *core, struct err *err)
{
	const bool preemptible = core_preemptible();
	struct bpf_program *program;

	bpf_object__for_each_program(program, core->obj)
	{
		if (!preemptible && strstr(bpf_program__name(program), "_again"))
			bpf_program__set_autoload(program, false);
	}
	return load_rodata(core->obj, "preemptible", preemptible, err);
}

/* Says why the kernel refuses our programs. That it lacks something which `penstock check` calls
 * needed says more than the verifier's words. */
static int core_refused(int ret, struct err *err)
{
	struct core_feature rows[CORE_FEATURES_MAX];
	unsigned n = core_features(rows);

	for (unsigned i = 0; i < n; i++)
		if (rows[i].status < 0)
			return errf(
				err, -EOPNOTSUPP,
				"the kernel refuses our programs; missing: %s (see penstock check)",
				rows[i].name);
	return ret;
}

static int core_load(struct core *core, const struct core_config *cfg, struct err *err)
{
	const struct probe_env env = {.number = cfg->exec_probe};
	size_t n;
	const void *elf = core_bpf__elf_bytes(&n);
	int ret;

	if (access("/sys/kernel/btf/vmlinux", R_OK))
		return errf(err, -EOPNOTSUPP,
			    "the kernel has no type information "
			    "(/sys/kernel/btf/vmlinux, CONFIG_DEBUG_INFO_BTF)");
	ret = load_open("core", elf, n, &core->obj, err);
	if (!ret)
		ret = core_size_maps(core, cfg, err);
	if (!ret)
		ret = load_rodata(core->obj, "exec_probe", cfg->exec_probe, err);
	if (!ret)
		ret = core_choose(core, err);
	if (ret)
		return ret;
	ret = load_object(core->obj, &env, err);
	return ret == -EOPNOTSUPP ? core_refused(ret, err) : ret;
}

/* Not by core_start(), which comes when sinks may be connected already. */
static int core_attach_self(struct core *core, struct err *err)
{
	struct bpf_program *program = bpf_object__find_program_by_name(core->obj, "core_self");

	core->self = bpf_program__attach(program);
	if (!core->self)
		return errf(err, -errno, "core: cannot attach '%s': %s", bpf_program__name(program),
			    strerror(errno));
	bpf_program__set_autoattach(program, false);
	return 0;
}

int core_new(const struct core_config *cfg, struct core **ret, struct err *err)
{
	struct core *core;
	char caps[64];
	int r = core_filter_check(cfg->filters, err);

	if (r)
		return r;
	load_quiet_libbpf();
	if (load_missing_caps(caps, sizeof(caps)))
		return errf(err, -EPERM, "recording needs root, or at least %s", caps);
	core = calloc(1, sizeof(*core));
	if (!core)
		return errf(err, -ENOMEM, "out of memory");
	core->filters = *cfg->filters;
	core->exec_probe = cfg->exec_probe;
	r = core_load(core, cfg, err);
	if (!r)
		r = core_filter_apply(&core->filters, core->obj, err);
	if (!r)
		r = core_attach_self(core, err);
	if (r) {
		core_free(core);
		return r;
	}
	*ret = core;
	return 0;
}

int core_start(struct core *core, struct err *err)
{
	int ret = load_attach(core->obj, core->links, CORE_LINKS, &core->links_n, err);

	if (!ret)
		ret = core_filter_complete(&core->filters, core->obj, err);
	if (ret)
		core_stop(core);
	return ret;
}

/* How often the kernel left a program out, less what the second one for the same event made good
 * (kern/core.bpf.c). */
static uint64_t core_missed(const struct core *core)
{
	static const char *const programs[] = {"core_fork", "core_exec", "core_exit",
					       "core_cgroup"};
	const uint32_t key = 0;
	uint64_t missed = 0, good = 0;

	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		const struct bpf_program *program =
			bpf_object__find_program_by_name(core->obj, programs[i]);
		struct bpf_prog_info info = {0};
		uint32_t size = sizeof(info);

		if (!bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size))
			missed += info.recursion_misses;
	}
	bpf_map_lookup_elem(core_map_fd(core, "made_good"), &key, &good);
	return missed > good ? missed - good : 0;
}

/* Counts what the programs missed as a loss. Nobody else writes a counter of KC_MISSED, and nobody
 * writes KC_SUBMITTED of these programs any more, which are detached. */
static void core_count_missed(const struct core *core)
{
	static const uint32_t counters[] = {KC_SUBMITTED, KC_MISSED};
	const uint64_t missed = core_missed(core);
	const int fd = core_counters_fd(core), cpus = libbpf_num_possible_cpus();
	uint64_t *values = missed && cpus > 0 ? calloc(cpus, sizeof(*values)) : NULL;

	for (size_t i = 0; values && i < sizeof(counters) / sizeof(counters[0]); i++) {
		const uint32_t key = core->exec_probe * KC_MAX + counters[i];

		if (bpf_map_lookup_elem(fd, &key, values))
			break;
		values[0] += missed;
		bpf_map_update_elem(fd, &key, values, BPF_ANY);
	}
	free(values);
}

/* Detaches in reverse order: of two programs for one event the second one goes first, so that it
 * never runs alone. */
void core_stop(struct core *core)
{
	if (!core->links_n)
		return;
	while (core->links_n)
		bpf_link__destroy(core->links[--core->links_n]);
	core_count_missed(core);
}

void core_free(struct core *core)
{
	if (!core)
		return;
	core_stop(core);
	bpf_link__destroy(core->self);
	bpf_object__close(core->obj);
	free(core);
}

struct bpf_object *core_object(struct core *core)
{
	return core->obj;
}

int core_ring_fd(const struct core *core)
{
	return core_map_fd(core, "ring");
}

int core_ctl_fd(const struct core *core)
{
	return core_map_fd(core, "ctl");
}

int core_counters_fd(const struct core *core)
{
	return core_map_fd(core, "counters");
}

uint32_t core_ring_size(const struct core *core)
{
	return core->ring_size;
}
