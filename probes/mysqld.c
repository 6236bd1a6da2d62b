/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Statements that servers of MariaDB and of MySQL run for their clients. */
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
	HOOK_STATUS, /* MySQL's, instead of it */
	HOOK_EXECUTED,
	HOOK_EXECUTE,
	HOOK_PREPARED, /* MySQL's */
	HOOK_DISPATCH,
	HOOK_COMMAND /* MySQL's, instead of it */
};
static const struct probe_hook mysqld_hooks[] = {
	[HOOK_END] = {"Protocol::end_statement", "mysqld_end"},
	[HOOK_STATUS] = {"THD::send_statement_status", "mysqld_status"},
	[HOOK_EXECUTED] = {"sp_instr_stmt::exec_core", "mysqld_executed", .optional = true},
	[HOOK_EXECUTE] = {"mysql_execute_command", "mysqld_execute"},
	[HOOK_PREPARED] = {"mysqld_stmt_execute", "mysqld_prepared", .optional = true},
	[HOOK_DISPATCH] = {"dispatch_command", "mysqld_dispatch"},
	[HOOK_COMMAND] = {"dispatch_command", "mysqld_command"},
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
/* MySQL's */
static const char *const command_symbols[] = {
	"_Z16dispatch_commandP3THDPK8COM_DATA19enum_server_command", NULL};
static const char *const prepared_symbols[] = {
	"_Z19mysqld_stmt_executeP3THDP18Prepared_statementbmP8PS_PARAM", NULL};
static const char *const status_symbols[] = {"_ZN3THD21send_statement_statusEv", NULL};
static const char *const set_user_symbols[] = {"_ZN16Security_context12set_user_ptrEPKcm",
					       "_ZN16Security_context12set_user_ptrEPKci", NULL};
static const char *const set_host_symbols[] = {"_ZN16Security_context12set_host_ptrEPKcm",
					       "_ZN16Security_context12set_host_ptrEPKci", NULL};
static const char *const set_ip_symbols[] = {"_ZN16Security_context10set_ip_ptrEPKcm",
					     "_ZN16Security_context10set_ip_ptrEPKci", NULL};
static const char set_ok_symbol[] = "_ZN16Diagnostics_area13set_ok_statusEyyPKc";
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
		    "to 11.8 and MySQL 9.7",
		    elf_file_path(elf), what);
}

/* ---- MariaDB ------------------------------------------------------------------------------ */

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
	struct accessor a;
	int32_t at;

	if (accessor_first(elf, end_symbols[0], &at))
		return mysqld_missing(elf, end_symbols[0], err);
	ret->protocol_thd = (__u32)at;
	/* the flags of the server, which every kind of answer has */
	if (accessor_repeated(elf, end_symbols[0], 0x400, &at))
		return mysqld_missing(elf, end_symbols[0], err);
	ret->server_status = (__u32)at;
	/* before the status: affected rows (8 bytes), last inserted id (8), warnings (4) */
	ret->da_affected = ret->da_status - 20;
	ret->da_warnings = ret->da_status - 4;
	ret->da_failed = 5; /* and in front of all is the SQLSTATE */
	if (!accessor_writes(elf, set_ok_symbol, (int32_t)ret->da_affected))
		return mysqld_missing(elf, set_ok_symbol, err);
	if (!accessor_first(elf, "thd_is_connected", &at))
		ret->vio = (__u32)at;
	if (!accessor_set(elf, "_ZN3THD18set_sent_row_countEy", &at))
		ret->sent_rows = (__u32)at;
	if (!accessor_read(elf, "thd_current_command", &a) && a.in < 0 && !a.address)
		ret->command = (__u32)a.at;
	return 0;
}

/* ---- MySQL -------------------------------------------------------------------------------- */

enum {
	DA_MAX = 0x400, /* the area of diagnostics is smaller, and THD has what is wanted behind */
	THD_MAX = 0x10000
};

/* Where the area of diagnostics and what is in it are: as the function has them that sends it. Its
 * calls have the error, its text and SQLSTATE as arguments, or flags, warnings and rows. */
