/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Statements that PostgreSQL servers of any version from 13 on run for their clients. */
#include <bpf/libbpf.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "capture/layout.h"
#include "kern/postgres.h"
#include "kern/postgres.skel.h"
#include "probes/elf/file.h"
#include "probes/elf/place.h"
#include "probes/load.h"

struct postgres_cfg {
	struct opt_list path;
};

struct postgres_ctx {
	struct bpf_object *obj;
};

static const struct opt postgres_options[] = {
	{.name = "path",
	 .type = OPT_LIST,
	 .offset = offsetof(struct postgres_cfg, path),
	 .arg = "FILE",
	 .help = "a server that need not be running yet; others are still found by themselves"},
	OPT_END,
};

static const char *const postgres_aliases[] = {"postgresql", "pg", NULL};

/* In the order in which they are attached: what ends a statement comes before what begins one. */
static const struct probe_hook postgres_hooks[] = {
	{"pq_sendstring", "postgres_error"},
	{"EndCommand", "postgres_end_command"},
	{"SaveCachedPlan", "postgres_parsed"},
	{"getTypeBinaryInputInfo", "postgres_binary_type"},
	{"InitPostgres", "postgres_session"},
	{"pgstat_report_activity", "postgres_activity"},
	{"HandleFunctionRequest", "postgres_call"},
	{NULL},
};

static int postgres_check(const void *cfg, struct err *err)
{
	if (access("/sys/bus/event_source/devices/uprobe/type", R_OK))
		return errf(err, -EOPNOTSUPP, "postgres: the kernel has no uprobes");
	return 0;
}

static int postgres_initialize(void *ctx, const void *cfg, const struct probe_env *env,
			       struct err *err)
{
	struct postgres_ctx *postgres = ctx;
	size_t n;
	const void *elf = postgres_bpf__elf_bytes(&n);
	int ret = load_open("postgres", elf, n, &postgres->obj, err);

	return ret ? ret : load_object(postgres->obj, env, err);
}

static void postgres_close(void *ctx)
{
	struct postgres_ctx *postgres = ctx;

	bpf_object__close(postgres->obj);
	postgres->obj = NULL;
}

static struct bpf_object *postgres_object(void *ctx)
{
	return ((struct postgres_ctx *)ctx)->obj;
}

static const struct opt_list *postgres_paths(const void *cfg)
{
	return &((const struct postgres_cfg *)cfg)->path;
}

static int postgres_missing(const struct elf_file *elf, const char *symbol, struct err *err)
{
	return errf(err, -EOPNOTSUPP, "postgres: '%s' is a server, but has no symbol '%s'",
		    elf_file_path(elf), symbol);
}

static int postgres_variables(const struct elf_file *elf, struct postgres_params *ret,
			      struct err *err)
{
	const struct {
		const char *name;
		__u64 *address;
	} wanted[] = {
#define VARIABLE(name) {#name, &ret->name}
		VARIABLE(MyProcPort),         VARIABLE(PG_exception_stack),
		VARIABLE(debug_query_string), VARIABLE(application_name),
		VARIABLE(cluster_name),       VARIABLE(am_walsender),
#undef VARIABLE
	};

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		struct elf_symbol symbol;

		if (elf_file_symbol(elf, wanted[i].name, &symbol))
			return postgres_missing(elf, wanted[i].name, err);
		*wanted[i].address = symbol.address;
	}
	return 0;
}

/* Puts each hook where it is cheap. Programs find variables relative to where they run. */
static int postgres_places(const struct elf_file *elf, struct postgres_params *params,
			   struct probe_plan *plan, struct err *err)
{
	int ret = 0;

	for (uint16_t i = 0; postgres_hooks[i].symbol && !ret; i++) {
		const char *name = postgres_hooks[i].symbol;
		char text[PLACE_TEXT];
		struct elf_symbol symbol;
		struct place place;

		if (elf_file_symbol(elf, name, &symbol) || !symbol.function ||
		    place_find(elf, symbol.address, false, &place))
			return postgres_missing(elf, name, err);
#define HOOK(name)                                                                                 \
	if (!strcmp(postgres_hooks[i].symbol, #name))                                              \
	params->name = place.address
		HOOK(pq_sendstring);
		HOOK(EndCommand);
		HOOK(InitPostgres);
		HOOK(pgstat_report_activity);
		HOOK(HandleFunctionRequest);
#undef HOOK
		ret = probe_plan_add(plan, i, place.offset, place_text(&place, text), err);
	}
	return ret;
}

static int postgres_inspect(const void *cfg, const struct elf_file *elf, struct probe_plan *plan,
			    struct err *err)
{
	struct postgres_params params = {0};
	struct elf_symbol symbol;
	int ret;

	/* the main loop of a backend, which no other program has */
	if (elf_file_symbol(elf, "PostgresMain", &symbol))
		return 0;
	ret = postgres_variables(elf, &params, err);
	if (!ret)
		ret = postgres_places(elf, &params, plan, err);
	if (!ret)
		probe_plan_set_params(plan, &params, sizeof(params));
	return ret;
}

static int postgres_decode(const struct rec *rec, struct part *ret)
{
	return layout_decode(rec, "postgres", ret);
}

const struct probe_ops probe_postgres = {
	.name = "postgres",
	.summary = "statements that PostgreSQL servers run, with values, rows, errors and duration",
	.aliases = postgres_aliases,
	.kinds = 1u << EVENT_QUERY,
	.needs = "PostgreSQL 13 or later with its exported symbols (any distribution's)",
	.options = postgres_options,
	.cfg_size = sizeof(struct postgres_cfg),
	.ctx_size = sizeof(struct postgres_ctx),
	.hooks = postgres_hooks,
	.check = postgres_check,
	.initialize = postgres_initialize,
	.close = postgres_close,
	.object = postgres_object,
	.inspect = postgres_inspect,
	.paths = postgres_paths,
	.decode = postgres_decode,
};
