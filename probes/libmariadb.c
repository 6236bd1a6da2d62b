/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Statements that programs send to MariaDB and MySQL servers by MariaDB Connector/C. */
#include <bpf/libbpf.h>
#include <errno.h>
#include <stddef.h>
#include <unistd.h>

#include "capture/layout.h"
#include "kern/libmariadb.h"
#include "kern/libmariadb.skel.h"
#include "probes/elf/file.h"
#include "probes/elf/place.h"
#include "probes/load.h"

struct libmariadb_cfg {
	struct opt_list path;
};

struct libmariadb_ctx {
	struct bpf_object *obj;
};

static const struct opt libmariadb_options[] = {
	{.name = "path",
	 .type = OPT_LIST,
	 .offset = offsetof(struct libmariadb_cfg, path),
	 .arg = "FILE",
	 .help = "a library that need not be in use yet; others are still found by themselves"},
	OPT_END,
};

/* In the order in which they are attached: what ends a statement comes before what begins one. */
static const struct probe_hook libmariadb_hooks[] = {
	{"mysql_errno", "libmariadb_asked"},
	{"mysql_error", "libmariadb_asked"},
	{"mysql_affected_rows", "libmariadb_asked"},
	{"mysql_field_count", "libmariadb_asked"},
	{"mysql_next_result", "libmariadb_asked"},
	{"mysql_stmt_errno", "libmariadb_stmt_asked"},
	{"mysql_stmt_error", "libmariadb_stmt_asked"},
	{"mysql_stmt_affected_rows", "libmariadb_stmt_asked"},
	{"mysql_stmt_param_count", "libmariadb_stmt_asked"},
	{"mysql_stmt_bind_result", "libmariadb_stmt_asked"},
	{"mysql_stmt_store_result", "libmariadb_stmt_asked"},
	{"mysql_stmt_free_result", "libmariadb_stmt_asked"},
	{"mysql_stmt_close", "libmariadb_stmt_asked"},
	{"mysql_read_query_result", "libmariadb_read"},
	{"mysql_store_result", "libmariadb_rows"},
	{"mysql_use_result", "libmariadb_rows"},
	{"mysql_num_fields", "libmariadb_result"},
	{"mysql_free_result", "libmariadb_free"},
	{"mysql_close", "libmariadb_close"},
	{"mysql_real_query", "libmariadb_query"},
	{"mysql_send_query", "libmariadb_send"},
	{"mysql_select_db", "libmariadb_database"},
	{"mysql_stmt_prepare", "libmariadb_prepare"},
	{"mysql_stmt_execute", "libmariadb_execute"},
	{NULL},
};

static int libmariadb_check(const void *cfg, struct err *err)
{
	if (access("/sys/bus/event_source/devices/uprobe/type", R_OK))
		return errf(err, -EOPNOTSUPP, "libmariadb: the kernel has no uprobes");
	return 0;
}

static int libmariadb_initialize(void *ctx, const void *cfg, const struct probe_env *env,
				 struct err *err)
{
	struct libmariadb_ctx *libmariadb = ctx;
	size_t n;
	const void *elf = libmariadb_bpf__elf_bytes(&n);
	int ret = load_open("libmariadb", elf, n, &libmariadb->obj, err);

	return ret ? ret : load_object(libmariadb->obj, env, err);
}

static void libmariadb_close(void *ctx)
{
	struct libmariadb_ctx *libmariadb = ctx;

	bpf_object__close(libmariadb->obj);
	libmariadb->obj = NULL;
}

static struct bpf_object *libmariadb_object(void *ctx)
{
	return ((struct libmariadb_ctx *)ctx)->obj;
}

static const struct opt_list *libmariadb_paths(const void *cfg)
{
	return &((const struct libmariadb_cfg *)cfg)->path;
}

static int libmariadb_inspect(const void *cfg, const struct elf_file *elf, struct probe_plan *plan,
			      struct err *err)
{
	static const struct libmariadb_params params = {.major = 3};
	struct elf_symbol symbol;
	int ret = 0;

	/* Connector/C 3: these came with it, and MySQL's own library has neither of them */
	if (elf_file_symbol(elf, "mariadb_get_infov", &symbol) ||
	    elf_file_symbol(elf, "mysql_real_query_start", &symbol))
		return 0;
	for (uint16_t i = 0; libmariadb_hooks[i].symbol && !ret; i++) {
		const char *name = libmariadb_hooks[i].symbol;
		char text[PLACE_TEXT];
		struct place place;

		if (elf_file_symbol(elf, name, &symbol) || !symbol.function ||
		    place_find(elf, symbol.address, false, &place))
			return errf(err, -EOPNOTSUPP, "libmariadb: '%s' has no symbol '%s'",
				    elf_file_path(elf), name);
		ret = probe_plan_add(plan, i, place.offset, place_text(&place, text), err);
	}
	if (!ret)
		probe_plan_set_params(plan, &params, sizeof(params));
	return ret;
}

static int libmariadb_decode(const struct rec *rec, struct part *ret)
{
	return layout_decode(rec, "libmariadb", ret);
}

const struct probe_ops probe_libmariadb = {
	.name = "libmariadb",
	.summary = "statements that programs send by libmariadb, with rows, errors and duration",
	.kinds = 1u << EVENT_QUERY,
	.needs = "MariaDB Connector/C 3 (libmariadb) with its exported symbols",
	.options = libmariadb_options,
	.cfg_size = sizeof(struct libmariadb_cfg),
	.ctx_size = sizeof(struct libmariadb_ctx),
	.hooks = libmariadb_hooks,
	.check = libmariadb_check,
	.initialize = libmariadb_initialize,
	.close = libmariadb_close,
	.object = libmariadb_object,
	.inspect = libmariadb_inspect,
	.paths = libmariadb_paths,
	.library = "libmariadb.so.",
	.decode = libmariadb_decode,
};