static int mysql_status(const struct elf_file *elf, struct mysqld_params *ret, struct err *err)
{
	static const char is_error[] = "_Z12thd_is_errorPK3THD";
	const struct {
		struct accessor_move move;
		__u32 *at;
	} wanted[] = {
		{{ACCESSOR_LOAD_32, ACCESSOR_RSI, .most = DA_MAX}, &ret->da_error},
		{{ACCESSOR_ADDRESS, ACCESSOR_RDX, .most = DA_MAX}, &ret->da_message},
		{{ACCESSOR_ADDRESS, ACCESSOR_RCX, .most = DA_MAX}, &ret->da_sqlstate},
		{{ACCESSOR_LOAD_64, ACCESSOR_RCX, .least = 1, .most = DA_MAX}, &ret->da_affected},
		{{ACCESSOR_LOAD_32, ACCESSOR_RDX, .most = DA_MAX}, &ret->da_warnings},
		{{ACCESSOR_LOAD_32, ACCESSOR_RSI, .least = DA_MAX, .most = THD_MAX},
		 &ret->server_status},
	};
	struct accessor a;
	int32_t at;

	if (accessor_read(elf, is_error, &a) || a.in < 0 || a.address)
		return mysqld_missing(elf, is_error, err);
	ret->da = (__u32)a.at;
	ret->da_status = (__u32)a.in;
	ret->da_failed = 3;
	if (accessor_first(elf, status_symbols[0], &at) || at != a.at)
		return mysqld_missing(elf, status_symbols[0], err);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		if (accessor_moves(elf, status_symbols[0], &wanted[i].move, &at))
			return mysqld_missing(elf, status_symbols[0], err);
		*wanted[i].at = (__u32)at;
	}
	return accessor_writes(elf, set_ok_symbol, (int32_t)ret->da_affected)
		       ? 0
		       : mysqld_missing(elf, set_ok_symbol, err);
}

/* Where a name and its length are: as what sets them does. */
static int mysql_name(const struct elf_file *elf, const char *const *setters, __u32 *ret_at,
		      __u32 *ret_n, struct err *err)
{
	const struct accessor_move name = {ACCESSOR_STORE_64, ACCESSOR_RSI, .most = DA_MAX};
	const struct accessor_move length = {ACCESSOR_STORE_64, ACCESSOR_RDX, .most = DA_MAX};
	int32_t at, n;

	for (; *setters; setters++) {
		if (accessor_moves(elf, *setters, &name, &at) ||
		    accessor_moves(elf, *setters, &length, &n) || n != at + 8)
			continue;
		*ret_at = (__u32)at;
		*ret_n = (__u32)n;
		return 0;
	}
	return mysqld_missing(elf, setters[-1], err);
}

static int mysql_fields(const struct elf_file *elf, struct mysqld_params *ret, struct err *err)
{
	static const char query[] = "_Z16thd_query_unsafeP3THD",
			  security[] = "_Z24thd_get_security_contextP3THDPP16Security_context";
	struct accessor a;
	int32_t at;
	int err_no;

	if (accessor_read(elf, "thd_get_thread_id", &a) || a.in >= 0 || a.address)
		return mysqld_missing(elf, "thd_get_thread_id", err);
	ret->thread_id = (__u32)a.at;
	ret->thread_id_size = sizeof(__u32);
	if (accessor_first(elf, query, &at))
		return mysqld_missing(elf, query, err);
	ret->query = (__u32)at;
	if (accessor_first(elf, security, &at))
		return mysqld_missing(elf, security, err);
	ret->security = (__u32)at;
	err_no = mysql_name(elf, set_user_symbols, &ret->user, &ret->user_n, err);
	if (!err_no)
		err_no = mysql_name(elf, set_host_symbols, &ret->host, &ret->host_n, err);
	return err_no ? err_no : mysql_name(elf, set_ip_symbols, &ret->ip, &ret->ip_n, err);
}

/* The packet that a command came in: values of a prepared statement are read there. All or
 * nothing. */
static void mysql_packet(const struct elf_file *elf, struct mysqld_params *ret)
{
	static const char create[] =
		"_ZN16Protocol_classic14create_commandEP8COM_DATA19enum_server_commandPhm";
	const struct accessor_move packet = {ACCESSOR_STORE_64, ACCESSOR_RCX, .most = DA_MAX};
	const struct accessor_move length = {ACCESSOR_STORE_64, ACCESSOR_R8, .most = DA_MAX};
	/* the answer goes to it, through its table of virtual functions */
	const struct accessor_move protocol = {ACCESSOR_LOAD_64, ACCESSOR_RAX, .least = DA_MAX,
					       .most = THD_MAX};
	struct accessor capabilities;
	int32_t at, n, protocol_at;

	if (!ret->protocol_thd || accessor_moves(elf, create, &packet, &at) ||
	    accessor_moves(elf, create, &length, &n) ||
	    accessor_read(elf, "_ZN16Protocol_classic23get_client_capabilitiesEv", &capabilities) ||
	    capabilities.in >= 0 || capabilities.address ||
	    accessor_moves(elf, status_symbols[0], &protocol, &protocol_at))
		return;
	ret->packet = (__u32)at;
	ret->packet_n = (__u32)n;
	ret->capabilities = (__u32)capabilities.at;
	ret->protocol = (__u32)protocol_at;
}

