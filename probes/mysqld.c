/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Statements that MariaDB servers run for their clients. */
#include <bpf/libbpf.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "capture/layout.h"
#include "kern/mysqld.h"
#include "kern/mysqld.skel.h"
#include "probes/elf/accessor.h"
#include "probes/elf/file.h"
#include "probes/elf/place.h"
#include "probes/load.h"

struct mysqld_cfg {
	struct opt_list path;
};

struct mysqld_ctx {
	struct bpf_object *obj;
};

static const struct opt mysqld_options[] = {
	{.name = "path",
	 .type = OPT_LIST,
	 .offset = offsetof(struct mysqld_cfg, path),
	 .arg = "FILE",
	 .help = "a server that need not be running yet; others are still found by themselves"},
	OPT_END,
};

static const char *const mysqld_aliases[] = {"mysql", "mariadb", NULL};

/* In the order in which they are attached: what ends a statement comes before what begins one. */
enum {
	HOOK_END,
	HOOK_EXECUTED,
	HOOK_EXECUTE,
	HOOK_DISPATCH
};
static const struct probe_hook mysqld_hooks[] = {
	[HOOK_END] = {"Protocol::end_statement", "mysqld_end"},
	[HOOK_EXECUTED] = {"sp_instr_stmt::exec_core", "mysqld_executed", .optional = true},
	[HOOK_EXECUTE] = {"mysql_execute_command", "mysqld_execute"},
	[HOOK_DISPATCH] = {"dispatch_command", "mysqld_dispatch"},
	{NULL},
};

/* The same functions with the arguments that versions have given them; ends with NULL. */
static const char *const end_symbols[] = {"_ZN8Protocol13end_statementEv", NULL};
static const char *const execute_symbols[] = {"_Z21mysql_execute_commandP3THDb",
					      "_Z21mysql_execute_commandP3THD", NULL};
static const char *const dispatch_symbols[] = {
	"_Z16dispatch_command19enum_server_commandP3THDPcjb",
	"_Z16dispatch_command19enum_server_commandP3THDPcjbb",
	"_Z16dispatch_command19enum_server_commandP3THDPcj", NULL};
static const char mysql_symbol[] = "_Z16dispatch_commandP3THDPK8COM_DATA19enum_server_command";
static const char exec_core_symbol[] = "_ZN13sp_instr_stmt9exec_coreEP3THDPj";

static int mysqld_check(const void *cfg, struct err *err)
{
	if (access("/sys/bus/event_source/devices/uprobe/type", R_OK))
		return errf(err, -EOPNOTSUPP, "mysqld: the kernel has no uprobes");
	return 0;
}

static int mysqld_initialize(void *ctx, const void *cfg, const struct probe_env *env,
			     struct err *err)
{
	struct mysqld_ctx *mysqld = ctx;
	size_t n;
	const void *elf = mysqld_bpf__elf_bytes(&n);
	int ret = load_open("mysqld", elf, n, &mysqld->obj, err);

	return ret ? ret : load_object(mysqld->obj, env, err);
}

static void mysqld_close(void *ctx)
{
	struct mysqld_ctx *mysqld = ctx;

	bpf_object__close(mysqld->obj);
	mysqld->obj = NULL;
}

static struct bpf_object *mysqld_object(void *ctx)
{
	return ((struct mysqld_ctx *)ctx)->obj;
}

static const struct opt_list *mysqld_paths(const void *cfg)
{
	return &((const struct mysqld_cfg *)cfg)->path;
}

/* The first of the names that the file has. */
static int mysqld_symbol(const struct elf_file *elf, const char *const *names,
			 struct elf_symbol *ret)
{
	for (; *names; names++)
		if (!elf_file_symbol(elf, *names, ret) && ret->function)
			return 0;
	return -ENOENT;
}

static int mysqld_missing(const struct elf_file *elf, const char *what, struct err *err)
{
	return errf(err, -EOPNOTSUPP,
		    "mysqld: '%s' is a server, but '%s' is missing or not as it is in MariaDB 10.5 "
		    "to 11.8",
		    elf_file_path(elf), what);
}

/* Offsets that nothing works without: as the server's own accessors for plugins have them. */
static int mysqld_fields(const struct elf_file *elf, struct mysqld_params *ret, struct err *err)
{
	const struct {
		const char *symbol;
		__u32 *at, *in;
		bool address;
	} wanted[] = {
		{"thd_get_thread_id", &ret->thread_id, NULL, false},
		{"thd_query_string", &ret->query, NULL, true},
		{"thd_current_db", &ret->db, NULL, true},
		{"thd_user_name", &ret->security, &ret->user, false},
		{"thd_client_host", &ret->security, &ret->host, false},
		{"thd_client_ip", &ret->security, &ret->ip, false},
		{"thd_get_error_number", &ret->da, &ret->da_error, false},
		{"thd_get_error_message", &ret->da, &ret->da_message, true},
		{"thd_current_status", &ret->da, &ret->da_status, false},
	};
	struct accessor a;

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		if (accessor_read(elf, wanted[i].symbol, &a) || a.address != wanted[i].address ||
		    (a.in >= 0) != !!wanted[i].in)
			return mysqld_missing(elf, wanted[i].symbol, err);
		*wanted[i].at = (__u32)a.at;
		if (wanted[i].in)
			*wanted[i].in = (__u32)a.in;
	}
	return 0;
}

