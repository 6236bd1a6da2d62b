/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture/base/cleanup.h"
#include "probes/attach.h"
#include "probes/load.h"

/* What libbpf said last in this thread: its first warning, and the verifier's last word. */
static _Thread_local char load_warning[192];
static _Thread_local char load_verdict[192];

static void load_keep(char *ret, size_t size, const char *text)
{
	int n;

	if (!strncmp(text, "libbpf: ", 8))
		text += 8;
	n = strcspn(text, "\n");
	snprintf(ret, size, "%.*s", n, text);
}

/* The line before the verifier's statistics says what it refused. */
static void load_keep_verdict(char *log)
{
	static const char *const noise[] = {"verification time", "stack depth",
					    "processed ",        "-- END",
					    "mark_precise",      "peak_states"};
	char *save, *telling = NULL;

	for (char *line = strtok_r(log, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		bool skip = false;

		for (size_t i = 0; i < sizeof(noise) / sizeof(noise[0]); i++)
			skip |= strstr(line, noise[i]) != NULL;
		if (!skip)
			telling = line;
	}
	if (telling)
		load_keep(load_verdict, sizeof(load_verdict), telling);
}

static int load_print(enum libbpf_print_level level, const char *fmt, va_list args)
{
	CLEANUP_FREE char *text = NULL;

	if (level != LIBBPF_WARN || vasprintf(&text, fmt, args) < 0)
		return 0;
	if (strstr(text, "BEGIN PROG LOAD LOG"))
		load_keep_verdict(text);
	else if (!load_warning[0])
		load_keep(load_warning, sizeof(load_warning), text);
	return 0;
}

void load_quiet_libbpf(void)
{
	libbpf_set_print(load_print);
}

unsigned load_missing_caps(char *ret, size_t size)
{
	static const struct {
		unsigned bit;
		const char *name;
	} wanted[] = {{CAP_BPF, "CAP_BPF"}, {CAP_PERFMON, "CAP_PERFMON"}};
	CLEANUP_FCLOSE FILE *f = fopen("/proc/thread-self/status", "re");
	unsigned long long caps = 0;
	unsigned missing = 0;
	char line[256];
	size_t n = 0;

	ret[0] = '\0';
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "CapEff: %llx", &caps) == 1)
			break;
	if (caps >> CAP_SYS_ADMIN & 1)
		return 0;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		if (caps >> wanted[i].bit & 1)
			continue;
		if (n < size)
			n += snprintf(ret + n, size - n, "%s%s", missing ? ", " : "",
				      wanted[i].name);
		missing++;
	}
	return missing;
}

static int load_failed(struct err *err, const char *name, int code)
{
	char caps[64];

	if ((code == -EPERM || code == -EACCES) && load_missing_caps(caps, sizeof(caps)))
		return errf(err, -EPERM, "loading kernel programs needs root, or %s", caps);
	return errf(err, code == -ENOMEM ? code : -EOPNOTSUPP,
		    "%s: the kernel refuses our programs: %s%s%s%s%s", name, strerror(-code),
		    load_warning[0] ? ": " : "", load_warning, load_verdict[0] ? ": " : "",
		    load_verdict);
}

int load_open(const char *name, const void *elf, size_t n, struct bpf_object **ret, struct err *err)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = name);
	struct bpf_object *obj;

	load_warning[0] = load_verdict[0] = '\0';
	obj = bpf_object__open_mem(elf, n, &opts);
	if (!obj)
		return errf(err, -errno, "%s: cannot open the kernel half: %s %s", name,
			    strerror(errno), load_warning);
	*ret = obj;
	return 0;
}

