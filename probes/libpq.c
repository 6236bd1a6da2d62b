/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Statements that programs send to PostgreSQL by way of libpq. */
#include <bpf/libbpf.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "capture/layout.h"
#include "kern/libpq.h"
#include "kern/libpq.skel.h"
#include "probes/elf/accessor.h"
#include "probes/elf/file.h"
#include "probes/elf/place.h"
#include "probes/elf/returns.h"
#include "probes/load.h"

struct libpq_cfg {
	struct opt_list path;
};

struct libpq_ctx {
	struct bpf_object *obj;
};

static const struct opt libpq_options[] = {
	{.name = "path",
	 .type = OPT_LIST,
	 .offset = offsetof(struct libpq_cfg, path),
	 .arg = "FILE",
	 .help = "a library, or a program that it is linked into, that need not be in use yet; "
		 "others are still found by themselves"},
	OPT_END,
};

/* In the order in which they are attached: what ends a statement comes before what begins one. */
enum {
	HOOK_RETURN,
	HOOK_RESULT
};
static const struct probe_hook libpq_hooks[] = {
	[HOOK_RETURN] = {"PQgetResult return", "libpq_result_end"},
	[HOOK_RESULT] = {"PQgetResult", "libpq_result"},
	{"PQfinish", "libpq_finish"},
	{"PQpipelineSync", "libpq_sync", .optional = true},
	{"PQsendPipelineSync", "libpq_sync", .optional = true},
	{"PQsendDescribePrepared", "libpq_other", .optional = true},
	{"PQsendDescribePortal", "libpq_other", .optional = true},
	{"PQsendClosePrepared", "libpq_other", .optional = true},
	{"PQsendClosePortal", "libpq_other", .optional = true},
	{"PQsendQuery", "libpq_query"},
	{"PQsendQueryParams", "libpq_params"},
	{"PQsendPrepare", "libpq_prepare"},
	{"PQsendQueryPrepared", "libpq_execute"},
	{NULL},
};

static int libpq_check(const void *cfg, struct err *err)
{
	if (access("/sys/bus/event_source/devices/uprobe/type", R_OK))
		return errf(err, -EOPNOTSUPP, "libpq: the kernel has no uprobes");
	return 0;
}

static int libpq_initialize(void *ctx, const void *cfg, const struct probe_env *env,
			    struct err *err)
{
	struct libpq_ctx *libpq = ctx;
	size_t n;
	const void *elf = libpq_bpf__elf_bytes(&n);
	int ret = load_open("libpq", elf, n, &libpq->obj, err);

	return ret ? ret : load_object(libpq->obj, env, err);
}

static void libpq_close(void *ctx)
{
	struct libpq_ctx *libpq = ctx;

	bpf_object__close(libpq->obj);
	libpq->obj = NULL;
}

static struct bpf_object *libpq_object(void *ctx)
{
	return ((struct libpq_ctx *)ctx)->obj;
}

static const struct opt_list *libpq_paths(const void *cfg)
{
	return &((const struct libpq_cfg *)cfg)->path;
}

static int libpq_missing(const struct elf_file *elf, const char *what, struct err *err)
{
	return errf(err, -EOPNOTSUPP, "libpq: '%s' has no '%s', or it is not as usual",
		    elf_file_path(elf), what);
}

/* Those that only tell more about a statement may be missing. */
static int libpq_fields(const struct elf_file *elf, struct libpq_params *ret, struct err *err)
{
	int32_t transaction = -1;
	const struct {
		const char *function;
		int32_t *offset;
		bool needed;
	} wanted[] = {
		{"PQsocket", &ret->socket, true},
		{"PQdb", &ret->database, false},
		{"PQuser", &ret->user, false},
		{"PQstatus", &ret->status, true},
		{"PQtransactionStatus", &transaction, true},
		{"PQpipelineStatus", &ret->pipeline, false},
		{"PQbackendPID", &ret->backend_pid, false},
		{"PQresultStatus", &ret->result_status, true},
		{"PQcmdStatus", &ret->command_status, true},
		{"PQntuples", &ret->tuples, false},
		{"PQresultErrorMessage", &ret->message, false},
		{"PQresultErrorField", &ret->fields, false},
	};

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		*wanted[i].offset = -1;
		if (accessor_last(elf, wanted[i].function, wanted[i].offset) && wanted[i].needed)
			return libpq_missing(elf, wanted[i].function, err);
	}
	/* status, asyncStatus, xactStatus: the one between has no function of its own */
	return transaction == ret->status + 8 ? 0 : libpq_missing(elf, "PGconn", err);
}

static int libpq_returns(const struct elf_file *elf, struct probe_plan *plan, struct err *err)
{
	uint64_t offsets[RETURNS_MAX];
	struct elf_symbol symbol;
	int n = -ENOENT, ret = 0;

	if (!elf_file_symbol(elf, "PQgetResult", &symbol))
		n = returns_find(elf, symbol.address, offsets);
	if (n < 0)
		return libpq_missing(elf, "PQgetResult", err);
	for (int i = 0; i < n && !ret; i++)
		ret = probe_plan_add(plan, HOOK_RETURN, offsets[i], "return instruction", err);
	return ret;
}

static int libpq_entries(const struct elf_file *elf, struct probe_plan *plan, struct err *err)
{
	int ret = 0;

	for (uint16_t i = HOOK_RESULT; libpq_hooks[i].symbol && !ret; i++) {
		char text[PLACE_TEXT];
		struct elf_symbol symbol;
		struct place place;

		if (elf_file_symbol(elf, libpq_hooks[i].symbol, &symbol) || !symbol.function ||
		    place_find(elf, symbol.address, false, &place)) {
			if (!libpq_hooks[i].optional)
				ret = libpq_missing(elf, libpq_hooks[i].symbol, err);
			continue;
		}
		ret = probe_plan_add(plan, i, place.offset, place_text(&place, text), err);
	}
	return ret;
}

static int libpq_inspect(const void *cfg, const struct elf_file *elf, struct probe_plan *plan,
			 struct err *err)
{
	struct libpq_params params = {0};
	struct elf_symbol symbol;
	int ret;

	if (elf_file_symbol(elf, "PQgetResult", &symbol) || !symbol.function ||
	    elf_file_symbol(elf, "PQsendQuery", &symbol) || !symbol.function)
		return 0;
	ret = libpq_fields(elf, &params, err);
	if (!ret)
		ret = libpq_returns(elf, plan, err);
	if (!ret)
		ret = libpq_entries(elf, plan, err);
	if (!ret)
		probe_plan_set_params(plan, &params, sizeof(params));
	return ret;
}

static int libpq_decode(const struct rec *rec, struct part *ret)
{
	return layout_decode(rec, "libpq", ret);
}

const struct probe_ops probe_libpq = {
	.name = "libpq",
	.summary = "statements that programs send to PostgreSQL, as they see them",
	.kinds = 1u << EVENT_QUERY,
	.needs = "libpq, or a program that it is linked into, with its symbols",
	.options = libpq_options,
	.cfg_size = sizeof(struct libpq_cfg),
	.ctx_size = sizeof(struct libpq_ctx),
	.hooks = libpq_hooks,
	.check = libpq_check,
	.initialize = libpq_initialize,
	.close = libpq_close,
	.object = libpq_object,
	.inspect = libpq_inspect,
	.paths = libpq_paths,
	.library = "libpq.so.",
	.decode = libpq_decode,
};