/* Offsets of what statements can be told without. */
static void mysql_more(const struct elf_file *elf, struct mysqld_params *ret)
{
	static const char set_db[] = "_ZN3THD6set_dbERK17MYSQL_LEX_CSTRING";
	const struct accessor_move db = {ACCESSOR_STORE_64, ACCESSOR_RAX, .first = true,
					 .least = DA_MAX, .most = THD_MAX};
	const struct accessor_move command = {ACCESSOR_STORE_32, ACCESSOR_RSI, .most = THD_MAX};
	/* it tells the text to the one that measures how long parts of a statement take */
	const struct accessor_move text = {ACCESSOR_LOAD_64, ACCESSOR_RSI, .first = true,
					   .least = 1, .most = THD_MAX};
	const struct accessor_move length = {ACCESSOR_LOAD_64, ACCESSOR_RDX, .first = true,
					     .least = 1, .most = THD_MAX};
	struct accessor a;
	int32_t at, n;

	/* the name, of which a copy is made, and behind it its length */
	if (!accessor_moves(elf, set_db, &db, &at) && accessor_writes(elf, set_db, at + 8))
		ret->db = (__u32)at;
	if (!accessor_set(elf, "_ZN3THD18set_sent_row_countEy", &at))
		ret->sent_rows = (__u32)at;
	ret->sent_sums = 1;
	if (!accessor_moves(elf, "_ZN3THD11set_commandE19enum_server_command", &command, &at))
		ret->command = (__u32)at;
	if (!accessor_read(elf, "_ZN16Protocol_classic7get_vioEv", &a) && a.in >= 0 && !a.address) {
		ret->protocol_thd = (__u32)a.at;
		ret->vio = (__u32)a.in;
	}
	mysql_packet(elf, ret);
	if (!accessor_moves(elf, prepared_symbols[0], &text, &at) &&
	    !accessor_moves(elf, prepared_symbols[0], &length, &n) && n == at + 8)
		ret->statement = (__u32)at;
}

/* ---- places ------------------------------------------------------------------------------- */

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

/* Functions of which each server has its own, in the order in which they are attached. */
struct mysqld_places {
	uint16_t end, begin; /* hooks */
	const char *const *end_symbols, *const *begin_symbols;
};

static int mysqld_plan(const struct elf_file *elf, const struct mysqld_places *places,
		       struct mysqld_params *params, struct probe_plan *plan, struct err *err)
{
	int ret = mysqld_place(elf, places->end, places->end_symbols, plan, err);

	if (!ret)
		ret = mysqld_executed(elf, params, plan, err);
	if (!ret)
		ret = mysqld_place(elf, HOOK_EXECUTE, execute_symbols, plan, err);
	if (!ret && params->statement)
		ret = mysqld_place(elf, HOOK_PREPARED, prepared_symbols, plan, err);
	if (!ret)
		ret = mysqld_place(elf, places->begin, places->begin_symbols, plan, err);
	if (!ret)
		probe_plan_set_params(plan, params, sizeof(*params));
	return ret;
}

static int mysqld_inspect(const void *cfg, const struct elf_file *elf, struct probe_plan *plan,
			  struct err *err)
{
	static const struct mysqld_places mariadb = {HOOK_END, HOOK_DISPATCH, end_symbols,
						     dispatch_symbols},
					  mysql = {HOOK_STATUS, HOOK_COMMAND, status_symbols,
						   command_symbols};
	struct mysqld_params params = {0};
	struct elf_symbol symbol;
	int ret;

	if (!mysqld_symbol(elf, command_symbols, &symbol)) {
		ret = mysql_status(elf, &params, err);
		if (!ret)
			ret = mysql_fields(elf, &params, err);
		if (!ret)
			mysql_more(elf, &params);
		return ret ? ret : mysqld_plan(elf, &mysql, &params, plan, err);
	}
	if (mysqld_symbol(elf, dispatch_symbols, &symbol))
		return 0;
	ret = mysqld_fields(elf, &params, err);
	if (!ret)
		ret = mysqld_used(elf, &params, err);
	return ret ? ret : mysqld_plan(elf, &mariadb, &params, plan, err);
}

static int mysqld_decode(const struct rec *rec, struct part *ret)
{
	return layout_decode(rec, "mysqld", ret);
}

const struct probe_ops probe_mysqld = {
	.name = "mysqld",
	.summary = "statements that MariaDB and MySQL servers run, with values, rows, errors and "
		   "duration",
	.aliases = mysqld_aliases,
	.kinds = 1u << EVENT_QUERY,
	.needs = "MariaDB 10.5 or later, MySQL 9, with exported symbols (any distribution's)",
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