/* The memory of a constant before loading; NULL = the object has none of that name. */
static char *load_rodata_find(struct bpf_object *obj, const char *name, size_t *ret_size)
{
	const struct btf *btf = bpf_object__btf(obj);
	int id = btf ? btf__find_by_name_kind(btf, ".rodata", BTF_KIND_DATASEC) : -1;
	const struct btf_type *section = id < 0 ? NULL : btf__type_by_id(btf, id);
	const struct btf_var_secinfo *var = section ? btf_var_secinfos(section) : NULL;
	struct bpf_map *map;

	for (int i = 0; section && i < btf_vlen(section); i++, var++) {
		const struct btf_type *type = btf__type_by_id(btf, var->type);

		if (strcmp(btf__name_by_offset(btf, type->name_off), name))
			continue;
		bpf_object__for_each_map(map, obj)
		{
			size_t size;
			char *p = (char *)bpf_map__initial_value(map, &size);

			if (!p || !strstr(bpf_map__name(map), ".rodata") ||
			    (size_t)var->offset + var->size > size)
				continue;
			*ret_size = var->size;
			return p + var->offset;
		}
	}
	return NULL;
}

int load_rodata(struct bpf_object *obj, const char *name, uint64_t value, struct err *err)
{
	size_t size = 0;
	void *p = load_rodata_find(obj, name, &size);

	if (!p)
		return 0;
	if (size > sizeof(value) || (size < sizeof(value) && value >> 8 * size))
		return errf(err, -EINVAL, "%s: %llu does not fit into '%s'", bpf_object__name(obj),
			    (unsigned long long)value, name);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	memcpy(p, (char *)&value + sizeof(value) - size, size);
#else
	memcpy(p, &value, size);
#endif
	return 0;
}

static int load_share_maps(struct bpf_object *obj, const struct bpf_object *core, struct err *err)
{
	struct bpf_map *map, *shared;
	int ret;

	bpf_object__for_each_map(map, obj)
	{
		if (bpf_map__is_internal(map))
			continue;
		shared = bpf_object__find_map_by_name(core, bpf_map__name(map));
		if (!shared)
			continue;
		ret = bpf_map__reuse_fd(map, bpf_map__fd(shared));
		if (ret)
			return errf(err, ret, "%s: cannot share map '%s': %s",
				    bpf_object__name(obj), bpf_map__name(map), strerror(-ret));
	}
	return 0;
}

static int load_constants(struct bpf_object *obj, const struct probe_env *env, struct err *err)
{
	const struct bpf_object *core = env->core ? env->core : obj;
	const struct bpf_map *ring = bpf_object__find_map_by_name(core, "ring");
	int ret = load_rodata(obj, "probe_number", env->number, err);

	if (!ret)
		ret = load_rodata(obj, "max_payload", env->max_payload, err);
	if (!ret)
		ret = load_rodata(obj, "recorder_pid", (uint64_t)getpid(), err);
	if (!ret && ring)
		ret = load_rodata(obj, "ring_size", bpf_map__max_entries(ring), err);
	return ret;
}

int load_object(struct bpf_object *obj, const struct probe_env *env, struct err *err)
{
	int ret = load_constants(obj, env, err);

	if (!ret && env->core)
		ret = load_share_maps(obj, env->core, err);
	if (ret)
		return ret;
	load_warning[0] = load_verdict[0] = '\0';
	attach_prepare(obj);
	ret = bpf_object__load(obj);
	return ret ? load_failed(err, bpf_object__name(obj), ret) : 0;
}

int load_attach(struct bpf_object *obj, struct bpf_link **ret_links, unsigned max, unsigned *ret_n,
		struct err *err)
{
	struct bpf_program *program;
	unsigned n = 0;

	*ret_n = 0;
	load_warning[0] = load_verdict[0] = '\0';
	bpf_object__for_each_program(program, obj)
	{
		if (!bpf_program__autoload(program) || !bpf_program__autoattach(program))
			continue;
		if (n == max)
			return errf(err, -E2BIG, "%s: more than %u programs", bpf_object__name(obj),
				    max);
		ret_links[n] = bpf_program__attach(program);
		if (!ret_links[n] && bpf_program__type(program) == BPF_PROG_TYPE_TRACEPOINT)
			continue;
		if (!ret_links[n])
			return errf(err, -errno, "%s: cannot attach: %s",
				    bpf_program__name(program), strerror(errno));
		*ret_n = ++n;
	}
	return 0;
}