/* Offsets that no accessor tells: as other functions use them. */
static int mysqld_used(const struct elf_file *elf, struct mysqld_params *ret, struct err *err)
{
	static const char set_ok[] = "_ZN16Diagnostics_area13set_ok_statusEyyPKc";
	struct accessor a;
	int32_t at;

	if (accessor_first(elf, end_symbols[0], &at))
		return mysqld_missing(elf, end_symbols[0], err);
	ret->protocol_thd = (__u32)at;
	/* the flags of the server, which every kind of answer has */
	if (accessor_repeated(elf, end_symbols[0], 0x400, &at))
		return mysqld_missing(elf, end_symbols[0], err);
	ret->server_status = (__u32)at;
	/* affected rows lie 20 bytes before the status: see kern/mysqld.bpf.c */
	if (!accessor_writes(elf, set_ok, (int32_t)ret->da_status - 20))
		return mysqld_missing(elf, set_ok, err);
	if (!accessor_first(elf, "thd_is_connected", &at))
		ret->vio = (__u32)at;
	if (!accessor_set(elf, "_ZN3THD18set_sent_row_countEy", &at))
		ret->sent_rows = (__u32)at;
	if (!accessor_read(elf, "thd_current_command", &a) && a.in < 0 && !a.address)
		ret->command = (__u32)a.at;
	return 0;
}

static int mysqld_place(const struct elf_file *elf, uint16_t hook, const char *const *names,
			struct probe_plan *plan, struct err *err)
{
	char text[PLACE_TEXT];
	struct elf_symbol symbol;
	struct place place;

	if (mysqld_symbol(elf, names, &symbol) || place_find(elf, symbol.address, false, &place))
		return mysqld_missing(elf, names[0], err);
	return probe_plan_add(plan, hook, place.offset, place_text(&place, text), err);
}

/* Where exec_core() goes on when a statement of a stored program was run. Without such a place the
 * ends of these are known when the next one begins. */
static int mysqld_executed(const struct elf_file *elf, struct mysqld_params *params,
			   struct probe_plan *plan, struct err *err)
{
	struct elf_symbol core, execute;
	uint64_t address, offset;

	if (elf_file_symbol(elf, exec_core_symbol, &core) ||
	    mysqld_symbol(elf, execute_symbols, &execute))
		return 0;
	address = place_behind_call(elf, &core, execute.address);
	if (!address || elf_file_offset(elf, address, &offset))
		return 0;
	params->executed = 1;
	return probe_plan_add(plan, HOOK_EXECUTED, offset, "behind a call", err);
}

static int mysqld_inspect(const void *cfg, const struct elf_file *elf, struct probe_plan *plan,
			  struct err *err)
{
	struct mysqld_params params = {0};
	struct elf_symbol symbol;
	int ret;

	if (!elf_file_symbol(elf, mysql_symbol, &symbol))
		return errf(err, -EOPNOTSUPP,
			    "mysqld: '%s' is a MySQL server; only those of MariaDB are recorded",
			    elf_file_path(elf));
	if (mysqld_symbol(elf, dispatch_symbols, &symbol))
		return 0;
	ret = mysqld_fields(elf, &params, err);
	if (!ret)
		ret = mysqld_used(elf, &params, err);
	if (!ret)
		ret = mysqld_place(elf, HOOK_END, end_symbols, plan, err);
	if (!ret)
		ret = mysqld_executed(elf, &params, plan, err);
	if (!ret)
		ret = mysqld_place(elf, HOOK_EXECUTE, execute_symbols, plan, err);
	if (!ret)
		ret = mysqld_place(elf, HOOK_DISPATCH, dispatch_symbols, plan, err);
	if (!ret)
		probe_plan_set_params(plan, &params, sizeof(params));
	return ret;
}

static int mysqld_decode(const struct rec *rec, struct part *ret)
{
	return layout_decode(rec, "mysqld", ret);
}

const struct probe_ops probe_mysqld = {
	.name = "mysqld",
	.summary = "statements that MariaDB servers run, with values, rows, errors and duration",
	.aliases = mysqld_aliases,
	.kinds = 1u << EVENT_QUERY,
	.needs = "MariaDB 10.5 or later with its exported symbols (any distribution's)",
	.options = mysqld_options,
	.cfg_size = sizeof(struct mysqld_cfg),
	.ctx_size = sizeof(struct mysqld_ctx),
	.hooks = mysqld_hooks,
	.check = mysqld_check,
	.initialize = mysqld_initialize,
	.close = mysqld_close,
	.object = mysqld_object,
	.inspect = mysqld_inspect,
	.paths = mysqld_paths,
	.decode = mysqld_decode,
};
