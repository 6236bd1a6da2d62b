/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Statements that programs send to MariaDB and MySQL by way of MariaDB Connector/C. */
#include <bpf/libbpf.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "capture/layout.h"
#include "kern/libmariadb.h"
#include "kern/libmariadb.skel.h"
#include "probes/elf/accessor.h"
#include "probes/elf/file.h"
#include "probes/elf/place.h"
#include "probes/elf/returns.h"
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
	 .help = "a library, or a program that it is linked into, that need not be in use yet; "
		 "others are still found by themselves"},
	OPT_END,
};

/* In the order in which they are attached: what ends a statement comes before what begins one. */
static const struct probe_hook libmariadb_hooks[] = {
	{"return", "libmariadb_return"},
	{"mysql_close", "libmariadb_over"},
	{"mysql_free_result", "libmariadb_free"},
	{"mysql_use_result", "libmariadb_use"},
	{"mysql_store_result", "libmariadb_store"},
	{"mysql_next_result", "libmariadb_answer"},
	{"mysql_read_query_result", "libmariadb_answer"},
	{"mysql_send_query", "libmariadb_send"},
	{"mysql_select_db", "libmariadb_database"},
	{"mysql_change_user", "libmariadb_user"},
	{"mysql_stmt_prepare", "libmariadb_prepare"},
	{"mysql_stmt_execute", "libmariadb_execute"},
	{"mysql_real_query", "libmariadb_query"},
	{NULL},
};

enum {
	HOOK_RETURN,
	HOOK_ENTRIES /* the first one of them */
};

/* Those whose return instructions are wanted; ends with NULL. */
static const char *const returning[] = {"mysql_store_result", "mysql_use_result",
					"mysql_next_result",  "mysql_read_query_result",
					"mysql_select_db",    "mysql_change_user",
					"mysql_stmt_prepare", "mysql_stmt_execute",
					"mysql_real_query",   NULL};

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

static int libmariadb_missing(const struct elf_file *elf, const char *what, struct err *err)
{
	return errf(err, -EOPNOTSUPP,
		    "libmariadb: '%s' has no '%s', or it is not as in MariaDB Connector/C 3",
		    elf_file_path(elf), what);
}

/* Is the structure of connections the one that we know? */
static int libmariadb_layout(const struct elf_file *elf, struct err *err)
{
	static const struct {
		const char *symbol;
		int32_t at;
	} known[] = {
		{"mysql_affected_rows", MYSQL_AFFECTED_ROWS},
		{"mysql_thread_id", MYSQL_THREAD_ID},
		{"mysql_field_count", MYSQL_FIELD_COUNT},
		{"mysql_warning_count", MYSQL_WARNING_COUNT},
		{"mysql_sqlstate", MYSQL_SQLSTATE},
	};
	struct accessor a;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (accessor_read(elf, known[i].symbol, &a) || a.in >= 0 || a.at != known[i].at)
			return libmariadb_missing(elf, known[i].symbol, err);
	return 0;
}

static int libmariadb_returns(const struct elf_file *elf, const char *name, uint64_t address,
			      struct probe_plan *plan, struct err *err)
{
	uint64_t offsets[RETURNS_MAX];
	int n = returns_find(elf, address, offsets), ret = 0;

	if (n < 0)
		return libmariadb_missing(elf, name, err);
	for (int i = 0; i < n && !ret; i++)
		ret = probe_plan_add(plan, HOOK_RETURN, offsets[i], name, err);
	return ret;
}

/* The function that reads answers is called by way of a table, which mysql_init() sets. */
static int libmariadb_answers(const struct elf_file *elf, struct probe_plan *plan, struct err *err)
{
	uint64_t table, address;

	if (accessor_sets(elf, "mysql_init", MYSQL_METHODS, &table) ||
	    elf_file_relative(elf, table + METHODS_READ_RESULT, &address))
		return libmariadb_missing(elf, "db_read_query_result", err);
	return libmariadb_returns(elf, "db_read_query_result", address, plan, err);
}

static int libmariadb_entries(const struct elf_file *elf, struct probe_plan *plan, struct err *err)
{
	int ret = 0;

	for (uint16_t i = HOOK_ENTRIES; libmariadb_hooks[i].symbol && !ret; i++) {
		char text[PLACE_TEXT];
		struct elf_symbol symbol;
		struct place place;

		if (elf_file_symbol(elf, libmariadb_hooks[i].symbol, &symbol) || !symbol.function ||
		    place_find(elf, symbol.address, false, &place))
			return libmariadb_missing(elf, libmariadb_hooks[i].symbol, err);
		ret = probe_plan_add(plan, i, place.offset, place_text(&place, text), err);
	}
	return ret;
}

static int libmariadb_inspect(const void *cfg, const struct elf_file *elf, struct probe_plan *plan,
			      struct err *err)
{
	struct elf_symbol symbol;
	int ret;

	if (elf_file_symbol(elf, "mysql_real_query", &symbol) || !symbol.function ||
	    elf_file_symbol(elf, "mysql_stmt_execute", &symbol) || !symbol.function)
		return 0;
	ret = libmariadb_layout(elf, err);
	if (!ret)
		ret = libmariadb_answers(elf, plan, err);
	for (size_t i = 0; returning[i] && !ret; i++)
		ret = elf_file_symbol(elf, returning[i], &symbol)
			      ? libmariadb_missing(elf, returning[i], err)
			      : libmariadb_returns(elf, returning[i], symbol.address, plan, err);
	return ret ? ret : libmariadb_entries(elf, plan, err);
}

static int libmariadb_decode(const struct rec *rec, struct part *ret)
{
	return layout_decode(rec, "libmariadb", ret);
}

const struct probe_ops probe_libmariadb = {
	.name = "libmariadb",
	.summary = "statements that programs send to MariaDB and MySQL, as they see them",
	.kinds = 1u << EVENT_QUERY,
	.needs = "MariaDB Connector/C 3, shared or linked in, with its symbols",
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
